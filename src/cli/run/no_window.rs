//! In place of the window, where the program was built without it.

use super::Settings;
use crate::appliance::{Board, Live, LiveOptions};
use crate::expression::Expression;

/// There is none.
pub enum LiveWindow {}

impl LiveWindow {
    /// Tells why there is none.
    pub fn open(_: &Settings, _: &LiveOptions, _: &[Expression]) -> Result<Self, String> {
        Err("this program was built without the feature `window`".to_owned())
    }

    /// Never called.
    pub fn show(&mut self, _: &Board, _: &Live) {
        match *self {}
    }
}
