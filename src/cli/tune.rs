//! `ferscope tune`: what this machine is best set to, measured on the machine itself.
//!
//! The shipped networks have one form each, so what there is to choose is the detector's input, what places landmarks, and how many cores explanations
//! are worth. What a form answers is the same on every processor; how much faster it is, is not.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use image::{RgbImage, imageops};

use super::Failure;
use super::bench::{evaluations_per_second, thread_counts};
use super::instrument::{available_threads, demo_folder, models_folder};
use super::output::{complain, print, refuse_existing, write_file};
use super::progress::Progress;
use super::run::{DEFAULT_FILE, Settings};
use crate::appliance::{
    self, DEFAULT_EPSILON, DEFAULT_LANDMARK_MODEL, DEFAULT_NETWORK, FaceFinder, Options,
    open_classifier,
};
use crate::expression::Expression;
use crate::face::{DETECTION_PERIOD, LevelledFace};
use crate::files;
use crate::network::{Classifier, Manifest};
use crate::source::{list_pictures, read_picture};

/// Of the camera that forms are compared for.
const FRAMES_PER_SECOND: f64 = 30.0;
/// A form keeps accuracy when it finds at least this share of the faces that the most careful one finds, and answers the same to this share.
const LEAST_SHARE: f64 = 0.95;
/// More threads are worth it when they bring this much more evaluations a second.
const WORTH_IT: f64 = 1.05;

/// Measure which of the shipped forms is fastest on this machine and keeps accuracy, and write it into a configuration file
///
/// Tried are the detector's input (192, 256), what places landmarks (the network, regression trees) and how many cores explanations are worth. Accuracy is
/// kept when a form finds 95 % of the faces that the most careful one (256, the network) finds in the bundled demo, as it is and as small as faces are
/// explained, and reads 95 % of them as the same expression. Painted faces stand in for people; a session begun with another form is not gone on with.
#[derive(clap::Args)]
pub struct Args {
    /// The file: its other settings stay; made when it is not there
    #[arg(long, value_name = "FILE.toml", default_value = "ferscope.toml")]
    config: PathBuf,
    /// Print what would be written and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Width of the camera's frames, in pixels: how small the least explained face is for the detector depends on it
    #[arg(long, value_name = "PIXELS", default_value_t = 640, value_parser = clap::value_parser!(u32).range(160..=8192))]
    frame_width: u32,
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS")]
    models: Option<PathBuf>,
}

/// A face of the demo: in the picture, and alone in a frame of the camera's size, with eyes as near to each other as is explained.
struct Example {
    picture: RgbImage,
    small: RgbImage,
}

/// What can be chosen for each frame.
struct Form {
    detector: u32,
    shape_predictor: Option<String>,
}

impl Form {
    fn name(&self) -> String {
        let landmarks = self.shape_predictor.as_deref().unwrap_or(DEFAULT_LANDMARK_MODEL);
        format!("detector {}, {landmarks}", self.detector)
    }
}

/// What a form was seen to do.
struct Trial {
    form: Form,
    /// Per example: the expression read, where a face was found.
    answers: Vec<Option<Expression>>,
    /// Per example: whether the small face was found.
    small: Vec<bool>,
    /// Medians, in milliseconds.
    detect: f64,
    face: f64,
}

impl Trial {
    /// Milliseconds per frame with one face, the detector being asked now and then.
    fn per_frame(&self) -> f64 {
        self.face + self.detect / (DETECTION_PERIOD * FRAMES_PER_SECOND)
    }

    /// Shares of what `reference` found: faces, small faces, and faces read as the same expression.
    fn kept(&self, reference: &Trial) -> [f64; 3] {
        let share = |kept: usize, of: usize| kept as f64 / of.max(1) as f64;
        let both =
            || self.answers.iter().zip(&reference.answers).filter(|(_, theirs)| theirs.is_some());
        let small = || self.small.iter().zip(&reference.small).filter(|(_, theirs)| **theirs);
        [
            share(both().filter(|(mine, _)| mine.is_some()).count(), both().count()),
            share(small().filter(|(mine, _)| **mine).count(), small().count()),
            share(both().filter(|(mine, theirs)| mine == theirs).count(), both().count()),
        ]
    }
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let is_there = args.config.exists();
    let (before, settings) = if is_there {
        let settings = Settings::read(&args.config)?;
        let bytes = files::read(&args.config, files::LARGEST_SMALL_FILE)
            .map_err(|error| Failure::Usage(format!("{}: {error}", args.config.display())))?;
        (String::from_utf8(bytes).expect("it was read as settings"), settings)
    } else {
        refuse_existing(&args.config, false)?;
        (DEFAULT_FILE.to_owned(), Settings::default())
    };
    let models = models_folder(args.models.as_deref().or(settings.models.as_deref()));
    let options = |form: &Form| Options {
        models: models.clone(),
        network: settings.network.clone().unwrap_or_else(|| DEFAULT_NETWORK.to_owned()),
        detector_size: form.detector,
        shape_predictor: form.shape_predictor.as_ref().map(PathBuf::from),
        epsilon: settings.epsilon.unwrap_or(DEFAULT_EPSILON),
        threads: 1,
    };
    let manifest = Manifest::read(&models).map_err(|error| Failure::Model(error.to_string()))?;
    let least_eye_distance = settings.gate().least_eye_distance;
    // The most careful one first.
    let predictors = manifest.predictors.iter().map(|spec| Some(spec.name.clone()));
    let forms: Vec<Form> = std::iter::once(None)
        .chain(predictors)
        .flat_map(|shape_predictor| {
            [256, 192].map(|detector| Form { detector, shape_predictor: shape_predictor.clone() })
        })
        .collect();
    let examples = examples(&options(&forms[0]), args.frame_width, least_eye_distance)?;
    let steps = Progress::new(forms.len() * examples.len(), "looks");
    let mut trials = Vec::new();
    for form in forms {
        let options = options(&form);
        trials.push(try_form(form, &options, &examples, &steps)?);
    }
    steps.finish();
    let reference = &trials[0];
    let keeps = |trial: &&Trial| trial.kept(reference).iter().all(|&share| share >= LEAST_SHARE);
    let chosen = trials
        .iter()
        .filter(keeps)
        .min_by(|a, b| a.per_frame().total_cmp(&b.per_frame()))
        .expect("the most careful form keeps all of itself");
    print(&format!(
        "{:<44} {:>9} {:>9} {:>9} {:>7} {:>7} {:>7}\n",
        "form", "detect ms", "face ms", "frame ms", "found", "small", "same"
    ))?;
    for trial in &trials {
        let [found, small, same] =
            trial.kept(reference).map(|share| format!("{:.0} %", 100.0 * share));
        let mark = if std::ptr::eq(trial, chosen) { " <- fastest that keeps 95 %" } else { "" };
        print(&format!(
            "{:<44} {:>9.1} {:>9.1} {:>9.1} {found:>7} {small:>7} {same:>7}{mark}\n",
            trial.form.name(),
            trial.detect,
            trial.face,
            trial.per_frame()
        ))?;
    }
    let cores = worthwhile_cores(&options(&chosen.form), &examples[0])?;
    let chosen = &chosen.form;
    let shape_predictor = chosen.shape_predictor.as_ref().map(|name| format!("\"{name}\""));
    let mut after = set_key(&before, "detector", Some(&format!("\"{}\"", chosen.detector)));
    after = set_key(&after, "shape_predictor", shape_predictor.as_deref());
    after = set_key(
        &after,
        "explain_cores",
        Some(cores.map_or_else(|| "\"auto\"".to_owned(), |n| n.to_string()).as_str()),
    );
    if args.dry_run {
        return print(&after).map(|()| ExitCode::SUCCESS);
    }
    // A file that holds its keys in some other way is not spoilt.
    Settings::parse(&args.config, &after)?;
    write_file(&args.config, after.as_bytes())?;
    print(&format!("{}: written; `ferscope run --config {0}`\n", args.config.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The demo's pictures with a face.
fn examples(
    options: &Options,
    frame_width: u32,
    eye_distance: f32,
) -> Result<Vec<Example>, Failure> {
    let demo = demo_folder(&options.models);
    let (pictures, problems) = list_pictures(std::slice::from_ref(&demo));
    problems.iter().for_each(|problem| complain(problem));
    let mut finder = FaceFinder::open(options)?;
    let mut examples = Vec::new();
    for file in pictures {
        let picture =
            read_picture(&file.path).map_err(|error| Failure::Input(error.to_string()))?;
        let Some(detection) = finder.detect(&picture)?.into_iter().next() else { continue };
        let landmarks = finder.place(&picture, &detection)?;
        let scale = eye_distance / landmarks.eye_distance().max(1.0);
        let mut small =
            RgbImage::from_pixel(frame_width, frame_width * 3 / 4, image::Rgb([110; 3]));
        let size = |length: u32| ((length as f32 * scale).round() as u32).max(1);
        let (width, height) = (size(picture.width()), size(picture.height()));
        let head = imageops::thumbnail(&picture, width, height);
        let place = |room: u32, taken: u32| i64::from(room.saturating_sub(taken) / 2);
        imageops::replace(
            &mut small,
            &head,
            place(frame_width, width),
            place(frame_width * 3 / 4, height),
        );
        examples.push(Example { picture, small });
    }
    if examples.is_empty() {
        return Err(Failure::Usage(format!(
            "{}: no face to measure with: the demo that comes with ferscope is not here",
            demo.display()
        )));
    }
    Ok(examples)
}

fn try_form(
    form: Form,
    options: &Options,
    examples: &[Example],
    steps: &Progress,
) -> Result<Trial, Failure> {
    let mut finder = FaceFinder::open(options)?;
    let mut classifier = open_classifier(options)?;
    let size = classifier.crop_size().0;
    let (mut answers, mut small) = (Vec::new(), Vec::new());
    let (mut detecting, mut facing) = (Vec::new(), Vec::new());
    for example in examples {
        let start = Instant::now();
        let found = finder.detect(&example.picture)?;
        detecting.push(start.elapsed());
        let start = Instant::now();
        let mut answer = None;
        if let Some(detection) = found.first() {
            let landmarks = finder.place(&example.picture, detection)?;
            if let Some(face) = LevelledFace::new(&example.picture, &landmarks, size) {
                answer = Some(appliance::classify(&mut classifier, &face.crop)?.expression);
                facing.push(start.elapsed());
            }
        }
        answers.push(answer);
        small.push(!finder.detect(&example.small)?.is_empty());
        steps.advance();
    }
    Ok(Trial {
        form,
        answers,
        small,
        detect: median_ms(&mut detecting),
        face: median_ms(&mut facing),
    })
}

fn median_ms(times: &mut [Duration]) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(0.0, |time| time.as_secs_f64() * 1e3)
}

/// The fewest threads beyond which evaluations get no faster; none when that is all of them.
fn worthwhile_cores(options: &Options, example: &Example) -> Result<Option<usize>, Failure> {
    let all = available_threads();
    let mut best: Option<(usize, f64)> = None;
    for threads in thread_counts(all) {
        let options = Options { threads, ..options.clone() };
        let mut network = open_classifier(&options)?;
        let (width, height) = network.crop_size();
        let crop = imageops::grayscale(&imageops::thumbnail(&example.picture, width, height));
        let speed = evaluations_per_second(&mut network, &crop, threads, 3)?;
        print(&format!("{speed:>8.0} evaluations per second with {threads} threads\n"))?;
        if best.is_none_or(|(_, fastest)| speed >= fastest * WORTH_IT) {
            best = Some((threads, speed));
        }
    }
    Ok(best.map(|(threads, _)| threads).filter(|&threads| threads < all))
}

/// The file with that key set, or commented out where there is no value; all other lines stay.
fn set_key(file: &str, key: &str, value: Option<&str>) -> String {
    let is_set = |line: &str| {
        let rest = line.trim_start().strip_prefix(key);
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    let is_comment = |line: &str| line.strip_prefix("# ").is_some_and(is_set);
    let place = file.lines().position(is_set).or_else(|| file.lines().position(is_comment));
    let mut text = String::new();
    for (number, line) in file.lines().enumerate() {
        match value {
            Some(value) if Some(number) == place => text += &format!("{key} = {value}\n"),
            None if is_set(line) => text += &format!("# {line}\n"),
            _ => text += &format!("{line}\n"),
        }
    }
    if let (Some(value), None) = (value, place) {
        text += &format!("{key} = {value}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_key_is_set_where_it_stands_and_all_else_stays() {
        let file = "# top\ndetector = \"256\" # mine\n# shape_predictor = \"trees\"\nseed = 3\n";
        let set = set_key(file, "detector", Some("\"192\""));
        assert_eq!(set, "# top\ndetector = \"192\"\n# shape_predictor = \"trees\"\nseed = 3\n");
        let set = set_key(&set, "shape_predictor", Some("\"t\""));
        assert_eq!(set, "# top\ndetector = \"192\"\nshape_predictor = \"t\"\nseed = 3\n");
        let set = set_key(&set, "shape_predictor", None);
        assert_eq!(set, "# top\ndetector = \"192\"\n# shape_predictor = \"t\"\nseed = 3\n");
        assert_eq!(set_key("seed = 3", "detector", Some("1")), "seed = 3\ndetector = 1\n");
        assert_eq!(set_key("seed = 3\n", "detector", None), "seed = 3\n");
    }

    #[test]
    fn what_is_written_is_a_configuration() {
        let mut file = DEFAULT_FILE.to_owned();
        for (key, value) in
            [("detector", "\"256\""), ("shape_predictor", "\"t\""), ("explain_cores", "2")]
        {
            file = set_key(&file, key, Some(value));
        }
        let settings: Settings = toml::from_str(&file).unwrap();
        assert_eq!(settings.detector.as_deref(), Some("256"));
        assert_eq!(settings.shape_predictor.as_deref(), Some(Path::new("t")));
        assert!(settings.explain_cores.is_some());
    }

    #[test]
    fn shares_are_of_what_the_reference_found() {
        let trial = |answers: &[Option<Expression>], small: &[bool]| Trial {
            form: Form { detector: 192, shape_predictor: None },
            answers: answers.to_vec(),
            small: small.to_vec(),
            detect: 10.0,
            face: 5.0,
        };
        let (joy, fear) = (Some(Expression::Happiness), Some(Expression::Fear));
        let reference = trial(&[joy, joy, fear, None], &[true, true, false, true]);
        let other = trial(&[joy, None, joy, joy], &[true, false, true, true]);
        assert_eq!(reference.kept(&reference), [1.0; 3]);
        let expected = [2.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0];
        assert_eq!(other.kept(&reference), expected);
        assert!((other.per_frame() - (5.0 + 10.0 / 9.9)).abs() < 1e-9);
    }
}
