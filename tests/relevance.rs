//! Relevance accuracy against cases computed by hand and against brute force; correlation of relevance images.

use ferscope::compare::{RelevanceAccuracy, moved_region, pearson, relevance_accuracy};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn accuracy(relevance: &[f32], mask: &[u8]) -> Option<RelevanceAccuracy> {
    relevance_accuracy(relevance, &pixels(mask), None)
}

fn pixels(set: &[u8]) -> Vec<bool> {
    set.iter().map(|&pixel| pixel == 1).collect()
}

#[test]
fn mass_and_rank_are_those_computed_by_hand() {
    // 5 of 8 lie inside; of the two most relevant pixels (4 and 2) one does.
    let found = accuracy(&[4.0, 2.0, -7.0, 1.0, 1.0], &[1, 0, 0, 1, 0]).unwrap();
    assert_eq!(found, RelevanceAccuracy { mass: 5.0 / 8.0, rank: 1.0 / 2.0, chance: 2.0 / 5.0 });
    let all = accuracy(&[3.0, 0.0, 1.0, -1.0], &[1, 0, 1, 0]).unwrap();
    assert_eq!(all, RelevanceAccuracy { mass: 1.0, rank: 1.0, chance: 0.5 });
    let none = accuracy(&[3.0, -2.0, 1.0, -1.0], &[0, 1, 0, 1]).unwrap();
    assert_eq!(none, RelevanceAccuracy { mass: 0.0, rank: 0.0, chance: 0.5 });
}

#[test]
fn a_tie_at_the_last_place_counts_with_its_expected_value() {
    // Three places: one for the 5, which is outside, two for the four 1s, of which three are inside.
    let found = accuracy(&[1.0, 1.0, 5.0, 1.0, 1.0, 0.0], &[1, 1, 0, 1, 0, 0]).unwrap();
    assert_eq!(found.rank, 2.0 * (3.0 / 4.0) / 3.0);
    assert_eq!(found.mass, 3.0 / 9.0);
    // Fewer relevant pixels than places: the rest goes to those of no or negative relevance, all alike.
    let found = accuracy(&[2.0, 0.0, -1.0, -3.0, -0.0], &[1, 1, 0, 1, 0]).unwrap();
    assert_eq!(found.rank, (1.0 + 2.0 * (2.0 / 4.0)) / 3.0);
}

#[test]
fn only_counted_pixels_count() {
    let (relevance, mask) = ([9.0, 4.0, 2.0, 1.0, 9.0], pixels(&[1, 1, 0, 1, 0]));
    let found = relevance_accuracy(&relevance, &mask, Some(&pixels(&[0, 1, 1, 1, 0]))).unwrap();
    assert_eq!(found, accuracy(&[4.0, 2.0, 1.0], &[1, 0, 1]).unwrap());
    assert_eq!(relevance_accuracy(&relevance, &mask, Some(&pixels(&[0, 0, 1, 0, 1]))), None);
    assert_eq!(relevance_accuracy(&relevance, &mask, Some(&[false; 5])), None);
}

#[test]
fn without_mask_or_positive_relevance_there_is_no_accuracy() {
    assert_eq!(accuracy(&[1.0, 2.0], &[0, 0]), None);
    assert_eq!(accuracy(&[0.0, -2.0], &[1, 0]), None);
    assert_eq!(accuracy(&[], &[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// Any relevance, put in all orders of its pixels, gives the chance level on average, and each order a share.
    #[test]
    fn both_are_chance_on_average_over_all_orders(
        relevance in prop::collection::vec((-2..4_i8).prop_map(f32::from), 6),
        mask in prop::collection::vec(any::<bool>(), 6),
    ) {
        let mut sums = [0.0; 3];
        let mut orders = 0;
        for_each_order(6, &mut |order| {
            let relevance: Vec<f32> = order.iter().map(|&pixel| relevance[pixel]).collect();
            if let Some(found) = relevance_accuracy(&relevance, &mask, None) {
                let figures = [found.mass, found.rank, found.chance];
                assert!(figures.iter().all(|figure| (0.0..=1.0).contains(figure)), "{found:?}");
                sums = [0, 1, 2].map(|index| sums[index] + figures[index]);
            }
            orders += 1;
        });
        prop_assert_eq!(orders, 720);
        prop_assert!((sums[0] - sums[2]).abs() < 1e-9 && (sums[1] - sums[2]).abs() < 1e-9);
    }

    /// The rank of tied pixels is the mean over all ways to sort them.
    #[test]
    fn rank_is_the_mean_over_all_ways_to_break_ties(
        relevance in prop::collection::vec((-1..3_i8).prop_map(f32::from), 6),
        mask in prop::collection::vec(any::<bool>(), 6),
    ) {
        let area = mask.iter().filter(|&&inside| inside).count();
        let (mut hits, mut orders) = (0, 0);
        for_each_order(6, &mut |order| {
            let mut sorted = order.to_vec();
            let key = |pixel: usize| relevance[pixel].max(0.0);
            sorted.sort_by(|&a, &b| key(b).partial_cmp(&key(a)).unwrap());
            hits += sorted[..area].iter().filter(|&&pixel| mask[pixel]).count();
            orders += 1;
        });
        match relevance_accuracy(&relevance, &mask, None) {
            Some(found) => {
                let mean = hits as f64 / (orders * area) as f64;
                prop_assert!((found.rank - mean).abs() < 1e-12, "{} {mean}", found.rank);
            }
            None => prop_assert!(area == 0 || relevance.iter().all(|&value| value <= 0.0)),
        }
    }

    #[test]
    fn uniform_relevance_gives_exactly_chance(
        mask in prop::collection::vec(any::<bool>(), 1..3000),
        value in 1e-6_f32..1e6,
    ) {
        let found = relevance_accuracy(&vec![value; mask.len()], &mask, None);
        prop_assert_eq!(found.is_some(), mask.contains(&true));
        if let Some(found) = found {
            prop_assert_eq!([found.mass, found.rank], [found.chance; 2]);
        }
    }

    #[test]
    fn correlation_of_an_image_with_itself_is_one_and_with_its_negative_minus_one(
        image in prop::collection::vec(-1e3_f32..1e3, 2..3000),
        scale in 1e-3_f32..1e3,
    ) {
        let varies = image.iter().any(|&value| value != image[0]);
        prop_assume!(varies);
        let negative: Vec<f32> = image.iter().map(|value| -value).collect();
        prop_assert_eq!(pearson(&image, &image), 1.0);
        prop_assert_eq!(pearson(&image, &negative), -1.0);
        let scaled: Vec<f32> = image.iter().map(|value| value * scale).collect();
        prop_assert!(pearson(&image, &scaled) > 0.999);
    }
}

/// Every order of `0..count`, by Heap's algorithm.
fn for_each_order(count: usize, visit: &mut dyn FnMut(&[usize])) {
    fn heap(left: usize, order: &mut [usize], visit: &mut dyn FnMut(&[usize])) {
        if left <= 1 {
            return visit(order);
        }
        for index in 0..left {
            heap(left - 1, order, visit);
            if index + 1 < left {
                order.swap(if left.is_multiple_of(2) { index } else { 0 }, left - 1);
            }
        }
    }
    heap(count, &mut (0..count).collect::<Vec<_>>(), visit);
}

#[test]
fn correlation_is_the_one_computed_by_hand_and_zero_for_constant_images() {
    // Centred: (-1, 0, 1) and (-1, 1, 0): 1 / 2.
    assert_eq!(pearson(&[-3.0, -2.0, -1.0], &[4.0, 6.0, 5.0]), 0.5);
    assert_eq!(pearson(&[1.0, -1.0, 1.0, -1.0], &[1.0, 1.0, -1.0, -1.0]), 0.0);
    // 0.1 is no binary fraction: its mean must not come out beside it.
    let ramp: Vec<f32> = (0..61_600).map(|pixel| pixel as f32).collect();
    assert_eq!(pearson(&vec![0.1; ramp.len()], &ramp), 0.0);
    assert_eq!(pearson(&ramp, &vec![-0.3; ramp.len()]), 0.0);
    assert_eq!(pearson(&[], &[]), 0.0);
    // Neither too small nor too large numbers get lost.
    assert_eq!(pearson(&[0.0, 1e-44], &[0.0, 1e-44]), 1.0);
    assert_eq!(pearson(&[0.0, f32::MAX], &[f32::MAX, 0.0]), -1.0);
}

#[test]
fn the_moved_region_is_where_the_displacement_is_large() {
    let displacement = [0.0, 1.0, 2.0, 4.0, 0.99];
    assert_eq!(moved_region(&displacement, 0.25), pixels(&[0, 1, 1, 1, 0]));
    assert_eq!(moved_region(&displacement, 1.0), pixels(&[0, 0, 0, 1, 0]));
    assert_eq!(
        moved_region(&displacement.map(|length| length / 64.0), 0.25),
        pixels(&[0, 1, 1, 1, 0])
    );
    assert_eq!(moved_region(&[0.0; 3], 0.25), [false; 3]);
    // The least number above 0, of which a quarter is 0.
    assert_eq!(moved_region(&[0.0, 1e-45], 0.25), [false, true]);
    assert!(moved_region(&[], 0.5).is_empty());
}

#[test]
#[should_panic(expected = "a share")]
fn no_share_of_the_displacement_is_refused() {
    moved_region(&[1.0], 0.0);
}
