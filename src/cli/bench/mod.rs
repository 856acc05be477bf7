//! `ferscope bench`: how fast this machine is, stage by stage.

mod live;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::Serialize;

use super::Failure;
use super::instrument::{ClassifierArgs, FinderArgs, demo_folder};
use super::output::{complain, print};
use super::progress::Progress;
use crate::appliance::{self, Face};
use crate::explain::{self, COMPACTNESS, Design, Estimator, SEGMENTS, Surrogate, slic};
use crate::expression::Expression;
use crate::network::{Classifier, Network, NetworkError};
use crate::random::Stream;
use crate::source::{list_pictures, read_picture};
use crate::standard_face::{FACE_PIXELS, StandardFace, WarpMap};

/// Measure this machine: milliseconds per stage, evaluations per second by threads, and the share of an explanation spent outside the network
#[derive(clap::Args)]
pub struct Args {
    /// A picture with a face, or a folder of them [default: the bundled demo]
    #[arg(value_name = "PATH")]
    path: Option<std::path::PathBuf>,
    /// Samples per explanation
    #[arg(long, default_value_t = 150, value_parser = clap::value_parser!(u32).range(2..=100_000), allow_negative_numbers = true)]
    samples: u32,
    /// Repetitions of each stage
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(3..=10_000))]
    repeat: u32,
    /// Measure the live loop instead: 30 frames a second of painted footage with one to four faces, then --frames as fast as it goes
    #[arg(long)]
    live: bool,
    /// Frames of --live as fast as it goes
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(100..))]
    frames: u64,
    /// Print JSON, on one line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    classifier: ClassifierArgs,
    #[command(flatten)]
    finder: FinderArgs,
}

#[derive(Serialize)]
struct Report {
    version: &'static str,
    architecture: &'static str,
    processor: String,
    network: String,
    network_sha256: String,
    samples: u32,
    repetitions: u32,
    threads: usize,
    picture: [u32; 2],
    stages: Vec<Stage>,
    evaluations_per_second: Vec<Throughput>,
    /// Share of an explanation (superpixels, samples, surrogate, warp) spent outside evaluations of the network: median over the
    /// repetitions, with one thread.
    share_outside_network: f64,
}

#[derive(Serialize)]
struct Stage {
    stage: &'static str,
    median_ms: f64,
    p95_ms: f64,
}

#[derive(Serialize)]
struct Throughput {
    threads: usize,
    evaluations_per_second: f64,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if args.live {
        let report = live::measure(&args.finder, &args.classifier, args.frames)?;
        print(&if args.json { json_line(&report) } else { report.table() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut finder = args.finder.open()?;
    let threads = args.classifier.threads();
    let mut classifier = args.classifier.open(&args.finder)?;
    let mut single = args.classifier.open_with_threads(&args.finder, 1)?;
    let size = classifier.crop_size().0;
    let (picture, face) = first_face(args, &mut finder, size)?;
    let thread_counts = thread_counts(threads);
    // Seven stages, the share, and each number of threads.
    let steps = Progress::new(8 + thread_counts.len(), "measurements");
    let mut stages = Vec::new();
    let measure = |stage, work: &mut dyn FnMut() -> Result<(), Failure>| {
        let stage = measure(stage, args.repeat, work);
        steps.advance();
        stage
    };
    stages.push(measure("detect", &mut || Ok(finder.detect(&picture).map(drop)?))?);
    stages.push(measure("landmarks", &mut || {
        Ok(finder.place(&picture, &face.detection).map(drop)?)
    })?);
    stages.push(measure("level", &mut || {
        crate::face::LevelledFace::new(&picture, &face.landmarks, size);
        Ok(())
    })?);
    let crop = &face.levelled.crop;
    stages.push(measure("classify", &mut || {
        Ok(appliance::classify(&mut classifier, crop).map(drop)?)
    })?);
    stages.push(measure("superpixels", &mut || {
        slic(crop, SEGMENTS, COMPACTNESS);
        Ok(())
    })?);
    let standard_face = StandardFace::default();
    let superpixels = slic(crop, SEGMENTS, COMPACTNESS);
    let class = appliance::classify(&mut classifier, crop)?.class;
    let design = Design::hadamard(
        args.samples as usize,
        superpixels.count(),
        &mut Stream::new(0, "design", "bench"),
    );
    let estimator = Estimator::economical(args.samples as usize);
    let mut standardised = vec![0.0; FACE_PIXELS];
    let mut standardise = |surrogate: &Surrogate| {
        let relevance = superpixels.paint(&surrogate.weights);
        let landmarks = face.levelled.landmarks.points();
        WarpMap::new(&standard_face, landmarks, size as usize, size as usize)
            .apply(&relevance, &mut standardised);
    };
    let surrogate =
        explain::explain(&mut classifier, crop, &superpixels, &design, estimator, class)?;
    stages.push(measure("standardise", &mut || {
        standardise(&surrogate);
        Ok(())
    })?);
    stages.push(measure("explain", &mut || {
        explain::explain(&mut classifier, crop, &superpixels, &design, estimator, class)?;
        Ok(())
    })?);
    let share_outside_network = {
        let mut shares = Vec::new();
        measure("", &mut || {
            let start = Instant::now();
            let mut timed = TimedClassifier { network: &mut single, evaluating: Duration::ZERO };
            let superpixels = slic(crop, SEGMENTS, COMPACTNESS);
            let surrogate =
                explain::explain(&mut timed, crop, &superpixels, &design, estimator, class)?;
            standardise(&surrogate);
            shares.push(1.0 - timed.evaluating.as_secs_f64() / start.elapsed().as_secs_f64());
            Ok(())
        })?;
        shares.sort_by(f64::total_cmp);
        shares[shares.len() / 2]
    };
    let mut throughputs = Vec::new();
    for threads in thread_counts {
        let mut network = args.classifier.open_with_threads(&args.finder, threads)?;
        let per_second = evaluations_per_second(&mut network, crop, threads, args.repeat)?;
        steps.advance();
        throughputs.push(Throughput { threads, evaluations_per_second: per_second });
    }
    steps.finish();
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        architecture: std::env::consts::ARCH,
        processor: processor(),
        network: classifier.spec().name.clone(),
        network_sha256: classifier.sha256().to_owned(),
        samples: args.samples,
        repetitions: args.repeat,
        threads,
        picture: [picture.width(), picture.height()],
        stages,
        evaluations_per_second: throughputs,
        share_outside_network,
    };
    print(&if args.json { json_line(&report) } else { table(&report) })?;
    Ok(ExitCode::SUCCESS)
}

/// One line, so that the figures of many boards make a file of JSON lines.
fn json_line(report: &impl Serialize) -> String {
    serde_json::to_string(report).expect("the report is plain data") + "\n"
}

/// A network that adds up how long it is evaluated, painting the samples not counted; one thread.
struct TimedClassifier<'a> {
    network: &'a mut Network,
    evaluating: Duration,
}

impl Classifier for TimedClassifier<'_> {
    fn classes(&self) -> &[Expression] {
        self.network.classes()
    }

    fn crop_size(&self) -> (u32, u32) {
        self.network.crop_size()
    }

    fn evaluate(
        &mut self,
        count: usize,
        write_crop: &(dyn Fn(usize, &mut [u8]) + Sync),
        probabilities: &mut [f32],
    ) -> Result<(), NetworkError> {
        let painting = AtomicU64::new(0);
        let paint = |index: usize, pixels: &mut [u8]| {
            let start = Instant::now();
            write_crop(index, pixels);
            painting.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        };
        let start = Instant::now();
        let result = Classifier::evaluate(self.network, count, &paint, probabilities);
        self.evaluating += start.elapsed() - Duration::from_nanos(painting.into_inner());
        result
    }
}

/// Powers of two, and all there are.
pub fn thread_counts(threads: usize) -> Vec<usize> {
    // Boards have four cores: the last may be what the loop needs.
    let few = (1..threads.min(4)).chain((2..).map(|power| 1 << power));
    few.take_while(|&count| count < threads).chain([threads]).collect()
}

/// Evaluations of a network that was opened for so many threads: median of `repeat` runs of 16 per thread.
pub fn evaluations_per_second(
    network: &mut Network,
    crop: &[u8],
    threads: usize,
    repeat: u32,
) -> Result<f64, Failure> {
    let count = 16 * threads;
    let mut outputs = vec![0.0; count * network.output_len()];
    let stage = measure("", repeat, &mut || {
        Ok(network.evaluate(count, &|_, pixels| pixels.copy_from_slice(crop), &mut outputs)?)
    })?;
    Ok(count as f64 / stage.median_ms * 1e3)
}

fn measure(
    stage: &'static str,
    repeat: u32,
    work: &mut dyn FnMut() -> Result<(), Failure>,
) -> Result<Stage, Failure> {
    // Once unmeasured, to fill caches.
    work()?;
    let mut milliseconds = Vec::new();
    for _ in 0..repeat {
        let start = Instant::now();
        work()?;
        milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    let quantile =
        |share: f64| milliseconds[((milliseconds.len() - 1) as f64 * share).round() as usize];
    Ok(Stage { stage, median_ms: quantile(0.5), p95_ms: quantile(0.95) })
}

fn first_face(
    args: &Args,
    finder: &mut appliance::FaceFinder,
    size: u32,
) -> Result<(RgbImage, Face), Failure> {
    let path = args.path.clone().unwrap_or_else(|| demo_folder(&args.finder.models_folder()));
    let (pictures, problems) = list_pictures(std::slice::from_ref(&path));
    problems.iter().for_each(|problem| complain(problem));
    for file in pictures {
        let picture = match read_picture(&file.path) {
            Ok(picture) => picture,
            Err(problem) => {
                complain(&problem);
                continue;
            }
        };
        if let Some(face) = finder.faces(&picture, size)?.into_iter().next() {
            return Ok((picture, face));
        }
    }
    Err(Failure::Input(format!("{}: no face found to measure with", path.display())))
}

/// The board's name, else the processor's, where the system tells it.
fn processor() -> String {
    // Firmware tells Linux what a board is; its processor's name is the same on many boards, or missing.
    if let Ok(board) = std::fs::read_to_string("/proc/device-tree/model") {
        return board.trim_end_matches('\0').trim().to_owned();
    }
    let information = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    information
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

fn table(report: &Report) -> String {
    let mut text = format!(
        "{} ({}), network {}, picture {} x {}, {} samples, {} repetitions, {} threads\n\n{:<12} {:>10} {:>10}\n",
        report.processor,
        report.architecture,
        report.network,
        report.picture[0],
        report.picture[1],
        report.samples,
        report.repetitions,
        report.threads,
        "stage",
        "median ms",
        "p95 ms"
    );
    for stage in &report.stages {
        text += &format!("{:<12} {:>10.2} {:>10.2}\n", stage.stage, stage.median_ms, stage.p95_ms);
    }
    text.push('\n');
    for row in &report.evaluations_per_second {
        text += &format!(
            "{:>8.0} evaluations per second with {} threads\n",
            row.evaluations_per_second, row.threads
        );
    }
    text += &format!(
        "{:>8.1} % of an explanation is spent outside evaluations of the network (one thread)\n",
        100.0 * report.share_outside_network
    );
    text
}
