//! What a network is, written down: file, checksum, input, outputs, classes, golden pair.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::expression::Expression;
use crate::files;

/// What a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    /// Finds faces: boxes, six key points and a score.
    Detector,
    /// Places the 68 landmarks in a crop.
    Landmarks,
    /// Gives a probability to each expression.
    Expression,
}

/// Which planes of the picture a network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red, green and blue.
    Rgb,
    /// The same grey plane in each of the three channels.
    Grey,
}

impl Colour {
    /// Bytes per pixel of the pictures handed to the network.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Colour::Rgb => 3,
            Colour::Grey => 1,
        }
    }
}

/// Order of the input tensor's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// batch, channel, row, column
    Nchw,
    /// batch, row, column, channel
    Nhwc,
}

/// The input of a network: one picture.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Which planes the network sees.
    pub colour: Colour,
    /// What the bytes 0 and 255 become; the values between lie on the line.
    pub range: [f32; 2],
    /// Order of the axes.
    pub layout: Layout,
}

/// The number of channels of every network here (grey is replicated, as in the paper's section 3.2).
pub const CHANNELS: usize = 3;

impl InputSpec {
    /// The shape of the input tensor.
    pub fn shape(&self) -> [usize; 4] {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.layout {
            Layout::Nchw => [1, CHANNELS, height, width],
            Layout::Nhwc => [1, height, width, CHANNELS],
        }
    }

    /// Bytes of one picture as handed to the network.
    pub fn picture_bytes(&self) -> usize {
        self.width as usize * self.height as usize * self.colour.bytes_per_pixel()
    }

    /// The value of each byte in the input tensor.
    pub fn values(&self) -> [f32; 256] {
        let [low, high] = self.range;
        std::array::from_fn(|byte| low + (high - low) * byte as f32 / 255.0)
    }
}

/// One output tensor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Its name in the ONNX file.
    pub name: String,
    /// Its shape, batch included.
    pub shape: Vec<usize>,
}

impl OutputSpec {
    /// How many numbers it holds.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A picture and what the network must answer to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// An 8-bit PNG of exactly the input's size, relative to the manifest.
    pub input: PathBuf,
    /// A one-dimensional `.npy` of f32: all outputs flattened, in order.
    pub output: PathBuf,
    /// Largest difference allowed, relative to the largest absolute golden value or 1, whichever is larger.
    pub tolerance: f32,
}

/// One network of the manifest, or a user's network described by the TOML file beside it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Short name, used with `--network`.
    #[serde(default)]
    pub name: String,
    /// What it is for.
    #[serde(default = "default_job")]
    pub job: Job,
    /// The ONNX file, relative to the manifest.
    #[serde(default)]
    pub file: PathBuf,
    /// Checksum of the ONNX file, hexadecimal. A user's network may leave it out.
    pub sha256: Option<String>,
    /// SPDX name of the weights' licence.
    #[serde(default)]
    pub licence: String,
    /// Where the weights come from.
    #[serde(default)]
    pub source: String,
    /// Expression networks: the class of each output, in order.
    #[serde(default)]
    pub classes: Vec<Expression>,
    /// Whether the last layer gives logits, to which softmax is still to be applied.
    #[serde(default)]
    pub logits: bool,
    /// The input.
    pub input: InputSpec,
    /// The outputs, in order. A user's expression network may leave them out: one row of a number per class.
    #[serde(default, rename = "output")]
    pub outputs: Vec<OutputSpec>,
    /// The golden pair. A user's network may leave it out.
    pub golden: Option<Golden>,
}

impl ModelSpec {
    /// How a crop becomes its input and its outputs probabilities, in words: with another, the same file answers otherwise.
    pub fn reading(&self) -> String {
        let InputSpec { width, height, colour, range: [low, high], layout } = &self.input;
        let logits = if self.logits { ", logits" } else { "" };
        format!("{width} x {height} {colour:?}, {low} to {high}, {layout:?}{logits}").to_lowercase()
    }
}

/// The most characters of a network's name, which becomes part of the names of files.
const LONGEST_NAME: usize = 100;

fn default_job() -> Job {
    Job::Expression
}

/// All networks of one folder.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The folder of `models.toml`.
    pub folder: PathBuf,
    /// Its networks, in the file's order.
    pub models: Vec<ModelSpec>,
    /// The landmark predictors of `predictors.toml`, none where that file is missing.
    pub predictors: Vec<PredictorSpec>,
}

/// An ensemble of regression trees that places landmarks, in dlib's file format.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictorSpec {
    /// Short name, used with `--shape-predictor`.
    pub name: String,
    /// The file, relative to the manifest.
    pub file: PathBuf,
    /// Checksum of the file, hexadecimal.
    pub sha256: String,
    /// SPDX name of the licence.
    pub licence: String,
    /// Where it comes from.
    pub source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PredictorsFile {
    predictor: Vec<PredictorSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    model: Vec<ModelSpec>,
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}: name the folder of the networks with --models, or in FERSCOPE_MODELS", path.display())]
    Read {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a manifest.
    #[error("{}: {message}", path.display())]
    Parse {
        /// The manifest.
        path: PathBuf,
        /// What the TOML reader says, with line and column.
        message: String,
    },
    /// A user's network that is not there.
    #[error("{}: cannot be read: {source}", path.display())]
    NoNetwork {
        /// The ONNX file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A user's network without its description.
    #[error(
        "{}: is missing: a network needs this file beside it, with `classes` and an [input] table (README, \"Your own network\")",
        path.display()
    )]
    Undescribed {
        /// Where the description should be.
        path: PathBuf,
    },
    /// No such network.
    #[error(
        "no network named `{name}`: there are {known} (`ferscope models list`), or give the path of an ONNX file"
    )]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: String,
    },
}

impl Manifest {
    /// Reads `folder/models.toml`, and `folder/predictors.toml` where it is there.
    ///
    /// # Errors
    /// When the first is missing, or one of them is no TOML, lacks a field (the message names line and column), or describes
    /// a network that cannot be.
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join("models.toml");
        let file: ManifestFile = read_toml(&path)?;
        let mut names = std::collections::HashSet::new();
        for model in &file.model {
            let checked = match names.insert(&model.name) {
                true => model.check(),
                false => Err(format!("two networks are named `{}`", model.name)),
            };
            checked.map_err(|message| ManifestError::Parse { path: path.clone(), message })?;
        }
        let path = folder.join("predictors.toml");
        let predictors = match path.exists() {
            true => read_toml::<PredictorsFile>(&path)?.predictor,
            false => Vec::new(),
        };
        Ok(Manifest { folder: folder.to_owned(), models: file.model, predictors })
    }

    /// The network of that name and job.
    ///
    /// # Errors
    /// When there is none; the message lists those there are.
    pub fn find(&self, name: &str, job: Job) -> Result<&ModelSpec, ManifestError> {
        let of_job = || self.models.iter().filter(|model| model.job == job);
        of_job().find(|model| model.name == name).ok_or_else(|| ManifestError::Unknown {
            name: name.to_owned(),
            known: of_job().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl ModelSpec {
    /// Describes a user's network by the TOML file beside it: `face.onnx` is described by `face.toml`, which needs
    /// `classes` and an `[input]` table of the manifest's form.
    ///
    /// # Errors
    /// When that file is missing or incomplete.
    pub fn beside(onnx: &Path) -> Result<Self, ManifestError> {
        if let Err(source) = std::fs::metadata(onnx) {
            return Err(ManifestError::NoNetwork { path: onnx.to_owned(), source });
        }
        let path = onnx.with_extension("toml");
        if !path.exists() {
            return Err(ManifestError::Undescribed { path });
        }
        let mut spec: ModelSpec = read_toml(&path)?;
        if spec.name.is_empty() {
            spec.name = onnx.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        }
        // Only expression networks can be given.
        spec.job = Job::Expression;
        spec.file = onnx.file_name().unwrap_or_default().into();
        spec.check().map_err(|message| ManifestError::Parse { path, message })?;
        Ok(spec)
    }

    /// What the form of the file cannot say.
    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        check_name(name)?;
        if self.job == Job::Expression {
            if self.classes.len() < 2 {
                return Err(format!(
                    "the network `{name}` needs `classes`: the expression of each output, in order"
                ));
            }
            let twice = self
                .classes
                .iter()
                .enumerate()
                .find(|(i, class)| self.classes[..*i].contains(class));
            if let Some((_, class)) = twice {
                return Err(format!("the network `{name}` has the class `{class}` twice"));
            }
        }
        Ok(())
    }
}

/// Whether a network's name can be part of the names of files.
///
/// # Errors
/// When it cannot; the message says why.
pub fn check_name(name: &str) -> Result<(), String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(is_plain) {
        return Err(format!(
            "the name `{name}` is not usable in file names: give `name` letters, digits, `-`, `_` and `.` only"
        ));
    }
    if name.len() > LONGEST_NAME {
        return Err(format!(
            "the name `{name}` is too long for file names: give a `name` of at most {LONGEST_NAME} characters"
        ));
    }
    // <Network>_CV<k>_<Expression>_heatmap.png is the heatmap of a fold.
    let fold = name.rsplit_once("_CV").map(|(_, fold)| fold);
    if fold.is_some_and(|fold| fold.parse::<u32>().is_ok()) {
        return Err(format!(
            "the name `{name}` would be read as a fold of a cross-validation: give another `name`"
        ));
    }
    Ok(())
}

fn read_toml<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ManifestError> {
    let text = files::read_text(path)
        .map_err(|source| ManifestError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|error| ManifestError::Parse { path: path.to_owned(), message: error.to_string() })
}
