//! Faces found, none found where there is none, and landmarks where people put them.

mod common;

use ferscope::face::Point;
use ferscope::source::read_picture;
use image::{RgbImage, imageops};

/// The face of each frame of the demo as the renderer knows it.
struct TrueFace {
    frame: String,
    landmarks: Vec<Point>,
}

fn truth() -> Vec<TrueFace> {
    let mut table = csv::Reader::from_path(common::repository().join("demo/truth.csv")).unwrap();
    let header = table.headers().unwrap().clone();
    let first = header.iter().position(|name| name == "x1").unwrap();
    let faces = table.records().map(|record| {
        let record = record.unwrap();
        let numbers: Vec<f32> = record.iter().skip(first).filter_map(|n| n.parse().ok()).collect();
        let landmarks = numbers.as_chunks::<2>().0.to_vec();
        let number: u32 = record[0].parse().unwrap();
        TrueFace { frame: format!("frame-{number:03}.jpg"), landmarks }
    });
    // Frames without a face have a line without landmarks.
    faces.filter(|face| face.landmarks.len() == 68).collect()
}

fn distance(a: Point, b: Point) -> f32 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

fn mean(points: &[Point]) -> Point {
    let sum = points.iter().fold([0.0; 2], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
    sum.map(|sum| sum / points.len() as f32)
}

#[test]
fn every_face_of_the_demo_is_found_and_nothing_else() {
    let mut finder = common::finder();
    let truth = truth();
    let mut errors = Vec::new();
    for path in common::pictures(&common::repository().join("demo")) {
        let frame = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected: Vec<_> = truth.iter().filter(|face| face.frame == frame).collect();
        let faces = finder.faces(&read_picture(&path).unwrap(), 64).unwrap();
        assert_eq!(faces.len(), expected.len(), "{frame}");
        for true_face in expected {
            let eyes = (mean(&true_face.landmarks[36..42]), mean(&true_face.landmarks[42..48]));
            let scale = distance(eyes.0, eyes.1);
            let error = faces
                .iter()
                .map(|face| {
                    let inner = 17..68;
                    let sum: f32 = inner
                        .clone()
                        .map(|i| distance(face.landmarks.points()[i], true_face.landmarks[i]))
                        .sum();
                    sum / inner.len() as f32 / scale
                })
                .fold(f32::INFINITY, f32::min);
            errors.push(error);
        }
    }
    let mean = errors.iter().sum::<f32>() / errors.len() as f32;
    println!(
        "landmarks 18 to 68 of {} painted faces: mean error {:.2} % of the distance between the eyes",
        errors.len(),
        100.0 * mean
    );
    assert!(mean < 0.08);
}

#[test]
fn false_faces_per_face_free_frame_stay_at_or_under_epsilon() {
    let pictures: Vec<RgbImage> =
        common::pictures(&common::repository().join("tests/data/face_free"))
            .iter()
            .map(|path| read_picture(path).unwrap())
            .collect();
    let mut stream = ferscope::random::Stream::new(1, "test", "face-free frames");
    let frames: Vec<RgbImage> = (0..600)
        .map(|index| random_frame(&pictures[index % pictures.len()], &mut stream))
        .collect();
    for detector_size in [256, 192] {
        let options =
            ferscope::appliance::Options { epsilon: 1.0, detector_size, ..common::options() };
        let mut finder = ferscope::appliance::FaceFinder::open(&options).unwrap();
        let found: Vec<f64> = frames
            .iter()
            .flat_map(|frame| finder.detect(frame).unwrap())
            .map(|detection| detection.log10_nfa)
            .collect();
        for epsilon in [0.01f64, 0.1, 1.0] {
            // Suppression goes from the strongest window down, so a lower epsilon keeps the strongest of these.
            let false_faces = found.iter().filter(|nfa| **nfa <= epsilon.log10()).count();
            let rate = false_faces as f64 / frames.len() as f64;
            println!(
                "detector {detector_size}, epsilon {epsilon}: {false_faces} false faces in {} frames: {rate:.4}",
                frames.len()
            );
            assert!(rate <= epsilon, "epsilon {epsilon}: {rate} false faces per frame");
        }
    }
}

/// A part of a picture, a quarter to all of its width, perhaps mirrored.
fn random_frame(picture: &RgbImage, stream: &mut ferscope::random::Stream) -> RgbImage {
    let share = 25 + stream.below(76) as u32;
    let (width, height) = (picture.width() * share / 100, picture.height() * share / 100);
    let left = stream.below((picture.width() - width + 1) as usize) as u32;
    let top = stream.below((picture.height() - height + 1) as usize) as u32;
    let part = imageops::crop_imm(picture, left, top, width.max(16), height.max(16)).to_image();
    if stream.below(2) == 0 { part } else { imageops::flip_horizontal(&part) }
}

#[test]
fn one_face_on_each_of_the_204_london_photographs() {
    let Some(folder) = common::shared("data/london") else { return };
    let mut finder = common::finder();
    let mut photographs = 0;
    for part in ["neutral", "smiling"] {
        for path in common::pictures(&folder.join(part)) {
            let faces = finder.detect(&read_picture(&path).unwrap()).unwrap();
            assert_eq!(faces.len(), 1, "{}", path.display());
            photographs += 1;
        }
    }
    println!("one face on each of {photographs} photographs");
    assert_eq!(photographs, 204);
}

#[test]
fn the_shipped_network_tells_calm_from_smiling_photographs() {
    use ferscope::expression::Expression::{Happiness, Neutral};
    let Some(folder) = common::shared("data/london") else { return };
    let mut finder = common::finder();
    let mut classifier = common::classifier(1);
    let mut counts = std::collections::BTreeMap::new();
    for part in ["neutral", "smiling"] {
        for path in common::pictures(&folder.join(part)) {
            let face = finder.faces(&read_picture(&path).unwrap(), 112).unwrap().remove(0);
            let prediction =
                ferscope::appliance::classify(&mut classifier, &face.levelled.crop).unwrap();
            *counts.entry((part, prediction.expression)).or_insert(0) += 1;
        }
    }
    println!("photographs by instruction and expression read: {counts:?}");
    assert!(counts[&("neutral", Neutral)] >= 98 && counts[&("smiling", Happiness)] >= 64);
}

/// Where an iBUG landmark from 28 to 68 lies on the London set's template of 189 hand-placed points (numbered from 0).
///
/// The template has three points on each lid where iBUG has two, so these lie between; it has no inner mouth corners, which lie
/// between the mouth's corner and the next inner point. iBUG parts the bridge of the nose evenly from the height of the eyes to the
/// tip.
fn hand_placed(template: &[Point], landmark: usize) -> Point {
    let of =
        |points: &[usize]| mean(&points.iter().map(|&point| template[point]).collect::<Vec<_>>());
    let (bridge, tip) = (of(&[51, 57]), of(&[54, 60]));
    match landmark {
        28..=31 => {
            let share = (landmark - 28) as f32 / 3.0;
            [0, 1].map(|axis| bridge[axis] + share * (tip[axis] - bridge[axis]))
        }
        32..=36 => of([&[64][..], &[64, 180], &[55], &[181, 69], &[69]][landmark - 32]),
        37..=42 => {
            of([&[18][..], &[19, 20], &[20, 21], &[22], &[29, 30], &[28, 29]][landmark - 37])
        }
        43..=48 => {
            of([&[23][..], &[24, 25], &[25, 26], &[27], &[32, 33], &[31, 32]][landmark - 43])
        }
        49..=60 => of(&[[87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104][landmark - 49]]),
        61..=68 => {
            of([&[87, 94][..], &[95], &[96], &[97], &[93, 98], &[102], &[101], &[100]]
                [landmark - 61])
        }
        _ => panic!("the template has no landmark {landmark}"),
    }
}

#[test]
fn landmarks_stand_where_people_placed_them() {
    let Some(folder) = common::shared("data/london") else { return };
    let text = std::fs::read_to_string(folder.join("neutral_landmarks_189.json")).unwrap();
    let placed: std::collections::BTreeMap<String, Vec<Point>> =
        serde_json::from_str(&text).unwrap();
    let mut finder = common::finder();
    let mut per_landmark = [0.0f32; 69];
    for (name, template) in &placed {
        let picture = read_picture(&folder.join(format!("neutral/{name}.jpg"))).unwrap();
        let face = finder.faces(&picture, 64).unwrap().remove(0);
        // The template's first two points are the pupils.
        let scale = distance(template[0], template[1]);
        for (number, sum) in per_landmark.iter_mut().enumerate().skip(28) {
            let error = distance(face.landmarks.number(number), hand_placed(template, number));
            *sum += error / scale / placed.len() as f32;
        }
    }
    let mean_of = |numbers: std::ops::RangeInclusive<usize>| {
        100.0 * per_landmark[numbers.clone()].iter().sum::<f32>() / numbers.count() as f32
    };
    let all = mean_of(28..=68);
    println!(
        "mean error over {} photographs in % of the distance between the pupils: nose {:.2}, eyes {:.2}, mouth {:.2}, all {all:.2}",
        placed.len(),
        mean_of(28..=36),
        mean_of(37..=48),
        mean_of(49..=68)
    );
    assert!(all <= 4.0);
}
