//! What is learnt from explanations: sums over visits, kept exactly, and what they mean.

use crate::compare::{EkmanMasks, Overlap, jackknife_interval, otsu_level, stretch};
use crate::expression::Expression;
use crate::heatmap::{Clipping, HeatmapError, SignedSums, VisitSums};
use crate::store::SessionCounts;

/// Visits that may be open at once; more than can be followed, since the last explanations of a visit come after its end.
const MOST_OPEN: usize = 32;

/// The sums of all expressions, with visits that go on.
#[derive(Debug, Default)]
pub struct Accumulator {
    /// Visits that have ended.
    ended: [VisitSums; 6],
    /// The longest open first.
    open: Vec<OpenVisit>,
    counts: SessionCounts,
    /// Expressions changed since [`Self::changed`] was last cleared.
    changed: [bool; 6],
}

#[derive(Debug)]
struct OpenVisit {
    number: u64,
    explanations: [SignedSums; 6],
}

impl Accumulator {
    /// Goes on from sums.
    pub fn new(sums: [VisitSums; 6], counts: SessionCounts) -> Self {
        Accumulator { ended: sums, counts, ..Self::default() }
    }

    /// Visits begun and faces explained.
    pub fn counts(&self) -> SessionCounts {
        self.counts
    }

    /// Learns that visits up to that number have begun.
    pub fn visits_begun(&mut self, last_number: u64) {
        self.counts.visits = self.counts.visits.max(last_number);
    }

    /// Adds the explanation of a face: its standardised map of signed relevance (224 x 275).
    ///
    /// # Errors
    /// When the map holds no usable numbers; then nothing is added.
    pub fn add(
        &mut self,
        visit: u64,
        expression: Expression,
        map: &[f32],
    ) -> Result<(), HeatmapError> {
        let Some(place) = place_of(expression) else { return Ok(()) };
        let index = match self.open.iter().position(|open| open.number == visit) {
            Some(index) => index,
            None => {
                if self.open.len() == MOST_OPEN {
                    let longest = self.open[0].number;
                    self.end_visit(longest)?;
                }
                self.open.push(OpenVisit { number: visit, explanations: Default::default() });
                self.open.len() - 1
            }
        };
        self.ended[place].add_explanation(map)?;
        self.open[index].explanations[place].add(map)?;
        self.counts.explanations += 1;
        self.changed[place] = true;
        Ok(())
    }

    /// The visit votes: for each expression that was explained, with the mean of its explanations.
    ///
    /// # Errors
    /// When the sums are full.
    pub fn end_visit(&mut self, visit: u64) -> Result<(), HeatmapError> {
        let Some(index) = self.open.iter().position(|open| open.number == visit) else {
            return Ok(());
        };
        let ended = self.open.remove(index);
        for (sums, explanations) in self.ended.iter_mut().zip(&ended.explanations) {
            sums.add_visit(visit, explanations)?;
        }
        Ok(())
    }

    /// The sums of an expression, visits that go on counted as if they had ended.
    ///
    /// # Panics
    /// When neutral, which has none.
    pub fn sums(&self, expression: Expression) -> VisitSums {
        let place = place_of(expression).expect("neutral has no heatmap");
        let mut sums = self.ended[place].clone();
        for open in &self.open {
            // Full sums keep what they have.
            let _ = sums.add_visit(open.number, &open.explanations[place]);
        }
        sums
    }

    /// The expressions that changed since the last time [`Self::forget_changes`] was called.
    pub fn changed(&self) -> impl Iterator<Item = Expression> + '_ {
        Expression::SIX
            .into_iter()
            .zip(self.changed)
            .filter(|(_, changed)| *changed)
            .map(|(e, _)| e)
    }

    /// What changed is kept now.
    pub fn forget_changes(&mut self) {
        self.changed = [false; 6];
    }

    /// All is to be kept again.
    pub fn mark_all_changed(&mut self) {
        self.changed = [true; 6];
    }
}

fn place_of(expression: Expression) -> Option<usize> {
    Expression::SIX.iter().position(|&six| six == expression)
}

/// What the sums of an expression mean.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// The heatmap: mean relevance over visits, not negative, 224 x 275.
    pub heatmap: Vec<f32>,
    /// Its overlap with the Ekman mask, beside chance.
    pub overlap: Overlap,
    /// 95 % interval of the intersection over union over visits, of eight groups of visits; none of fewer than three groups.
    pub iou_interval: Option<[f64; 2]>,
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
        let overlap_of = |heatmap: &[f32]| {
            let stretched = stretch(heatmap);
            Overlap::new(&stretched, otsu_level(&stretched), expression, masks)
        };
        let heatmap = sums.visits().mean(clipping)?;
        let overlap = overlap_of(&heatmap);
        let without: Vec<f64> = sums
            .means_without_a_group()
            .map(|mean| {
                let clipped: Vec<f32> = mean.into_iter().map(|value| value.max(0.0)).collect();
                overlap_of(&clipped).iou
            })
            .collect();
        let iou_interval = jackknife_interval(overlap.iou, &without);
        Some(Meaning { heatmap, overlap, iou_interval })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard_face::FACE_PIXELS;

    const JOY: Expression = Expression::Happiness;

    fn map(value: f32) -> Vec<f32> {
        vec![value; FACE_PIXELS]
    }

    #[test]
    fn a_visit_that_goes_on_counts_as_if_it_had_ended() {
        let mut accumulator = Accumulator::default();
        accumulator.add(1, JOY, &map(0.5)).unwrap();
        accumulator.add(1, JOY, &map(0.25)).unwrap();
        accumulator.add(2, JOY, &map(1.0)).unwrap();
        let open = accumulator.sums(JOY);
        assert_eq!((open.visits().explanations(), open.pooled().explanations()), (2, 3));
        accumulator.end_visit(2).unwrap();
        accumulator.end_visit(1).unwrap();
        accumulator.end_visit(1).unwrap();
        assert_eq!(accumulator.sums(JOY), open);
        assert_eq!(accumulator.changed().collect::<Vec<_>>(), [JOY]);
        assert_eq!(accumulator.counts().explanations, 3);
    }

    #[test]
    fn two_expressions_of_a_visit_are_two_votes() {
        let mut accumulator = Accumulator::default();
        accumulator.add(1, JOY, &map(0.5)).unwrap();
        accumulator.add(1, Expression::Anger, &map(0.5)).unwrap();
        accumulator.end_visit(1).unwrap();
        assert_eq!(accumulator.sums(JOY).visits().explanations(), 1);
        assert_eq!(accumulator.sums(Expression::Anger).visits().explanations(), 1);
        assert_eq!(accumulator.sums(Expression::Fear).visits().explanations(), 0);
    }

    #[test]
    fn what_is_no_number_is_not_added() {
        let mut accumulator = Accumulator::default();
        assert!(accumulator.add(1, JOY, &map(f32::NAN)).is_err());
        assert_eq!(accumulator.counts().explanations, 0);
        assert_eq!(accumulator.sums(JOY).visits().explanations(), 0);
    }

    #[test]
    fn memory_stays_bounded_when_ends_are_not_told() {
        let mut accumulator = Accumulator::default();
        (1..=100).for_each(|visit| accumulator.add(visit, JOY, &map(0.1)).unwrap());
        assert_eq!(accumulator.open.len(), MOST_OPEN);
        assert_eq!(accumulator.sums(JOY).visits().explanations(), 100);
    }
}
