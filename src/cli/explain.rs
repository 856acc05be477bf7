//! `ferscope explain`: from pictures to explanations, standardised relevance and heatmaps.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use image::{DynamicImage, GrayImage, RgbImage};
use serde::Serialize;

use super::batch::Batch;
use super::instrument::{ClassifierArgs, FinderArgs, choose_estimator};
use super::output::{
    Table, create_folder, is_name, partial_name, print, refuse_existing, remove_file, write_grey,
    write_json, write_labels, write_npy, write_rgb,
};
use super::{Failure, exit_code};
use crate::appliance::{self, FaceFinder, Prediction};
use crate::compare::{EkmanMasks, MaskSet, Overlap, otsu_level, stretch};
use crate::explain::{
    self, COMPACTNESS, Design, Estimator, SAMPLES, SEGMENTS, Superpixels, Surrogate, slic,
};
use crate::expression::Expression;
use crate::face::{Detection, Landmarks, LevelledFace};
use crate::files;
use crate::heatmap::{Clipping, HeatmapSums};
use crate::network::{Classifier, Network};
use crate::random::Stream;
use crate::source::PictureFile;
use crate::standard_face::{FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, StandardFace, WarpMap};
use crate::view::counted;
use crate::view::overlay::{self, ExplainedFace, HeatmapPanel};

/// Explain the expression of every face: which superpixels speak for it, and how that compares with the Ekman masks
///
/// Each face gets a folder DIR/<picture>_<face>/ with explanation.json, face.png (what the network saw), segments.png
/// (superpixel labels, 16 bit), relevance.npy (signed, per crop pixel), standardised.npy (275 x 224, clipped at 0) and overlay.png to
/// look at. The batch gets heatmaps per expression with their overlap with the masks: DIR/heatmaps.png, DIR/heatmaps/, DIR/summary.json, DIR/explanations.csv.
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Samples per explanation, the whole face included [default: 1000, the paper's]; --design hadamard makes do with fewer
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1_000_000), allow_negative_numbers = true)]
    samples: Option<u32>,
    /// iid: the paper's independent fair bits. hadamard: orthogonal columns with complements, for few samples. FILE.npy: a matrix of 0 and 1, a row
    /// per sample and a column per superpixel
    #[arg(long, default_value = "iid", value_name = "iid|hadamard|FILE.npy")]
    design: String,
    /// How weights are estimated from the network's answers [default: imitation for hadamard with at most 512 samples, else
    /// ridge, the paper's]
    #[arg(long, value_enum)]
    estimator: Option<Estimator>,
    /// Superpixel labels (8 or 16 bit grey PNG of the crop's size, numbered from 0) instead of SLIC
    #[arg(long, value_name = "FILE.png")]
    segments: Option<PathBuf>,
    /// Seed of the random design: the same seed gives the same bits
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Which Ekman masks to compare with
    #[arg(long, value_enum, default_value_t)]
    masks: MaskSet,
    /// When relevance against the class is set to 0 on the way to a heatmap
    #[arg(long, value_enum, default_value_t)]
    clip: Clipping,
    /// Where to write
    #[arg(long, value_name = "DIR", default_value = "explanations")]
    out: PathBuf,
    /// Overwrite an existing result
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    classifier: ClassifierArgs,
    #[command(flatten)]
    finder: FinderArgs,
}

/// Where the rows of the design come from.
enum DesignSource {
    Iid,
    Hadamard,
    Given(Design),
}

/// `explanation.json`.
#[derive(Serialize)]
struct Record<'a> {
    picture: String,
    face: usize,
    #[serde(rename = "box")]
    bounding_box: Rectangle,
    score: f32,
    log10_nfa: f64,
    /// (x, y) in pixels of the picture, in the order of their numbers 1 to 68.
    landmarks: &'a [[f32; 2]],
    /// Degrees, positive when the eye on the right stands lower.
    angle: f64,
    network: &'a str,
    /// Of the network's file.
    sha256: &'a str,
    probabilities: BTreeMap<&'static str, f32>,
    explained_class: Expression,
    samples: usize,
    design: &'a str,
    estimator: Estimator,
    seed: u64,
    /// The number of superpixels.
    segments: usize,
    weights: &'a [f64],
    intercept: f64,
    r2: f64,
    timings_ms: Timings,
}

#[derive(Serialize)]
struct Rectangle {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// Milliseconds by stage. `detect` is the whole picture's.
#[derive(Serialize, Default, Clone)]
struct Timings {
    detect: f64,
    landmarks: f64,
    level: f64,
    classify: f64,
    superpixels: f64,
    explain: f64,
    standardise: f64,
}

/// Runs a stage and notes its milliseconds.
fn timed<T>(milliseconds: &mut f64, stage: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = stage();
    *milliseconds = start.elapsed().as_secs_f64() * 1e3;
    result
}

/// A face on its way to its explanation.
struct FoundFace {
    detection: Detection,
    landmarks: Landmarks,
    /// None where both eyes lie in one place.
    levelled: Option<LevelledFace>,
    timings: Timings,
}

/// What is needed to explain a face and to remember the batch.
struct Explainer<'a> {
    args: &'a Args,
    classifier: Network,
    design: DesignSource,
    samples: usize,
    estimator: Estimator,
    segments: Option<Superpixels>,
    standard_face: StandardFace,
    masks: EkmanMasks,
    sums: BTreeMap<Expression, HeatmapSums>,
    /// Begun with the first face: without any nothing is written.
    table: Option<Table>,
    faces: usize,
    neutral: usize,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    refuse_existing(&args.out.join(SUMMARY), args.force)?;
    refuse_existing(&args.out.join(TABLE), args.force)?;
    let mut explainer = Explainer::new(args)?;
    let mut finder = args.finder.open()?;
    let mut batch = Batch::new(&args.paths, &args.finder);
    let pictures = batch.pictures.len();
    let size = explainer.classifier.crop_size().0;
    batch.for_each(
        |picture| find_faces(&mut finder, picture, size),
        |file, number, found| explainer.explain(file, number, found),
    )?;
    explainer.conclude(pictures)?;
    Ok(exit_code(batch.failures))
}

fn find_faces(
    finder: &mut FaceFinder,
    picture: &RgbImage,
    size: u32,
) -> Result<Vec<FoundFace>, Failure> {
    let mut of_picture = Timings::default();
    let detections = timed(&mut of_picture.detect, || finder.detect(picture))?;
    let place = |detection: Detection| {
        let mut timings = of_picture.clone();
        let landmarks = timed(&mut timings.landmarks, || finder.place(picture, &detection))?;
        let levelled = timed(&mut timings.level, || LevelledFace::new(picture, &landmarks, size));
        Ok(FoundFace { detection, landmarks, levelled, timings })
    };
    detections.into_iter().map(place).collect()
}

impl<'a> Explainer<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        let design = match args.design.as_str() {
            "iid" => DesignSource::Iid,
            "hadamard" => DesignSource::Hadamard,
            file => DesignSource::Given(read_design(Path::new(file))?),
        };
        if matches!(design, DesignSource::Given(_)) && args.samples.is_some() {
            return Err(Failure::Usage(
                "--samples and a design file exclude each other: the file's rows are the samples"
                    .to_owned(),
            ));
        }
        let samples = match &design {
            DesignSource::Given(design) => design.rows(),
            _ => args.samples.map_or(SAMPLES, |samples| samples as usize),
        };
        let is_economical = matches!(design, DesignSource::Hadamard);
        let estimator = choose_estimator(args.estimator, is_economical, samples)?;
        let classifier = args.classifier.open(&args.finder)?;
        let read = |path: &PathBuf| read_segments(path, classifier.crop_size());
        let segments = args.segments.as_ref().map(read).transpose()?;
        let standard_face = StandardFace::default();
        let masks = EkmanMasks::new(args.masks, &standard_face);
        Ok(Explainer {
            args,
            classifier,
            design,
            samples,
            estimator,
            segments,
            standard_face,
            masks,
            sums: Expression::SIX.into_iter().map(|e| (e, HeatmapSums::new())).collect(),
            table: None,
            faces: 0,
            neutral: 0,
        })
    }

    /// Explains one face, writes its folder and adds it to the heatmap of its class.
    fn explain(
        &mut self,
        file: &PictureFile,
        number: usize,
        found: FoundFace,
    ) -> Result<(), Failure> {
        let input = Failure::Input;
        let name = format!("{}_{number}", file.name);
        let folder = self.args.out.join(&name);
        if folder.exists() && !self.args.force {
            return Err(input(format!(
                "{} exists already and was left alone: choose another --out, or say --force",
                folder.display()
            )));
        }
        let FoundFace { detection, landmarks, levelled, mut timings } = found;
        let levelled = levelled.ok_or_else(|| input("its eyes cannot be told apart".to_owned()))?;
        let crop = &levelled.crop;
        let prediction =
            timed(&mut timings.classify, || appliance::classify(&mut self.classifier, crop))?;
        let superpixels = timed(&mut timings.superpixels, || match &self.segments {
            Some(given) => given.clone(),
            None => slic(crop, SEGMENTS, COMPACTNESS),
        });
        let design = self.design(&superpixels, crop).map_err(input)?;
        let surrogate = timed(&mut timings.explain, || {
            let (classifier, class) = (&mut self.classifier, prediction.class);
            explain::explain(classifier, crop, &superpixels, &design, self.estimator, class)
        })?;
        let relevance = superpixels.paint(&surrogate.weights);
        let mut standardised = vec![0.0; FACE_PIXELS];
        timed(&mut timings.standardise, || {
            let (width, height) = (crop.width() as usize, crop.height() as usize);
            WarpMap::new(&self.standard_face, levelled.landmarks.points(), width, height)
                .apply(&relevance, &mut standardised);
        });
        if self.table.is_none() {
            self.table = Some(begin_result(self.args)?);
        }
        let explained = Explained {
            file,
            number,
            detection: &detection,
            landmarks: &landmarks,
            levelled: &levelled,
            prediction: &prediction,
            superpixels: &superpixels,
            surrogate: &surrogate,
            relevance,
            standardised,
            timings,
        };
        if let Some(sums) = self.sums.get_mut(&prediction.expression) {
            sums.add(&explained.standardised).map_err(|error| input(error.to_string()))?;
        } else {
            self.neutral += 1;
        }
        self.faces += 1;
        self.write(&folder, &name, explained)
    }

    fn design(&self, superpixels: &Superpixels, crop: &GrayImage) -> Result<Design, String> {
        let columns = superpixels.count();
        let mut stream = Stream::of_crop(self.args.seed, "design", crop);
        match &self.design {
            DesignSource::Iid => Ok(Design::iid(self.samples, columns, &mut stream)),
            DesignSource::Hadamard => Ok(Design::hadamard(self.samples, columns, &mut stream)),
            DesignSource::Given(design) if design.columns() == columns => Ok(design.clone()),
            DesignSource::Given(design) => Err(format!(
                "{} has {} columns, but the face has {columns} superpixels (one column each)",
                self.args.design,
                design.columns()
            )),
        }
    }

    fn write(&mut self, folder: &Path, name: &str, face: Explained) -> Result<(), Failure> {
        // First, so that --force later finds all that an interrupted run left of a face.
        let table = self.table.as_mut().expect("begun before the first face is written");
        table.row([
            face.file.path.display().to_string(),
            face.number.to_string(),
            name.to_owned(),
            self.classifier.spec().name.clone(),
            format!("{:.3}", face.detection.log10_nfa),
            face.prediction.expression.to_string(),
            format!("{:.6}", face.prediction.probabilities[face.prediction.class]),
            face.superpixels.count().to_string(),
            format!("{:.4}", face.surrogate.r2),
        ])?;
        create_folder(folder)?;
        let size = face.levelled.crop.dimensions();
        let bounding_box = face.detection.bounding_box;
        let classes = self.classifier.classes();
        let probabilities: Vec<(Expression, f32)> =
            classes.iter().copied().zip(face.prediction.probabilities.iter().copied()).collect();
        let spec = self.classifier.spec();
        let record = Record {
            picture: face.file.path.display().to_string(),
            face: face.number,
            bounding_box: Rectangle {
                x: bounding_box.x,
                y: bounding_box.y,
                width: bounding_box.width,
                height: bounding_box.height,
            },
            score: face.detection.score,
            log10_nfa: face.detection.log10_nfa,
            landmarks: face.landmarks.points(),
            angle: face.levelled.map.angle_degrees(),
            network: &spec.name,
            sha256: self.classifier.sha256(),
            probabilities: probabilities.iter().map(|(class, p)| (class.name(), *p)).collect(),
            explained_class: face.prediction.expression,
            samples: self.samples,
            design: &self.args.design,
            estimator: self.estimator,
            seed: self.args.seed,
            segments: face.superpixels.count(),
            weights: &face.surrogate.weights,
            intercept: face.surrogate.intercept,
            r2: face.surrogate.r2,
            timings_ms: face.timings,
        };
        write_json(&folder.join("explanation.json"), &record)?;
        write_grey(&folder.join("face.png"), &face.levelled.crop)?;
        write_labels(&folder.join("segments.png"), face.superpixels.labels(), size)?;
        let standardised: Vec<f32> = face.standardised.iter().map(|r| r.max(0.0)).collect();
        let mask = self.masks.get(face.prediction.expression);
        let picture = overlay::explained_face(&ExplainedFace {
            crop: &face.levelled.crop,
            standard_face: &self.standard_face,
            superpixels: face.superpixels,
            relevance: &face.relevance,
            standardised: &standardised,
            mask,
            probabilities: &probabilities,
            class: face.prediction.expression,
            notes: &[
                spec.name.chars().take(34).collect(),
                format!("{} samples, {}", self.samples, file_name(&self.args.design)),
                format!("{} superpixels", face.superpixels.count()),
                format!("surrogate explains {:.0} %", 100.0 * face.surrogate.r2),
            ],
        });
        write_rgb(&folder.join("overlay.png"), &picture)?;
        write_npy(&folder.join("relevance.npy"), size.1, size.0, face.relevance)?;
        let (height, width) = (FACE_HEIGHT as u32, FACE_WIDTH as u32);
        write_npy(&folder.join("standardised.npy"), height, width, standardised)
    }

    /// Heatmaps of the batch, their overlap with the masks, the summary.
    fn conclude(self, pictures: usize) -> Result<(), Failure> {
        let out = &self.args.out;
        if self.table.is_none() {
            return print("no face was explained, so nothing was written\n");
        }
        let network = self.classifier.spec().name.clone();
        let folder = out.join(HEATMAPS);
        create_folder(&folder)?;
        let mut rows = Vec::new();
        let mut panels = Vec::new();
        let means: Vec<_> = Expression::SIX
            .into_iter()
            .map(|expression| (expression, self.sums[&expression].mean(self.args.clip)))
            .collect();
        for (expression, mean) in &means {
            let count = self.sums[expression].explanations();
            let own = self.masks.get(*expression).expect("each of the six has a mask");
            let mut notes = vec![format!("{count} face{}", if count == 1 { "" } else { "s" })];
            if let Some(mean) = mean {
                let stretched = stretch(mean);
                let level = otsu_level(&stretched);
                let overlap = Overlap::new(&stretched, level, *expression, &self.masks);
                notes[0] += &format!(", IoU {:.3}", overlap.iou);
                notes.push(format!(
                    "all white {:.3}, random {:.3}",
                    overlap.iou_all_white, overlap.iou_random
                ));
                notes.push(format!("with the other masks {:.3}", overlap.iou_other_masks));
                let picture = GrayImage::from_raw(FACE_WIDTH as u32, FACE_HEIGHT as u32, stretched)
                    .expect("a heatmap has the standard face's size");
                write_grey(&folder.join(heatmap_file(&network, *expression)), &picture)?;
                rows.push(SummaryRow {
                    expression: *expression,
                    faces: count,
                    otsu_level: level,
                    overlap,
                });
            }
            panels.push(HeatmapPanel {
                expression: *expression,
                map: mean.as_deref(),
                mask: own,
                notes,
            });
        }
        let title = format!(
            "{network}: {} of {}",
            counted(self.faces, "face", "faces"),
            counted(pictures, "picture", "pictures")
        );
        let picture = overlay::heatmaps(&title, &panels, &self.standard_face);
        write_rgb(&out.join(HEATMAPS_PICTURE), &picture)?;
        let table = summary_table(&rows, self.neutral);
        // Last: where it stands, the result is whole.
        write_json(
            &out.join(SUMMARY),
            &Summary {
                network: &network,
                sha256: self.classifier.sha256(),
                masks: self.args.masks,
                clip: self.args.clip,
                design: &self.args.design,
                samples: self.samples,
                estimator: self.estimator,
                seed: self.args.seed,
                pictures,
                faces: self.faces,
                neutral: self.neutral,
                heatmaps: rows,
            },
        )?;
        print(&table)?;
        print(&format!("\nLook at {}\n", out.join(HEATMAPS_PICTURE).display()))
    }
}

const SUMMARY: &str = "summary.json";
const TABLE: &str = "explanations.csv";
const HEATMAPS: &str = "heatmaps";
const HEATMAPS_PICTURE: &str = "heatmaps.png";
/// What a face's folder holds.
const FACE_FILES: [&str; 6] = [
    "explanation.json",
    "face.png",
    "segments.png",
    "relevance.npy",
    "standardised.npy",
    "overlay.png",
];

fn heatmap_file(network: &str, expression: Expression) -> String {
    format!("{network}_{}_heatmap.png", expression.title())
}

/// Takes away what an earlier run left (with `--force`; without, there is none), and begins the table of faces.
fn begin_result(args: &Args) -> Result<Table, Failure> {
    create_folder(&args.out)?;
    remove_earlier_result(&args.out)?;
    let mut table = Table::in_file(&args.out.join(TABLE))?;
    table.row([
        "picture",
        "face",
        "folder",
        "network",
        "log10_nfa",
        "class",
        "probability",
        "segments",
        "r2",
    ])?;
    Ok(table)
}

/// Removes the files of an earlier run, which its table names; what ferscope did not write stays.
///
/// Otherwise heatmaps of expressions that no longer occur, or of another network, would stand beside the new ones.
fn remove_earlier_result(out: &Path) -> Result<(), Failure> {
    remove_file(&out.join(SUMMARY))?;
    remove_file(&out.join(HEATMAPS_PICTURE))?;
    let Ok(mut table) = csv::Reader::from_path(out.join(TABLE)) else { return Ok(()) };
    for row in table.records().filter_map(Result::ok) {
        let (Some(folder), Some(network)) = (row.get(2), row.get(3)) else { continue };
        if !is_name(folder) || !is_name(network) {
            continue;
        }
        for file in FACE_FILES {
            remove_file(&out.join(folder).join(file))?;
            remove_file(&partial_name(&out.join(folder).join(file)))?;
        }
        // Stays when the user keeps something of his own in it.
        let _ = std::fs::remove_dir(out.join(folder));
        for expression in Expression::SIX {
            remove_file(&out.join(HEATMAPS).join(heatmap_file(network, expression)))?;
        }
    }
    remove_file(&out.join(TABLE))
}

/// One explained face on its way to disk.
struct Explained<'a> {
    file: &'a PictureFile,
    number: usize,
    detection: &'a Detection,
    landmarks: &'a Landmarks,
    levelled: &'a LevelledFace,
    prediction: &'a Prediction,
    superpixels: &'a Superpixels,
    surrogate: &'a Surrogate,
    relevance: Vec<f32>,
    /// Signed, on the standard face.
    standardised: Vec<f32>,
    timings: Timings,
}

/// `summary.json`.
#[derive(Serialize)]
struct Summary<'a> {
    network: &'a str,
    sha256: &'a str,
    masks: MaskSet,
    clip: Clipping,
    design: &'a str,
    samples: usize,
    estimator: Estimator,
    seed: u64,
    pictures: usize,
    faces: usize,
    /// Faces explained but in no heatmap, since neutral has no mask.
    neutral: usize,
    heatmaps: Vec<SummaryRow>,
}

#[derive(Serialize)]
struct SummaryRow {
    expression: Expression,
    faces: u64,
    otsu_level: u8,
    #[serde(flatten)]
    overlap: Overlap,
}

fn summary_table(rows: &[SummaryRow], neutral: usize) -> String {
    let mut text = String::from(
        "\nOverlap of each expression's heatmap with its Ekman mask (IoU), beside what chance gives:\n\
         expression  faces    IoU  random  all white  other masks\n",
    );
    for row in rows {
        let overlap = &row.overlap;
        let _ = writeln!(
            text,
            "{:<11} {:>5}  {:>5.3}  {:>6.3}  {:>9.3}  {:>11.3}",
            row.expression,
            row.faces,
            overlap.iou,
            overlap.iou_random,
            overlap.iou_all_white,
            overlap.iou_other_masks
        );
    }
    if neutral > 0 {
        let _ = writeln!(text, "neutral     {neutral:>5}  (explained, but neutral has no mask)");
    }
    text
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A matrix of 0 and 1 in the number types in which NumPy users keep them.
fn read_design(path: &Path) -> Result<Design, Failure> {
    use ndarray::{Array2, Ix2};
    let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let bytes = files::read(path, files::LARGEST_SMALL_FILE).map_err(|error| {
        refuse(format!("cannot be read ({error}); --design takes iid, hadamard or a .npy file"))
    })?;
    fn read<T>(bytes: &[u8], to_number: fn(T) -> f64) -> Option<Array2<f64>>
    where
        T: ndarray_npy::ReadableElement + Clone + 'static,
    {
        Some(files::read_npy::<T, Ix2>(bytes).ok()?.mapv_into_any(to_number))
    }
    let array = read::<i64>(&bytes, |value| value as f64)
        .or_else(|| read::<u8>(&bytes, f64::from))
        .or_else(|| read::<bool>(&bytes, f64::from))
        .or_else(|| read::<f64>(&bytes, |value| value))
        .or_else(|| read::<f32>(&bytes, f64::from))
        .or_else(|| read::<i8>(&bytes, f64::from))
        .or_else(|| read::<i16>(&bytes, f64::from))
        .or_else(|| read::<u16>(&bytes, f64::from))
        .or_else(|| read::<i32>(&bytes, f64::from))
        .or_else(|| read::<u32>(&bytes, f64::from))
        .or_else(|| read::<u64>(&bytes, |value| value as f64));
    let Some(array) = array else {
        // As bytes: what is wrong with the file, whatever its numbers.
        let problem = files::read_npy::<u8, Ix2>(&bytes).err().unwrap_or_default();
        return Err(refuse(format!(
            "is no two-dimensional .npy array of bool, integer, float32 or float64 ({problem})"
        )));
    };
    // Logical order, whatever the order in the file.
    let values: Vec<f64> = array.iter().copied().collect();
    Design::given(array.ncols(), &values).map_err(|error| refuse(error.to_string()))
}

fn read_segments(path: &Path, crop_size: (u32, u32)) -> Result<Superpixels, Failure> {
    let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let (size, labels) = match files::decode_picture(path).map_err(refuse)? {
        DynamicImage::ImageLuma8(picture) => {
            (picture.dimensions(), picture.into_raw().into_iter().map(u16::from).collect())
        }
        DynamicImage::ImageLuma16(picture) => (picture.dimensions(), picture.into_raw()),
        _ => return Err(refuse("superpixel labels need a grey PNG of 8 or 16 bits".to_owned())),
    };
    Superpixels::given(size, crop_size, labels).map_err(|error| refuse(error.to_string()))
}
