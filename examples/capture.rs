//! Prints the frames of any source: `cargo run --example capture -- demo --frames 30`.
//!
//! With `--features camera` also those of a camera: `cargo run --features camera --example capture -- camera:0`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use ferscope::source::stream::{Capture, CaptureOptions, NextFrame, Source};

#[derive(Parser)]
struct Arguments {
    /// camera:NUMBER, demo, a picture, a folder, a video, rtsp://..., http://..., exec:COMMAND, or - for standard input
    source: Source,
    /// Stop after so many.
    #[arg(long)]
    frames: Option<u64>,
    /// Of pictures and videos; none: as many as can be read.
    #[arg(long)]
    frames_per_second: Option<f64>,
    /// Begin pictures and videos again at their end.
    #[arg(long)]
    repeat: bool,
    /// Give up after so many seconds.
    #[arg(long, default_value_t = f64::INFINITY)]
    seconds: f64,
    /// Write the last frame there, as a PNG or JPEG file.
    #[arg(long)]
    save: Option<PathBuf>,
}

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let arguments = Arguments::parse();
    let options = CaptureOptions {
        repeat: arguments.repeat,
        frames_per_second: arguments.frames_per_second,
        ..CaptureOptions::default()
    };
    let capture = Capture::start(arguments.source, options);
    let began = Instant::now();
    let mut frames = 0;
    let mut last = None;
    while arguments.frames.is_none_or(|wanted| frames < wanted) {
        match capture.next(Duration::from_millis(500)) {
            Ok(frame) => {
                let (width, height) = frame.picture.dimensions();
                let sum: u64 = frame.picture.iter().map(|&value| u64::from(value)).sum();
                let mean = sum as f64 / frame.picture.len() as f64;
                println!(
                    "frame {}: {width} x {height}, {:.3} s after the start, mean {mean:.1}",
                    frame.number,
                    (frame.captured - began).as_secs_f64()
                );
                frames += 1;
                if let Some(before) = last.replace(frame) {
                    capture.recycle(before);
                }
            }
            Err(NextFrame::TimedOut) if began.elapsed().as_secs_f64() < arguments.seconds => {}
            Err(_) => break,
        }
    }
    let status = capture.status();
    println!(
        "{}: {frames} frames taken, {:.1} per second, {} dropped, {} times opened again{}",
        status.uri,
        status.frames_per_second,
        status.dropped,
        status.reopened,
        status.problem.map(|problem| format!("; {problem}")).unwrap_or_default()
    );
    if let (Some(path), Some(frame)) = (arguments.save, last)
        && let Err(error) = frame.picture.save(&path)
    {
        eprintln!("{}: cannot be written: {error}", path.display());
        return ExitCode::FAILURE;
    }
    let wanted = arguments.frames.unwrap_or(1);
    if frames < wanted { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
