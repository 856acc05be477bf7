//! The instrument: detector, landmark model and expression network, joined in the frame's order.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use image::{GrayImage, RgbImage};

use crate::expression::Expression;
use crate::face::{
    BackgroundModel, BackgroundModelError, BoundingBox, Detection, Detector, DetectorError,
    LandmarkModel, LandmarkNetwork, Landmarks, LevelledFace, RegressionTrees,
    regression_trees::RegressionTreesError,
};
use crate::files;
use crate::network::{
    Classifier, Job, Manifest, ManifestError, ModelSpec, Network, NetworkError, PredictorSpec,
    most_probable,
};

/// Bytes; the standard predictor has a hundred million.
const LARGEST_PREDICTOR: u64 = 1 << 28;
/// The background model of the shipped detectors' scores.
const FACE_BACKGROUND: &str = include_str!("../../calib/face_background.toml");

/// The expression network used when none is named.
pub const DEFAULT_NETWORK: &str = "face-api-expression";
/// The landmark network used when no regression trees are named.
pub const DEFAULT_LANDMARK_MODEL: &str = "face-api-landmarks-68";
/// Expected false faces per picture when nothing else is said.
pub const DEFAULT_EPSILON: f64 = 0.01;

/// What an instrument is made of.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of `models.toml`.
    pub models: PathBuf,
    /// Name of a network of the manifest, or path of an ONNX file with a TOML file beside it.
    pub network: String,
    /// Side of the detector's input: 256 finds smaller faces, 192 is faster.
    pub detector_size: u32,
    /// A predictor in dlib's `shape_predictor` format instead of the landmark network: a name of the manifest, or a file.
    pub shape_predictor: Option<PathBuf>,
    /// Expected false faces per picture.
    pub epsilon: f64,
    /// The most samples evaluated at once.
    pub threads: usize,
}

/// Why an instrument cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InstrumentError {
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The calibration.
    #[error("calib/face_background.toml: {0}")]
    Background(#[from] BackgroundModelError),
    /// The detector.
    #[error(transparent)]
    Detector(#[from] DetectorError),
    /// A network of the manifest has the wrong form for its job.
    #[error("{}: is no 68-landmark network (one square input, 136 outputs)", path.display())]
    LandmarkForm {
        /// The network.
        path: PathBuf,
    },
    /// The user's predictor cannot be opened.
    #[error("{}: cannot be read: {source}", path.display())]
    Predictor {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is neither a predictor nor a file of that name.
    #[error("there is no shape predictor `{name}` and no file of that name; known are: {}", known.join(", "))]
    UnknownPredictor {
        /// As asked for.
        name: String,
        /// Those of the manifest.
        known: Vec<String>,
    },
    /// A predictor of the manifest is not the file that was described.
    #[error("{}: {source}", path.display())]
    PredictorChecksum {
        /// The file.
        path: PathBuf,
        /// Both checksums.
        source: files::OtherFile,
    },
    /// The user's predictor is no predictor.
    #[error("{}: {source}", path.display())]
    PredictorForm {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RegressionTreesError,
    },
    /// Levelled crops are square.
    #[error("{}: its input is {width} x {height}; faces are cropped square, so both must be equal", path.display())]
    NotSquare {
        /// The network.
        path: PathBuf,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
}

/// A face, found, placed and levelled.
#[derive(Debug, Clone)]
pub struct Face {
    /// Where it is.
    pub detection: Detection,
    /// Its landmarks in pixels of the picture.
    pub landmarks: Landmarks,
    /// The crop the expression network sees.
    pub levelled: LevelledFace,
}

/// What the expression network says of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// One per class of the network, in its order.
    pub probabilities: Vec<f32>,
    /// The output with the highest probability.
    pub class: usize,
    /// Its expression.
    pub expression: Expression,
}

/// Finds, places and levels faces: the part of the instrument that knows no expression.
pub struct FaceFinder {
    detector: Detector,
    landmark_model: Box<dyn LandmarkModel + Send>,
}

impl FaceFinder {
    /// Loads and checks detector and landmark model.
    ///
    /// # Errors
    /// When a model, its calibration or a file is unusable.
    pub fn open(options: &Options) -> Result<Self, InstrumentError> {
        let manifest = Manifest::read(&options.models)?;
        let name = format!("blazeface-back-{}", options.detector_size);
        let spec = manifest.find(&name, Job::Detector)?;
        let network = Network::load(spec.clone(), &manifest.folder, 1)?;
        let background = BackgroundModel::from_toml(FACE_BACKGROUND, &name)?;
        let detector = Detector::new(network, background, options.epsilon)?;
        let landmark_model: Box<dyn LandmarkModel + Send> = match &options.shape_predictor {
            Some(chosen) => Box::new(open_shape_predictor(&manifest, chosen)?),
            None => {
                let spec = manifest.find(DEFAULT_LANDMARK_MODEL, Job::Landmarks)?;
                let network = Network::load(spec.clone(), &manifest.folder, 1)?;
                Box::new(LandmarkNetwork::new(network).map_err(|network| {
                    InstrumentError::LandmarkForm { path: network.spec().file.clone() }
                })?)
            }
        };
        Ok(FaceFinder { detector, landmark_model })
    }

    /// The windows that are faces, the largest first.
    ///
    /// # Errors
    /// When the detector cannot be evaluated.
    pub fn detect(&mut self, picture: &RgbImage) -> Result<Vec<Detection>, NetworkError> {
        self.detector.detect(picture)
    }

    /// As [`Self::detect`], in place of what `found` held.
    ///
    /// # Errors
    /// When the detector cannot be evaluated.
    pub fn detect_into(
        &mut self,
        picture: &RgbImage,
        found: &mut Vec<Detection>,
    ) -> Result<(), NetworkError> {
        self.detector.detect_into(picture, found)
    }

    /// The landmarks of a detection.
    ///
    /// # Errors
    /// When the landmark model cannot be evaluated.
    pub fn place(
        &mut self,
        picture: &RgbImage,
        detection: &Detection,
    ) -> Result<Landmarks, NetworkError> {
        self.landmark_model.place(picture, detection)
    }

    /// All faces of a picture with crops of `size` pixels, the largest first. A detection whose landmarks put both eyes in one place is
    /// left out.
    ///
    /// # Errors
    /// When a network cannot be evaluated.
    pub fn faces(&mut self, picture: &RgbImage, size: u32) -> Result<Vec<Face>, NetworkError> {
        let mut faces = Vec::new();
        for detection in self.detect(picture)? {
            let landmarks = self.place(picture, &detection)?;
            if let Some(levelled) = LevelledFace::new(picture, &landmarks, size) {
                faces.push(Face { detection, landmarks, levelled });
            }
        }
        Ok(faces)
    }

    /// The whole picture as one face, for pictures that are face crops already. Landmarks are placed twice: first as if the face
    /// filled the picture upright, then around the points found, so that a tilted or small face is levelled too.
    ///
    /// The detection has score 1 and, since nothing was decided, `log10_nfa` NaN.
    ///
    /// # Errors
    /// When a network cannot be evaluated.
    pub fn whole(&mut self, picture: &RgbImage, size: u32) -> Result<Option<Face>, NetworkError> {
        let (width, height) = (picture.width() as f32, picture.height() as f32);
        // Four fifths: the landmark model adds a margin of a quarter of the box itself.
        let side = 0.8 * width.max(height);
        let mut detection = Detection {
            bounding_box: BoundingBox {
                x: (width - side) / 2.0,
                y: (height - side) / 2.0,
                width: side,
                height: side,
            },
            key_points: [[0.0, 0.0], [1.0, 0.0], [0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2]],
            score: 1.0,
            log10_nfa: f64::NAN,
        };
        let first = self.place(picture, &detection)?;
        detection.bounding_box = first.bounding_box();
        let [left, right] = first.eye_centres();
        detection.key_points[0] = left;
        detection.key_points[1] = right;
        let landmarks = self.place(picture, &detection)?;
        let levelled = LevelledFace::new(picture, &landmarks, size);
        Ok(levelled.map(|levelled| Face { detection, landmarks, levelled }))
    }
}

/// Describes the expression network of that name or path, and tells the folder of its file.
///
/// # Errors
/// When there is none, or its input is not square.
pub fn find_classifier(options: &Options) -> Result<(ModelSpec, PathBuf), InstrumentError> {
    let path = Path::new(&options.network);
    let is_file = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx"));
    let (spec, folder) = if is_file {
        (ModelSpec::beside(path)?, path.parent().unwrap_or(Path::new("")).to_owned())
    } else {
        let manifest = Manifest::read(&options.models)?;
        (manifest.find(&options.network, Job::Expression)?.clone(), manifest.folder)
    };
    let (width, height) = (spec.input.width, spec.input.height);
    if width != height {
        return Err(InstrumentError::NotSquare { path: folder.join(&spec.file), width, height });
    }
    Ok((spec, folder))
}

/// Loads and checks the expression network of that name or path.
///
/// # Errors
/// When there is none, it is unusable, or its input is not square.
pub fn open_classifier(options: &Options) -> Result<Network, InstrumentError> {
    let (spec, folder) = find_classifier(options)?;
    Ok(Network::load(spec, &folder, options.threads)?)
}

/// Classifies a levelled crop.
///
/// # Errors
/// When the network cannot be evaluated.
///
/// # Panics
/// When the crop is not of the network's size.
pub fn classify(
    classifier: &mut dyn Classifier,
    crop: &GrayImage,
) -> Result<Prediction, NetworkError> {
    assert_eq!(crop.dimensions(), classifier.crop_size(), "the crop has the network's size");
    let mut probabilities = vec![0.0; classifier.classes().len()];
    classifier.evaluate(1, &|_, pixels| pixels.copy_from_slice(crop), &mut probabilities)?;
    let class = most_probable(&probabilities);
    let expression = classifier.classes()[class];
    Ok(Prediction { probabilities, class, expression })
}

/// The predictor that `chosen` names in the manifest, else the file at that path.
fn open_shape_predictor(
    manifest: &Manifest,
    chosen: &Path,
) -> Result<RegressionTrees, InstrumentError> {
    match manifest.predictors.iter().find(|spec| Path::new(&spec.name) == chosen) {
        Some(spec) => open_shipped_predictor(spec, &manifest.folder),
        None if !chosen.exists() => Err(InstrumentError::UnknownPredictor {
            name: chosen.display().to_string(),
            known: manifest.predictors.iter().map(|spec| spec.name.clone()).collect(),
        }),
        None => read_shape_predictor(chosen),
    }
}

/// Reads a predictor of the manifest in `folder`.
///
/// # Errors
/// When the file cannot be read, has another checksum, or is no predictor of 68 points.
pub fn open_shipped_predictor(
    spec: &PredictorSpec,
    folder: &Path,
) -> Result<RegressionTrees, InstrumentError> {
    let path = folder.join(&spec.file);
    let bytes = files::read(&path, LARGEST_PREDICTOR)
        .map_err(|source| InstrumentError::Predictor { path: path.clone(), source })?;
    files::sha256(&bytes, Some(&spec.sha256))
        .map_err(|source| InstrumentError::PredictorChecksum { path: path.clone(), source })?;
    RegressionTrees::read(bytes.as_slice())
        .map_err(|source| InstrumentError::PredictorForm { path, source })
}

fn read_shape_predictor(path: &Path) -> Result<RegressionTrees, InstrumentError> {
    let path = path.to_owned();
    match files::open(&path) {
        Ok(file) => RegressionTrees::read(BufReader::new(file))
            .map_err(|source| InstrumentError::PredictorForm { path, source }),
        Err(source) => Err(InstrumentError::Predictor { path, source }),
    }
}
