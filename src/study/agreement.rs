//! How much the overlaps move between two studies, such as one study done twice with different seeds.

use serde::Serialize;

use super::Results;
use crate::compare::{Correlation, MaskSet, stretch};
use crate::expression::Expression;

/// Why two studies cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// Overlaps with different masks.
    #[error(
        "it compares with the {there} masks, the other with {here}: choose a study with the same --masks"
    )]
    Masks {
        /// Of this study.
        here: MaskSet,
        /// Of the other.
        there: MaskSet,
    },
    /// Nothing to compare.
    #[error("it has no heatmap of the same network and expression: here are {here}, there {there}")]
    NothingInCommon {
        /// Names of this study's networks.
        here: String,
        /// Names of the other's.
        there: String,
    },
}

/// The overlaps of two studies side by side.
#[derive(Debug, Clone, Serialize)]
pub struct Agreement {
    /// What differs between the studies beside their draws, as `seed is 0 here and 1 there`.
    pub differences: Vec<String>,
    /// Heatmaps that both have, in this study's order.
    pub pairs: Vec<OverlapPair>,
}

/// One heatmap in both studies.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OverlapPair {
    /// The architecture; its trainings are pooled.
    pub network: String,
    /// The expression.
    pub expression: Expression,
    /// Intersection over union here and there.
    pub iou: [f64; 2],
    /// Faces here and there.
    pub explanations: [u64; 2],
    /// People, or pictures where people are not known, here and there.
    pub people: [usize; 2],
    /// Mean-centred correlation of the two heatmaps.
    pub correlation: f64,
}

impl OverlapPair {
    /// How much higher the overlap is there than here.
    pub fn difference(&self) -> f64 {
        self.iou[1] - self.iou[0]
    }
}

impl Agreement {
    /// Sets two studies side by side.
    ///
    /// # Errors
    /// When their masks differ, or no network explained faces of the same expression in both.
    pub fn new(here: &Results, there: &Results) -> Result<Self, AgreementError> {
        let masks = [here, there].map(|results| results.configuration.masks);
        if masks[0] != masks[1] {
            return Err(AgreementError::Masks { here: masks[0], there: masks[1] });
        }
        let mut pairs = Vec::new();
        for network in &here.networks {
            for expression in Expression::SIX {
                let both = [here, there].map(|each| each.pooled(&network.network, expression));
                let [Some(mine), Some(theirs)] = both else { continue };
                pairs.push(OverlapPair {
                    network: network.network.clone(),
                    expression,
                    iou: [mine, theirs].map(|row| row.overlap.overlap.iou),
                    explanations: [mine, theirs].map(|row| row.explanations),
                    people: [mine, theirs].map(|row| row.people),
                    correlation: Correlation::MeanCentred
                        .of(&stretch(&mine.map), &stretch(&theirs.map)),
                });
            }
        }
        if pairs.is_empty() {
            let [here, there] = [here, there].map(names);
            return Err(AgreementError::NothingInCommon { here, there });
        }
        Ok(Self { differences: differences(here, there), pairs })
    }

    /// The mean size of the differences, of one network or of all; none for a network that not both have.
    pub fn mean_absolute_difference(&self, network: Option<&str>) -> Option<f64> {
        let sizes: Vec<f64> = self
            .pairs
            .iter()
            .filter(|pair| network.is_none_or(|network| pair.network == network))
            .map(|pair| pair.difference().abs())
            .collect();
        (!sizes.is_empty()).then(|| sizes.iter().sum::<f64>() / sizes.len() as f64)
    }
}

fn names(results: &Results) -> String {
    let names: Vec<&str> = results.networks.iter().map(|each| each.network.as_str()).collect();
    names.join(", ")
}

fn differences(here: &Results, there: &Results) -> Vec<String> {
    let mut differences = here.configuration.differences(&there.configuration);
    let listed = [here, there].map(|results| results.pictures.listed);
    if listed[0] != listed[1] {
        differences.push(format!("pictures are {} here and {} there", listed[0], listed[1]));
    }
    for mine in &here.networks {
        let Some(theirs) = there.networks.iter().find(|each| each.network == mine.network) else {
            differences.push(format!("{} is only here", mine.network));
            continue;
        };
        let checksums = |trainings: &[super::Training]| -> Vec<String> {
            trainings.iter().map(|training| training.sha256.clone()).collect()
        };
        if checksums(&mine.trainings) != checksums(&theirs.trainings) {
            differences.push(format!(
                "{} has other weights there: its files have other checksums",
                mine.network
            ));
        }
        let readings = |trainings: &[super::Training]| -> Vec<_> {
            trainings.iter().map(|each| (each.input.clone(), each.classes.clone())).collect()
        };
        if readings(&mine.trainings) != readings(&theirs.trainings) {
            differences.push(format!(
                "{} is described otherwise there: its input or its classes",
                mine.network
            ));
        }
    }
    let is_here = |name: &str| here.networks.iter().any(|each| each.network == name);
    let only_there = there.networks.iter().filter(|each| !is_here(&each.network));
    differences.extend(only_there.map(|each| format!("{} is only there", each.network)));
    differences
}
