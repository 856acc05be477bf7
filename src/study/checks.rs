//! What a study's explanations are worth, face by face: means of the checks, and of how much relevance lies where it should.

use serde::Serialize;

use super::bootstrap::{Bootstrap, Estimate, FaceMeans};
use crate::compare::relevance_accuracy;
use crate::explain::Curves;
use crate::expression::Expression;
use crate::store::StoreError;

/// Points of a mean curve: curves of faces with more or fewer superpixels are read off at the same shares of them, a percent apart, since
/// most falls within the first few superpixels.
const CURVE_POINTS: usize = 101;
/// Where figures lie.
const SHARE: [f64; 2] = [0.0, 1.0];
const SIGNED: [f64; 2] = [-1.0, 1.0];

/// Means over the checked faces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckMeans {
    /// Faces.
    pub faces: usize,
    /// Area under the deletion curve: low is good.
    pub deletion: Estimate,
    /// Area under the insertion curve: high is good.
    pub insertion: Estimate,
    /// Of random orders of superpixels.
    pub deletion_random: Estimate,
    /// Of random orders of superpixels.
    pub insertion_random: Estimate,
    /// How far the area under the deletion curve is below that of random orders: above 0 is good.
    pub deletion_gain: Estimate,
    /// How far the area under the insertion curve is above that of random orders: above 0 is good.
    pub insertion_gain: Estimate,
    /// Correlation of two explanations of one face from other samples: high is good.
    pub repeat_correlation: Estimate,
    /// Size of the correlation with the explanation by the network with shuffled weights: low is good, but explanations that have
    /// nothing to do with each other give about .15 too (30 superpixels). None where no shuffled network distinguished anything.
    pub shuffled_correlation: Option<Estimate>,
    /// Faces for which it did.
    pub shuffled_faces: usize,
    /// The mean curves, from no superpixel to all.
    pub curves: Vec<CurvePoint>,
}

/// The mean curves at one share of the superpixels: probabilities of the explained class.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// Of the superpixels hidden, or shown.
    pub share: f64,
    /// With the most relevant hidden.
    pub deletion: f64,
    /// With the most relevant alone shown.
    pub insertion: f64,
    /// In random order.
    pub deletion_random: f64,
    /// In random order.
    pub insertion_random: f64,
}

/// Relevance inside a region, mean over faces.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RelevanceMean {
    /// Of the faces.
    pub expression: Expression,
    /// How many.
    pub faces: usize,
    /// Share of the positive relevance inside.
    pub mass: Estimate,
    /// Share of the most relevant pixels, as many as the region has, that lie inside.
    pub rank: Estimate,
    /// What relevance drawn at random gives for both: the region's share.
    pub chance: f64,
    /// Mass minus chance.
    pub mass_gain: Estimate,
    /// Rank accuracy minus chance.
    pub rank_gain: Estimate,
}

/// Checks; relevance in the masks; relevance in what moved.
type Checked = (Option<CheckMeans>, Vec<RelevanceMean>, Vec<RelevanceMean>);

/// What is said of the explanations of some networks together.
pub(super) fn checks_of(networks: &[usize], bootstrap: &Bootstrap) -> Result<Checked, StoreError> {
    let (mut checks, mut shuffled) = (FaceMeans::new(), FaceMeans::new());
    let mut curves = [[0.0; 4]; CURVE_POINTS];
    let (mut in_mask, mut in_moved) = (Vec::new(), Vec::new());
    for expression in Expression::SIX {
        let mask = bootstrap.masks.get(expression).expect("each of the six has a mask");
        let (mut of_mask, mut of_moved) = (FaceMeans::new(), FaceMeans::new());
        bootstrap.store.for_each_explanation(networks, expression, |_, picture, explanation| {
            let person = bootstrap.person(picture);
            let counted: Vec<bool> =
                explanation.superpixels.iter().map(|&label| label > 0).collect();
            let accuracy = relevance_accuracy(&explanation.standardised(), mask, Some(&counted));
            if let Some(accuracy) = accuracy {
                of_mask.add(&person, with_gains([accuracy.mass, accuracy.rank, accuracy.chance]));
            }
            if let Some(moved) = explanation.moved {
                of_moved.add(&person, with_gains(moved));
            }
            if let Some(each) = explanation.checks {
                let [explained, random] = [&each.faithfulness.explained, &each.faithfulness.random];
                let areas = |curves: &Curves| [curves.deletion_area(), curves.insertion_area()];
                let ([deletion, insertion], [deletion_random, insertion_random]) =
                    (areas(explained), areas(random));
                checks.add(
                    &person,
                    [
                        deletion,
                        insertion,
                        deletion_random,
                        insertion_random,
                        deletion_random - deletion,
                        insertion - insertion_random,
                        each.repeat_correlation,
                    ],
                );
                if let Some(correlation) = each.shuffled_correlation {
                    shuffled.add(&person, [correlation.abs()]);
                }
                for (point, sums) in curves.iter_mut().enumerate() {
                    for (sum, curve) in sums.iter_mut().zip(each.faithfulness.curves()) {
                        *sum += at(curve, share_of(point));
                    }
                }
            }
        })?;
        for (means, region) in [(&mut in_mask, of_mask), (&mut in_moved, of_moved)] {
            let faces = region.faces();
            let ranges = [SHARE, SHARE, SHARE, SIGNED, SIGNED];
            means.extend(region.finish(ranges).map(
                |[mass, rank, chance, mass_gain, rank_gain]| {
                    let chance = chance.mean;
                    RelevanceMean { expression, faces, mass, rank, chance, mass_gain, rank_gain }
                },
            ));
        }
    }
    let (faces, shuffled_faces) = (checks.faces(), shuffled.faces());
    let checks = checks.finish([SHARE, SHARE, SHARE, SHARE, SIGNED, SIGNED, SIGNED]).map(
        |[
            deletion,
            insertion,
            deletion_random,
            insertion_random,
            deletion_gain,
            insertion_gain,
            repeat_correlation,
        ]| CheckMeans {
            faces,
            deletion,
            insertion,
            deletion_random,
            insertion_random,
            deletion_gain,
            insertion_gain,
            repeat_correlation,
            shuffled_correlation: shuffled.finish([SHARE]).map(|[correlation]| correlation),
            shuffled_faces,
            curves: mean_curves(&curves, faces),
        },
    );
    Ok((checks, in_mask, in_moved))
}

fn with_gains([mass, rank, chance]: [f64; 3]) -> [f64; 5] {
    [mass, rank, chance, mass - chance, rank - chance]
}

fn mean_curves(sums: &[[f64; 4]; CURVE_POINTS], faces: usize) -> Vec<CurvePoint> {
    let point = |(number, sums): (usize, &[f64; 4])| {
        let [deletion, insertion, deletion_random, insertion_random] =
            sums.map(|sum| sum / faces as f64);
        let share = share_of(number);
        CurvePoint { share, deletion, insertion, deletion_random, insertion_random }
    };
    sums.iter().enumerate().map(point).collect()
}

fn share_of(point: usize) -> f64 {
    point as f64 / (CURVE_POINTS - 1) as f64
}

/// A curve's value where that share of its superpixels is hidden or shown, on the line between its neighbours.
fn at(curve: &[f32], share: f64) -> f64 {
    let place = share * (curve.len() - 1) as f64;
    let before = (place as usize).min(curve.len() - 1);
    let after = (before + 1).min(curve.len() - 1);
    let [low, high] = [before, after].map(|step| f64::from(curve[step]));
    low + (high - low) * (place - before as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_is_read_off_between_its_steps() {
        let curve = [1.0, 0.5, 0.25];
        let read = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| at(&curve, share));
        assert_eq!(read, [1.0, 0.75, 0.5, 0.375, 0.25]);
        assert_eq!(share_of(CURVE_POINTS - 1), 1.0);
    }
}
