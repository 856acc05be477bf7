//! `ferscope explain`: from pictures to explanations, standardised relevance and heatmaps.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use image::{DynamicImage, RgbImage};
use serde::Serialize;

use super::batch::Batch;
use super::instrument::{ClassifierArgs, FinderArgs};
use super::output::{
    create_folder, print, refuse_existing, write_file, write_grey, write_json, write_labels,
    write_npy, write_rgb,
};
use super::{Failure, exit_code};
use crate::appliance::{self, FaceFinder, Prediction};
use crate::compare::{EkmanMasks, MaskSet, Overlap, otsu_level, stretch};
use crate::explain::{self, COMPACTNESS, Design, SAMPLES, SEGMENTS, Superpixels, Surrogate, slic};
use crate::expression::Expression;
use crate::face::{Detection, Landmarks, LevelledFace};
use crate::heatmap::HeatmapSums;
use crate::network::{Classifier, Network};
use crate::random::Stream;
use crate::source::PictureFile;
use crate::standard_face::{FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, StandardFace, WarpMap};
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
    #[arg(long, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    samples: Option<u32>,
    /// iid: the paper's independent fair bits. hadamard: orthogonal columns with complements, for few samples. FILE.npy: a matrix of 0 and 1, a row
    /// per sample and a column per superpixel
    #[arg(long, default_value = "iid", value_name = "iid|hadamard|FILE.npy")]
    design: String,
    /// Superpixel labels (8 or 16 bit grey PNG of the crop's size, numbered from 0) instead of SLIC
    #[arg(long, value_name = "FILE.png")]
    segments: Option<PathBuf>,
    /// Seed of the random design: the same seed gives the same bits
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Which Ekman masks to compare with
    #[arg(long, value_enum, default_value_t)]
    masks: MaskSet,
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
    Given { columns: usize, visible: Vec<u8> },
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

/// What is needed to explain a face and to remember the batch.
struct Explainer<'a> {
    args: &'a Args,
    finder: FaceFinder,
    classifier: Network,
    design: DesignSource,
    segments: Option<(PathBuf, (u32, u32), Vec<u16>)>,
    standard_face: StandardFace,
    masks: EkmanMasks,
    sums: BTreeMap<Expression, HeatmapSums>,
    table: csv::Writer<Vec<u8>>,
    faces: usize,
    neutral: usize,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let summary_path = args.out.join("summary.json");
    refuse_existing(&summary_path, args.force)?;
    let mut explainer = Explainer::new(args)?;
    let mut batch = Batch::new(&args.paths);
    let pictures = batch.pictures.len();
    create_folder(&args.out)?;
    batch.for_each_picture(|batch, file, picture| {
        let mut timings = Timings::default();
        let found = timed(&mut timings.detect, || explainer.finder.detect(&picture))?;
        if found.is_empty() {
            batch.tell_no_face(&file.path);
        }
        for (number, detection) in (1..).zip(&found) {
            let result = explainer.explain(file, &picture, number, detection, timings.clone())?;
            if let Err(problem) = result {
                batch.tell(&format!("{}, face {number}: {problem}", file.path.display()));
            }
        }
        Ok(())
    })?;
    explainer.conclude(&summary_path, pictures)?;
    Ok(exit_code(batch.failures))
}

/// What keeps one face from being explained while the batch goes on.
type FaceResult = Result<(), String>;

impl<'a> Explainer<'a> {
    fn new(args: &'a Args) -> Result<Self, Failure> {
        let design = match args.design.as_str() {
            "iid" => DesignSource::Iid,
            "hadamard" => DesignSource::Hadamard,
            file => read_design(Path::new(file))?,
        };
        if matches!(design, DesignSource::Given { .. }) && args.samples.is_some() {
            return Err(Failure::Usage(
                "--samples and a design file exclude each other: the file's rows are the samples"
                    .to_owned(),
            ));
        }
        let segments = args.segments.as_deref().map(read_segments).transpose()?;
        let classifier = args.classifier.open(&args.finder)?;
        let standard_face = StandardFace::default();
        let masks = EkmanMasks::new(args.masks, &standard_face);
        let mut table = csv::Writer::from_writer(Vec::new());
        let header =
            ["picture", "face", "folder", "log10_nfa", "class", "probability", "segments", "r2"];
        table.write_record(header).map_err(|error| super::output::failed(&args.out, error))?;
        Ok(Explainer {
            args,
            finder: args.finder.open()?,
            classifier,
            design,
            segments,
            standard_face,
            masks,
            sums: Expression::SIX.into_iter().map(|e| (e, HeatmapSums::new())).collect(),
            table,
            faces: 0,
            neutral: 0,
        })
    }

    /// Explains one face, writes its folder and adds it to the heatmap of its class.
    fn explain(
        &mut self,
        file: &PictureFile,
        picture: &RgbImage,
        number: usize,
        detection: &Detection,
        mut timings: Timings,
    ) -> Result<FaceResult, Failure> {
        let name = format!("{}_{number}", file.name);
        let folder = self.args.out.join(&name);
        if let Err(exists) = refuse_existing(&folder, self.args.force) {
            return Ok(Err(exists.to_string()));
        }
        let size = self.classifier.crop_size().0;
        let landmarks = timed(&mut timings.landmarks, || self.finder.place(picture, detection))?;
        let Some(levelled) =
            timed(&mut timings.level, || LevelledFace::new(picture, &landmarks, size))
        else {
            return Ok(Err("its eyes cannot be told apart".to_owned()));
        };
        let prediction = timed(&mut timings.classify, || {
            appliance::classify(&mut self.classifier, &levelled.crop)
        })?;
        let superpixels = match timed(&mut timings.superpixels, || self.superpixels(&levelled)) {
            Ok(superpixels) => superpixels,
            Err(problem) => return Ok(Err(problem)),
        };
        let design = match self.design(&superpixels, &levelled) {
            Ok(design) => design,
            Err(problem) => return Ok(Err(problem)),
        };
        let surrogate = timed(&mut timings.explain, || {
            explain::explain(
                &mut self.classifier,
                &levelled.crop,
                &superpixels,
                &design,
                prediction.class,
            )
        })?;
        let relevance = superpixels.paint(&surrogate.weights);
        let mut standardised = vec![0.0; FACE_PIXELS];
        timed(&mut timings.standardise, || {
            WarpMap::new(
                &self.standard_face,
                levelled.landmarks.points(),
                size as usize,
                size as usize,
            )
            .apply(&relevance, &mut standardised);
        });
        match self.sums.get_mut(&prediction.expression) {
            Some(sums) => sums
                .add(&standardised)
                .map_err(|error| Failure::Input(format!("{}: {error}", file.path.display())))?,
            None => self.neutral += 1,
        }
        self.faces += 1;
        let explained = Explained {
            file,
            number,
            detection,
            landmarks: &landmarks,
            levelled: &levelled,
            prediction: &prediction,
            superpixels: &superpixels,
            samples: design.rows(),
            surrogate: &surrogate,
            relevance,
            standardised,
            timings,
        };
        self.write(&folder, &name, explained)?;
        Ok(Ok(()))
    }

    fn superpixels(&self, levelled: &LevelledFace) -> Result<Superpixels, String> {
        match &self.segments {
            None => Ok(slic(&levelled.crop, SEGMENTS, COMPACTNESS)),
            Some((path, size, labels)) => {
                Superpixels::given(*size, levelled.crop.dimensions(), labels.clone())
                    .map_err(|error| format!("{} {error}", path.display()))
            }
        }
    }

    fn design(&self, superpixels: &Superpixels, face: &LevelledFace) -> Result<Design, String> {
        let columns = superpixels.count();
        let rows = self.args.samples.map_or(SAMPLES, |samples| samples as usize);
        let mut stream = Stream::of_crop(self.args.seed, "design", &face.crop);
        match &self.design {
            DesignSource::Iid => Ok(Design::iid(rows, columns, &mut stream)),
            DesignSource::Hadamard => Ok(Design::hadamard(rows, columns, &mut stream)),
            DesignSource::Given { columns: given, visible } => {
                Design::given(*given, columns, visible.clone())
                    .map_err(|error| format!("{} {error}", self.args.design))
            }
        }
    }

    fn write(&mut self, folder: &Path, name: &str, face: Explained) -> Result<(), Failure> {
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
            samples: face.samples,
            design: &self.args.design,
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
            superpixels: face.superpixels,
            relevance: &face.relevance,
            standardised: &standardised,
            mask,
            probabilities: &probabilities,
            class: face.prediction.expression,
            notes: &[
                spec.name.clone(),
                format!("{} samples, {}", face.samples, file_name(&self.args.design)),
                format!("{} superpixels", face.superpixels.count()),
                format!("surrogate explains {:.0} %", 100.0 * face.surrogate.r2),
            ],
        });
        write_rgb(&folder.join("overlay.png"), &picture)?;
        write_npy(&folder.join("relevance.npy"), size.1, size.0, face.relevance)?;
        let (height, width) = (FACE_HEIGHT as u32, FACE_WIDTH as u32);
        write_npy(&folder.join("standardised.npy"), height, width, standardised)?;
        self.table
            .write_record([
                face.file.path.display().to_string(),
                face.number.to_string(),
                name.to_owned(),
                format!("{:.3}", face.detection.log10_nfa),
                face.prediction.expression.to_string(),
                format!("{:.6}", face.prediction.probabilities[face.prediction.class]),
                face.superpixels.count().to_string(),
                format!("{:.4}", face.surrogate.r2),
            ])
            .map_err(|error| super::output::failed(&self.args.out, error))
    }

    /// Heatmaps of the batch, their overlap with the masks, the table.
    fn conclude(self, summary_path: &Path, pictures: usize) -> Result<(), Failure> {
        let out = &self.args.out;
        let network = self.classifier.spec().name.clone();
        let folder = out.join("heatmaps");
        create_folder(&folder)?;
        let mut rows = Vec::new();
        let mut panels = Vec::new();
        let means: Vec<_> = Expression::SIX
            .into_iter()
            .map(|expression| (expression, self.sums[&expression].mean_clipped()))
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
                let picture =
                    image::GrayImage::from_raw(FACE_WIDTH as u32, FACE_HEIGHT as u32, stretched)
                        .expect("a heatmap has the standard face's size");
                let title = title_case(expression.name());
                write_grey(&folder.join(format!("{network}_{title}_heatmap.png")), &picture)?;
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
        let title = format!("{network}: {} faces of {pictures} pictures", self.faces);
        write_rgb(&out.join("heatmaps.png"), &overlay::heatmaps(&title, &panels))?;
        let table = self.table.into_inner().map_err(|error| super::output::failed(out, error))?;
        write_file(&out.join("explanations.csv"), &table)?;
        print(&summary_table(&rows, self.neutral));
        write_json(
            summary_path,
            &Summary {
                network: &network,
                sha256: self.classifier.sha256(),
                masks: self.args.masks,
                design: &self.args.design,
                seed: self.args.seed,
                pictures,
                faces: self.faces,
                neutral: self.neutral,
                heatmaps: rows,
            },
        )?;
        print(&format!("\nLook at {}\n", out.join("heatmaps.png").display()));
        Ok(())
    }
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
    samples: usize,
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
    design: &'a str,
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
    let _ = writeln!(text, "neutral     {neutral:>5}  (explained, but neutral has no mask)");
    text
}

fn title_case(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

fn file_name(path: &str) -> String {
    Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A matrix of 0 and 1 in any of the number types in which NumPy users keep them.
fn read_design(path: &Path) -> Result<DesignSource, Failure> {
    use ndarray::Array2;
    use ndarray_npy::{ReadNpyExt, ReadableElement};
    let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| {
        refuse(format!("cannot be read ({error}); --design takes iid, hadamard or a .npy file"))
    })?;
    fn read<T: ReadableElement>(bytes: &[u8], to_byte: impl Fn(T) -> u8) -> Option<DesignSource> {
        let array = Array2::<T>::read_npy(bytes).ok()?;
        let columns = array.ncols();
        // Logical order, whatever the order in the file.
        let visible = array.into_iter().map(to_byte).collect();
        Some(DesignSource::Given { columns, visible })
    }
    // What is neither 0 nor 1 must not become one of them.
    let whole = |value: i64| u8::try_from(value).unwrap_or(u8::MAX);
    let real = |value: f64| {
        if value == 0.0 {
            0
        } else if value == 1.0 {
            1
        } else {
            u8::MAX
        }
    };
    read::<i64>(&bytes, whole)
        .or_else(|| read::<i32>(&bytes, |value| whole(value.into())))
        .or_else(|| read::<u8>(&bytes, |value| value))
        .or_else(|| read::<i8>(&bytes, |value| whole(value.into())))
        .or_else(|| read::<bool>(&bytes, u8::from))
        .or_else(|| read::<f64>(&bytes, real))
        .or_else(|| read::<f32>(&bytes, |value| real(value.into())))
        .ok_or_else(|| refuse("is no two-dimensional .npy array of 0 and 1".to_owned()))
}

type GivenSegments = (PathBuf, (u32, u32), Vec<u16>);

fn read_segments(path: &Path) -> Result<GivenSegments, Failure> {
    let refuse = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let (size, labels) = match image::open(path).map_err(|error| refuse(error.to_string()))? {
        DynamicImage::ImageLuma8(picture) => {
            (picture.dimensions(), picture.into_raw().into_iter().map(u16::from).collect())
        }
        DynamicImage::ImageLuma16(picture) => (picture.dimensions(), picture.into_raw()),
        _ => return Err(refuse("superpixel labels need a grey PNG of 8 or 16 bits".to_owned())),
    };
    Ok((path.to_owned(), size, labels))
}
