//! In place of the broker's client, where the program was built without it.

use super::{Failure, Settings};
use crate::appliance::Events;

/// There is none.
pub enum Publisher {}

impl Publisher {
    /// Never called.
    pub fn finish(self) {
        match self {}
    }
}

/// Refuses to publish.
pub fn start(settings: &Settings, _: &mut Events) -> Result<Option<Publisher>, Failure> {
    match settings.mqtt {
        None => Ok(None),
        Some(_) => Err(Failure::Usage(
            "--mqtt: this program was built without the feature `mqtt`: cargo build --features mqtt"
                .to_owned(),
        )),
    }
}
