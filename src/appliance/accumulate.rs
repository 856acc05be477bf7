//! What is learnt from explanations: sums over visits, kept exactly.

use crate::expression::Expression;
use crate::heatmap::{HeatmapError, SignedSums, VisitSums};
use crate::store::{SessionContent, SessionCounts};

/// Visits that may be open at once: more than can be followed, since the worker that follows may panic and tell no ends.
const MOST_OPEN: usize = 32;

/// The sums of all expressions, with visits that go on.
#[derive(Debug, Default)]
pub struct Accumulator {
    /// Visits that have ended.
    ended: [VisitSums; 6],
    /// The longest open first.
    open: Vec<OpenVisit>,
    counts: SessionCounts,
    /// Visits that came to light after the first here: they have no numbers here.
    found: u64,
    /// Expressions changed since [`Self::forget_changes`].
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
        self.counts.visits = self.counts.visits.max(self.found + last_number);
    }

    /// Adds what a file holds that could not be opened at the start.
    ///
    /// # Errors
    /// When the sums are too full; then nothing is added.
    pub fn absorb(&mut self, content: &SessionContent) -> Result<(), HeatmapError> {
        let mut merged = self.ended.clone();
        for (mine, theirs) in merged.iter_mut().zip(&content.sums) {
            mine.merge(theirs)?;
        }
        self.ended = merged;
        let theirs = content.counts();
        self.found += theirs.visits;
        self.counts.visits += theirs.visits;
        self.counts.explanations += theirs.explanations;
        self.changed = [true; 6];
        Ok(())
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
        let Some(place) = expression.place() else { return Ok(()) };
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
        let place = expression.place().expect("neutral has no heatmap");
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

    #[test]
    fn what_comes_to_light_late_is_added_and_new_visits_are_counted_on() {
        let mut earlier = Accumulator::default();
        earlier.visits_begun(7);
        earlier.add(7, JOY, &map(0.5)).unwrap();
        earlier.end_visit(7).unwrap();
        let content = SessionContent {
            sessions: [("id".to_owned(), earlier.counts())].into(),
            sums: Expression::SIX.map(|expression| earlier.sums(expression)),
            configuration: serde_json::from_value(serde_json::json!({
                "network": "", "network_sha256": "", "masks": "published", "detector": "", "landmark_model": "",
                "epsilon": 1.0, "estimator": "", "least_eye_distance": 1.0, "most_turn": 1.0, "least_sharpness": 1.0,
                "least_probability": 1.0
            }))
            .unwrap(),
        };
        let mut accumulator = Accumulator::default();
        accumulator.visits_begun(2);
        accumulator.add(2, JOY, &map(0.25)).unwrap();
        accumulator.absorb(&content).unwrap();
        accumulator.visits_begun(3);
        assert_eq!(accumulator.counts(), SessionCounts { visits: 7 + 3, explanations: 2 });
        assert_eq!(accumulator.sums(JOY).visits().explanations(), 2);
        assert_eq!(accumulator.changed().count(), 6);
    }
}
