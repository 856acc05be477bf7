//! Which faces are explained: large, frontal, sharp and decided ones, not neutral.

use super::board::Refusals;
use crate::expression::Expression;
use crate::face::Quality;

/// What a face must have to be explained.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Pixels between the eyes. The smallest network sees some 25.
    pub least_eye_distance: f32,
    /// See [`Quality::turn`]; 0.15 is about 25 degrees.
    pub most_turn: f32,
    /// See [`Quality::sharpness`].
    pub least_sharpness: f32,
    /// Of its expression, smoothed over time.
    pub least_probability: f32,
}

impl Default for Gate {
    fn default() -> Self {
        Gate {
            least_eye_distance: 24.0,
            most_turn: 0.15,
            least_sharpness: 0.004,
            least_probability: 0.5,
        }
    }
}

/// Why a face is not explained; by the first reason in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Refusal {
    /// Too few pixels between the eyes.
    Small,
    /// Turned away from the camera.
    Turned,
    /// Out of focus or moving.
    Blurred,
    /// No expression probable enough.
    Doubtful,
    /// Read as neutral, for which there is no mask.
    Neutral,
    /// Fit to be explained, but explanations before it were not done.
    Busy,
}

impl Gate {
    /// Whether a face is to be explained, read as `expression` with that (smoothed) probability.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &self,
        quality: &Quality,
        expression: Expression,
        probability: f32,
    ) -> Result<(), Refusal> {
        let reasons = [
            (quality.eye_distance < self.least_eye_distance, Refusal::Small),
            (quality.turn > self.most_turn, Refusal::Turned),
            (quality.sharpness < self.least_sharpness, Refusal::Blurred),
            (probability < self.least_probability, Refusal::Doubtful),
            (expression == Expression::Neutral, Refusal::Neutral),
        ];
        match reasons.iter().find(|(applies, _)| *applies) {
            Some(&(_, refusal)) => Err(refusal),
            None => Ok(()),
        }
    }
}

impl Refusals {
    /// Counts one more.
    pub fn count(&mut self, refusal: Refusal) {
        *match refusal {
            Refusal::Small => &mut self.small,
            Refusal::Turned => &mut self.turned,
            Refusal::Blurred => &mut self.blurred,
            Refusal::Doubtful => &mut self.doubtful,
            Refusal::Neutral => &mut self.neutral,
            Refusal::Busy => &mut self.busy,
        } += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts() {
        let gate = Gate::default();
        let good = Quality { eye_distance: 60.0, turn: 0.05, sharpness: 0.1 };
        assert_eq!(gate.admit(&good, Expression::Fear, 0.9), Ok(()));
        assert_eq!(gate.admit(&good, Expression::Neutral, 0.9), Err(Refusal::Neutral));
        assert_eq!(gate.admit(&good, Expression::Neutral, 0.4), Err(Refusal::Doubtful));
        let turned = Quality { turn: 0.3, ..good };
        assert_eq!(gate.admit(&turned, Expression::Neutral, 0.4), Err(Refusal::Turned));
        let far = Quality { eye_distance: 9.0, ..turned };
        assert_eq!(gate.admit(&far, Expression::Anger, 0.9), Err(Refusal::Small));
    }
}
