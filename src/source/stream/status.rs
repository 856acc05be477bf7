//! How a source of frames is.

use std::time::Duration;

use serde::Serialize;

/// Where frames come from, and how it goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SourceStatus {
    /// As the user named it, without a password.
    pub uri: String,
    /// How it goes.
    pub state: SourceState,
    /// Width and height of the last frame in pixels.
    pub size: Option<[u32; 2]>,
    /// Frames captured.
    pub frames: u64,
    /// Frames captured but not looked at, since newer ones came.
    pub dropped: u64,
    /// Frames taken to be looked at per second, over the last ones.
    pub frames_per_second: f64,
    /// How long it may give no frame before it is given up.
    #[serde(skip)]
    pub longest_gap: Duration,
    /// How often it was given up and opened again.
    pub reopened: u64,
    /// What went wrong last.
    pub problem: Option<String>,
}

/// How a source is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceState {
    /// Not there yet, or gone: it is tried again and again.
    #[default]
    Waiting,
    /// Frames come.
    Running,
    /// There will be no more frames.
    Ended,
}
