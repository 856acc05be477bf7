//! The options that all commands with networks share.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::appliance::{self, FaceFinder, Options};
use crate::explain::{Estimator, MOST_IMITATED_SAMPLES};
use crate::files;
use crate::network::Network;

/// Input of the face detector, in pixels, where time does not press.
const DEFAULT_DETECTOR: &str = "256";
/// And where it does.
pub const LIVE_DETECTOR: &str = "192";

#[derive(clap::Args)]
pub struct FinderArgs {
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS")]
    models: Option<PathBuf>,
    /// Input of the face detector in pixels: 256 finds smaller faces, 192 takes two thirds of the time [default: 256; live 192]
    #[arg(long, value_name = "256|192", value_parser = ["256", "192"])]
    detector: Option<String>,
    /// Place landmarks with regression trees instead of the landmark network: a name from `ferscope models list`, or a file
    /// in dlib's shape_predictor format (68 points)
    #[arg(long, value_name = "NAME|FILE.dat")]
    shape_predictor: Option<PathBuf>,
    /// Expected number of false faces per picture: the only threshold of the detection
    #[arg(long, default_value_t = appliance::DEFAULT_EPSILON, value_parser = positive, allow_negative_numbers = true)]
    epsilon: f64,
}

#[derive(clap::Args)]
pub struct ClassifierArgs {
    /// Expression network: a name from `ferscope models list`, or an ONNX file with a TOML file beside it (classes, input)
    #[arg(long, value_name = "NAME|FILE.onnx", default_value = appliance::DEFAULT_NETWORK)]
    network: String,
    /// Samples evaluated at once [default: one per processor core]; changes no result
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("needs a number above 0, such as 0.01".to_owned()),
    }
}

impl FinderArgs {
    pub fn options(&self) -> Options {
        self.options_with(DEFAULT_DETECTOR)
    }

    /// What the live loop uses where nothing else is said.
    pub fn live_options(&self) -> Options {
        self.options_with(LIVE_DETECTOR)
    }

    fn options_with(&self, detector: &str) -> Options {
        let detector = self.detector.as_deref().unwrap_or(detector);
        Options {
            models: self.models_folder(),
            network: appliance::DEFAULT_NETWORK.to_owned(),
            detector_size: detector.parse().expect("clap admits 256 and 192"),
            shape_predictor: self.shape_predictor.clone(),
            epsilon: self.epsilon,
            threads: 1,
        }
    }

    pub fn open(&self) -> Result<FaceFinder, Failure> {
        Ok(FaceFinder::open(&self.options())?)
    }

    /// What places landmarks: its name, or the checksum of the user's file.
    pub fn landmark_model(&self) -> Result<String, Failure> {
        landmark_model(self.shape_predictor.as_deref())
    }

    /// The path, or the bundled pictures for `demo` where nothing here is called so.
    pub fn path_or_demo(&self, path: &Path) -> PathBuf {
        match path.as_os_str() == "demo" && !path.exists() {
            true => demo_folder(&self.models_folder()),
            false => path.to_owned(),
        }
    }

    pub fn models_folder(&self) -> PathBuf {
        models_folder(self.models.as_deref())
    }
}

impl ClassifierArgs {
    /// Name or path, as given.
    pub fn network(&self) -> &str {
        &self.network
    }

    pub fn threads(&self) -> usize {
        self.threads.map_or_else(available_threads, usize::from)
    }

    pub fn open(&self, finder: &FinderArgs) -> Result<Network, Failure> {
        self.open_with_threads(finder, self.threads())
    }

    pub fn open_with_threads(
        &self,
        finder: &FinderArgs,
        threads: usize,
    ) -> Result<Network, Failure> {
        let options = Options { network: self.network.clone(), threads, ..finder.options() };
        Ok(appliance::open_classifier(&options)?)
    }
}

/// What places landmarks, `shape_predictor` or the default: its name, or the checksum of the user's file.
pub fn landmark_model(shape_predictor: Option<&Path>) -> Result<String, Failure> {
    match shape_predictor {
        None => Ok(appliance::DEFAULT_LANDMARK_MODEL.to_owned()),
        Some(file) if file.is_file() => files::read(file, files::LARGEST_SMALL_FILE)
            .map(|bytes| files::sha256(&bytes, None).expect("no other is expected"))
            .map_err(|error| Failure::Usage(format!("{}: {error}", file.display()))),
        Some(name) => Ok(name.display().to_string()),
    }
}

/// The estimator that the user chose, else the best for the design.
pub fn choose_estimator(
    chosen: Option<Estimator>,
    is_economical: bool,
    samples: usize,
) -> Result<Estimator, Failure> {
    let estimator = chosen.unwrap_or(match is_economical {
        true => Estimator::economical(samples),
        false => Estimator::Ridge,
    });
    if estimator != Estimator::Ridge && samples > MOST_IMITATED_SAMPLES {
        return Err(Failure::Usage(format!(
            "--estimator {} is for at most {MOST_IMITATED_SAMPLES} samples: with {samples} ridge agrees as well",
            estimator.name()
        )));
    }
    Ok(estimator)
}

/// The demo lies beside the networks.
pub fn demo_folder(models: &Path) -> PathBuf {
    models.with_file_name("demo")
}

pub fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The folder the user names; else `models` or `share/ferscope/models` beside the program or in one of the folders above it
/// (an installed prefix, a build folder inside the repository); else `models` here.
pub fn models_folder(named: Option<&Path>) -> PathBuf {
    if let Some(folder) = named {
        return folder.to_owned();
    }
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .skip(1)
        .flat_map(|folder| [folder.join("models"), folder.join("share/ferscope/models")])
        .find(|folder| folder.join("models.toml").is_file())
        .unwrap_or_else(|| PathBuf::from("models"))
}
