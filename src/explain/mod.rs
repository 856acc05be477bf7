//! Why the network decided so: LIME over superpixels (paper, section 3.4).
//!
//! A face crop is cut into superpixels ([`slic`]); samples hide some of them ([`Design`]); the network's answers are
//! imitated by a linear [`Surrogate`]; its weights, painted on the superpixels, are the relevance image. Whether the network
//! really hangs on what they name, [`faithfulness()`] tells.

mod design;
mod faithfulness;
mod imitation;
mod sample_choice;
mod slic;
mod surrogate;

use image::GrayImage;

pub use design::{Design, DesignError};
pub use faithfulness::{Curves, Faithfulness, faithfulness};
pub use imitation::MOST_SAMPLES as MOST_IMITATED_SAMPLES;
pub use sample_choice::{LADDER as SAMPLE_LADDER, Pair, SampleChoice};
pub use slic::{COMPACTNESS, SEGMENTS, slic};
pub use surrogate::Surrogate;

use crate::network::{Classifier, NetworkError};

/// Samples per explanation in the paper (section 3.4).
pub const SAMPLES: usize = 1000;

/// The most superpixels a user may give: the surrogate's cost grows with their cube, and a sample can say little about each
/// of so many.
pub const MOST_SUPERPIXELS: usize = 500;

/// The grey level of a hidden superpixel in the paper: black.
const HIDDEN: u8 = 0;

/// A partition of a crop into superpixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superpixels {
    width: u32,
    height: u32,
    labels: Vec<u16>,
    count: usize,
}

/// What is wrong with superpixels that a user gives.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuperpixelsError {
    /// Another size than the crop.
    #[error("is {found:?} pixels, the face crop is {expected:?} (width, height)")]
    Size {
        /// The crop's.
        expected: (u32, u32),
        /// The given one's.
        found: (u32, u32),
    },
    /// More than [`MOST_SUPERPIXELS`].
    #[error("has {0} superpixels; at most {MOST_SUPERPIXELS} can be explained")]
    Many(usize),
    /// A number between 0 and the largest label is missing.
    #[error(
        "uses labels up to {largest} but no pixel has the label {missing}: number them 0, 1, 2, ... without gaps"
    )]
    Gap {
        /// The largest label.
        largest: u16,
        /// The first label missing.
        missing: u16,
    },
}

impl Superpixels {
    /// Superpixels given by the user: a label per pixel, row by row, numbered from 0 without gaps.
    ///
    /// # Errors
    /// When the size is not `expected` (width, height), a label is missing, or there are too many.
    pub fn given(
        size: (u32, u32),
        expected: (u32, u32),
        labels: Vec<u16>,
    ) -> Result<Self, SuperpixelsError> {
        if size != expected || labels.len() != (size.0 * size.1) as usize {
            return Err(SuperpixelsError::Size { expected, found: size });
        }
        let largest = labels.iter().copied().max().unwrap_or(0);
        if usize::from(largest) >= MOST_SUPERPIXELS {
            return Err(SuperpixelsError::Many(usize::from(largest) + 1));
        }
        let mut used = vec![false; usize::from(largest) + 1];
        labels.iter().for_each(|&label| used[usize::from(label)] = true);
        if let Some(missing) = used.iter().position(|used| !used) {
            return Err(SuperpixelsError::Gap { largest, missing: missing as u16 });
        }
        Ok(Superpixels { width: size.0, height: size.1, labels, count: used.len() })
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The label of each pixel, row by row, from 0.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// How many superpixels there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Paints each superpixel with its weight: the signed relevance image, one number per pixel, row by row.
    ///
    /// # Panics
    /// When there is not one weight per superpixel.
    pub fn paint(&self, weights: &[f64]) -> Vec<f32> {
        assert_eq!(weights.len(), self.count, "one weight per superpixel");
        self.labels.iter().map(|&label| weights[usize::from(label)] as f32).collect()
    }

    /// Copies the crop with the superpixels that `visible` marks 0 painted black.
    fn hide(&self, crop: &GrayImage, visible: &[u8], sample: &mut [u8]) {
        for ((out, &pixel), &label) in sample.iter_mut().zip(crop.as_raw()).zip(&self.labels) {
            *out = if visible[usize::from(label)] == 1 { pixel } else { HIDDEN };
        }
    }
}

/// How the weights are estimated from the network's answers.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// LIME's own: a weighted ridge regression on the answers
    Ridge,
    /// The same regression on what an imitation of the network answers to many samples; for few samples, at most 512
    Imitation,
    /// That, corrected by a regression on what the imitation misses of samples left out: for averages over many faces, at most 512
    Corrected,
}

impl Estimator {
    /// The name, as on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ridge => "ridge",
            Self::Imitation => "imitation",
            Self::Corrected => "corrected",
        }
    }

    /// The better one for an economical design of so many samples, where each explanation counts by itself.
    pub fn economical(samples: usize) -> Self {
        if samples <= MOST_IMITATED_SAMPLES { Self::Imitation } else { Self::Ridge }
    }

    /// The better one for an economical design of so many samples, where explanations are averaged to a heatmap: the imitation's error is
    /// partly the same for every face, which no averaging takes away.
    pub fn accumulating(samples: usize) -> Self {
        if samples <= MOST_IMITATED_SAMPLES { Self::Corrected } else { Self::Ridge }
    }
}

/// Explains one class of one crop: evaluates every sample of the design and fits the surrogate.
///
/// `class` is the index of the network's output. Deterministic: the same crop, superpixels, design and estimator give the same
/// bits.
///
/// Cost: `design.rows()` evaluations of the network, and little else.
///
/// # Errors
/// When the network cannot be evaluated.
///
/// # Panics
/// When the superpixels are not of the crop's size or the design has not one column per superpixel.
pub fn explain(
    classifier: &mut dyn Classifier,
    crop: &GrayImage,
    superpixels: &Superpixels,
    design: &Design,
    estimator: Estimator,
    class: usize,
) -> Result<Surrogate, NetworkError> {
    assert_eq!(crop.dimensions(), superpixels.size(), "superpixels are cut from this crop");
    assert_eq!(design.columns(), superpixels.count(), "one column per superpixel");
    let classes = classifier.classes().len();
    let mut probabilities = vec![0.0; design.rows() * classes];
    classifier.evaluate(
        design.rows(),
        &|row, sample| superpixels.hide(crop, design.row(row), sample),
        &mut probabilities,
    )?;
    let targets: Vec<f64> =
        probabilities.chunks_exact(classes).map(|row| f64::from(row[class])).collect();
    if estimator == Estimator::Ridge {
        return Ok(Surrogate::fit(design, &targets));
    }
    let imitation::Imitated { pool, answers, left_out } =
        imitation::imitate(design, &probabilities, classes, class);
    let mut surrogate = Surrogate::fit(&pool, &answers);
    if estimator == Estimator::Corrected {
        let missed: Vec<f64> =
            targets.iter().zip(&left_out).map(|(target, answer)| target - answer).collect();
        // The whole face was not drawn: among few samples it would say the same of every superpixel of every face.
        let correction = Surrogate::fit(&design.sampled(), &missed[1..]);
        surrogate.intercept += correction.intercept;
        for (weight, correction) in surrogate.weights.iter_mut().zip(&correction.weights) {
            *weight += correction;
        }
    }
    // How much of the network's own answers it explains, not of the imitation's.
    surrogate.r2 = surrogate.r2_on(design, &targets);
    Ok(surrogate)
}
