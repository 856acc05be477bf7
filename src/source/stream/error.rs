//! What goes wrong with a source.

use std::path::PathBuf;
use std::time::Duration;

use super::super::PictureError;

/// Why a source gives no frames.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A picture or folder.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file or device that is not there, or no video.
    #[error("{}: {problem}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// There is no ffmpeg.
    #[error(
        "videos and network streams are read by ffmpeg, which is not installed: apt install ffmpeg"
    )]
    NoFfmpeg,
    /// A child process does not start.
    #[error("{program} cannot be started: {error}")]
    Start {
        /// The program.
        program: String,
        /// As the system tells.
        error: std::io::Error,
    },
    /// Bytes that are no stream.
    #[error(
        "{bytes} bytes came with no frame in them: it must write MJPEG or YUV4MPEG2 (Y4M) and nothing else"
    )]
    Garbage {
        /// How many.
        bytes: usize,
    },
    /// A picture that does not end.
    #[error("a JPEG of more than {} MiB: its end is missing", super::mjpeg::LARGEST_JPEG >> 20)]
    EndlessJpeg,
    /// A Y4M stream that cannot be decoded.
    #[error("Y4M: {0}")]
    Y4m(String),
    /// Nothing came for too long.
    #[error("no frame for {} s{}", after.as_secs_f64(), as_told(told))]
    Silent {
        /// How long it was waited for.
        after: Duration,
        /// The last line of the child's messages.
        told: Option<String>,
    },
    /// It ended, though it has no end.
    #[error("{how}{}", as_told(told))]
    Ended {
        /// How.
        how: String,
        /// The last line of the child's messages.
        told: Option<String>,
    },
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The camera.
    #[error("camera:{number}: {problem}")]
    Camera {
        /// Which.
        number: u32,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A defect of a library, kept from ending the program.
    #[error("the reader failed: {0}")]
    Panicked(String),
}

fn as_told(told: &Option<String>) -> String {
    told.as_ref().map(|line| format!(": {line}")).unwrap_or_default()
}
