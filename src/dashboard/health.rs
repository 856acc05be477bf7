//! Whether the appliance does its work, for probes and for the page's banner.

use std::time::Duration;

use crate::appliance::{Status, StoreState};
use crate::source::stream::SourceState;

/// A camera that says nothing for longer is not running, whatever it is said to be; slow films may rest as long as they are given.
const OLDEST_FRAME: Duration = Duration::from_secs(10);

/// What keeps the appliance from its work, in plain words and without names of this machine: who asks for the health need not know
/// the token.
pub fn problem(status: &Status, frame_age: Duration) -> Option<String> {
    let source = match status.source.state {
        SourceState::Waiting => Some("waiting for the camera".to_owned()),
        // Who is paused may let the camera rest.
        SourceState::Running
            if !status.paused && frame_age > OLDEST_FRAME.max(status.source.longest_gap) =>
        {
            Some(format!("no frame for {} seconds", frame_age.as_secs()))
        }
        SourceState::Running | SourceState::Ended => None,
    };
    let is_failing = status.store.state == StoreState::Failing;
    let store = is_failing.then(|| "results cannot be written, they are kept in memory".to_owned());
    let problems: Vec<String> = source.into_iter().chain(store).collect();
    (!problems.is_empty()).then(|| problems.join("; "))
}
