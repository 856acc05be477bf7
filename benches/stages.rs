//! Every stage of a frame's way on a frame of the demo, and one explanation of the default network at 150 evaluations.
//!
//! Run with `cargo bench`; figures and how they were measured stand in benches/README.md.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use ferscope::appliance::{self, FaceFinder, Options};
use ferscope::compare::{EkmanMasks, MaskSet, Overlap, otsu_level, stretch};
use ferscope::explain::{COMPACTNESS, Design, Estimator, SEGMENTS, Surrogate, explain, slic};
use ferscope::expression::Expression;
use ferscope::face::LevelledFace;
use ferscope::heatmap::{Clipping, HeatmapSums};
use ferscope::random::Stream;
use ferscope::source::read_picture;
use ferscope::standard_face::{FACE_PIXELS, StandardFace, WarpMap};

fn stages(criterion: &mut Criterion) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let options = |detector_size, threads| Options {
        models: repository.join("models"),
        network: appliance::DEFAULT_NETWORK.to_owned(),
        detector_size,
        shape_predictor: None,
        epsilon: appliance::DEFAULT_EPSILON,
        threads,
    };
    let picture = read_picture(&repository.join("demo/frame-006.jpg")).unwrap();
    let mut finder = FaceFinder::open(&options(256, 1)).unwrap();
    let mut small_finder = FaceFinder::open(&options(192, 1)).unwrap();
    let mut classifier = appliance::open_classifier(&options(256, 1)).unwrap();
    let mut two_threads = appliance::open_classifier(&options(256, 2)).unwrap();
    let size = classifier.spec().input.width;
    let face = finder.faces(&picture, size).unwrap().remove(0);
    let crop = &face.levelled.crop;

    criterion.bench_function("detect, 256", |b| b.iter(|| finder.detect(&picture).unwrap()));
    criterion.bench_function("detect, 192", |b| b.iter(|| small_finder.detect(&picture).unwrap()));
    criterion.bench_function("landmarks", |b| {
        b.iter(|| finder.place(&picture, &face.detection).unwrap());
    });
    criterion.bench_function("level and crop", |b| {
        b.iter(|| LevelledFace::new(&picture, &face.landmarks, size));
    });
    criterion.bench_function("classify", |b| {
        b.iter(|| appliance::classify(&mut classifier, crop).unwrap());
    });
    criterion.bench_function("superpixels", |b| {
        b.iter(|| slic(black_box(crop), SEGMENTS, COMPACTNESS));
    });

    let superpixels = slic(crop, SEGMENTS, COMPACTNESS);
    let design =
        |rows| Design::hadamard(rows, superpixels.count(), &mut Stream::new(0, "design", "bench"));
    criterion.bench_function("design, 150 rows", |b| b.iter(|| design(150)));
    for rows in [150, 1000] {
        let design = design(rows);
        let targets: Vec<f64> = (0..rows).map(|row| (row % 7) as f64 / 7.0).collect();
        criterion.bench_function(&format!("surrogate, {rows} samples"), |b| {
            b.iter(|| Surrogate::fit(&design, &targets));
        });
    }
    let design = design(150);
    for (threads, classifier) in [(1, &mut classifier), (2, &mut two_threads)] {
        let mut group = criterion.benchmark_group("explain");
        group.sample_size(10);
        group.bench_function(format!("150 evaluations, {threads} threads"), |b| {
            b.iter(|| {
                explain(classifier, crop, &superpixels, &design, Estimator::Imitation, 1).unwrap()
            });
        });
        group.finish();
    }

    let standard_face = StandardFace::default();
    let landmarks = face.levelled.landmarks.points();
    let relevance = superpixels.paint(&vec![0.1; superpixels.count()]);
    let mut standardised = vec![0.0f32; FACE_PIXELS];
    let mut map = WarpMap::new(&standard_face, landmarks, size as usize, size as usize);
    criterion.bench_function("warp map", |b| {
        b.iter(|| map.rebuild(&standard_face, landmarks, size as usize, size as usize));
    });
    criterion.bench_function("warp", |b| b.iter(|| map.apply(&relevance, &mut standardised)));
    let mut sums = HeatmapSums::new();
    criterion.bench_function("accumulate", |b| b.iter(|| sums.add(&standardised).unwrap()));
    let masks = EkmanMasks::new(MaskSet::Published, &standard_face);
    let mean = sums.mean(Clipping::Last).unwrap();
    criterion.bench_function("overlap with a mask", |b| {
        b.iter(|| {
            let stretched = stretch(&mean);
            Overlap::new(&stretched, otsu_level(&stretched), Expression::Happiness, &masks)
        });
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
