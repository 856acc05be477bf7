//! All results of a session's file.

use std::collections::BTreeSet;

use serde::Serialize;

use super::meaning::{Meaning, Verdict, overlap_of};
use crate::compare::{Correlation, EkmanMasks, stretch};
use crate::expression::Expression;
use crate::heatmap::{Clipping, SignedSums, VisitSums};
use crate::standard_face::StandardFace;
use crate::store::{SessionConfiguration, SessionContent};

/// All results of a session's file.
#[derive(Debug, Clone, Serialize)]
pub struct SessionResults {
    /// What they depend on.
    pub configuration: SessionConfiguration,
    /// Sessions that were added up in the file.
    pub sessions: usize,
    /// Faces followed, explained or not.
    pub visits: u64,
    /// Faces explained.
    pub explanations: u64,
    /// Heatmaps of fewer visits are left out.
    pub min_visits: u64,
    /// In the order of [`Expression::SIX`].
    pub expressions: Vec<ExpressionResult>,
    /// Of the sessions.
    #[serde(skip)]
    pub ids: BTreeSet<String>,
}

/// What the visits of one expression say.
#[derive(Debug, Clone, Serialize)]
pub struct ExpressionResult {
    /// Which.
    pub expression: Expression,
    /// Visits with at least one explanation of it.
    pub visits: u64,
    /// Explanations of it.
    pub explanations: u64,
    /// None of fewer visits than are needed.
    pub heatmap: Option<ShownHeatmap>,
}

/// A heatmap of enough visits.
#[derive(Debug, Clone, Serialize)]
pub struct ShownHeatmap {
    /// Of the heatmap in which every visit has one vote.
    #[serde(flatten)]
    pub meaning: Meaning,
    /// Intersection over union minus its mean with the other expressions' masks.
    pub margin: f64,
    /// Intersection over union minus the highest chance level.
    pub above_chance: f64,
    /// Whether it is told from chance.
    pub verdict: Verdict,
    /// Groups of visits that the interval comes from.
    pub groups: usize,
    /// The heatmap in which every explanation has one vote, 224 x 275.
    #[serde(skip)]
    pub pooled: Vec<f32>,
    /// Its intersection over union with the mask.
    pub pooled_iou: f64,
    /// Mean-centred correlation of the two heatmaps.
    pub pooled_correlation: f64,
}

impl SessionResults {
    /// Computes the results of a session. Signed relevance is clipped last, after the mean over visits.
    pub fn new(content: &SessionContent, min_visits: u64) -> Self {
        let masks = EkmanMasks::new(content.configuration.masks, &StandardFace::default());
        let counts = content.counts();
        let expressions = Expression::SIX
            .into_iter()
            .zip(&content.sums)
            .map(|(expression, sums)| ExpressionResult {
                expression,
                visits: sums.visits().explanations(),
                explanations: sums.pooled().explanations(),
                heatmap: (sums.visits().explanations() >= min_visits)
                    .then(|| ShownHeatmap::new(sums, expression, &masks))
                    .flatten(),
            })
            .collect();
        SessionResults {
            configuration: content.configuration.clone(),
            sessions: content.sessions.len(),
            visits: counts.visits,
            explanations: counts.explanations,
            min_visits,
            expressions,
            ids: content.sessions.keys().cloned().collect(),
        }
    }

    /// The expressions whose heatmaps are left out, as `fear (needs 20 visits, has 7)`.
    pub fn left_out(&self) -> Vec<String> {
        let without = self.expressions.iter().filter(|row| row.heatmap.is_none());
        without.map(|row| format!("{} ({})", row.expression, row.lack(self.min_visits))).collect()
    }
}

impl ShownHeatmap {
    fn new(sums: &VisitSums, expression: Expression, masks: &EkmanMasks) -> Option<Self> {
        let meaning = Meaning::new(sums, expression, masks, Clipping::Last)?;
        let pooled = sums.pooled().mean(Clipping::Last)?;
        Some(ShownHeatmap {
            margin: meaning.overlap.margin(),
            above_chance: meaning.overlap.above_chance(),
            verdict: meaning.verdict(),
            groups: sums.groups().iter().map(SignedSums::maps).filter(|&maps| maps > 0).count(),
            pooled_iou: overlap_of(&pooled, expression, masks).1.iou,
            pooled_correlation: Correlation::MeanCentred
                .of(&stretch(&meaning.heatmap), &stretch(&pooled)),
            pooled,
            meaning,
        })
    }
}

impl ExpressionResult {
    /// Why there is no heatmap, as `needs 20 visits, has 7`.
    pub fn lack(&self, min_visits: u64) -> String {
        let visits = if min_visits == 1 { "visit" } else { "visits" };
        format!("needs {min_visits} {visits}, has {}", self.visits)
    }

    /// What its heatmap says, in a sentence without the name of the expression.
    pub fn sentence(&self, min_visits: u64) -> String {
        let Some(shown) = &self.heatmap else {
            return format!("{}: nothing is said of it", self.lack(min_visits));
        };
        let (iou, chance) = (shown.meaning.overlap.iou, shown.meaning.chance());
        let Some([low, high]) = shown.meaning.iou_interval else {
            return format!(
                "cannot be told from chance: too few groups of visits for an interval (overlap {iou:.3}, highest chance level {chance:.3})"
            );
        };
        match shown.verdict {
            Verdict::Above => format!(
                "the network looks at the muscles’ regions more than chance would: the overlap of {iou:.3} is at least {low:.3}, above the highest chance level, {chance:.3}"
            ),
            Verdict::Below => format!(
                "no better than chance: the overlap of {iou:.3} is at most {high:.3}, below the highest chance level, {chance:.3}"
            ),
            Verdict::LikeChance | Verdict::Unknown => format!(
                "cannot be told from chance: the overlap of {iou:.3} may be as low as {low:.3} and as high as {high:.3}, with the highest chance level, {chance:.3}, between"
            ),
        }
    }
}
