//! The appliance: the parts joined into an instrument, and what it tells of itself while it runs.

mod board;
mod instrument;

pub use board::{
    Board, ExpressionStatus, HistoryPoint, Refusals, SourceState, SourceStatus, StageTime, Status,
    StoreState, StoreStatus,
};
pub use instrument::{
    DEFAULT_EPSILON, DEFAULT_LANDMARK_MODEL, DEFAULT_NETWORK, Face, FaceFinder, InstrumentError,
    Options, Prediction, classify, find_classifier, open_classifier, open_shipped_predictor,
};
