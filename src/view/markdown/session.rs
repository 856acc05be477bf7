//! A session's table as a person reads or pastes it: Markdown.

use std::fmt::Write;

use crate::session::{SessionResults, Verdict};

/// The overlaps of a session beside their chance levels, and what they say in words.
pub fn session_tables(results: &SessionResults) -> String {
    let configuration = &results.configuration;
    let mut text = format!(
        "# Overlap of heatmaps with the Ekman masks\n\n\
         Sessions: {}; visits: {}; explanations: {}. Network {} ({:.12}), masks {}, clipped last.\n\n\
         Intersection over union (IoU) of heatmaps in which every visit has one vote, and its 95 % interval by a jackknife over groups of visits. **Bold**: the \
         interval's lower end is above all three chance levels (an all-white heatmap, a random one of equal area, the other expressions' masks). \
         Expressions of fewer than {} visits are left out.\n\n\
         | expression | visits | explanations | IoU | 95 % interval | all white | random | other masks | margin | precision | recall | F1 |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        results.sessions,
        results.visits,
        results.explanations,
        configuration.network,
        configuration.network_sha256,
        configuration.masks.name(),
        results.min_visits,
    );
    for row in &results.expressions {
        let Some(shown) = &row.heatmap else { continue };
        let overlap = &shown.meaning.overlap;
        let bold = if shown.verdict == Verdict::Above { "**" } else { "" };
        let interval = shown
            .meaning
            .iou_interval
            .map_or_else(String::new, |[low, high]| format!("{low:.3} to {high:.3}"));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {bold}{:.3}{bold} | {interval} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
            row.expression,
            row.visits,
            row.explanations,
            overlap.iou,
            overlap.iou_all_white,
            overlap.iou_random,
            overlap.iou_other_masks,
            shown.margin,
            overlap.precision,
            overlap.recall,
            overlap.f1,
        );
    }
    text.push_str("\n## In words\n\n");
    for row in &results.expressions {
        let sentence = row.sentence(results.min_visits);
        let _ = writeln!(text, "- {}: {sentence}.", row.expression.title());
    }
    text
}
