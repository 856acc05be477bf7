//! The paper's study (sections 4 and 5) on any folder of faces: classify, draw positives, explain, accumulate, compare.

mod agreement;
mod bootstrap;
mod checks;
mod pictures;
mod results;
mod run;
pub mod tables;

pub use agreement::{Agreement, AgreementError, OverlapPair};
pub use bootstrap::{Estimate, FEWEST_REPLICATES, Intervals};
pub use checks::{CheckMeans, CurvePoint, RelevanceMean};
pub use pictures::{Listed, PicturesError, list};
pub use results::*;
pub use run::{Event, Part, Plan, PlannedNetwork, StudyError};

/// The most faces explained per network and predicted expression in the paper (section 4).
pub const PER_CLASS: usize = 100;
/// How many faces of each network and expression the explanations are checked on.
pub const CHECKS: usize = 10;
/// Random orders that deletion and insertion curves are compared with.
pub const RANDOM_ORDERS: usize = 5;
/// Share of a face crop's largest displacement from which a pixel counts as moved.
pub const MOVED_SHARE: f32 = 0.25;
