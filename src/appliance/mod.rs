//! The appliance: the parts joined into an instrument, and what it tells of itself while it runs.

mod accumulate;
mod board;
mod events;
mod gate;
mod instrument;
mod live;
mod paced;
mod perceive;
mod supervise;
mod timing;

pub use accumulate::Accumulator;
pub use board::{
    Board, ExpressionStatus, HistoryPoint, Refusals, StageTime, Status, StoreState, StoreStatus,
};
pub use events::{Event, Events, TimedEvent};
pub use gate::{Gate, Refusal};
pub use instrument::{
    DEFAULT_EPSILON, DEFAULT_LANDMARK_MODEL, DEFAULT_NETWORK, Face, FaceFinder, InstrumentError,
    Options, Prediction, classify, find_classifier, open_classifier, open_shipped_predictor,
};
pub use live::{Cores, Kept, LastExplanation, Live, LiveOptions, Samples, View, open_session};
pub use perceive::{Candidate, Perceiver, Seen, SeenFace};
pub use timing::{Rate, Stage};
