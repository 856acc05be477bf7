//! Explanations against the reference implementations, on vectors that `scripts/reference/explanations.py` made with
//! scikit-image and PyPI lime (onnxruntime) from the demo's painted faces.

mod common;

use ferscope::explain::{COMPACTNESS, Design, Estimator, SEGMENTS, Superpixels, explain, slic};
use ferscope::network::Classifier;
use ferscope::random::Stream;
use image::GrayImage;
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    faces: Vec<ReferenceFace>,
}

#[derive(Deserialize)]
struct ReferenceFace {
    name: String,
    segments: usize,
    #[serde(default)]
    class: String,
    #[serde(default)]
    weights: Vec<f64>,
    #[serde(default)]
    intercept: f64,
    #[serde(default)]
    r2: f64,
    /// The weights of 5,000 independent samples.
    #[serde(default)]
    many: Vec<f64>,
}

fn folder() -> std::path::PathBuf {
    common::repository().join("tests/data/explanations")
}

fn reference() -> Vec<ReferenceFace> {
    let text = std::fs::read_to_string(folder().join("explanations.json")).unwrap();
    serde_json::from_str::<Reference>(&text).unwrap().faces
}

fn crop(face: &ReferenceFace) -> GrayImage {
    image::open(folder().join(format!("{}.png", face.name))).unwrap().into_luma8()
}

fn reference_superpixels(face: &ReferenceFace) -> Superpixels {
    let picture = image::open(folder().join(format!("{}_segments.png", face.name))).unwrap();
    let labels = match picture {
        image::DynamicImage::ImageLuma16(labels) => labels,
        other => panic!("labels are 16-bit grey, not {:?}", other.color()),
    };
    let size = labels.dimensions();
    Superpixels::given(size, size, labels.into_raw()).unwrap()
}

/// Hubert and Arabie's index of agreement of two partitions: 1 when they are the same, 0 as expected by chance.
fn adjusted_rand_index(a: &[u16], b: &[u16]) -> f64 {
    let pairs = |count: u64| (count * count.saturating_sub(1) / 2) as f64;
    let mut table = std::collections::HashMap::new();
    let (mut rows, mut columns) = (table.clone(), table.clone());
    for (&a, &b) in a.iter().zip(b) {
        *table.entry((a, b)).or_insert(0u64) += 1;
        *rows.entry((a, 0)).or_insert(0) += 1;
        *columns.entry((b, 0)).or_insert(0) += 1;
    }
    let sum = |counts: &std::collections::HashMap<_, u64>| -> f64 {
        counts.values().map(|&count| pairs(count)).sum()
    };
    let expected = sum(&rows) * sum(&columns) / pairs(a.len() as u64);
    let largest = (sum(&rows) + sum(&columns)) / 2.0;
    (sum(&table) - expected) / (largest - expected)
}

#[test]
fn superpixels_agree_with_scikit_image() {
    let mut indices = Vec::new();
    for face in reference() {
        let expected = reference_superpixels(&face);
        let found = slic(&crop(&face), SEGMENTS, COMPACTNESS);
        assert_eq!(found.count(), face.segments, "{}: number of superpixels", face.name);
        indices.push(adjusted_rand_index(found.labels(), expected.labels()));
    }
    let mean = indices.iter().sum::<f64>() / indices.len() as f64;
    let lowest = indices.iter().copied().fold(1.0, f64::min);
    println!(
        "adjusted Rand index over {} faces: mean {mean:.4}, lowest {lowest:.4}",
        indices.len()
    );
    assert!(indices.len() >= 30 && mean >= 0.98);
}

#[test]
fn weights_agree_with_lime_and_onnxruntime() {
    let design: ndarray::Array2<u8> = ndarray_npy::read_npy(folder().join("design.npy")).unwrap();
    let mut classifier = common::classifier(2);
    let mut largest_difference = 0.0f64;
    let mut explained = 0;
    for face in reference().iter().filter(|face| !face.weights.is_empty()) {
        let superpixels = reference_superpixels(face);
        let columns = superpixels.count();
        let values: Vec<f64> =
            design.slice(ndarray::s![.., ..columns]).iter().map(|&value| value.into()).collect();
        let design = Design::given(columns, &values).unwrap();
        let class = classifier.classes().iter().position(|c| c.name() == face.class).unwrap();
        let surrogate =
            explain(&mut classifier, &crop(face), &superpixels, &design, Estimator::Ridge, class)
                .unwrap();
        let scale = face.weights.iter().fold(0.0f64, |scale, w| scale.max(w.abs()));
        for (found, expected) in surrogate.weights.iter().zip(&face.weights) {
            largest_difference = largest_difference.max((found - expected).abs() / scale);
        }
        assert!((surrogate.intercept - face.intercept).abs() < 1e-3 * scale, "{}", face.name);
        assert!((surrogate.r2 - face.r2).abs() < 1e-3, "{}", face.name);
        explained += 1;
    }
    println!(
        "largest difference over {explained} faces: {largest_difference:.1e} of the largest weight"
    );
    assert!(explained >= 20 && largest_difference < 1e-3);
}

/// Pearson's correlation.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |a: &[f64], mean_a, b: &[f64], mean_b| -> f64 {
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum()
    };
    product(a, mean_a, b, mean_b)
        / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
}

#[test]
fn few_orthogonal_samples_agree_with_many_independent_ones() {
    let mut classifier = common::classifier(2);
    let faces: Vec<_> = reference().into_iter().filter(|face| !face.many.is_empty()).collect();
    let mut agreement = |samples, make: fn(usize, usize, &mut Stream) -> Design, estimator| {
        let mut sum = 0.0;
        for face in &faces {
            let superpixels = reference_superpixels(face);
            let class = classifier.classes().iter().position(|c| c.name() == face.class).unwrap();
            let mut stream = Stream::new(1, "design", &face.name);
            let design = make(samples, superpixels.count(), &mut stream);
            let surrogate =
                explain(&mut classifier, &crop(face), &superpixels, &design, estimator, class)
                    .unwrap();
            sum += correlation(&surrogate.weights, &face.many);
        }
        sum / faces.len() as f64
    };
    // 20 faces and one seed leave a standard error of about .02.
    let mut mean_at_150 = 0.0;
    for (samples, least) in [(100, 0.80), (150, 0.85), (300, 0.89)] {
        let mean = agreement(samples, Design::hadamard, Estimator::Imitation);
        println!("{samples} samples: mean correlation {mean:.3} over {} faces", faces.len());
        assert!(mean >= least, "{samples} samples: {mean:.3}");
        mean_at_150 = if samples == 150 { mean } else { mean_at_150 };
    }
    let orthogonal = agreement(150, Design::hadamard, Estimator::Ridge);
    let independent = agreement(150, Design::iid, Estimator::Ridge);
    println!(
        "150 samples: imitation {mean_at_150:.3}, without {orthogonal:.3}, independent {independent:.3}"
    );
    assert!(mean_at_150 > orthogonal + 0.02 && orthogonal > independent + 0.02);
}

#[test]
fn an_explanation_is_the_same_on_any_number_of_threads() {
    let face = &reference()[0];
    let superpixels = reference_superpixels(face);
    let design =
        Design::hadamard(40, superpixels.count(), &mut Stream::new(7, "design", "threads"));
    let on = |threads| {
        let mut classifier = common::classifier(threads);
        explain(&mut classifier, &crop(face), &superpixels, &design, Estimator::Imitation, 1)
            .unwrap()
    };
    assert_eq!(on(1), on(2));
    assert_eq!(on(1), on(3));
}
