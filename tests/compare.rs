//! Masks, overlaps and dendrograms against the paper's published heatmaps and masks, and against SciPy.
//!
//! The published files are not part of this repository: without them (`FERSCOPE_SHARED`, else `../shared`) those tests
//! say so and pass.

mod common;

use std::path::{Path, PathBuf};

use ferscope::compare::linkage::{average_linkage, leaf_order};
use ferscope::compare::mask::MaskError;
use ferscope::compare::overlap::{expected_random_iou, iou};
use ferscope::compare::report::{Aggregation, ReportError};
use ferscope::compare::{
    Comparison, Correlation, EkmanMasks, Heatmap, MaskSet, Overlap, foreground, otsu_level, stretch,
};
use ferscope::expression::Expression;
use ferscope::standard_face::{FACE_PIXELS, StandardFace};
use serde_json::Value;

fn reference() -> Option<PathBuf> {
    common::shared("reference")
}

fn grey(path: &Path) -> Vec<u8> {
    image::open(path).unwrap().into_luma8().into_raw()
}

fn masks(kind: MaskSet) -> EkmanMasks {
    EkmanMasks::new(kind, &StandardFace::default())
}

fn published(reference: &Path) -> (Value, Vec<Heatmap>) {
    let text =
        std::fs::read_to_string(reference.join("expected_from_heatmaps_by_net.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let mut heatmaps = Vec::new();
    for network in expected["networks"].as_array().unwrap() {
        let network = network.as_str().unwrap();
        for expression in Expression::SIX {
            let name = format!("{network}_{}_heatmap.png", expression.title());
            let pixels = grey(&reference.join("heatmaps_by_net").join(name));
            heatmaps.push(Heatmap {
                network: network.to_owned(),
                fold: None,
                expression,
                pixels: pixels.into_iter().map(f32::from).collect(),
            });
        }
    }
    (expected, heatmaps)
}

#[test]
fn published_masks_are_equal_pixel_for_pixel() {
    let Some(reference) = reference() else { return };
    let masks = masks(MaskSet::Published);
    for expression in Expression::SIX {
        let name = format!("{}_gt.png", expression.title());
        let expected: Vec<bool> = grey(&reference.join("ekman_masks").join(name))
            .into_iter()
            .map(|value| value > 127)
            .collect();
        assert_eq!(iou(masks.get(expression).unwrap(), &expected), 1.0, "{expression}");
    }
}

/// Holds without the published files too.
#[test]
fn masks_have_the_known_areas() {
    for (set, areas) in [
        (MaskSet::Published, [15376, 14444, 18478, 13205, 19038, 14614]),
        (MaskSet::AuCentres, [8412, 6392, 17322, 7172, 9885, 13652]),
    ] {
        let masks = masks(set);
        let found = Expression::SIX.map(|expression| {
            let mask = masks.get(expression).unwrap();
            mask.iter().filter(|&&inside| inside).count()
        });
        assert_eq!(found, areas);
    }
}

#[test]
fn published_overlaps_are_reproduced() {
    let Some(reference) = reference() else { return };
    let (expected, heatmaps) = published(&reference);
    let comparison =
        Comparison::new(&heatmaps, &masks(MaskSet::Published), Correlation::MeanCentred).unwrap();
    assert_eq!(comparison.heatmaps.len(), 72);
    for heatmap in &comparison.heatmaps {
        let figure = |name: &str| &expected[name][&heatmap.network][heatmap.expression.title()];
        assert_eq!(figure("otsu_level").as_u64(), Some(u64::from(heatmap.otsu_level)));
        let overlap = heatmap.overlap;
        for (name, value) in [
            ("iou", overlap.iou),
            ("precision", overlap.precision),
            ("recall", overlap.recall),
            ("f1", overlap.f1),
        ] {
            let expected = figure(name).as_f64().unwrap();
            // The expected figures have six decimals.
            assert!(
                (value - expected).abs() < 1e-6,
                "{name} of {} {}: {value}, expected {expected}",
                heatmap.network,
                heatmap.expression
            );
        }
    }
    let [means] = &comparison.means[..] else { panic!("no folds, so one aggregation") };
    assert_eq!(means.aggregation, Aggregation::Pooled);
    eprintln!("{:?}, {}", means.overall, means.share_above_all_white);
    for (value, expected) in [
        (means.overall.iou, 0.269),
        (means.overall.iou_other_masks, 0.262),
        (means.overall.iou_all_white, 0.2575),
        (means.overall.iou_random, 0.142),
        (1.0 - means.share_above_all_white, 0.54),
    ] {
        assert!((value - expected).abs() < 2e-3, "{value}, expected {expected}");
    }
}

#[test]
fn published_dendrograms_are_reproduced() {
    let Some(reference) = reference() else { return };
    let (expected, heatmaps) = published(&reference);
    let masks = masks(MaskSet::Published);
    for (correlation, key) in
        [(Correlation::Equation4, "equation_4"), (Correlation::MeanCentred, "mean_centred")]
    {
        let comparison = Comparison::new(&heatmaps, &masks, correlation).unwrap();
        let mut largest_difference: f64 = 0.0;
        for dendrogram in &comparison.dendrograms {
            let expected = &expected["dendrograms"][dendrogram.expression.title()][key];
            let condensed = expected["distances_condensed"].as_array().unwrap();
            let n = dendrogram.labels.len();
            let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
            for ((i, j), expected) in pairs.zip(condensed) {
                let difference = dendrogram.distances[i][j] - expected.as_f64().unwrap();
                largest_difference = largest_difference.max(difference.abs());
            }
            let merges: Vec<[f64; 4]> =
                serde_json::from_value(expected["average_linkage"].clone()).unwrap();
            assert_eq!(merges.len(), dendrogram.linkage.len());
            for (merge, expected) in dendrogram.linkage.iter().zip(merges) {
                assert_eq!(
                    [merge.first, merge.second, merge.leaves],
                    [expected[0] as usize, expected[1] as usize, expected[3] as usize]
                );
                largest_difference = largest_difference.max((merge.height - expected[2]).abs());
            }
        }
        eprintln!("{correlation}: largest difference {largest_difference:e}");
        assert!(largest_difference < 1e-4);
    }
}

#[test]
fn linkage_and_leaf_order_equal_scipys_with_ties() {
    let text = include_str!("data/linkage.json");
    let reference: Value = serde_json::from_str(text).unwrap();
    for case in reference["cases"].as_array().unwrap() {
        let n = case["leaves"].as_u64().unwrap() as usize;
        let mut distances = vec![vec![0.0; n]; n];
        let pairs = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)));
        for ((i, j), distance) in pairs.zip(case["condensed"].as_array().unwrap()) {
            distances[i][j] = distance.as_f64().unwrap();
            distances[j][i] = distances[i][j];
        }
        let expected: Vec<[f64; 4]> = serde_json::from_value(case["linkage"].clone()).unwrap();
        let merges = average_linkage(&distances);
        assert_eq!(merges.len(), expected.len());
        for (merge, [first, second, height, leaves]) in merges.iter().zip(expected) {
            assert_eq!(
                [merge.first, merge.second, merge.leaves],
                [first, second, leaves].map(|number| number as usize)
            );
            // Reading decimals may round the last bit otherwise than Python does.
            assert!((merge.height - height).abs() < 1e-12);
        }
        let order: Vec<usize> = serde_json::from_value(case["order"].clone()).unwrap();
        assert_eq!(leaf_order(&merges), order);
    }
}

#[test]
fn no_leaf_and_one_leaf_make_no_merge() {
    assert_eq!(average_linkage(&[]), []);
    assert_eq!(average_linkage(&[vec![0.0]]), []);
    assert_eq!(leaf_order(&[]), [0]);
}

#[test]
fn stretch_reaches_both_ends_and_truncates() {
    assert_eq!(stretch(&[-1.0_f32, 0.0, 1.0]), [0, 127, 255]);
    assert_eq!(stretch(&[3.5_f32; 4]), [0; 4]);
    assert!(stretch::<u8>(&[]).is_empty());
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(stretch(&all), all);
}

#[test]
fn otsu_parts_two_values_and_leaves_a_constant_map_dark() {
    assert_eq!(otsu_level(&[10, 10, 200, 200]), 10);
    assert_eq!(otsu_level(&[7; 9]), 0);
    assert_eq!(foreground(&[10, 11, 9], 10), [false, true, false]);
}

#[test]
fn overlap_of_nothing_is_zero_and_of_itself_one() {
    let (none, half) = ([false; 4], [true, true, false, false]);
    let empty = Overlap::of_sets(&none, &half, []);
    assert_eq!([empty.iou, empty.precision, empty.recall, empty.f1, empty.iou_random], [0.0; 5]);
    let same = Overlap::of_sets(&half, &half, [&none[..], &half[..]]);
    assert_eq!([same.iou, same.precision, same.recall, same.f1], [1.0; 4]);
    assert_eq!(same.iou_other_masks, 0.5);
    assert_eq!(same.iou_all_white, 0.5);
}

/// All subsets of small faces, so the expectation is known exactly.
#[test]
fn expected_random_iou_is_the_mean_over_all_subsets() {
    let pixels = 9_u32;
    for mask_area in 0..=pixels {
        let mask = (1_u32 << mask_area) - 1;
        for area in 0..=pixels {
            let subsets: Vec<u32> =
                (0..1 << pixels).filter(|subset: &u32| subset.count_ones() == area).collect();
            let mean = subsets
                .iter()
                .map(|subset| {
                    let union = (subset | mask).count_ones();
                    f64::from((subset & mask).count_ones()) / f64::from(union.max(1))
                })
                .sum::<f64>()
                / subsets.len() as f64;
            let found = expected_random_iou(area as usize, mask_area as usize, pixels as usize);
            assert!((found - mean).abs() < 1e-12, "{area} {mask_area}");
        }
    }
}

#[test]
fn correlations_know_their_own_mean() {
    let (a, b) = ([0, 10, 20], [100, 110, 120]);
    assert!((Correlation::MeanCentred.of(&a, &b) - 1.0).abs() < 1e-12);
    assert!(
        (Correlation::Equation4.of(&a, &b) - 3500.0 / (500.0_f64 * 36500.0).sqrt()).abs() < 1e-12
    );
    assert_eq!(Correlation::MeanCentred.of(&a, &[5; 3]), 0.0);
    assert_eq!(Correlation::Equation4.of(&a, &[0; 3]), 0.0);
}

fn heatmap(network: &str, fold: Option<u32>, expression: Expression, bright: usize) -> Heatmap {
    Heatmap {
        network: network.to_owned(),
        fold,
        expression,
        pixels: (0..FACE_PIXELS).map(|pixel| f32::from(u8::from(pixel / 1000 == bright))).collect(),
    }
}

#[test]
fn folds_are_pooled_and_averaged() {
    let heatmaps = [
        heatmap("A", Some(1), Expression::Fear, 10),
        heatmap("A", Some(2), Expression::Fear, 20),
        heatmap("B", None, Expression::Fear, 10),
    ];
    let masks = masks(MaskSet::AuCentres);
    let comparison = Comparison::new(&heatmaps, &masks, Correlation::MeanCentred).unwrap();
    assert_eq!(comparison.heatmaps.len(), 4);
    let pooled = &comparison.heatmaps[3];
    assert_eq!(pooled.pooled_from, [1, 2]);
    assert_eq!(pooled.overlap.foreground_area, 2000.0);
    let [of_pooled, of_folds] = &comparison.means[..] else { panic!("both aggregations") };
    assert_eq!(of_pooled.per_network.len(), 2);
    assert_eq!(of_folds.aggregation, Aggregation::MeanOverFolds);
    let folds = &comparison.heatmaps;
    assert_eq!(of_folds.overall.iou, (folds[0].overlap.iou + folds[1].overlap.iou) / 2.0);
    assert_eq!(comparison.dendrograms[0].labels, ["A", "B"]);
}

#[test]
fn unusable_heatmaps_are_named() {
    let masks = masks(MaskSet::Published);
    let error = |heatmaps: &[Heatmap]| {
        Comparison::new(heatmaps, &masks, Correlation::Equation4).unwrap_err()
    };
    let good = heatmap("A", None, Expression::Anger, 3);
    assert!(matches!(error(&[good.clone(), good.clone()]), ReportError::Twice { .. }));
    let mut short = good.clone();
    short.pixels.pop();
    assert!(matches!(error(&[short]), ReportError::Size { .. }));
    let mut infinite = good;
    infinite.pixels[7] = f32::INFINITY;
    assert!(matches!(error(&[infinite]), ReportError::NotFinite { .. }));
    let neutral = heatmap("A", None, Expression::Neutral, 3);
    assert_eq!(error(&[neutral]), ReportError::NoMask(Expression::Neutral));
}

#[test]
fn bad_mask_descriptions_are_named() {
    let text = include_str!("../calib/ekman_masks.toml");
    let face = StandardFace::default();
    let change = |from: &str, to: &str, kind| {
        assert!(text.contains(from));
        EkmanMasks::from_toml(&text.replacen(from, to, 1), kind, &face).unwrap_err()
    };
    assert!(matches!(
        change("\"38, 39, 20\"", "\"38, 39, 90\"", MaskSet::Published),
        MaskError::Point { .. }
    ));
    assert!(matches!(
        change("\"38, 39, 20\"", "\"38, 39\"", MaskSet::Published),
        MaskError::Triangle { .. }
    ));
    assert!(matches!(
        change("action_units = [9, 15]", "action_units = [9, 99]", MaskSet::AuCentres),
        MaskError::UnknownActionUnit { number: 99, .. }
    ));
    assert!(matches!(
        change("disc_radius = \"1/2\"", "disc_radius = \"1/0\"", MaskSet::AuCentres),
        MaskError::Share(_)
    ));
    assert!(matches!(
        change("[expression.fear]", "[expression.neutral]", MaskSet::Published),
        MaskError::MissingExpression(Expression::Fear)
    ));
}

#[test]
fn au_centre_masks_lie_on_both_halves_of_the_face() {
    let masks = masks(MaskSet::AuCentres);
    for expression in Expression::SIX {
        let mask = masks.get(expression).unwrap();
        let area = mask.iter().filter(|&&set| set).count();
        let left =
            mask.iter().enumerate().filter(|&(pixel, &set)| set && pixel % 224 < 110).count();
        assert!((0.4..0.6).contains(&(left as f64 / area as f64)), "{expression}");
    }
    assert!(masks.get(Expression::Neutral).is_none());
}
