//! The *a contrario* decision (Lisani, Ramis, Perales 2017): how many false faces a score stands for.
//!
//! A background model tells how often the detector gives a score at least as high to a window without a face. Times the
//! number of windows of a picture, that is the expected Number of False Alarms (NFA) of the picture at that score; a
//! window is a face when its NFA is at most epsilon.

use serde::Deserialize;

/// The background model of one detector's scores.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundModel {
    model: String,
    sha256: String,
    /// Windows per picture.
    tests: f64,
    /// Logit and the decimal logarithm of the share of background windows whose logit is at least as high.
    knots: Vec<[f64; 2]>,
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
    #[error("{0}: needs at least two knots with rising logits and falling probabilities")]
    Knots(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
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
        if model.knots.len() < 2 || !falls || !(model.tests >= 1.0) {
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
    /// Between knots the logarithm of the probability is interpolated; beyond the last it falls on along the last
    /// segment; below the first knot every window is background.
    pub fn log10_nfa(&self, logit: f64) -> f64 {
        let after = self.knots.partition_point(|knot| knot[0] < logit);
        if after == 0 || logit.is_nan() {
            return self.tests.log10();
        }
        let upper = after.min(self.knots.len() - 1);
        let ([x0, y0], [x1, y1]) = (self.knots[upper - 1], self.knots[upper]);
        self.tests.log10() + y0 + (logit - x0) * (y1 - y0) / (x1 - x0)
    }
}
