//! Heatmap sums: exact in any order, and their means and variance.

use ferscope::heatmap::{
    Clipping, HeatmapError, HeatmapSums, LARGEST_RELEVANCE, MOST_EXPLANATIONS,
};
use ferscope::standard_face::FACE_PIXELS;
use proptest::prelude::*;

/// A map whose pixels vary with the seed, over many magnitudes and both signs.
fn map(seed: u32) -> Vec<f32> {
    (0..FACE_PIXELS as u32)
        .map(|pixel| {
            let bits = (pixel ^ seed).wrapping_mul(0x9E37_79B9) ^ seed.rotate_left(13);
            let size = f32::from(bits as i16) / f32::from(i16::MAX);
            size * 2.0_f32.powi((bits >> 16) as i32 % 12 - 8)
        })
        .collect()
}

fn sums(seeds: &[u32]) -> HeatmapSums {
    let mut sums = HeatmapSums::new();
    for &seed in seeds {
        sums.add(&map(seed)).unwrap();
    }
    sums
}

fn merged(parts: &[HeatmapSums]) -> HeatmapSums {
    let mut all = HeatmapSums::new();
    for part in parts {
        all.merge(part).unwrap();
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shards_in_any_order_give_the_bits_of_one_run(
        (seeds, shuffled) in prop::collection::vec(any::<u32>(), 1..12)
            .prop_flat_map(|seeds| (Just(seeds.clone()), Just(seeds).prop_shuffle())),
        cut in 0..12_usize,
    ) {
        let whole = sums(&seeds);
        prop_assert_eq!(&whole, &sums(&shuffled));
        let (left, right) = shuffled.split_at(cut.min(shuffled.len()));
        let (left, right) = (sums(left), sums(right));
        prop_assert_eq!(&whole, &merged(&[left.clone(), right.clone()]));
        prop_assert_eq!(&whole, &merged(&[right, left]));
        prop_assert_eq!(&whole, &HeatmapSums::from_bytes(&whole.to_bytes()).unwrap());
    }

    #[test]
    fn merging_is_associative(seeds in prop::collection::vec(any::<u32>(), 3)) {
        let [a, b, c] = [0, 1, 2].map(|index: usize| sums(&seeds[index..=index]));
        let left = merged(&[merged(&[a.clone(), b.clone()]), c.clone()]);
        let right = merged(&[a, merged(&[b, c])]);
        prop_assert_eq!(left, right);
    }

    #[test]
    fn means_and_variance_are_those_of_the_values(values in prop::collection::vec(-4.0_f32..4.0, 2..20)) {
        let mut sums = HeatmapSums::new();
        for &value in &values {
            sums.add(&vec![value; FACE_PIXELS]).unwrap();
        }
        let n = values.len() as f64;
        let mean = values.iter().map(|&value| f64::from(value)).sum::<f64>() / n;
        let clipped = values.iter().map(|&value| f64::from(value.max(0.0))).sum::<f64>() / n;
        let variance = values.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let close = |map: Option<Vec<f32>>, expected: f64| (f64::from(map.unwrap()[77]) - expected).abs() < 1e-5;
        prop_assert!(close(sums.mean_signed(), mean));
        prop_assert!(close(sums.mean(Clipping::First), clipped));
        prop_assert!(close(sums.mean(Clipping::Last), mean.max(0.0)));
        prop_assert!(close(sums.variance(), variance));
    }
}

#[test]
fn nothing_has_no_mean_and_one_explanation_no_variance() {
    let mut sums = HeatmapSums::new();
    assert_eq!(sums.mean_signed(), None);
    assert_eq!(sums.mean(Clipping::First), None);
    assert_eq!(sums.mean(Clipping::Last), None);
    sums.add(&vec![-0.5; FACE_PIXELS]).unwrap();
    assert_eq!(sums.variance(), None);
    assert_eq!(sums.mean_signed().unwrap()[0], -0.5);
    assert_eq!(sums.mean(Clipping::First).unwrap()[0], 0.0);
}

#[test]
fn an_unusable_map_changes_nothing() {
    let mut sums = sums(&[3]);
    let before = sums.clone();
    assert_eq!(sums.add(&[0.0; 5]), Err(HeatmapError::Size(5)));
    for value in [f32::NAN, f32::INFINITY, -2.0 * LARGEST_RELEVANCE] {
        let mut bad = vec![1.0; FACE_PIXELS];
        bad[100] = value;
        assert!(matches!(sums.add(&bad), Err(HeatmapError::Relevance { pixel: 100, .. })));
    }
    assert_eq!(sums, before);
}

#[test]
fn the_fullest_heatmap_does_not_overflow() {
    let mut sums = HeatmapSums::new();
    sums.add(&vec![LARGEST_RELEVANCE; FACE_PIXELS]).unwrap();
    // Doubling by merging with itself, and once more adding one: 1, 3, 7, ... 2^31 - 1.
    let one = sums.clone();
    while sums.explanations() < MOST_EXPLANATIONS {
        let again = sums.clone();
        sums.merge(&again).unwrap();
        sums.merge(&one).unwrap();
    }
    assert_eq!(sums.explanations(), MOST_EXPLANATIONS);
    assert_eq!(sums.mean_signed().unwrap()[9], LARGEST_RELEVANCE);
    assert_eq!(sums.variance().unwrap()[9], 0.0);
    let before = sums.clone();
    assert_eq!(sums.merge(&one), Err(HeatmapError::Full(MOST_EXPLANATIONS + 1)));
    assert_eq!(sums, before);
}

#[test]
fn damaged_bytes_are_refused() {
    let bytes = sums(&[1, 2]).to_bytes();
    let refused = |bytes: &[u8]| HeatmapSums::from_bytes(bytes).is_err();
    assert!(refused(&[]));
    assert!(refused(&bytes[1..]));
    for place in [0, 31, 39] {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x40;
        assert!(refused(&damaged), "byte {place}");
    }
}
