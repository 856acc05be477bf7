//! The appliance: the parts joined into an instrument, and what it tells of itself while it runs.

mod accumulate;
mod board;
mod gate;
mod instrument;
mod perceive;
mod timing;

pub use accumulate::{Accumulator, Meaning};
pub use board::{
    Board, ExpressionStatus, HistoryPoint, Refusals, SourceState, SourceStatus, StageTime, Status,
    StoreState, StoreStatus,
};
pub use gate::{Gate, Refusal};
pub use instrument::{
    DEFAULT_EPSILON, DEFAULT_LANDMARK_MODEL, DEFAULT_NETWORK, Face, FaceFinder, InstrumentError,
    Options, Prediction, classify, find_classifier, open_classifier, open_shipped_predictor,
};
pub use perceive::{Candidate, Perceiver, Seen, SeenFace};
pub use timing::{Rate, Stage};
