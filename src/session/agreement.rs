//! How far two sessions are apart, such as two weeks, two places or two networks.

use crate::compare::{Correlation, MaskSet, stretch};
use crate::expression::Expression;

use super::SessionResults;

/// Why two sessions cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionAgreementError {
    /// Overlaps with different masks.
    #[error(
        "it compares with the {there} masks, the other with {here}: overlaps with different masks say nothing of each other"
    )]
    Masks {
        /// Of this session.
        here: MaskSet,
        /// Of the other.
        there: MaskSet,
    },
    /// Nothing to compare.
    #[error("no expression has {0} visits in both: wait for more, or lower --min-visits")]
    NothingInCommon(u64),
}

/// The overlaps of two sessions side by side.
#[derive(Debug, Clone)]
pub struct SessionAgreement {
    /// What differs between them beside whom they saw, as `network is "a" here and "b" there`.
    pub differences: Vec<String>,
    /// Sessions that are in both files.
    pub shared_sessions: usize,
    /// Expressions that have a heatmap in both.
    pub pairs: Vec<SessionPair>,
}

/// One expression in both; first here, then there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionPair {
    /// Which.
    pub expression: Expression,
    /// Votes in the heatmap.
    pub visits: [u64; 2],
    /// Intersection over union with the mask.
    pub iou: [f64; 2],
    /// Its 95 % interval.
    pub intervals: [Option<[f64; 2]>; 2],
    /// Mean-centred correlation of the two heatmaps.
    pub correlation: f64,
}

impl SessionPair {
    /// How much higher the overlap is there than here.
    pub fn difference(&self) -> f64 {
        self.iou[1] - self.iou[0]
    }
}

impl SessionAgreement {
    /// Sets two sessions side by side.
    ///
    /// # Errors
    /// When their masks differ, or no expression has a heatmap in both.
    pub fn new(
        here: &SessionResults,
        there: &SessionResults,
    ) -> Result<Self, SessionAgreementError> {
        let masks = [here, there].map(|results| results.configuration.masks);
        if masks[0] != masks[1] {
            return Err(SessionAgreementError::Masks { here: masks[0], there: masks[1] });
        }
        let rows = here.expressions.iter().zip(&there.expressions);
        let pairs: Vec<SessionPair> = rows
            .filter_map(|(mine, theirs)| {
                let both = [mine.heatmap.as_ref()?, theirs.heatmap.as_ref()?];
                let [a, b] = both.map(|shown| stretch(&shown.meaning.heatmap));
                Some(SessionPair {
                    expression: mine.expression,
                    visits: [mine.visits, theirs.visits],
                    iou: both.map(|shown| shown.meaning.overlap.iou),
                    intervals: both.map(|shown| shown.meaning.iou_interval),
                    correlation: Correlation::MeanCentred.of(&a, &b),
                })
            })
            .collect();
        if pairs.is_empty() {
            return Err(SessionAgreementError::NothingInCommon(here.min_visits));
        }
        Ok(SessionAgreement {
            differences: here.configuration.differences(&there.configuration),
            shared_sessions: here.ids.intersection(&there.ids).count(),
            pairs,
        })
    }

    /// The mean size of the differences.
    pub fn mean_absolute_difference(&self) -> f64 {
        let sum: f64 = self.pairs.iter().map(|pair| pair.difference().abs()).sum();
        sum / self.pairs.len() as f64
    }
}
