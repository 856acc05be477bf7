//! One opening of a source.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::shared::Shared;
use super::{CaptureOptions, Source, SourceError, camera, ffmpeg, pictures};

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// A picture, which arrived at this time.
    Picture(Instant),
    /// One that cannot be read, and why; the next may be.
    Skipped(String),
    /// No more; why, where it is not simply the end.
    End(Option<SourceError>),
}

/// An open source.
pub trait Feed {
    /// Waits for the next frame and puts it into `picture`, in the memory that it has; anything is in there but for [`Next::Picture`].
    fn next(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError>;

    /// Whether it is asked for pictures at a pace, since it has none of its own.
    fn is_paced(&self) -> bool {
        false
    }
}

/// Opens a source. What waits looks at the patience of `shared`.
pub fn open(
    source: &Source,
    options: &CaptureOptions,
    shared: &Arc<Shared>,
) -> Result<Box<dyn Feed>, SourceError> {
    match source {
        Source::Camera(number) => camera::open(*number, options, shared),
        Source::Demo => open_file(Path::new("demo"), options, shared),
        Source::File(path) => open_file(path, options, shared),
        Source::Network(address) => ffmpeg::open_address(address, shared),
        Source::Command(command) => open_command(command, shared),
        Source::StandardInput => open_standard_input(shared),
    }
}

fn open_file(
    path: &Path,
    options: &CaptureOptions,
    shared: &Arc<Shared>,
) -> Result<Box<dyn Feed>, SourceError> {
    let refuse = |problem: String| Err(SourceError::File { path: path.to_owned(), problem });
    match std::fs::metadata(path) {
        Err(error) => refuse(error.to_string()),
        Ok(metadata) if metadata.is_dir() => pictures::open(path, shared),
        Ok(metadata) if !metadata.is_file() => refuse(
            "is neither a file nor a folder: a camera is camera:NUMBER, a pipe is read with `-`"
                .to_owned(),
        ),
        Ok(_) if super::super::has_picture_ending(path) => pictures::open(path, shared),
        Ok(_) => ffmpeg::open_video(path, options.frames_per_second, shared),
    }
}

/// A child process that writes MJPEG or Y4M to its standard output.
pub fn open_child(
    command: std::process::Command,
    shared: &Arc<Shared>,
) -> Result<Box<dyn Feed>, SourceError> {
    #[cfg(unix)]
    return Ok(Box::new(super::pipe::PipeFeed::of_child(command, shared)?));
    #[cfg(not(unix))]
    {
        let _ = shared;
        let error = std::io::ErrorKind::Unsupported.into();
        Err(SourceError::Start { program: command.get_program().display().to_string(), error })
    }
}

fn open_command(command: &str, shared: &Arc<Shared>) -> Result<Box<dyn Feed>, SourceError> {
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(command);
    open_child(shell, shared)
}

fn open_standard_input(shared: &Arc<Shared>) -> Result<Box<dyn Feed>, SourceError> {
    #[cfg(unix)]
    return Ok(Box::new(super::pipe::PipeFeed::of_standard_input(shared)?));
    #[cfg(not(unix))]
    {
        let _ = shared;
        Err(SourceError::Read(std::io::ErrorKind::Unsupported.into()))
    }
}
