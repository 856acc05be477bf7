//! What a session's file holds, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::compare::MaskSet;
use crate::heatmap::VisitSums;
use crate::store::StoreProblem;

/// What the sums of a session depend on; sessions can be gone on with and added up where it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfiguration {
    /// Name of the expression network.
    pub network: String,
    /// Of its file.
    pub network_sha256: String,
    /// The Ekman masks.
    pub masks: MaskSet,
    /// Name of the face detector.
    pub detector: String,
    /// Name of the landmark model, or sha256 of the user's.
    pub landmark_model: String,
    /// Expected false faces per frame.
    pub epsilon: f64,
    /// How weights are estimated.
    pub estimator: String,
    /// The least eye distance of an explained face, in pixels.
    pub least_eye_distance: f32,
    /// The most it may be turned.
    pub most_turn: f32,
    /// The least sharpness.
    pub least_sharpness: f32,
    /// The least probability of its expression.
    pub least_probability: f32,
}

impl SessionConfiguration {
    pub(super) fn values(&self) -> BTreeMap<String, String> {
        // By way of text, so that 0.15 of single precision stays 0.15.
        let text = serde_json::to_string(self).expect("plain data");
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&text).expect("a structure with named fields becomes an object");
        object.into_iter().map(|(name, value)| (name, value.to_string())).collect()
    }

    pub(super) fn from_values(
        values: &BTreeMap<String, String>,
    ) -> std::result::Result<Self, StoreProblem> {
        let object = values
            .iter()
            .map(|(name, value)| Ok((name.clone(), serde_json::from_str(value)?)))
            .collect::<serde_json::Result<serde_json::Map<_, _>>>();
        object.and_then(|object| serde_json::from_value(object.into())).map_err(|error| {
            StoreProblem::Damaged(format!("its configuration cannot be read ({error})"))
        })
    }

    /// What differs from `other`, as `masks is "published" here and "au-centres" there`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (mine, theirs) = (self.values(), other.values());
        let differs = |(name, value): &(&String, &String)| theirs[*name] != **value;
        mine.iter()
            .filter(differs)
            .map(|(name, value)| format!("{name} is {value} here and {} there", theirs[name]))
            .collect()
    }
}

/// One of the sessions in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Faces followed, explained or not.
    pub visits: u64,
    /// Faces explained.
    pub explanations: u64,
}

/// All that a file holds.
#[derive(Debug, Clone)]
pub struct SessionContent {
    /// What the sums depend on.
    pub configuration: SessionConfiguration,
    /// The sessions in it, by their ids.
    pub sessions: BTreeMap<String, SessionCounts>,
    /// Per expression, in the order of [`crate::expression::Expression::SIX`].
    pub sums: [VisitSums; 6],
}

impl SessionContent {
    /// Of all sessions together.
    pub fn counts(&self) -> SessionCounts {
        self.sessions.values().fold(SessionCounts::default(), |sum, counts| sum.plus(*counts))
    }
}

impl SessionCounts {
    pub(super) fn plus(self, other: Self) -> Self {
        SessionCounts {
            visits: self.visits.saturating_add(other.visits),
            explanations: self.explanations.saturating_add(other.explanations),
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        SessionCounts {
            visits: self.visits.saturating_sub(other.visits),
            explanations: self.explanations.saturating_sub(other.explanations),
        }
    }
}
