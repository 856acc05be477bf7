//! Live frames: from a camera, a network stream, a command, standard input, a video, or pictures that are played.
//!
//! A thread of its own opens the source, and opens it again whenever it fails; whoever takes frames is never kept waiting longer
//! than it asked for. What a child process does not finish is killed with it; a camera's driver that never answers keeps its thread.

mod camera;
mod colour;
mod decoder;
mod error;
mod feed;
mod ffmpeg;
mod line;
mod mjpeg;
mod pictures;
#[cfg(unix)]
mod pipe;
#[cfg(unix)]
mod process;
mod shared;
mod status;
mod uri;
mod y4m;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use image::RgbImage;

use error::SourceError;
pub(crate) use ffmpeg::is_missing;
pub use status::{SourceState, SourceStatus};
pub use uri::{Source, UnknownSource};

/// Frames that wait to be taken.
const WAITING_FRAMES: usize = 2;
/// Pictures that wait to be filled again: those waiting, one at work on either side, and one more.
const SPARE_PICTURES: usize = WAITING_FRAMES + 3;
/// How long [`Capture`]'s end waits for its thread.
const LONGEST_GOODBYE: Duration = Duration::from_secs(1);

/// A picture of the source.
#[derive(Debug)]
pub struct Frame {
    /// Frames captured before this one, those that were dropped too.
    pub number: u64,
    /// When it had arrived; pictures on disk: when it was read.
    pub captured: Instant,
    /// Its pixels.
    pub picture: RgbImage,
}

/// How a source is captured.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureOptions {
    /// A source that gives no frame for so long is given up and opened again.
    pub deadline: Duration,
    /// The same for the first frame of each opening: a network stream takes seconds to begin.
    pub opening_deadline: Duration,
    /// Pictures and videos begin again at their end.
    pub repeat: bool,
    /// Of pictures and videos (a slower video keeps its own pace). None: each frame as soon as there is room, and none is dropped.
    pub frames_per_second: Option<f64>,
    /// Width and height that a camera is asked for, in pixels; it gives what comes nearest.
    pub size: (u32, u32),
}

impl Default for CaptureOptions {
    fn default() -> Self {
        CaptureOptions {
            deadline: Duration::from_secs(2),
            opening_deadline: Duration::from_secs(10),
            repeat: false,
            frames_per_second: Some(30.0),
            size: (640, 480),
        }
    }
}

/// Why there is no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NextFrame {
    /// None came in the time given; later ones may.
    #[error("no frame yet")]
    TimedOut,
    /// There will be no more.
    #[error("there are no more frames")]
    Ended,
}

/// A source that is captured, until this is dropped.
#[derive(Debug)]
pub struct Capture {
    frames: Receiver<Frame>,
    spare: Sender<RgbImage>,
    shared: Arc<shared::Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Begins to capture; a source that is not there yet is waited for. What goes wrong is told by [`Self::status`] and the log.
    pub fn start(source: Source, options: CaptureOptions) -> Capture {
        let (give, frames) = bounded(WAITING_FRAMES);
        let (spare, take_spare) = bounded(SPARE_PICTURES);
        let patience = line::patience(&source, &options);
        let shared = Arc::new(shared::Shared::new(&source, patience));
        let line = line::Line::new(
            source,
            options,
            patience,
            shared.clone(),
            (give, frames.clone()),
            (spare.clone(), take_spare),
        );
        let thread =
            std::thread::Builder::new().name("capture".to_owned()).spawn(move || line.run());
        // Without its thread the channel is closed, and the source has ended.
        let thread = thread.map_err(|error| shared.end(Some(error.to_string()))).ok();
        Capture { frames, spare, shared, thread }
    }

    /// The oldest frame that waits, or the next one.
    ///
    /// # Errors
    /// When none comes within `timeout`, or never again one.
    pub fn next(&self, timeout: Duration) -> Result<Frame, NextFrame> {
        let frame = self.frames.recv_timeout(timeout).map_err(|error| match error {
            RecvTimeoutError::Timeout => NextFrame::TimedOut,
            RecvTimeoutError::Disconnected => NextFrame::Ended,
        })?;
        self.shared.taken();
        Ok(frame)
    }

    /// Gives back a frame that was looked at: a later one will use its memory.
    pub fn recycle(&self, frame: Frame) {
        // Where there are enough already, this one is freed.
        let _ = self.spare.try_send(frame.picture);
    }

    /// How it goes.
    pub fn status(&self) -> SourceStatus {
        self.shared.status()
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.shared.stop();
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        let began = Instant::now();
        while !thread.is_finished() && began.elapsed() < LONGEST_GOODBYE {
            std::thread::sleep(Duration::from_millis(2));
        }
        // One that reads from a disk that does not answer cannot be waited for.
        if thread.is_finished() {
            let _ = thread.join();
        }
    }
}
