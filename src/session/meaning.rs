//! What the sums of one expression mean.

use serde::Serialize;

use crate::compare::{EkmanMasks, Overlap, jackknife_interval, otsu_level, stretch};
use crate::expression::Expression;
use crate::heatmap::{Clipping, VisitSums};

/// What the sums of an expression mean.
#[derive(Debug, Clone, Serialize)]
pub struct Meaning {
    /// The heatmap: mean relevance over visits, not negative, 224 x 275.
    #[serde(skip)]
    pub heatmap: Vec<f32>,
    /// Otsu's level of the stretched heatmap; the foreground is strictly above.
    pub otsu_level: u8,
    /// Its overlap with the Ekman mask, beside chance.
    #[serde(flatten)]
    pub overlap: Overlap,
    /// 95 % interval of the intersection over union over visits, of eight groups of visits; none of fewer than three groups, and none of a
    /// heatmap clipped first, since groups keep signed sums only.
    pub iou_interval: Option<[f64; 2]>,
}

/// How an intersection over union stands to the highest of its three chance levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole interval is above it.
    Above,
    /// The whole interval is below it.
    Below,
    /// It lies in the interval.
    LikeChance,
    /// There is no interval.
    Unknown,
}

impl Verdict {
    /// As in JSON and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Above => "above",
            Self::Below => "below",
            Self::LikeChance => "like-chance",
            Self::Unknown => "unknown",
        }
    }
}

impl Meaning {
    /// Of the sums of an expression; none before the first visit.
    ///
    /// # Panics
    /// When neutral, which has no mask.
    pub fn new(
        sums: &VisitSums,
        expression: Expression,
        masks: &EkmanMasks,
        clipping: Clipping,
    ) -> Option<Self> {
        let heatmap = sums.visits().mean(clipping)?;
        let (otsu_level, overlap) = overlap_of(&heatmap, expression, masks);
        let iou_interval = match clipping {
            Clipping::First => None,
            Clipping::Last => {
                let without: Vec<f64> = sums
                    .means_without_a_group()
                    .map(|mean| {
                        let clipped: Vec<f32> =
                            mean.into_iter().map(|value| value.max(0.0)).collect();
                        overlap_of(&clipped, expression, masks).1.iou
                    })
                    .collect();
                jackknife_interval(overlap.iou, &without)
            }
        };
        Some(Meaning { heatmap, otsu_level, overlap, iou_interval })
    }

    /// The highest of the three chance levels.
    pub fn chance(&self) -> f64 {
        self.overlap.chance()
    }

    /// Whether it is told from chance: by the end of the interval that is nearer to it.
    pub fn verdict(&self) -> Verdict {
        match self.iou_interval {
            None => Verdict::Unknown,
            Some([low, _]) if low > self.chance() => Verdict::Above,
            Some([_, high]) if high < self.chance() => Verdict::Below,
            Some(_) => Verdict::LikeChance,
        }
    }
}

pub(super) fn overlap_of(
    heatmap: &[f32],
    expression: Expression,
    masks: &EkmanMasks,
) -> (u8, Overlap) {
    let stretched = stretch(heatmap);
    let level = otsu_level(&stretched);
    (level, Overlap::new(&stretched, level, expression, masks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::MaskSet;
    use crate::heatmap::SignedSums;
    use crate::standard_face::StandardFace;

    const FEAR: Expression = Expression::Fear;

    fn masks() -> EkmanMasks {
        EkmanMasks::new(MaskSet::default(), &StandardFace::default())
    }

    /// Visits that all look at the mask, or all beside it.
    fn sums(visits: u64, inside: bool) -> VisitSums {
        let masks = masks();
        let mask = masks.get(FEAR).unwrap();
        let map: Vec<f32> =
            mask.iter().map(|&is_in| if is_in == inside { 0.5 } else { -0.5 }).collect();
        let mut visit = SignedSums::default();
        visit.add(&map).unwrap();
        let mut sums = VisitSums::default();
        for number in 0..visits {
            sums.add_explanation(&map).unwrap();
            sums.add_visit(number, &visit).unwrap();
        }
        sums
    }

    #[test]
    fn the_interval_says_whether_it_is_told_from_chance() {
        let verdict = |visits, inside, clipping| {
            let meaning = Meaning::new(&sums(visits, inside), FEAR, &masks(), clipping);
            meaning.map(|meaning| meaning.verdict())
        };
        assert_eq!(verdict(0, true, Clipping::Last), None);
        assert_eq!(verdict(2, true, Clipping::Last), Some(Verdict::Unknown));
        assert_eq!(verdict(8, true, Clipping::Last), Some(Verdict::Above));
        assert_eq!(verdict(8, false, Clipping::Last), Some(Verdict::Below));
        assert_eq!(verdict(8, true, Clipping::First), Some(Verdict::Unknown));
        let mut meaning = Meaning::new(&sums(8, true), FEAR, &masks(), Clipping::Last).unwrap();
        assert!((meaning.overlap.iou - 1.0).abs() < 1e-12);
        meaning.iou_interval = Some([meaning.chance(), 1.0]);
        assert_eq!(meaning.verdict(), Verdict::LikeChance, "at chance is not above it");
    }
}
