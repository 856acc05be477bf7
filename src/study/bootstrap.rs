//! How far an overlap would move with other faces: a bootstrap over people, or pictures where people are not known.
//!
//! Every person gets a weight of its own in every replicate, drawn from the Poisson distribution of mean 1 by a stream of that person's
//! name (the Poisson bootstrap of Chamandy et al. 2012). So nothing depends on order, parts or threads, and memory does not
//! depend on the number of explanations.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::compare::{EkmanMasks, Overlap, otsu_level, stretch};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::random::Stream;
use crate::standard_face::FACE_PIXELS;
use crate::store::{Store, StoreError};

/// The fewest replicates that leave something out of 95 % on either side.
pub const FEWEST_REPLICATES: usize = 40;
/// Replicates in memory at once: 59 MiB.
const BATCH: usize = 250;
/// Explanations added in one go, so that they and a replicate's sum stay in the processor's cache.
const BLOCK: usize = 32;

/// Where a heatmap's figures would lie with other people, in 95 %.
///
/// Each end is the further of two: that of the central 95 % of the replicates, and that of the same reflected at the figure itself (the "basic"
/// interval). A replicate has but 63 % of the people, so its heatmap is noisier and its overlap leans low; either interval alone would call too
/// much less than chance, or too much more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intervals {
    /// Replicates that drew anybody.
    pub replicates: usize,
    /// People (or pictures) drawn from; of a mean over heatmaps, the fewest of any.
    pub groups: usize,
    /// Intersection over union with the own mask.
    pub iou: [f64; 2],
    /// The same minus the mean with the five other masks.
    pub margin: [f64; 2],
    /// The same minus the highest of the three chance levels (all white, random of equal area, other masks).
    pub above_chance: [f64; 2],
}

impl Intervals {
    /// Whether all of the interval is above the highest of the three chance levels.
    pub fn beats_chance(&self) -> bool {
        self.above_chance[0] > 0.0
    }

    /// The intervals of an overlap from those of its replicates (none where one drew nobody); none with fewer than two people or
    /// [`FEWEST_REPLICATES`] that drew anybody.
    pub(super) fn new(
        found: &Overlap,
        groups: usize,
        replicates: &[Option<Overlap>],
    ) -> Option<Self> {
        let drawn: Vec<Overlap> = replicates.iter().copied().flatten().collect();
        if groups < 2 || drawn.len() < FEWEST_REPLICATES {
            return None;
        }
        let interval = |figure: fn(&Overlap) -> f64| {
            interval(drawn.iter().map(figure).collect(), figure(found))
        };
        Some(Intervals {
            replicates: drawn.len(),
            groups,
            iou: interval(|overlap| overlap.iou).map(|end| end.clamp(0.0, 1.0)),
            margin: interval(Overlap::margin),
            above_chance: interval(Overlap::above_chance),
        })
    }
}

/// A mean over faces, and where it would lie with other people, in 95 %, as in [`Intervals`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The mean.
    pub mean: f64,
    /// None with fewer than two people or [`FEWEST_REPLICATES`].
    pub interval: Option<[f64; 2]>,
}

/// What is resampled, and how.
pub(super) struct Bootstrap<'a> {
    pub store: &'a Store,
    pub masks: &'a EkmanMasks,
    pub clip: Clipping,
    pub seed: u64,
    pub replicates: usize,
    pub threads: usize,
    /// Of each picture: the name of the person it shows, else its own.
    pub groups: &'a [String],
}

impl Bootstrap<'_> {
    /// The overlap of the heatmap of some networks and an expression in every replicate, none where that drew nobody; and how many people
    /// it is of. No replicate is computed for fewer than two.
    pub fn replicates(
        &self,
        networks: &[usize],
        expression: Expression,
    ) -> Result<(usize, Vec<Option<Overlap>>), StoreError> {
        let groups: BTreeSet<&str> = self
            .store
            .explained_pictures(networks, expression)?
            .into_iter()
            .map(|picture| self.groups[picture].as_str())
            .collect();
        let mut overlaps = Vec::new();
        if groups.len() < 2 {
            return Ok((groups.len(), overlaps));
        }
        for first in (0..self.replicates).step_by(BATCH) {
            let replicates = first..(first + BATCH).min(self.replicates);
            let mut sums = vec![vec![0.0_f32; FACE_PIXELS]; replicates.len()];
            let mut block: Vec<(Vec<f32>, Vec<u8>)> = Vec::new();
            self.store.for_each_explanation(networks, expression, |_, picture, explanation| {
                let group = &self.groups[picture];
                let mut map = explanation.standardised();
                if self.clip == Clipping::First {
                    map.iter_mut().for_each(|value| *value = value.max(0.0));
                }
                block.push((map, self.weights(group, replicates.clone())));
                if block.len() == BLOCK {
                    self.add(&mut sums, &block);
                    block.clear();
                }
            })?;
            self.add(&mut sums, &block);
            overlaps.extend(self.overlaps(&sums, expression));
        }
        Ok((groups.len(), overlaps))
    }

    /// Whom a picture shows, with that person's weight in every replicate.
    pub fn person(&self, picture: usize) -> Person<'_> {
        let group = &self.groups[picture];
        Person { group, weights: self.weights(group, 0..self.replicates) }
    }

    /// The weights of a person in some replicates.
    fn weights(&self, group: &str, replicates: std::ops::Range<usize>) -> Vec<u8> {
        let mut stream = Stream::new(self.seed, "bootstrap", group);
        let all: Vec<u8> = (0..replicates.end).map(|_| poisson(stream.bits())).collect();
        all[replicates].to_vec()
    }

    fn add(&self, sums: &mut [Vec<f32>], block: &[(Vec<f32>, Vec<u8>)]) {
        self.in_parallel(sums, |replicate, sum| {
            for (map, weights) in block {
                let weight = f32::from(weights[replicate]);
                if weight > 0.0 {
                    for (sum, value) in sum.iter_mut().zip(map) {
                        *sum += weight * value;
                    }
                }
            }
        });
    }

    /// The overlap of each replicate; none where it drew nobody.
    fn overlaps(&self, sums: &[Vec<f32>], expression: Expression) -> Vec<Option<Overlap>> {
        let mut results: Vec<Option<Overlap>> = vec![None; sums.len()];
        self.in_parallel(&mut results, |replicate, result| {
            let map: Vec<f32> = sums[replicate].iter().map(|value| value.max(0.0)).collect();
            if sums[replicate].iter().any(|&value| value != 0.0) {
                let stretched = stretch(&map);
                let level = otsu_level(&stretched);
                *result = Some(Overlap::new(&stretched, level, expression, self.masks));
            }
        });
        results
    }

    /// Works on all items by several threads, each item by one.
    fn in_parallel<T: Send>(&self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        let share = items.len().div_ceil(self.threads.max(1)).max(1);
        std::thread::scope(|scope| {
            for (chunk, items) in items.chunks_mut(share).enumerate() {
                let work = &work;
                scope.spawn(move || {
                    for (place, item) in items.iter_mut().enumerate() {
                        work(chunk * share + place, item);
                    }
                });
            }
        });
    }
}

/// Somebody who is drawn.
pub(super) struct Person<'a> {
    group: &'a str,
    weights: Vec<u8>,
}

/// The means of `N` figures over faces, and those of every replicate.
#[derive(Clone)]
pub(super) struct FaceMeans<'a, const N: usize> {
    groups: BTreeSet<&'a str>,
    faces: usize,
    sums: [f64; N],
    /// Of each replicate: how many faces it drew, and the sums of their figures.
    replicates: Vec<(f64, [f64; N])>,
}

impl<'a, const N: usize> FaceMeans<'a, N> {
    pub fn new() -> Self {
        FaceMeans { groups: BTreeSet::new(), faces: 0, sums: [0.0; N], replicates: Vec::new() }
    }

    pub fn faces(&self) -> usize {
        self.faces
    }

    /// Adds a face of that person.
    pub fn add(&mut self, person: &Person<'a>, figures: [f64; N]) {
        self.groups.insert(person.group);
        self.faces += 1;
        let add = |sums: &mut [f64; N], weight: f64| {
            sums.iter_mut().zip(figures).for_each(|(sum, figure)| *sum += weight * figure);
        };
        add(&mut self.sums, 1.0);
        self.replicates.resize(person.weights.len(), (0.0, [0.0; N]));
        for ((faces, sums), &weight) in self.replicates.iter_mut().zip(&person.weights) {
            *faces += f64::from(weight);
            add(sums, weight.into());
        }
    }

    /// The means of figures that lie in those ranges; none without faces.
    pub fn finish(self, ranges: [[f64; 2]; N]) -> Option<[Estimate; N]> {
        if self.faces == 0 {
            return None;
        }
        let means = self.sums.map(|sum| sum / self.faces as f64);
        let drawn: Vec<_> = self.replicates.into_iter().filter(|(faces, _)| *faces > 0.0).collect();
        let is_known = self.groups.len() > 1 && drawn.len() >= FEWEST_REPLICATES;
        Some(std::array::from_fn(|figure| {
            let replicate = |(faces, sums): &(f64, [f64; N])| sums[figure] / faces;
            let (mean, [least, most]) = (means[figure], ranges[figure]);
            // What is reflected may leave the range.
            let interval = is_known.then(|| {
                interval(drawn.iter().map(replicate).collect(), mean)
                    .map(|end| end.clamp(least, most))
            });
            Estimate { mean, interval }
        }))
    }
}

/// A draw from the Poisson distribution of mean 1, by inversion of 64 fair bits.
fn poisson(bits: u64) -> u8 {
    let uniform = (bits >> 11) as f64 / (1_u64 << 53) as f64;
    let (mut count, mut term) = (0_u8, (-1.0_f64).exp());
    let mut below = term;
    while uniform >= below && count < 20 {
        count += 1;
        term /= f64::from(count);
        below += term;
    }
    count
}

/// The 95 % interval of a figure from its replicates.
fn interval(replicates: Vec<f64>, found: f64) -> [f64; 2] {
    wider(central(replicates), found)
}

/// The central 95 %: the order statistics that leave a fortieth on either side.
fn central(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let left_out = values.len() / 40;
    [values[left_out], values[values.len() - 1 - left_out]]
}

/// The interval or its reflection at the figure itself, whichever reaches further on either side.
fn wider([low, high]: [f64; 2], found: f64) -> [f64; 2] {
    [low.min(2.0 * found - high), high.max(2.0 * found - low)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poisson_draws_have_the_shares_of_the_distribution() {
        let mut stream = Stream::new(1, "test", "poisson");
        let mut counts = [0.0; 4];
        for _ in 0..40_000 {
            counts[usize::from(poisson(stream.bits()).min(3))] += 1.0 / 40_000.0;
        }
        let expected = [0.3679_f64, 0.3679, 0.1839, 0.0803];
        for (found, expected) in counts.into_iter().zip(expected) {
            assert!((found - expected).abs() < 0.01, "{counts:?}");
        }
        assert_eq!(poisson(0), 0);
        assert!((15..=20).contains(&poisson(u64::MAX)), "the largest draw is rare, not endless");
    }

    #[test]
    fn replicates_of_a_mean_weigh_each_person_s_faces_as_it_was_drawn() {
        // Of 80 replicates half draw one person twice and the other not at all.
        let person =
            |group, first: u8, second: u8| Person { group, weights: [first, second].repeat(40) };
        let (a, b) = (person("a", 2, 1), person("b", 0, 1));
        let mut means = FaceMeans::new();
        means.add(&a, [0.0]);
        means.add(&b, [0.75]);
        means.add(&b, [0.75]);
        assert_eq!(means.faces(), 3);
        // Replicates are 0 and 0.5, the mean is 0.5; reflected at it, the interval would reach 1.
        let found = |most| means.clone().finish([[0.0, most]]).unwrap()[0];
        assert_eq!(found(2.0), Estimate { mean: 0.5, interval: Some([0.0, 1.0]) });
        assert_eq!(found(0.9), Estimate { mean: 0.5, interval: Some([0.0, 0.9]) });

        let mut alone = FaceMeans::new();
        alone.add(&b, [0.75]);
        assert_eq!(alone.finish([[0.0, 1.0]]), Some([Estimate { mean: 0.75, interval: None }]));
        let mut few = FaceMeans::new();
        for group in ["a", "b"] {
            few.add(&Person { group, weights: vec![1; FEWEST_REPLICATES - 1] }, [0.5]);
        }
        assert_eq!(few.finish([[0.0, 1.0]]).unwrap()[0].interval, None);
        assert_eq!(FaceMeans::<1>::new().finish([[0.0, 1.0]]), None);
    }

    #[test]
    fn an_interval_that_leans_to_one_side_reaches_as_far_on_the_other() {
        assert_eq!(wider([-3.0, 1.0], 0.0), [-3.0, 3.0]);
        assert_eq!(wider([-1.0, 2.0], 0.0), [-2.0, 2.0]);
        assert_eq!(wider([1.0, 2.0], 3.0), [1.0, 5.0], "a figure outside its own interval");
    }

    #[test]
    fn the_central_share_leaves_a_fortieth_out_on_either_side() {
        assert_eq!(central((0..1000).rev().map(f64::from).collect()), [25.0, 974.0]);
        assert_eq!(central(vec![2.0]), [2.0, 2.0]);
    }
}
