//! The regression trees against dlib 20.0.1, whose files they read: on a tiny predictor that dlib trained
//! (`scripts/reference/tiny_shape_predictor.py`), and, where `scripts/reference/fetch-shape-predictor` has been run or
//! `FERSCOPE_SHAPE_PREDICTOR` names the file, on the standard one (`scripts/reference/landmarks.py`).
//!
//! All pictures are PNG: two JPEG decoders differ by a few grey levels, which alone moves dlib's own points by up to
//! 6 pixels on faces 350 pixels wide.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use ferscope::face::regression_trees::RegressionTreesError;
use ferscope::face::{BoundingBox, RegressionTrees};
use ferscope::standard_face::StandardFace;
use image::{DynamicImage, RgbImage};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;

/// dlib rounds to the nearest pixel; a ten-thousandth more for its doubles that are floats here.
const ROUNDING: f32 = 0.5001;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn tiny_file() -> Vec<u8> {
    fs::read(root().join("tests/data/tiny_shape_predictor.dat")).unwrap()
}

/// The standard predictor, or a word on why the test is skipped.
fn standard() -> Option<RegressionTrees> {
    let path = std::env::var_os("FERSCOPE_SHAPE_PREDICTOR").map_or_else(
        || root().join("target/reference/shape_predictor_68_face_landmarks.dat"),
        PathBuf::from,
    );
    let Ok(file) = fs::File::open(&path) else {
        common::skip(&format!("{} (scripts/reference/fetch-shape-predictor)", path.display()));
        return None;
    };
    Some(RegressionTrees::read(file).unwrap())
}

fn place(trees: &mut RegressionTrees, picture: &DynamicImage, bounds: [f32; 4]) -> [[f32; 2]; 68] {
    let [x, y, width, height] = bounds;
    let rectangle = BoundingBox { x, y, width, height };
    let mut points = [[0.0; 2]; 68];
    trees.place(&picture.to_rgb8(), rectangle, &mut points);
    points
}

/// The largest distance along an axis, over all faces of a list that dlib's points were written to.
fn worst_distance(trees: &mut RegressionTrees, list: &Path, pictures: &Path) -> f32 {
    let faces: Vec<Value> = serde_json::from_slice(&fs::read(list).unwrap()).unwrap();
    assert!(!faces.is_empty());
    let distances = faces.iter().flat_map(|face| {
        let picture = image::open(pictures.join(face["picture"].as_str().unwrap())).unwrap();
        let rectangle = serde_json::from_value(face["rectangle"].clone()).unwrap();
        let dlib: Vec<[f32; 2]> = serde_json::from_value(face["points"].clone()).unwrap();
        let ours = place(trees, &picture, rectangle);
        assert_eq!(dlib.len(), ours.len());
        let distance =
            |(a, b): (&[f32; 2], &[f32; 2])| (a[0] - b[0]).abs().max((a[1] - b[1]).abs());
        ours.iter().zip(&dlib).map(distance).collect::<Vec<_>>()
    });
    distances.fold(0.0, f32::max)
}

#[test]
fn places_points_where_dlib_does_with_a_tiny_predictor() {
    let mut trees = RegressionTrees::read(&tiny_file()[..]).unwrap();
    let data = root().join("tests/data");
    let list = data.join("tiny_shape_predictor.json");
    let worst = worst_distance(&mut trees, &list, &data.join("painted_faces"));
    assert!(worst <= ROUNDING, "{worst} pixels");
}

#[test]
fn places_the_standard_face_on_a_black_picture() {
    let Some(mut trees) = standard() else { return };
    // dlib.rectangle(0, 0, 224, 250) includes column 224 and row 250.
    let black = DynamicImage::ImageRgb8(RgbImage::new(224, 275));
    let points = place(&mut trees, &black, [0.0, 0.0, 225.0, 251.0]);
    let rounded = points.map(|point| point.map(|coordinate| (coordinate + 0.5).floor()));
    assert_eq!(rounded, StandardFace::default().landmarks());
}

#[test]
fn places_points_where_dlib_does_on_painted_faces() {
    let Some(mut trees) = standard() else { return };
    let folder = root().join("tests/data/painted_faces");
    let worst = worst_distance(&mut trees, &folder.join("faces.json"), &folder);
    assert!(worst <= ROUNDING, "{worst} pixels");
}

#[test]
fn places_points_where_dlib_does_on_photographs() {
    let Some(mut trees) = standard() else { return };
    let folder = root().join("target/reference/london");
    if !folder.join("faces.json").exists() {
        common::skip(&format!("{} (scripts/reference/landmarks.py)", folder.display()));
        return;
    }
    let worst = worst_distance(&mut trees, &folder.join("faces.json"), &folder);
    assert!(worst <= ROUNDING, "{worst} pixels");
}

/// A whole number in dlib's serialisation.
fn integer(value: i64) -> Vec<u8> {
    let sign = if value < 0 { 0x80 } else { 0 };
    [&[sign | 8], &value.unsigned_abs().to_le_bytes()[..]].concat()
}

/// A shape of so many points that lie in a row.
fn shape(points: i64) -> Vec<u8> {
    let numbers = (0..2 * points).flat_map(|number| [integer(number), integer(-8)].concat());
    [integer(-2 * points), integer(-1)].concat().into_iter().chain(numbers).collect()
}

#[test]
fn says_how_many_points_another_predictor_has() {
    let file = [integer(1), shape(5)].concat();
    let error = RegressionTrees::read(&file[..]).unwrap_err();
    assert!(matches!(error, RegressionTreesError::Points { points: 5 }), "{error}");
    assert_eq!(error.to_string(), "the predictor places 5 points, 68 are needed");
}

#[test]
fn refuses_what_is_no_predictor() {
    let message = |file: &[u8]| RegressionTrees::read(file).unwrap_err().to_string();
    assert_eq!(message(b""), "byte 0: version 1 of a shape predictor expected, but the file ends");
    assert_eq!(
        message(b"PNG"),
        "byte 0: version 1 of a shape predictor expected, found control byte 0x50"
    );
    assert_eq!(message(&integer(2)), "byte 0: version 1 of a shape predictor expected, found 2");
    let split = |pixel| [integer(pixel), integer(0), integer(0), integer(0)].concat();
    let tree = |splits: &[Vec<u8>]| {
        let leaves = splits.len() + 1;
        [
            integer(splits.len() as i64),
            splits.concat(),
            integer(leaves as i64),
            shape(68).repeat(leaves),
        ]
        .concat()
    };
    let stage = |trees: &[Vec<u8>]| {
        let count = integer(trees.len() as i64);
        [integer(1), shape(68), integer(1), count, trees.concat()].concat()
    };
    let two = tree(&[split(0), split(0)]);
    assert!(
        message(&stage(&[two]))
            .ends_with("as many splits as full trees of equal depth have expected, found 2")
    );
    let uneven = [tree(&[split(0), split(0), split(0)]), tree(&[split(0)])];
    assert!(
        message(&stage(&uneven)).ends_with("as full trees of equal depth have expected, found 1")
    );
    let few_pixels = [stage(&[tree(&[split(7)])]), integer(1), integer(7)].concat();
    assert!(
        message(&few_pixels)
            .ends_with("as many anchors as the splits name pixels expected, found 7")
    );
    let far_anchor = [stage(&[tree(&[split(0)])]), integer(1), integer(1), integer(68)].concat();
    assert!(message(&far_anchor).ends_with("number of a point, from 0 expected, found 68"));
    let many_pixels = stage(&[tree(&[split(1 << 16)])]);
    assert!(
        message(&many_pixels).ends_with("number of a feature pixel, from 0 expected, found 65536")
    );
}

/// A file that claims more than it holds is told by its end, not by running out of memory.
#[test]
fn believes_no_count_before_the_bytes_came() {
    let huge = integer((1 << 62) - 1);
    let mut file = [integer(1), shape(68)].concat();
    for _ in ["stages", "trees", "splits"] {
        file.extend(&huge);
        let error = RegressionTrees::read(&file[..]).unwrap_err();
        let end = file.len() as u64;
        assert!(
            matches!(error, RegressionTreesError::Ended { offset, .. } if offset == end),
            "{error}"
        );
    }
}

#[test]
fn refuses_every_truncation() {
    let file = tiny_file();
    let ends = (0..400).chain((400..file.len()).step_by(97)).chain(file.len() - 1200..file.len());
    for end in ends {
        match RegressionTrees::read(&file[..end]) {
            Err(RegressionTreesError::Ended { offset, .. }) => {
                assert!((end.saturating_sub(8)..=end).contains(&(offset as usize)));
            }
            other => panic!("cut at {end}: {other:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(68),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Whatever a damaged file says, reading ends, and what could be read places points without a panic.
    #[test]
    fn survives_damage(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        rectangle in prop::array::uniform4(prop_oneof![-1e3f32..1e3, any::<f32>()]),
    ) {
        let mut file = tiny_file();
        for (place, byte) in damage {
            *place.get_mut(&mut file) = byte;
        }
        if let Ok(mut trees) = RegressionTrees::read(&file[..]) {
            place(&mut trees, &DynamicImage::ImageLuma8(image::GrayImage::new(7, 5)), rectangle);
        }
    }
}
