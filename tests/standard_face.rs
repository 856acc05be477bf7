//! The standard face's triangulation, and maps carried to it against an independent rendering with SciPy
//! (`scripts/reference/standardise.py`).

use std::path::{Path, PathBuf};

use ferscope::standard_face::{
    FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, StandardFace, StandardFaceError, WarpMap,
};
use serde::Deserialize;

const TEXT: &str = include_str!("../calib/standard_face.toml");

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn cross(a: [i64; 2], b: [i64; 2], c: [i64; 2]) -> i64 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

#[test]
fn no_point_lies_inside_a_triangles_circumcircle() {
    let face = StandardFace::default();
    let points = face.points().map(|point| point.map(i64::from));
    for &triangle in face.triangles() {
        for (number, &point) in points.iter().enumerate() {
            let [a, b, c] = triangle.map(|index| {
                let [x, y] = [points[index][0] - point[0], points[index][1] - point[1]];
                [x, y, x * x + y * y]
            });
            let determinant = a[0] * (b[1] * c[2] - b[2] * c[1])
                - a[1] * (b[0] * c[2] - b[2] * c[0])
                + a[2] * (b[0] * c[1] - b[1] * c[0]);
            assert!(determinant <= 0, "point {} is inside the circle of {triangle:?}", number + 1);
        }
    }
}

#[test]
fn the_triangles_cover_the_face_once() {
    let face = StandardFace::default();
    let points = face.points().map(|point| point.map(i64::from));
    let doubled: i64 = face
        .triangles()
        .iter()
        .map(|triangle| {
            let [a, b, c] = triangle.map(|index| points[index]);
            assert!(cross(a, b, c) > 0);
            cross(a, b, c)
        })
        .sum();
    assert_eq!(doubled as usize, 2 * FACE_WIDTH * FACE_HEIGHT);
    let mut used: Vec<usize> = face.triangles().iter().flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    assert_eq!(used, (0..89).collect::<Vec<_>>());
}

#[test]
fn the_standard_face_itself_maps_to_itself() {
    let face = StandardFace::default();
    let map = WarpMap::new(&face, &face.landmarks(), FACE_WIDTH, FACE_HEIGHT);
    assert!(map.samples().enumerate().all(|(pixel, sample)| sample == Some(pixel)));
}

#[test]
fn a_face_twice_as_large_is_sampled_at_every_other_pixel() {
    let face = StandardFace::default();
    let landmarks = face.landmarks().map(|[x, y]| [2.0 * x, 2.0 * y]);
    let map = WarpMap::new(&face, &landmarks, 2 * FACE_WIDTH, 2 * FACE_HEIGHT);
    for (pixel, sample) in map.samples().enumerate() {
        let (x, y) = (pixel % FACE_WIDTH, pixel / FACE_WIDTH);
        assert_eq!(sample, Some(2 * y * 2 * FACE_WIDTH + 2 * x));
    }
}

#[test]
fn disordered_landmarks_give_relevance_from_the_crop_or_zero() {
    let face = StandardFace::default();
    let disorders: [[[f32; 2]; 68]; 6] = [
        [[30.0, 30.0]; 68],
        [[f32::NAN, 3.0]; 68],
        [[f32::INFINITY, f32::NEG_INFINITY]; 68],
        [[1e30, -1e30]; 68],
        face.landmarks().map(|[x, y]| [224.0 - x, 224.0 - y]),
        face.landmarks().map(|[x, y]| [x - 300.0, y]),
    ];
    for landmarks in disorders {
        for (width, height) in [(64, 64), (1, 1), (0, 5)] {
            let map = WarpMap::new(&face, &landmarks, width, height);
            let mut out = vec![f32::NAN; FACE_PIXELS];
            map.apply(&vec![7.0_f32; width * height], &mut out);
            assert!(out.iter().all(|&value| value == 0.0 || value == 7.0));
        }
    }
}

#[test]
fn bad_descriptions_are_named() {
    let error = |text: &str| StandardFace::from_toml(text).unwrap_err();
    let change = |from: &str, to: &str| {
        assert!(TEXT.contains(from));
        error(&TEXT.replacen(from, to, 1))
    };
    assert!(matches!(error("width = "), StandardFaceError::Syntax(_)));
    assert!(matches!(
        change("width = 224", "width = 225"),
        StandardFaceError::Size { width: 225, .. }
    ));
    assert!(matches!(change("[16, 90], ", ""), StandardFaceError::PointCount(88)));
    assert!(matches!(
        change("[16, 0]", "[15, 0]"),
        StandardFaceError::DerivedPoint { number: 69, .. }
    ));
    assert!(matches!(
        change("[109, 79]", "[109, 379]"),
        StandardFaceError::PointOutside { number: 28, .. }
    ));
    assert!(matches!(change("[1, 2, 86]", "[1, 2, 90]"), StandardFaceError::UnknownPoint { .. }));
    assert!(matches!(change("[1, 2, 86]", "[1, 86, 2]"), StandardFaceError::Orientation { .. }));
    assert!(matches!(change("[1, 2, 86], ", ""), StandardFaceError::Uncovered { .. }));
}

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    crop: [usize; 2],
    landmarks: Vec<[f32; 2]>,
}

#[test]
fn standardised_maps_equal_scipys() {
    let reference: Reference =
        serde_json::from_str(&std::fs::read_to_string(data("standardise.json")).unwrap()).unwrap();
    let face = StandardFace::default();
    for (number, case) in reference.cases.iter().enumerate() {
        let picture = |kind: &str| {
            let path = data(&format!("standardise_{number}_{kind}.png"));
            image::open(path).unwrap().into_luma8().into_raw()
        };
        let landmarks = case.landmarks.as_slice().try_into().unwrap();
        let map = WarpMap::new(&face, landmarks, case.crop[0], case.crop[1]);
        let mut out = vec![0_u8; FACE_PIXELS];
        map.apply(&picture("crop"), &mut out);
        let expected = picture("face");
        let equal = out.iter().zip(&expected).filter(|(a, b)| a == b).count();
        let share = equal as f64 / FACE_PIXELS as f64;
        eprintln!("case {number}: {share:.6} of the pixels equal, {} differ", FACE_PIXELS - equal);
        // Pixels whose source position is a half within rounding, and the tie of the triangulation, may differ.
        assert!(share >= 0.995);
    }
}
