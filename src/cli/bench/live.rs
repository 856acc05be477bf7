//! `ferscope bench --live`: the loop at work on painted footage, as the appliance runs it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};
use serde::Serialize;

use super::super::Failure;
use super::super::instrument::{ClassifierArgs, FinderArgs, demo_folder};
use super::super::progress::Progress;
use super::super::run::session_configuration;
use super::processor;
use crate::appliance::{
    Board, Cores, Events, FaceFinder, Gate, Kept, Live, LiveOptions, Options, Samples, StageTime,
    Status, find_classifier, open_session,
};
use crate::compare::MaskSet;
use crate::heatmap::{Clipping, HeatmapSums, VisitSums};
use crate::source::stream::{Capture, CaptureOptions, Source};
use crate::source::{list_pictures, read_picture};
use crate::store::read_session;

/// Of the footage, in pixels: that of many cameras.
const SIZE: (u32, u32) = (640, 480);
/// Each face has a quarter of the picture.
const TILE: (u32, u32) = (320, 240);
/// Frames a second, as a camera's.
const RATE: f64 = 30.0;
/// Seconds that each of the paced runs takes, the first of which are not counted.
const PACED_SECONDS: u64 = 20;

/// What was measured.
#[derive(Serialize)]
pub struct Report {
    version: &'static str,
    architecture: &'static str,
    processor: String,
    cores: usize,
    network: String,
    detector: u32,
    /// At 30 frames a second with so many faces, explanations running.
    paced: Vec<Paced>,
    /// As fast as it goes, two faces, explanations running.
    endless: Endless,
}

#[derive(Serialize)]
struct Paced {
    faces: usize,
    /// In every frame, on average.
    faces_followed: f64,
    perceive: StageTime,
    /// From the arrival of a frame to the end of its perception.
    latency: StageTime,
    stages: Vec<StageTime>,
    frames: u64,
    dropped: u64,
    explanations_per_minute: f64,
    samples: usize,
    /// What a minute's explanations, all for one expression, would leave of the error of its heatmap, as a share of the
    /// heatmap's own size; none where too few faces were explained.
    error_after_a_minute: Option<f64>,
    resident_mib: f64,
}

#[derive(Serialize)]
struct Endless {
    frames: u64,
    frames_per_second: f64,
    explanations: u64,
    /// Resident memory after a tenth of the frames, and at the end.
    resident_mib_early: f64,
    resident_mib_late: f64,
}

/// Measures; `frames` in the run as fast as it goes.
pub fn measure(
    finder: &FinderArgs,
    classifier: &ClassifierArgs,
    frames: u64,
) -> Result<Report, Failure> {
    let options = Options { network: classifier.network().to_owned(), ..finder.live_options() };
    let folder = Footage::new(&options)?;
    let steps = Progress::new(4 + 10, "parts of the measurement");
    let mut paced = Vec::new();
    for faces in 1..=4 {
        paced.push(folder.paced(faces, &options)?);
        steps.advance();
    }
    let endless = folder.endless(&options, frames, || steps.advance())?;
    steps.finish();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        architecture: std::env::consts::ARCH,
        processor: processor(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        network: options.network,
        detector: options.detector_size,
        paced,
        endless,
    })
}

/// Films with one to four faces, made of the demo's painted heads.
struct Footage(std::path::PathBuf);

impl Drop for Footage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Footage {
    fn new(options: &Options) -> Result<Self, Failure> {
        let demo = demo_folder(&options.models);
        // Four clips of one head each, from neutral to the apex.
        let clips = [1..7, 7..13, 15..21, 27..33];
        let (pictures, _) = list_pictures(std::slice::from_ref(&demo));
        let frame = |number: usize| -> Result<RgbImage, Failure> {
            let name = format!("frame-{number:03}");
            let file = pictures.iter().find(|picture| picture.name == name).ok_or_else(|| {
                Failure::Usage(format!("{}: the demo is not here", demo.display()))
            })?;
            read_picture(&file.path).map_err(|error| Failure::Input(error.to_string()))
        };
        let root = std::env::temp_dir().join(format!("ferscope-bench-{}", std::process::id()));
        let footage = Footage(root);
        for faces in 1..=4 {
            let folder = footage.film(faces);
            let failed = |error: &dyn std::fmt::Display| {
                Failure::Output(format!("{}: {error}", folder.display()))
            };
            std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
            // There and back again, so that no head jumps.
            for (place, step) in [0, 1, 2, 3, 4, 5, 4, 3, 2, 1].into_iter().enumerate() {
                let mut picture = RgbImage::from_pixel(SIZE.0, SIZE.1, image::Rgb([110; 3]));
                for (number, clip) in clips.iter().enumerate().take(faces) {
                    let head = imageops::thumbnail(&frame(clip.start + step)?, TILE.0, TILE.1);
                    let (column, row) = (number as u32 % 2, number as u32 / 2);
                    let corner = (column * TILE.0, row * TILE.1);
                    imageops::replace(&mut picture, &head, corner.0.into(), corner.1.into());
                }
                let path = folder.join(format!("{place:02}.jpg"));
                picture.save(&path).map_err(|error| failed(&error))?;
            }
        }
        Ok(footage)
    }

    fn film(&self, faces: usize) -> std::path::PathBuf {
        self.0.join(faces.to_string())
    }

    fn start(
        &self,
        faces: usize,
        options: &Options,
        rate: Option<f64>,
        session: Option<&Path>,
    ) -> Result<(Live, Arc<Board>), Failure> {
        let film: &Path = &self.film(faces);
        let capture = Capture::start(
            Source::File(film.to_owned()),
            CaptureOptions { repeat: true, frames_per_second: rate, ..CaptureOptions::default() },
        );
        let live_options = LiveOptions {
            instrument: options.clone(),
            gate: Gate::default(),
            samples: Samples::Chosen,
            cores: Cores::Auto,
            seed: 0,
            masks: MaskSet::default(),
            clipping: Clipping::default(),
            commit_period: Duration::from_secs(1),
            views: false,
        };
        let kept = match session {
            None => Kept::Memory,
            Some(path) => {
                let (spec, folder) = find_classifier(options)?;
                let configuration = session_configuration(&live_options, &spec, &folder)?;
                open_session(path, configuration)?
            }
        };
        let status = Status::new(&options.network, MaskSet::default(), 1);
        let board = Arc::new(Board::new(status, false));
        let finder = FaceFinder::open(options)?;
        let live = Live::start(finder, capture, live_options, board.clone(), kept, Events::none())?;
        Ok((live, board))
    }

    fn paced(&self, faces: usize, options: &Options) -> Result<Paced, Failure> {
        let session = self.0.join(format!("{faces}.sqlite"));
        let (live, board) = self.start(faces, options, Some(RATE), Some(&session))?;
        std::thread::sleep(Duration::from_secs(PACED_SECONDS / 4));
        let before = board.status();
        let (mut followed, mut looks) = (0, 0);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(PACED_SECONDS * 3 / 4) {
            std::thread::sleep(Duration::from_millis(100));
            followed += board.status().faces;
            looks += 1;
        }
        let status = board.status();
        let minutes = start.elapsed().as_secs_f64() / 60.0;
        live.finish(Duration::from_secs(5)).map_err(Failure::Output)?;
        let explanations_per_minute = (status.explanations - before.explanations) as f64 / minutes;
        let content = read_session(&session)?;
        let pooled: Vec<&HeatmapSums> = content.sums.iter().map(VisitSums::pooled).collect();
        let stage = |name: &'static str| {
            let found = status.stages.iter().find(|stage| stage.stage == name);
            found.copied().unwrap_or(StageTime { stage: name, median_ms: 0.0, p95_ms: 0.0 })
        };
        Ok(Paced {
            faces,
            faces_followed: followed as f64 / f64::from(looks),
            perceive: stage("perceive"),
            latency: stage("latency"),
            frames: status.source.frames - before.source.frames,
            dropped: status.source.dropped - before.source.dropped,
            explanations_per_minute,
            error_after_a_minute: relative_variance(&pooled)
                .map(|variance| (variance / explanations_per_minute).sqrt()),
            samples: status.samples,
            resident_mib: mebibytes(&status),
            stages: status.stages,
        })
    }

    fn endless(
        &self,
        options: &Options,
        frames: u64,
        tenth_done: impl Fn(),
    ) -> Result<Endless, Failure> {
        let (live, board) = self.start(2, options, None, None)?;
        let start = Instant::now();
        let mut early = None;
        let mut tenths = 0;
        let status = loop {
            std::thread::sleep(Duration::from_millis(200));
            let status = board.status();
            let done = status.source.frames;
            while tenths < 10 && done * 10 >= frames * (tenths + 1) {
                tenths += 1;
                tenth_done();
            }
            if early.is_none() && done * 10 >= frames {
                early = Some(mebibytes(&status));
            }
            if done >= frames || live.has_ended() {
                break status;
            }
        };
        let seconds = start.elapsed().as_secs_f64();
        live.finish(Duration::from_secs(5)).map_err(Failure::Output)?;
        Ok(Endless {
            frames: status.source.frames,
            frames_per_second: status.source.frames as f64 / seconds,
            explanations: status.explanations,
            resident_mib_early: early.unwrap_or_default(),
            resident_mib_late: mebibytes(&status),
        })
    }
}

/// Variance of one explanation, as a share of the mean square of its expression's heatmap: the mean over the expressions, each
/// weighing as often as it was explained. None where no expression was explained often enough to rise above its own noise.
fn relative_variance(heatmaps: &[&HeatmapSums]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for sums in heatmaps.iter().filter(|sums| sums.explanations() >= 5) {
        let mean_of = |values: Vec<f32>| {
            values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64
        };
        let explanations = sums.explanations() as f64;
        let variance = mean_of(sums.variance()?);
        let square = mean_of(sums.mean_signed()?.iter().map(|value| value * value).collect());
        // The mean of few is larger than the truth by what is left of their variance.
        let size = square - variance / explanations;
        if size > 0.0 {
            sum += variance / size * explanations;
            count += explanations;
        }
    }
    (count > 0.0).then(|| sum / count)
}

fn mebibytes(status: &Status) -> f64 {
    status.resident_bytes.unwrap_or_default() as f64 / f64::from(1 << 20)
}

impl Report {
    /// As text for people.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} ({}, {} cores), network {}, detector {}\n\n640 x 480 at 30 frames a second, {} s each, explanations running (milliseconds, median / 95 %)\n\
             {:<6} {:>16} {:>16} {:>9} {:>9} {:>14} {:>8} {:>14} {:>9}\n",
            self.processor,
            self.architecture,
            self.cores,
            self.network,
            self.detector,
            PACED_SECONDS * 3 / 4,
            "faces",
            "perceive",
            "frame's wait",
            "frames",
            "dropped",
            "explained/min",
            "samples",
            "error after 1'",
            "MiB"
        );
        let pair = |time: &StageTime| format!("{:.1} / {:.1}", time.median_ms, time.p95_ms);
        for row in &self.paced {
            text += &format!(
                "{:<6} {:>16} {:>16} {:>9} {:>9} {:>14.0} {:>8} {:>14} {:>9.0}\n",
                row.faces,
                pair(&row.perceive),
                pair(&row.latency),
                row.frames,
                row.dropped,
                row.explanations_per_minute,
                row.samples,
                row.error_after_a_minute
                    .map_or_else(|| "-".to_owned(), |error| format!("{error:.2}")),
                row.resident_mib
            );
        }
        text += "\nError after 1': what chance leaves of a heatmap's error when all explanations of a minute are of its expression, as a share of\n\
                 the heatmap's own size; it falls with the root of the minutes.\n";
        text += "\nstages with two faces\n";
        for stage in self.paced.iter().filter(|row| row.faces == 2).flat_map(|row| &row.stages) {
            text += &format!("{:<12} {:>16}\n", stage.stage, pair(stage));
        }
        let endless = &self.endless;
        text += &format!(
            "\n{} frames with two faces as fast as it goes: {:.0} a second, {} explanations; memory {:.0} MiB after a tenth, {:.0} MiB at the end\n",
            endless.frames,
            endless.frames_per_second,
            endless.explanations,
            endless.resident_mib_early,
            endless.resident_mib_late
        );
        text
    }
}
