//! How far a heatmap's foreground and an Ekman mask cover each other, beside what chance gives.

use serde::Serialize;

use super::{EkmanMasks, foreground};
use crate::expression::Expression;

/// Overlap of a foreground with its expression's mask (paper: equation 3), and the baselines without which an
/// intersection over union cannot be read. Shares from 0 to 1; also used for means over several heatmaps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overlap {
    /// Intersection over union; 0 where both are empty.
    pub iou: f64,
    /// Share of the foreground inside the mask; 0 where there is no foreground.
    pub precision: f64,
    /// Share of the mask covered by the foreground; 0 where the mask is empty.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 where both are 0.
    pub f1: f64,
    /// Pixels of the foreground.
    pub foreground_area: f64,
    /// Intersection over union of a heatmap that marks the whole face: the mask's share of the face.
    pub iou_all_white: f64,
    /// Expected intersection over union of as many pixels as the foreground has, drawn at random.
    pub iou_random: f64,
    /// Mean intersection over union of the foreground with the other expressions' masks.
    pub iou_other_masks: f64,
}

impl Overlap {
    /// The overlap of a stretched heatmap (224 x 275, row after row), thresholded strictly above Otsu's level, with the
    /// mask of its expression.
    ///
    /// # Panics
    /// If the size is another, or the expression has no mask (neutral).
    pub fn new(
        stretched: &[u8],
        otsu_level: u8,
        expression: Expression,
        masks: &EkmanMasks,
    ) -> Self {
        let mask = masks.get(expression).expect("each of the six expressions has a mask");
        let foreground = foreground(stretched, otsu_level);
        Self::of_sets(&foreground, mask, masks.others(expression))
    }

    /// The overlap of `foreground` with `mask` and, for comparison, with `other_masks`; all of one size.
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn of_sets<'a>(
        foreground: &[bool],
        mask: &[bool],
        other_masks: impl IntoIterator<Item = &'a [bool]>,
    ) -> Self {
        let (area, mask_area) = (count(foreground), count(mask));
        let both = intersection(foreground, mask);
        let others: Vec<f64> = other_masks
            .into_iter()
            .map(|other| iou_of_areas(intersection(foreground, other), area, count(other)))
            .collect();
        Self {
            iou: iou_of_areas(both, area, mask_area),
            precision: ratio(both, area),
            recall: ratio(both, mask_area),
            f1: ratio(2 * both, area + mask_area),
            foreground_area: area as f64,
            iou_all_white: ratio(mask_area, mask.len()),
            iou_random: expected_random_iou(area, mask_area, mask.len()),
            iou_other_masks: others.iter().sum::<f64>() / others.len().max(1) as f64,
        }
    }

    /// How much the intersection over union is above the mean with the other expressions' masks.
    pub fn margin(&self) -> f64 {
        self.iou - self.iou_other_masks
    }

    /// The highest of the three chance levels.
    pub fn chance(&self) -> f64 {
        self.iou_all_white.max(self.iou_random).max(self.iou_other_masks)
    }

    /// How much the intersection over union is above the highest of the three chance levels.
    pub fn above_chance(&self) -> f64 {
        self.iou - self.chance()
    }

    /// The mean of every figure; none of no overlap.
    pub fn mean(overlaps: &[Self]) -> Option<Self> {
        if overlaps.is_empty() {
            return None;
        }
        let mean = |figure: fn(&Self) -> f64| {
            overlaps.iter().map(figure).sum::<f64>() / overlaps.len() as f64
        };
        Some(Self {
            iou: mean(|overlap| overlap.iou),
            precision: mean(|overlap| overlap.precision),
            recall: mean(|overlap| overlap.recall),
            f1: mean(|overlap| overlap.f1),
            foreground_area: mean(|overlap| overlap.foreground_area),
            iou_all_white: mean(|overlap| overlap.iou_all_white),
            iou_random: mean(|overlap| overlap.iou_random),
            iou_other_masks: mean(|overlap| overlap.iou_other_masks),
        })
    }
}

/// Intersection over union of two sets of pixels (paper: equation 3); 0 where both are empty.
///
/// # Panics
/// If the sizes differ.
pub fn iou(a: &[bool], b: &[bool]) -> f64 {
    iou_of_areas(intersection(a, b), count(a), count(b))
}

fn iou_of_areas(both: usize, a: usize, b: usize) -> f64 {
    ratio(both, a + b - both)
}

/// Expected intersection over union of a fixed set of `mask_area` of `pixels` pixels with a set of `area` pixels
/// drawn at random: the exact expectation, their intersection being hypergeometrically distributed.
///
/// # Panics
/// If an area exceeds `pixels`.
pub fn expected_random_iou(area: usize, mask_area: usize, pixels: usize) -> f64 {
    assert!(area <= pixels && mask_area <= pixels);
    if area == 0 || mask_area == 0 {
        return 0.0;
    }
    let (least, most) = ((area + mask_area).saturating_sub(pixels), area.min(mask_area));
    // How much likelier an intersection of k + 1 pixels is than one of k.
    let rise = |k: usize| {
        let up = (area - k) as f64 * (mask_area - k) as f64;
        up / ((k + 1) as f64 * (pixels + k + 1 - area - mask_area) as f64)
    };
    // Summed outwards from next to the likeliest intersection, whose weight is called 1, until the rest is negligible.
    let likeliest = (area as f64 * mask_area as f64 / pixels as f64) as usize;
    let start = likeliest.clamp(least, most);
    let (mut total, mut sum) = (0.0, 0.0);
    let mut count = |k: usize, weight: f64| {
        total += weight;
        sum += weight * iou_of_areas(k, area, mask_area);
        weight > 1e-18
    };
    let mut weight = 1.0;
    let mut k = start;
    while count(k, weight) && k < most {
        weight *= rise(k);
        k += 1;
    }
    (weight, k) = (1.0, start);
    while k > least {
        k -= 1;
        weight /= rise(k);
        if !count(k, weight) {
            break;
        }
    }
    sum / total
}

/// So many pixels can be counted in one byte, and bytes are counted 16 or more at once: a study's bootstrap counts a thousand
/// replicates of each heatmap, each in seven sets.
const COUNTED_IN_A_BYTE: usize = 240;

fn count(pixels: &[bool]) -> usize {
    pixels.chunks(COUNTED_IN_A_BYTE).map(|chunk| count_in_a_byte(chunk.iter().copied())).sum()
}

fn intersection(a: &[bool], b: &[bool]) -> usize {
    assert_eq!(a.len(), b.len(), "sets of pixels of two sizes");
    let chunks = a.chunks(COUNTED_IN_A_BYTE).zip(b.chunks(COUNTED_IN_A_BYTE));
    chunks.map(|(a, b)| count_in_a_byte(a.iter().zip(b).map(|(&a, &b)| a & b))).sum()
}

/// Wraps, so that no check of each sum stands in the way where such checks are compiled in.
fn count_in_a_byte(pixels: impl Iterator<Item = bool>) -> usize {
    pixels.fold(0_u8, |sum, pixel| sum.wrapping_add(pixel.into())).into()
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
