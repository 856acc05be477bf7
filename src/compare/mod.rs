//! What heatmaps mean: their overlap with the Ekman masks beside what chance gives, and how alike the networks are
//! (paper: equations 3 and 4, the overlap tables and the dendrograms).
//!
//! Every heatmap is stretched to 8 bits first ([`stretch`]), then thresholded for its [`Overlap`] ([`otsu_level`]), or
//! correlated with the other networks' ([`Correlation`]) and clustered ([`linkage`]). [`Comparison`] does it all for a
//! set. Single explanations are held against the pixels that really decide ([`relevance_accuracy`]) and against each other
//! ([`pearson`]).

pub mod correlation;
mod jackknife;
pub mod linkage;
pub mod mask;
mod otsu;
pub mod overlap;
mod relevance;
pub mod report;
mod stretch;

pub use correlation::{Correlation, pearson};
pub use jackknife::jackknife_interval;
pub use mask::{EkmanMasks, MaskSet};
pub use otsu::{foreground, otsu_level};
pub use overlap::Overlap;
pub use relevance::{RelevanceAccuracy, moved_region, relevance_accuracy};
pub use report::{Comparison, Heatmap};
pub use stretch::stretch;
