//! How many samples an explanation should have where heatmaps accumulate: error of the heatmap per CPU second.
//!
//! Run with `cargo run --release --example sample_choice -- FOLDER`; the figures stand in benches/README.md, "How many samples".

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use ferscope::appliance::{self, FaceFinder, Options};
use ferscope::explain::{
    COMPACTNESS, Design, Estimator, Pair, SAMPLE_LADDER, SEGMENTS, SampleChoice, Superpixels,
    explain, slic,
};
use ferscope::expression::Expression;
use ferscope::face::LevelledFace;
use ferscope::heatmap::HeatmapSums;
use ferscope::network::{Classifier, Network, NetworkError};
use ferscope::random::Stream;
use ferscope::source::{list_pictures, read_picture};
use ferscope::standard_face::{
    FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, LANDMARKS, StandardFace, WarpMap,
};
use image::GrayImage;

/// Measure the error of heatmaps per CPU second by the number of samples
#[derive(Parser)]
struct Args {
    /// A folder of pictures
    folder: PathBuf,
    /// Name or path of the network
    #[arg(long, default_value = appliance::DEFAULT_NETWORK)]
    network: String,
    /// Most faces per expression, as the network classifies them
    #[arg(long, default_value_t = 10)]
    faces: usize,
    /// Where the network's answers are kept between runs
    #[arg(long)]
    cache: PathBuf,
    /// What stands where a superpixel is hidden
    #[arg(long, value_enum, default_value = "black")]
    filling: Filling,
    /// Stop once the network's answers are kept
    #[arg(long)]
    collect: bool,
}

#[derive(Clone, Copy, PartialEq, Debug, clap::ValueEnum)]
enum Filling {
    Black,
    /// The crop's mean grey
    Mean,
    /// The crop, blurred over a sixth of its side
    Blur,
}

/// Samples of a reference explanation.
const REFERENCE: usize = 5000;
/// Numbers of samples with `hadamard` designs, and how many explanations of each face have so many.
const PLAN: [(usize, usize); 10] =
    [(16, 2), (24, 2), (32, 4), (48, 2), (64, 4), (100, 2), (150, 2), (220, 1), (300, 1), (512, 1)];
/// The same with one half of each pair of complements only.
const HALVES: [(usize, usize); 2] = [(33, 4), (61, 2)];

/// Independent explanations with the reference's own samples: how many of so many.
const IID: [(usize, usize); 6] = [(32, 4), (64, 4), (100, 2), (150, 2), (300, 2), (1000, 2)];
/// CPU seconds spent on the heatmap of one expression.
const SECONDS: [f64; 3] = [5.0, 20.0, 60.0];

struct Subject {
    crop: GrayImage,
    hidden: Vec<u8>,
    superpixels: Superpixels,
    landmarks: [[f32; 2]; LANDMARKS],
    class: usize,
    key: u64,
    /// Which superpixel each kept pixel of the standard face shows.
    places: Vec<Option<u16>>,
}

/// Explanations of one kind.
struct Pool {
    name: &'static str,
    samples: usize,
    /// Per face, per repetition, per kept pixel.
    maps: Vec<Vec<Vec<f32>>>,
}

/// What is known of a kind of explanation, in units of the mean square of the reference heatmaps where it is squared.
struct Figures {
    name: &'static str,
    samples: usize,
    /// Seconds per explanation.
    cost: f64,
    /// Size of the mean map beside the reference's.
    scale: f64,
    /// Variance by faces and by samples, once the scale is taken out.
    faces: f64,
    sampling: f64,
    /// Squared difference that no averaging takes away, once the scale is taken out.
    bias: f64,
}

impl Figures {
    /// Squared error after so many seconds.
    fn error(&self, seconds: f64) -> f64 {
        (self.faces + self.sampling) * self.cost / seconds + self.bias.max(0.0)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args = Args::parse();
    let options = Options {
        models: Path::new(env!("CARGO_MANIFEST_DIR")).join("models"),
        network: args.network.clone(),
        detector_size: 256,
        shape_predictor: None,
        epsilon: appliance::DEFAULT_EPSILON,
        threads: 1,
    };
    std::fs::create_dir_all(&args.cache)?;
    let mut network = appliance::open_classifier(&options)?;
    let subjects = subjects(&args, &options, &mut network)?;
    let classes = network.classes().to_vec();
    let mut pools: Vec<Pool> = Vec::new();
    for (number, subject) in subjects.iter().enumerate() {
        eprintln!("face {} of {}", number + 1, subjects.len());
        for (name, repetition, design) in designs(subject) {
            let answers = answers(&args, &mut network, subject, name, repetition, &design)?;
            let mut keep = |kind, design: &Design, answers: &[f32], estimator| {
                let mut replay = Replay { classes: &classes, answers };
                let Subject { crop, superpixels, class, .. } = subject;
                let surrogate = explain(&mut replay, crop, superpixels, design, estimator, *class)?;
                let map = subject.places.iter().map(|place| {
                    place.map_or(0.0, |place| surrogate.weights[usize::from(place)] as f32)
                });
                let map = map.collect();
                let same = |pool: &&mut Pool| (pool.name, pool.samples) == (kind, design.rows());
                let pool = match pools.iter_mut().find(same) {
                    Some(pool) => pool,
                    None => {
                        let maps = vec![Vec::new(); subjects.len()];
                        pools.push(Pool { name: kind, samples: design.rows(), maps });
                        pools.last_mut().expect("just added")
                    }
                };
                pool.maps[number].push(map);
                Ok::<(), NetworkError>(())
            };
            match name {
                "iid" => {
                    keep("reference", &design, &answers, Estimator::Ridge)?;
                    for (samples, count) in IID {
                        for part in 0..count {
                            let from = 1 + part * samples;
                            let rows: Vec<usize> =
                                std::iter::once(0).chain(from..from + samples - 1).collect();
                            let (design, answers) = some_rows(&design, &answers, &rows);
                            keep("iid, ridge", &design, &answers, Estimator::Ridge)?;
                        }
                    }
                }
                "hadamard" => {
                    keep("hadamard, ridge", &design, &answers, Estimator::Ridge)?;
                    keep("hadamard, imitation", &design, &answers, Estimator::Imitation)?;
                    keep("hadamard, corrected", &design, &answers, Estimator::Corrected)?;
                }
                _ => {
                    keep("half, ridge", &design, &answers, Estimator::Ridge)?;
                    keep("half, corrected", &design, &answers, Estimator::Corrected)?;
                }
            }
        }
    }
    if args.collect {
        return Ok(());
    }
    report(&mut network, &subjects, &pools)
}

fn report(
    network: &mut Network,
    subjects: &[Subject],
    pools: &[Pool],
) -> Result<(), Box<dyn std::error::Error>> {
    let evaluation = evaluation_seconds(network, subjects)?;
    let reference = &pools[0].maps;
    let mut all = Vec::new();
    for pool in &pools[1..] {
        let fixed = fixed_seconds(network.classes(), &subjects[0], pool)?;
        let cost = fixed + evaluation * pool.samples as f64;
        all.push((figures(pool, reference, subjects, cost), fixed));
    }
    println!("{:.3} ms per evaluation, {} faces", 1e3 * evaluation, subjects.len());
    println!(
        "| design, estimator | samples | fixed ms | scale | between faces | sampling | bias | x s | 5 s | 20 s | 60 s |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for (figures, fixed) in &all {
        let Figures { name, samples, scale, faces, sampling, bias, cost } = figures;
        let variance = faces + sampling;
        let after: Vec<String> =
            SECONDS.iter().map(|&s| format!("{:.3}", figures.error(s).sqrt())).collect();
        println!(
            "| {name} | {samples} | {:.1} | {scale:.2} | {faces:.2} | {sampling:.2} | {bias:.3} | {:.3} | {} |",
            1e3 * fixed,
            variance * cost,
            after.join(" | ")
        );
    }
    for name in ["hadamard, ridge", "hadamard, imitation", "hadamard, corrected"] {
        let of_name = |(figures, _): &&(Figures, f64)| figures.name == name;
        let known: Vec<(&Figures, f64)> =
            all.iter().filter(of_name).map(|(figures, fixed)| (figures, *fixed)).collect();
        let pools: Vec<&Pool> = pools.iter().filter(|pool| pool.name == name).collect();
        choose(name, &known, &pools, subjects, evaluation);
    }
    Ok(())
}

/// Plays what a live loop would do, with explanations drawn from the pools of one estimator, faces at random.
fn choose(
    name: &str,
    known: &[(&Figures, f64)],
    pools: &[&Pool],
    subjects: &[Subject],
    evaluation: f64,
) {
    const RUNS: usize = 20;
    let mut squared = [0.0; SECONDS.len()];
    let mut chosen: BTreeMap<usize, usize> = BTreeMap::new();
    let mut stream = Stream::new(0, "choice", name);
    for _ in 0..RUNS {
        let mut choice = SampleChoice::new();
        let mut last: Vec<Option<(usize, &[f32])>> = vec![None; 7];
        // Of each expression alike: what is spent on one is a sixth of all.
        let (mut seconds, mut explained, mut sum, mut bias) = (0.0, 0.0f64, 0.0, 0.0);
        let mut place = 0;
        while place < SECONDS.len() {
            // A number that was not measured is taken for the nearest below.
            let wanted = choice.samples();
            let index = known.iter().rposition(|(k, _)| k.samples <= wanted).unwrap_or(0);
            let (figures, fixed) = known[index];
            let samples = figures.samples;
            *chosen.entry(samples).or_default() += 1;
            let maps = &pools[index].maps;
            let face = stream.below(subjects.len());
            let first = stream.below(maps[face].len());
            let again = choice.wants_repeat() && maps[face].len() > 1;
            let times = if again { 2.0 } else { 1.0 };
            let map = maps[face][first].as_slice();
            if again {
                let second = &maps[face][(first + 1) % maps[face].len()];
                choice.add_pair(Pair::SameCrop, samples, squared_difference(map, second));
                choice.add_cost(samples, fixed, evaluation * samples as f64);
            }
            choice.add_cost(samples, fixed, evaluation * samples as f64);
            let class = subjects[face].class;
            if let Some((before, other)) = last[class].filter(|&(before, _)| before == samples) {
                choice.add_pair(Pair::OtherCrop, before, squared_difference(map, other));
            }
            last[class] = Some((samples, map));
            seconds += times * figures.cost;
            explained += times;
            sum += times * times * figures.faces + times * figures.sampling;
            bias += times * figures.bias.max(0.0).sqrt();
            if seconds >= 6.0 * SECONDS[place] {
                // An expression has a sixth of the explanations.
                squared[place] += (6.0 * sum + bias * bias) / explained.powi(2) / RUNS as f64;
                place += 1;
            }
        }
    }
    let total: usize = chosen.values().sum();
    let shares: Vec<String> = chosen
        .iter()
        .map(|(samples, count)| format!("{samples}: {:.1} %", 100.0 * *count as f64 / total as f64))
        .collect();
    println!("chosen with {name}: {}", shares.join(", "));
    for (place, seconds) in SECONDS.iter().enumerate() {
        let (best, best_samples) = known
            .iter()
            .filter(|(figures, _)| SAMPLE_LADDER.contains(&figures.samples))
            .map(|(figures, _)| (figures.error(*seconds), figures.samples))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("several were measured");
        println!(
            "after {seconds} s: error {:.3}, the best fixed ({best_samples}) {:.3}; squared, {:.2} of it",
            squared[place].sqrt(),
            best.sqrt(),
            squared[place] / best
        );
    }
}

fn squared_difference(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
    squares.sum::<f64>() / a.len() as f64
}

fn mean_of<'a>(maps: impl Iterator<Item = &'a [f64]>) -> Vec<f64> {
    let (mut sum, mut count) = (Vec::new(), 0.0);
    for map in maps {
        sum.resize(map.len(), 0.0);
        sum.iter_mut().zip(map).for_each(|(sum, value)| *sum += value);
        count += 1.0;
    }
    sum.iter().map(|sum| sum / count).collect()
}

/// Mean square of the maps' deviations from their mean, divisor one less than their number.
fn variance(maps: &[Vec<f64>]) -> f64 {
    let mean = mean_of(maps.iter().map(Vec::as_slice));
    let deviation = |map: &Vec<f64>| {
        map.iter().zip(&mean).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / mean.len() as f64
    };
    maps.iter().map(deviation).sum::<f64>() / (maps.len() as f64 - 1.0)
}

fn mean_square(map: &[f64]) -> f64 {
    map.iter().map(|value| value * value).sum::<f64>() / map.len() as f64
}

/// Every face stands for the population of its expression; expressions are added up.
fn figures(pool: &Pool, reference: &[Vec<Vec<f32>>], subjects: &[Subject], cost: f64) -> Figures {
    let wide = |map: &Vec<f32>| map.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let by_class = |class: usize| {
        (0..subjects.len()).filter(move |&face| subjects[face].class == class).collect::<Vec<_>>()
    };
    let mut classes: Vec<Vec<usize>> = (0..7).map(by_class).collect();
    // Two faces are needed for a variance.
    classes.retain(|faces| faces.len() > 1);
    let (mut product, mut square) = (0.0, 0.0);
    let mut parts = Vec::new();
    for faces in &classes {
        let repetitions: Vec<Vec<Vec<f64>>> =
            faces.iter().map(|&face| pool.maps[face].iter().map(wide).collect()).collect();
        let own: Vec<Vec<f64>> =
            repetitions.iter().map(|maps| mean_of(maps.iter().map(Vec::as_slice))).collect();
        let references: Vec<Vec<f64>> =
            faces.iter().map(|&face| wide(&reference[face][0])).collect();
        let mean = mean_of(own.iter().map(Vec::as_slice));
        let target = mean_of(references.iter().map(Vec::as_slice));
        product += mean.iter().zip(&target).map(|(a, b)| a * b).sum::<f64>() / mean.len() as f64;
        square += mean_square(&target);
        parts.push((repetitions, own, references));
    }
    let scale = product / square;
    let (mut faces, mut sampling, mut bias) = (0.0, 0.0, 0.0);
    for (repetitions, own, references) in &parts {
        let count = repetitions[0].len() as f64;
        let differences: Vec<Vec<f64>> = own
            .iter()
            .zip(references)
            .map(|(own, reference)| {
                own.iter().zip(reference).map(|(own, reference)| own / scale - reference).collect()
            })
            .collect();
        // With one repetition the reference, which hardly errs, takes the place of others.
        let by_samples = if count > 1.0 {
            repetitions.iter().map(|maps| variance(maps)).sum::<f64>()
                / repetitions.len() as f64
                / scale.powi(2)
        } else {
            differences.iter().map(|map| mean_square(map)).sum::<f64>() / differences.len() as f64
        };
        sampling += by_samples;
        faces += variance(own) / scale.powi(2) - by_samples / count;
        // Less what chance gives.
        bias += mean_square(&mean_of(differences.iter().map(Vec::as_slice)))
            - variance(&differences) / differences.len() as f64;
    }
    let [faces, sampling, bias] = [faces, sampling, bias].map(|sum| sum / square);
    Figures { name: pool.name, samples: pool.samples, cost, scale, faces, sampling, bias }
}

/// Seconds of a sample, the least of several measurements: other programs only add.
fn evaluation_seconds(network: &mut Network, subjects: &[Subject]) -> Result<f64, NetworkError> {
    const ROWS: usize = 16;
    let subject = &subjects[0];
    let columns = subject.superpixels.count();
    let design = Design::iid(ROWS, columns, &mut Stream::new(0, "design", "cost"));
    let mut probabilities = vec![0.0; ROWS * network.classes().len()];
    let mut least = f64::MAX;
    for _ in 0..40 {
        let start = Instant::now();
        let paint = |row, sample: &mut [u8]| hide(subject, design.row(row), sample);
        network.evaluate(ROWS, &paint, &mut probabilities)?;
        least = least.min(start.elapsed().as_secs_f64() / ROWS as f64);
    }
    Ok(least)
}

/// Seconds of all that an explanation needs beside evaluations, likewise.
fn fixed_seconds(
    classes: &[Expression],
    subject: &Subject,
    pool: &Pool,
) -> Result<f64, Box<dyn std::error::Error>> {
    let estimator = match pool.name.rsplit(' ').next() {
        Some("imitation") => Estimator::Imitation,
        Some("corrected") => Estimator::Corrected,
        _ => Estimator::Ridge,
    };
    let standard_face = StandardFace::default();
    let side = subject.crop.width() as usize;
    let answers: Vec<f32> = (0..pool.samples * classes.len())
        .map(|index| (1 + index % 11) as f32 / (6 * classes.len()) as f32)
        .collect();
    let mut sums = HeatmapSums::new();
    let mut warp = WarpMap::new(&standard_face, &subject.landmarks, side, side);
    let mut map = vec![0.0; FACE_PIXELS];
    let mut least = f64::MAX;
    for _ in 0..10 {
        let start = Instant::now();
        let superpixels = slic(&subject.crop, SEGMENTS, COMPACTNESS);
        let mut stream = Stream::of_crop(0, "design", &subject.crop);
        let design = Design::hadamard(pool.samples, superpixels.count(), &mut stream);
        let mut replay = Replay { classes, answers: &answers };
        let Subject { crop, class, .. } = subject;
        let surrogate = explain(&mut replay, crop, &superpixels, &design, estimator, *class)?;
        warp.rebuild(&standard_face, &subject.landmarks, side, side);
        warp.apply(&superpixels.paint(&surrogate.weights), &mut map);
        sums.add(&map)?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}

/// Answers that were given before.
struct Replay<'a> {
    classes: &'a [Expression],
    answers: &'a [f32],
}

impl Classifier for Replay<'_> {
    fn classes(&self) -> &[Expression] {
        self.classes
    }

    fn crop_size(&self) -> (u32, u32) {
        unreachable!("nothing asks a replay")
    }

    fn evaluate(
        &mut self,
        _: usize,
        _: &(dyn Fn(usize, &mut [u8]) + Sync),
        probabilities: &mut [f32],
    ) -> Result<(), NetworkError> {
        probabilities.copy_from_slice(self.answers);
        Ok(())
    }
}

fn some_rows(design: &Design, answers: &[f32], rows: &[usize]) -> (Design, Vec<f32>) {
    let values: Vec<f64> =
        rows.iter().flat_map(|&row| design.row(row)).map(|&value| value.into()).collect();
    let classes = answers.len() / design.rows();
    let answers =
        rows.iter().flat_map(|&row| &answers[row * classes..][..classes]).copied().collect();
    (Design::given(design.columns(), &values).expect("rows of a design"), answers)
}

fn subjects(
    args: &Args,
    options: &Options,
    network: &mut Network,
) -> Result<Vec<Subject>, Box<dyn std::error::Error>> {
    let mut finder = FaceFinder::open(options)?;
    let size = network.crop_size().0;
    let standard_face = StandardFace::default();
    let (mut pictures, _) = list_pictures(std::slice::from_ref(&args.folder));
    // Whoever comes first in the alphabet is not taken alone.
    Stream::new(0, "order", "pictures").shuffle(&mut pictures);
    let mut taken = [0; 6];
    let mut subjects = Vec::new();
    for path in pictures {
        if taken.iter().all(|&taken| taken >= args.faces) {
            break;
        }
        let Some(face) = finder.faces(&read_picture(&path.path)?, size)?.into_iter().next() else {
            continue;
        };
        let LevelledFace { crop, landmarks, .. } = face.levelled;
        let prediction = appliance::classify(network, &crop)?;
        let Some(of_class) = Expression::SIX.iter().position(|&six| six == prediction.expression)
        else {
            continue;
        };
        if taken[of_class] >= args.faces {
            continue;
        }
        taken[of_class] += 1;
        let superpixels = slic(&crop, SEGMENTS, COMPACTNESS);
        let side = size as usize;
        let mut standardised = vec![0u16; FACE_PIXELS];
        let labels: Vec<u16> = superpixels.labels().iter().map(|label| label + 1).collect();
        WarpMap::new(&standard_face, landmarks.points(), side, side)
            .apply(&labels, &mut standardised);
        // Every fourth pixel each way: superpixels are much larger.
        let places = (0..FACE_HEIGHT)
            .step_by(4)
            .flat_map(|y| (0..FACE_WIDTH).step_by(4).map(move |x| y * FACE_WIDTH + x))
            .map(|pixel| standardised[pixel].checked_sub(1))
            .collect();
        subjects.push(Subject {
            hidden: hidden(&crop, args.filling),
            landmarks: *landmarks.points(),
            key: Stream::of_crop(0, &format!("{} {:?}", network.sha256(), args.filling), &crop)
                .bits(),
            class: prediction.class,
            crop,
            superpixels,
            places,
        });
    }
    eprintln!("faces per expression: {:?}", &taken);
    Ok(subjects)
}

fn hidden(crop: &GrayImage, filling: Filling) -> Vec<u8> {
    match filling {
        Filling::Black => vec![0; crop.len()],
        Filling::Mean => {
            let sum: usize = crop.iter().map(|&grey| usize::from(grey)).sum();
            vec![(sum / crop.len()) as u8; crop.len()]
        }
        Filling::Blur => image::imageops::blur(crop, crop.width() as f32 / 6.0).into_raw(),
    }
}

/// Each with its kind and the number of the repetition.
fn designs(subject: &Subject) -> Vec<(&'static str, usize, Design)> {
    let columns = subject.superpixels.count();
    let stream = |name: &str| Stream::of_crop(0, name, &subject.crop);
    let mut designs = vec![("iid", 0, Design::iid(REFERENCE, columns, &mut stream("iid")))];
    for (samples, count) in PLAN {
        for number in 0..count {
            let mut stream = stream(&format!("hadamard-{samples}-{number}"));
            designs.push(("hadamard", number, Design::hadamard(samples, columns, &mut stream)));
        }
    }
    for (samples, count) in HALVES {
        for number in 0..count {
            let mut stream = stream(&format!("half-{samples}-{number}"));
            let whole = Design::hadamard(2 * samples - 1, columns, &mut stream);
            let rows: Vec<usize> = std::iter::once(0).chain((1..whole.rows()).step_by(2)).collect();
            designs.push(("half", number, some_rows(&whole, &[], &rows).0));
        }
    }
    designs
}

/// The network's probabilities for each row of the design.
fn answers(
    args: &Args,
    network: &mut Network,
    subject: &Subject,
    name: &str,
    number: usize,
    design: &Design,
) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let file = match name {
        "iid" => format!("{:016x}-iid", subject.key),
        _ => format!("{:016x}-{name}-{}-{number}", subject.key, design.rows()),
    };
    let path = args.cache.join(file);
    let mut probabilities = vec![0.0f32; design.rows() * network.classes().len()];
    if let Ok(bytes) = std::fs::read(&path)
        && bytes.len() == 4 * probabilities.len()
    {
        for (value, bytes) in probabilities.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        return Ok(probabilities);
    }
    network.evaluate(
        design.rows(),
        &|row, sample| hide(subject, design.row(row), sample),
        &mut probabilities,
    )?;
    let bytes: Vec<u8> = probabilities.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(path, bytes)?;
    Ok(probabilities)
}

fn hide(subject: &Subject, visible: &[u8], sample: &mut [u8]) {
    let pixels = subject.crop.iter().zip(&subject.hidden).zip(subject.superpixels.labels());
    for (out, ((&shown, &hidden), &label)) in sample.iter_mut().zip(pixels) {
        *out = if visible[usize::from(label)] == 1 { shown } else { hidden };
    }
}
