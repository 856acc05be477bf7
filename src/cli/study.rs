//! `ferscope study`: the paper's study on a folder of faces, resumable and divisible.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::instrument::{FinderArgs, available_threads, choose_estimator};
use super::output::{create_folder_of, print};
use super::progress::Progress;
use super::{Failure, exit_code};
use crate::appliance::Options;
use crate::compare::MaskSet;
use crate::explain::{Estimator, SAMPLES};
use crate::heatmap::Clipping;
use crate::store::{Configuration, Store};
use crate::study::{
    self, Event, Part, Plan, PlannedNetwork, REPLICATES, Results, ResultsError, ResultsOptions,
    StudyError,
};
use crate::view::counted;

/// Do the paper's study on a folder of faces: classify, explain, accumulate, compare with the Ekman masks
///
/// Every network classifies every face; of those it reads as one of the six expressions, up to --per-class are drawn at random and
/// explained. Everything but the pictures is kept in the file --out (SQLite). The same command goes on where it was stopped, and
/// ends with the same bytes. Then see `ferscope report` and `ferscope export`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ferscope study faces --networks weinet-7,mobilenetv3-7
  ferscope study runs/weinet-7/faces.csv --networks runs/weinet-7 --design hadamard --samples 300
  ferscope study runs/weinet-7/faces.csv --networks weinet-7 --folds 1     (trained on fold 1: looks at whom it has not seen)
  ferscope study faces --networks weinet-7,mobilenetv3-7,mine.onnx         (where the first two are done: adds the third)
  ferscope study faces --networks weinet-7 --part 2/8 --out part-2.sqlite   (then `ferscope merge part-*.sqlite`)

A folder <subject>/<expression>/* tells who and what its pictures show; so does a table faces.csv in it, or given in its place, with the
columns picture, expression, subject, fold (a training of that fold looks at no other pictures), moved (a picture of how far each pixel moved).")]
pub struct Args {
    /// Folder of faces, or a CSV table of them
    #[arg(value_name = "DIR|FILE.csv")]
    faces: PathBuf,
    /// Networks: names from `ferscope models list`, ONNX files, or folders of scripts/train with a training per fold
    #[arg(
        long,
        value_name = "A,B,...",
        value_delimiter = ',',
        default_value = "face-api-expression"
    )]
    networks: Vec<String>,
    /// Only these folds: of folders of trainings, and of pictures whose table tells theirs
    #[arg(long, value_name = "1,2,...", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..))]
    folds: Vec<u32>,
    /// The most faces explained per network and predicted expression
    #[arg(long, default_value_t = study::PER_CLASS as u32, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    per_class: u32,
    /// Samples per explanation, the whole face included; the paper's are 1000
    #[arg(long, default_value_t = SAMPLES as u32, value_parser = clap::value_parser!(u32).range(2..=1_000_000), allow_negative_numbers = true)]
    samples: u32,
    /// iid: the paper's independent fair bits. hadamard: orthogonal columns with complements, for few samples
    #[arg(long, default_value = "iid", value_parser = ["iid", "hadamard"])]
    design: String,
    /// How weights are estimated [default: imitation for hadamard with at most 512 samples, else ridge, the paper's]
    #[arg(long, value_enum)]
    estimator: Option<Estimator>,
    /// How many faces per network and expression the explanations are checked on (deletion, insertion, other samples, shuffled weights)
    #[arg(long, default_value_t = study::CHECKS as u32)]
    checks: u32,
    /// Seed of all random draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Which Ekman masks to compare with
    #[arg(long, value_enum, default_value_t)]
    masks: MaskSet,
    /// When relevance against the class is set to 0 on the way to a heatmap
    #[arg(long, value_enum, default_value_t)]
    clip: Clipping,
    /// Do only the I-th of N parts; `ferscope merge` adds them up
    #[arg(long, alias = "shard", value_name = "I/N", default_value = "1/1", value_parser = part)]
    part: Part,
    /// The file of the study
    #[arg(long, value_name = "FILE", default_value = "study.sqlite")]
    out: PathBuf,
    /// Samples evaluated at once [default: one per processor core]; changes no result
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    #[command(flatten)]
    finder: FinderArgs,
}

fn part(text: &str) -> Result<Part, String> {
    let numbers = text
        .split_once('/')
        .and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
    match numbers {
        Some((number, of)) if (1..=of).contains(&number) => Ok(Part { number, of }),
        _ => Err("needs I/N with I from 1 to N, such as 2/8".to_owned()),
    }
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let plan = plan(args)?;
    create_folder_of(&args.out)?;
    // What is wrong with the options is told before a file is made that would be in the way of the right ones.
    let mut finder = args.finder.open()?;
    let mut store = plan.store(&args.out)?;
    let mut bar: Option<Progress> = None;
    let failures = plan.run(&mut store, &mut finder, args.part, &mut |event| match event {
        Event::Classify(network, pictures) => {
            bar = Some(Progress::new(pictures, &format!("pictures classified by {network}")));
        }
        Event::Explain(network, faces) => {
            bar = Some(Progress::new(faces, &format!("faces explained for {network}")));
        }
        Event::Done => bar.iter().for_each(Progress::advance),
        Event::Problem(problem) => match &bar {
            Some(bar) => bar.print_line(&format!("ferscope: {problem}")),
            None => super::output::complain(&problem),
        },
    })?;
    drop(bar);
    let earlier = store.failures()?.saturating_sub(failures);
    if earlier > 0 {
        super::output::complain(&format!(
            "{} failed before and {} not tried again: where pictures were mended since, begin another --out",
            counted(earlier, "picture or face", "pictures or faces"),
            if earlier == 1 { "is" } else { "are" }
        ));
    }
    if !store.is_finished()? {
        store.finish()?;
    }
    let out = args.out.display();
    if args.part.of > 1 {
        let Part { number, of } = args.part;
        print(&format!(
            "{out}: part {number} of {of} is done; add the parts with `ferscope merge`\n"
        ))?;
        return Ok(exit_code(failures));
    }
    let failures = failures + earlier;
    let results = results(&args.out, REPLICATES)?;
    print(&summary(&results))?;
    print(&format!("\nKept in {out}. Now: ferscope report {out}; ferscope export {out}\n"))?;
    Ok(exit_code(failures))
}

fn plan(args: &Args) -> Result<Plan, Failure> {
    let samples = args.samples as usize;
    let estimator = choose_estimator(args.estimator, args.design == "hadamard", samples)?;
    let threads = args.threads.map_or_else(available_threads, usize::from);
    let options = Options { threads, ..args.finder.options() };
    let mut pictures = study::list(&args.finder.path_or_demo(&args.faces))
        .map_err(|error| Failure::Usage(error.to_string()))?;
    if !args.folds.is_empty() {
        pictures.retain(|listed| listed.row.fold.is_none_or(|fold| args.folds.contains(&fold)));
        if pictures.is_empty() {
            return Err(Failure::Usage(format!(
                "{} has no picture of the folds {:?}: choose others",
                args.faces.display(),
                args.folds
            )));
        }
    }
    let mut networks = Vec::new();
    for name in &args.networks {
        for network in expand(name, &args.folds)? {
            let options = Options { network, ..options.clone() };
            let planned = PlannedNetwork::find(&options)?;
            networks.push(planned);
        }
    }
    for (place, network) in networks.iter().enumerate() {
        let earlier = &networks[..place];
        if earlier.iter().any(|other| other.row.name == network.row.name) {
            return Err(Failure::Usage(format!("--networks names {} twice", network.row.name)));
        }
        let same = |other: &&PlannedNetwork| other.row.architecture == network.row.architecture;
        if let Some(other) = earlier.iter().filter(same).find(|other| {
            other.row.fold == network.row.fold
                || other.row.fold.is_none()
                || network.row.fold.is_none()
        }) {
            return Err(Failure::Usage(format!(
                "{} and {} are both the training of one fold of {}: study them apart",
                other.row.name, network.row.name, network.row.architecture
            )));
        }
        if earlier.iter().find(same).is_some_and(|other| other.row.classes != network.row.classes) {
            return Err(Failure::Usage(format!(
                "the trainings of {} have different classes: study them apart",
                network.row.architecture
            )));
        }
    }
    let configuration = Configuration {
        software: concat!("ferscope ", env!("CARGO_PKG_VERSION")).to_owned(),
        seed: args.seed,
        per_class: args.per_class as usize,
        design: args.design.clone(),
        samples,
        estimator,
        checks: args.checks as usize,
        masks: args.masks,
        clip: args.clip,
        detector: format!("blazeface-back-{}", options.detector_size),
        landmark_model: args.finder.landmark_model()?,
        epsilon: options.epsilon,
    };
    Ok(Plan { configuration, networks, pictures, options })
}

/// The networks that a word of `--networks` stands for: itself, or the trainings in a folder of `scripts/train`.
fn expand(word: &str, folds: &[u32]) -> Result<Vec<String>, Failure> {
    let folder = Path::new(word);
    if !folder.is_dir() {
        return Ok(vec![word.to_owned()]);
    }
    let usage = |what: String| Failure::Usage(format!("{}: {what}", folder.display()));
    let name = folder
        .canonicalize()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .ok_or_else(|| usage("cannot be read".to_owned()))?;
    let file = |fold: u32| folder.join(format!("fold-{fold}/{name}-fold-{fold}.onnx"));
    let found: Vec<u32> = match folds {
        [] => (1..=99).filter(|&fold| file(fold).is_file()).collect(),
        chosen => chosen.to_vec(),
    };
    if found.is_empty() {
        return Err(usage(format!(
            "holds no training fold-<k>/{name}-fold-<k>.onnx: name a folder that scripts/train made, as runs/weinet-7"
        )));
    }
    found
        .into_iter()
        .map(|fold| match file(fold) {
            file if file.is_file() => Ok(file.display().to_string()),
            file => Err(usage(format!(
                "has no {}: train that fold, or leave it out of --folds",
                file.display()
            ))),
        })
        .collect()
}

/// Computes the results of a study with a progress bar.
pub fn results(path: &Path, replicates: usize) -> Result<Results, Failure> {
    let store = Store::read(path)?;
    let options = ResultsOptions { replicates, threads: available_threads() };
    let bar = std::cell::OnceCell::new();
    let begin = |heatmaps| {
        let _ = bar.set(Progress::new(heatmaps, "heatmaps compared"));
    };
    Results::new(&store, options, begin, || bar.get().into_iter().for_each(Progress::advance))
        .map_err(|error| match error {
            ResultsError::Store(error) => error.into(),
            other => Failure::Input(format!("{}: {other}", path.display())),
        })
}

impl From<StudyError> for Failure {
    fn from(error: StudyError) -> Self {
        match error {
            StudyError::Store(error) => error.into(),
            StudyError::Other(text) => Failure::Usage(text),
            StudyError::Instrument(error) => error.into(),
            other => Failure::Model(other.to_string()),
        }
    }
}

/// What a person reads at the end.
fn summary(results: &Results) -> String {
    let mut text = String::from(
        "\nOverlap of each heatmap with its Ekman mask (IoU, 95 % interval over people or pictures), beside what chance gives:\n\
         network              expression  faces    IoU  interval       all white  random  other masks\n",
    );
    for row in &results.heatmaps {
        let overlap = &row.overlap.overlap;
        let name = row.name();
        let interval = row.intervals.map_or_else(
            || "-".to_owned(),
            |intervals| format!("{:.3} to {:.3}", intervals.iou[0], intervals.iou[1]),
        );
        let _ = writeln!(
            text,
            "{name:<20} {:<11} {:>5}  {:>5.3}  {interval:<15} {:>8.3}  {:>6.3}  {:>11.3}",
            row.overlap.expression,
            row.explanations,
            overlap.iou,
            overlap.iou_all_white,
            overlap.iou_random,
            overlap.iou_other_masks
        );
    }
    text.push('\n');
    for network in &results.networks {
        let _ = writeln!(text, "{}.", network.verdict);
    }
    let (missing, drawn) = (results.progress.missing(), results.progress.drawn);
    if missing > 0 {
        let _ = writeln!(text, "{missing} of {drawn} faces drawn are not explained yet.");
    }
    text
}
