//! What accumulates: sums of standardised relevance over many explained faces (paper: heatmaps H_jkc, H_jc, H_c).
//!
//! The sums are integers, so adding and merging are exact, commutative and associative: shards, devices and resumed
//! runs give the same bits, whatever came first.

mod visits;

pub use visits::{GROUPS, SignedSums, VisitSums};

use crate::standard_face::FACE_PIXELS;

/// Steps per unit of relevance: a value is rounded once, when it is added, to a multiple of 2^-24.
pub const SCALE: f64 = (1_u64 << 24) as f64;
/// Largest relevance that can be added, in size. The weights of a surrogate of probabilities stay near 1.
pub const LARGEST_RELEVANCE: f32 = 256.0;
/// Most explanations one sum can hold: 2^31 - 1 explanations of at most 2^32 steps each stay below 2^63.
pub const MOST_EXPLANATIONS: u64 = (1 << 31) - 1;

/// Sums, per pixel of the standard face, over standardised signed relevance maps of one network (training, session,
/// ...) and one expression.
///
/// Holds the sum of the relevance, of its positive part, and of its square; 1.9 MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatmapSums {
    explanations: u64,
    signed: Vec<i64>,
    clipped: Vec<i64>,
    /// In steps of 2^-48: at most (2^32)^2 each, 2^95 in all.
    squared: Vec<i128>,
}

/// When negative relevance, which speaks against the class, is set to 0 on the way to a heatmap.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Clipping {
    /// After averaging: errors of both signs cancel first, which few-sample explanations need.
    #[default]
    Last,
    /// Before averaging, in each face's explanation: the paper's heatmap. Chance leaves a haze on superpixels that are
    /// irrelevant.
    First,
}

/// Why a map or sums could not be added, or stored sums not be read. What was there before is unchanged.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HeatmapError {
    #[error("a standardised map has {FACE_PIXELS} pixels, this one has {0}")]
    Size(usize),
    #[error(
        "the relevance {value} of standard pixel {pixel} is not a number between -{LARGEST_RELEVANCE} and \
         {LARGEST_RELEVANCE}"
    )]
    Relevance { pixel: usize, value: f32 },
    #[error(
        "{0} explanations are more than one heatmap can hold ({MOST_EXPLANATIONS}); start another one"
    )]
    Full(u64),
    #[error("not the stored sums of a heatmap: {0}")]
    Stored(&'static str),
}

impl Default for HeatmapSums {
    fn default() -> Self {
        Self::new()
    }
}

impl HeatmapSums {
    /// Length of what [`Self::to_bytes`] gives.
    pub const STORED_BYTES: usize = MAGIC.len() + 8 + FACE_PIXELS * (8 + 8 + 16);

    /// No explanation yet.
    pub fn new() -> Self {
        Self {
            explanations: 0,
            signed: vec![0; FACE_PIXELS],
            clipped: vec![0; FACE_PIXELS],
            squared: vec![0; FACE_PIXELS],
        }
    }

    /// How many maps were added.
    pub fn explanations(&self) -> u64 {
        self.explanations
    }

    /// Adds one standardised map of signed relevance (224 x 275, row after row).
    ///
    /// # Errors
    /// A wrong size, a value that is not finite or beyond [`LARGEST_RELEVANCE`], or too many explanations; then nothing
    /// is added.
    pub fn add(&mut self, map: &[f32]) -> Result<(), HeatmapError> {
        check(map)?;
        self.explanations = total(self.explanations, 1)?;
        for (pixel, &value) in map.iter().enumerate() {
            let steps = steps_of(value);
            self.signed[pixel] += steps;
            self.clipped[pixel] += steps.max(0);
            self.squared[pixel] += i128::from(steps) * i128::from(steps);
        }
        Ok(())
    }

    /// Adds all that `other` holds.
    ///
    /// # Errors
    /// Too many explanations; then nothing is added.
    pub fn merge(&mut self, other: &Self) -> Result<(), HeatmapError> {
        self.explanations = total(self.explanations, other.explanations)?;
        add_each(&mut self.signed, &other.signed);
        add_each(&mut self.clipped, &other.clipped);
        add_each(&mut self.squared, &other.squared);
        Ok(())
    }

    /// Mean relevance per pixel, negative ones included; none before the first explanation.
    pub fn mean_signed(&self) -> Option<Vec<f32>> {
        self.mean_of(&self.signed)
    }

    /// The heatmap: mean relevance per pixel, not negative; none before the first explanation.
    pub fn mean(&self, clipping: Clipping) -> Option<Vec<f32>> {
        match clipping {
            Clipping::Last => {
                let mean = self.mean_signed()?;
                Some(mean.into_iter().map(|value| value.max(0.0)).collect())
            }
            Clipping::First => self.mean_of(&self.clipped),
        }
    }

    /// Sample variance (divisor n - 1) of the signed relevance per pixel; none before the second explanation.
    pub fn variance(&self) -> Option<Vec<f32>> {
        let explanations = i128::from(self.explanations);
        (explanations > 1).then(|| {
            let divisor = (explanations * (explanations - 1)) as f64 * SCALE * SCALE;
            self.signed
                .iter()
                .zip(&self.squared)
                .map(|(&sum, &squares)| {
                    // Exact up to here: both products stay below 2^126.
                    let spread = explanations * squares - i128::from(sum) * i128::from(sum);
                    (spread as f64 / divisor) as f32
                })
                .collect()
        })
    }

    fn mean_of(&self, sums: &[i64]) -> Option<Vec<f32>> {
        (self.explanations > 0).then(|| {
            let divisor = self.explanations as f64 * SCALE;
            sums.iter().map(|&sum| (sum as f64 / divisor) as f32).collect()
        })
    }

    /// The sums as bytes to store: a magic, the number of explanations, then the signed, clipped and squared sums, all
    /// little-endian; [`Self::from_bytes`] reads them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::STORED_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.explanations.to_le_bytes());
        bytes.extend(self.signed.iter().flat_map(|sum| sum.to_le_bytes()));
        bytes.extend(self.clipped.iter().flat_map(|sum| sum.to_le_bytes()));
        bytes.extend(self.squared.iter().flat_map(|sum| sum.to_le_bytes()));
        bytes
    }

    /// Sums stored by [`Self::to_bytes`].
    ///
    /// # Errors
    /// Another length or magic, or sums that this many explanations cannot have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeatmapError> {
        if bytes.len() != Self::STORED_BYTES {
            return Err(HeatmapError::Stored("another length"));
        }
        let Some(bytes) = bytes.strip_prefix(MAGIC) else {
            return Err(HeatmapError::Stored("another beginning"));
        };
        let (explanations, rest) = bytes.split_at(8);
        let (signed, rest) = rest.split_at(8 * FACE_PIXELS);
        let (clipped, squared) = rest.split_at(8 * FACE_PIXELS);
        let integers = |bytes: &[u8]| -> Vec<i64> {
            let chunks = bytes.as_chunks().0.iter();
            chunks.map(|&chunk| i64::from_le_bytes(chunk)).collect()
        };
        let sums = Self {
            explanations: integers(explanations)[0] as u64,
            signed: integers(signed),
            clipped: integers(clipped),
            squared: (squared.as_chunks().0.iter())
                .map(|&chunk| i128::from_le_bytes(chunk))
                .collect(),
        };
        if sums.is_possible() {
            Ok(sums)
        } else {
            Err(HeatmapError::Stored("its sums do not fit its number of explanations"))
        }
    }

    /// Whether the sums keep the bounds on which freedom from overflow rests.
    fn is_possible(&self) -> bool {
        let most = i128::from(self.explanations) << 32;
        self.explanations <= MOST_EXPLANATIONS
            && (self.signed.iter().zip(&self.clipped).zip(&self.squared)).all(
                |((&signed, &clipped), &squared)| {
                    let (signed, clipped) = (i128::from(signed), i128::from(clipped));
                    (-most..=most).contains(&signed)
                        && (signed.max(0)..=most).contains(&clipped)
                        && (0..=most << 32).contains(&squared)
                },
            )
    }
}

const MAGIC: &[u8] = b"ferscope heatmap sums 1\n";

/// Whether a map can be added.
fn check(map: &[f32]) -> Result<(), HeatmapError> {
    if map.len() != FACE_PIXELS {
        return Err(HeatmapError::Size(map.len()));
    }
    let usable = |value: &f32| value.abs() <= LARGEST_RELEVANCE;
    match map.iter().position(|value| !usable(value)) {
        Some(pixel) => Err(HeatmapError::Relevance { pixel, value: map[pixel] }),
        None => Ok(()),
    }
}

/// A value in steps of the sums.
fn steps_of(value: f32) -> i64 {
    (f64::from(value) * SCALE).round() as i64
}

fn total(mine: u64, others: u64) -> Result<u64, HeatmapError> {
    let total = mine + others;
    if total > MOST_EXPLANATIONS {
        return Err(HeatmapError::Full(total));
    }
    Ok(total)
}

fn add_each<T: Copy + std::ops::AddAssign>(sums: &mut [T], others: &[T]) {
    for (sum, &other) in sums.iter_mut().zip(others) {
        *sum += other;
    }
}
