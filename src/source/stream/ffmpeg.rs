//! Videos and network streams, which an `ffmpeg` beside us turns into Y4M.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use super::SourceError;
use super::feed::{Feed, open_child};
use super::shared::Shared;

/// What [`super::y4m`] reads: brightness and colour as BT.601 has them, whatever the stream has.
const TO_BT_601: &str = "scale=out_color_matrix=bt601:out_range=limited,format=yuv420p";

/// Opens a network stream.
pub fn open_address(address: &str, shared: &Arc<Shared>) -> Result<Box<dyn Feed>, SourceError> {
    let mut input: Vec<OsString> = Vec::new();
    if address.to_ascii_lowercase().starts_with("rtsp") {
        // Over UDP lost packets are grey smears that a face could be looked for in.
        input.extend(["-rtsp_transport", "tcp"].map(OsString::from));
    }
    input.extend(["-fflags", "nobuffer", "-i", address].map(OsString::from));
    open(input, TO_BT_601, shared)
}

/// Opens a video: at its own pace, though at most so many frames per second, or as fast as it goes.
pub fn open_video(
    path: &Path,
    frames_per_second: Option<f64>,
    shared: &Arc<Shared>,
) -> Result<Box<dyn Feed>, SourceError> {
    // A path that begins with a dash or with a protocol stays a path.
    let mut address = OsString::from("file:");
    address.push(path);
    let mut input: Vec<OsString> = Vec::new();
    let mut filter = TO_BT_601.to_owned();
    if let Some(rate) = frames_per_second {
        input.push("-re".into());
        let rate = rate.clamp(0.001, 1000.0);
        filter = format!("fps=fps=min(source_fps\\,{rate}),{filter}");
    }
    input.extend(["-i".into(), address]);
    open(input, &filter, shared)
}

fn open(
    input: Vec<OsString>,
    filter: &str,
    shared: &Arc<Shared>,
) -> Result<Box<dyn Feed>, SourceError> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error"]);
    command.args(input);
    command.args(["-map", "0:v:0", "-vf", filter]);
    // Each frame once, whatever rate a stream claims. Versions from 5.1 on say -fps_mode, and still know this.
    command.args(["-vsync", "passthrough", "-f", "yuv4mpegpipe", "pipe:1"]);
    open_child(command, shared).map_err(|error| match error {
        SourceError::Start { error, .. } if is_missing(&error) => SourceError::NoFfmpeg,
        other => other,
    })
}

/// Whether a program that could not be started is not installed. Where a folder of the PATH is closed to this user and none has
/// the program, the system speaks of permission.
pub(crate) fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied)
}
