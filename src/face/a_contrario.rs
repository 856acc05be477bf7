//! The *a contrario* decision (Lisani, Ramis, Perales 2017): how many false faces a score stands for.
//!
//! A background model tells how often the detector gives a score at least as high to a window without a face. Times the
//! number of windows of a picture, that is the expected Number of False Alarms (NFA) of the picture at that score; a
//! window is a face when its NFA is at most epsilon.

use serde::Deserialize;

/// The background model of one detector's scores.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BackgroundModel {
    model: String,
    sha256: String,
    /// Windows per picture.
    tests: f64,
    /// What the measured pictures leave open, as a factor.
    margin: f64,
    /// Logit, and the decimal logarithm of the probability that a background window has a logit at least as high and is the
    /// strongest of those it overlaps.
    knots: Vec<[f64; 2]>,
    /// How the logarithm falls per unit of logit beyond the last knot.
    tail_slope: f64,
}

/// Why a background model cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BackgroundModelError {
    /// The file is not of the form.
    #[error("{0}")]
    Parse(String),
    /// No model of the detector's scores.
    #[error("has no background model for the detector {0}: run scripts/measure-background")]
    Missing(String),
    /// The knots do not describe a falling curve.
    #[error(
        "{0}: needs at least two knots with rising logits and falling probabilities, and a falling tail"
    )]
    Knots(String),
}

#[derive(Deserialize)]
struct BackgroundFile {
    background: Vec<BackgroundModel>,
}

impl BackgroundModel {
    /// Reads the model of one detector from `calib/face_background.toml`.
    ///
    /// # Errors
    /// When the text is not of that form or has no model for the detector.
    pub fn from_toml(text: &str, detector: &str) -> Result<Self, BackgroundModelError> {
        let file: BackgroundFile =
            toml::from_str(text).map_err(|error| BackgroundModelError::Parse(error.to_string()))?;
        let model = file
            .background
            .into_iter()
            .find(|background| background.model == detector)
            .ok_or_else(|| BackgroundModelError::Missing(detector.to_owned()))?;
        let falls =
            model.knots.windows(2).all(|pair| pair[0][0] < pair[1][0] && pair[0][1] > pair[1][1]);
        let is_usable = model.knots.len() >= 2
            && falls
            && model.tests >= 1.0
            && model.margin >= 1.0
            && model.tail_slope < 0.0;
        if !is_usable {
            return Err(BackgroundModelError::Knots(detector.to_owned()));
        }
        Ok(model)
    }

    /// Checksum of the detector it was measured on.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Decimal logarithm of the expected number of false faces per picture at this score.
    ///
    /// Between knots the logarithm of the probability is interpolated; beyond the last it falls on along the fitted tail; scores below
    /// the first knot were not measured and count as that knot's.
    pub fn log10_nfa(&self, logit: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot[0] < logit);
        let log10_probability = if after == 0 || logit.is_nan() {
            self.knots[0][1]
        } else if let Some(&[right, low]) = self.knots.get(after) {
            let [left, high] = self.knots[after - 1];
            high + (logit - left) * (low - high) / (right - left)
        } else {
            let [left, high] = self.knots[after - 1];
            high + (logit - left) * self.tail_slope
        };
        (self.margin * self.tests).log10() + log10_probability
    }

    /// The largest epsilon the model reaches: the expected false faces per picture at the lowest score measured.
    pub fn largest_epsilon(&self) -> f64 {
        self.margin * self.tests * 10f64.powf(self.knots[0][1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = include_str!("../../calib/face_background.toml");

    #[test]
    fn the_shipped_models_turn_scores_into_false_faces() {
        // log10 of margin x tests x P, worked by hand from the knots: below them, on a knot, between two, beyond them.
        for (detector, margin, expected) in [
            ("blazeface-back-256", 1.1, [0.301008, -1.396109, -2.541043, -5.653623]),
            ("blazeface-back-192", 2.0, [0.301031, -1.809354, -3.155887, -7.195438]),
        ] {
            let model = BackgroundModel::from_toml(FILE, detector).unwrap();
            for (logit, expected) in [-5.0, 0.5, 1.5, 4.5].into_iter().zip(expected) {
                let found = model.log10_nfa(logit);
                assert!((found - expected - f64::log10(margin)).abs() < 1e-5, "{found}");
            }
            assert!(model.log10_nfa(f64::NAN) > 0.0, "what is no number is no face");
        }
    }

    #[test]
    fn models_that_do_not_fall_are_refused() {
        let refused = |text: &str| BackgroundModel::from_toml(text, "d").unwrap_err().to_string();
        let file = |knots: &str, slope: &str| {
            format!(
                "[[background]]\nmodel = \"d\"\nsha256 = \"\"\ntests = 9\nmargin = 1\nknots = {knots}\ntail_slope = {slope}"
            )
        };
        assert!(BackgroundModel::from_toml(&file("[[0, -1], [1, -2]]", "-1"), "d").is_ok());
        for (knots, slope) in [
            ("[[0, -1], [1, -1]]", "-1"),
            ("[[1, -1], [0, -2]]", "-1"),
            ("[[0, -1], [1, -2]]", "0"),
            ("[]", "-1"),
        ] {
            assert!(refused(&file(knots, slope)).contains("falling"), "{knots}");
        }
        assert!(refused("nothing = 1").contains("background"));
        assert!(refused(&FILE.replace("256", "512")).contains('d'));
    }
}
