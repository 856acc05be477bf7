//! What a session of the live appliance says: sums over visits become heatmaps and overlaps beside chance, the same ones while it runs, on
//! its page and in its export.

mod agreement;
mod meaning;
mod results;
pub mod table;

pub use agreement::{SessionAgreement, SessionAgreementError, SessionPair};
pub use meaning::{Meaning, Verdict};
pub use results::{ExpressionResult, SessionResults, ShownHeatmap};

/// Heatmaps of fewer visits are not shown, unless asked for: they are of too few people, and chance moves them too much.
pub const MIN_VISITS: u64 = 20;
