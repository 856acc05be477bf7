//! Tables as a person reads or pastes them: Markdown.

mod session;

use std::fmt::Write;

pub use session::session_tables;

use crate::compare::Overlap;
use crate::compare::report::{Aggregation, Means};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::standard_face::FACE_PIXELS;
use crate::study::{FEW_PEOPLE, Intervals, Results};

/// The overlaps of a study as the paper's Table 3 in both published aggregations, then every heatmap, each beside its chance
/// levels, and the verdicts.
pub fn overlap_tables(results: &Results) -> String {
    let configuration = &results.configuration;
    let pictures = results.pictures;
    let of_people =
        pictures.subjects.map_or_else(String::new, |people| format!(" of {people} people"));
    let progress = results.progress;
    let mut text = format!(
        "# Overlap of heatmaps with the Ekman masks\n\n\
         {} explanations of faces in {} pictures{of_people}; {} samples each ({}, {}), seed {}, clipped {}, masks {}, {}.\n\n\
         Intersection over union (IoU), and its 95 % interval by a bootstrap over people, or over pictures where people are not known. **Bold**: above all \
         three chance levels (an all-white heatmap, a random one of equal area, the other expressions' masks) with the whole interval.\n",
        progress.explained,
        pictures.listed,
        configuration.samples,
        configuration.design,
        configuration.estimator.name(),
        configuration.seed,
        match configuration.clip {
            Clipping::Last => "last",
            Clipping::First => "first",
        },
        configuration.masks.name(),
        configuration.software,
    );
    let missing = progress.missing();
    if missing > 0 {
        let _ = writeln!(
            text,
            "\n**{missing} of {} faces drawn are not explained yet.**",
            progress.drawn
        );
    }
    for means in &results.means {
        table_3(&mut text, results, means);
    }
    every_heatmap(&mut text, results);
    text.push_str("\n## Verdicts\n\n");
    for network in &results.networks {
        let _ = writeln!(text, "- {}.", network.verdict);
    }
    text
}

fn table_3(text: &mut String, results: &Results, means: &Means) {
    let how = match means.aggregation {
        Aggregation::Pooled => "one heatmap per network and expression",
        Aggregation::MeanOverFolds => "the overlaps of each training's heatmap, averaged",
    };
    let _ = writeln!(text, "\n## {}: {how}\n", capital(means.aggregation.published_as()));
    let names = Expression::SIX.map(Expression::name).join(" | ");
    let _ = writeln!(text, "| network | {names} | mean |\n|---|{}", "---:|".repeat(7));
    for of_network in &means.per_network {
        let _ = write!(text, "| {} |", of_network.network);
        for expression in Expression::SIX {
            let cell = cell(results, means.aggregation, &of_network.network, expression);
            let _ = write!(text, " {} |", cell.unwrap_or_default());
        }
        let network = Some(of_network.network.as_str());
        let intervals = results.intervals_of_mean(means.aggregation, network, None);
        let _ = writeln!(text, " {} |", with_interval(of_network.overlap.iou, intervals));
    }
    type Level = fn(&Overlap) -> f64;
    let levels: [(&str, Level); 4] = [
        ("mean", |overlap| overlap.iou),
        ("all white", |overlap| overlap.iou_all_white),
        ("random, equal area", |overlap| overlap.iou_random),
        ("other masks", |overlap| overlap.iou_other_masks),
    ];
    for (name, level) in levels {
        let _ = write!(text, "| *{name}* |");
        // Of the levels only the mean IoU has intervals.
        let figure = |expression, overlap| {
            let of_mean = (name == "mean")
                .then(|| results.intervals_of_mean(means.aggregation, None, expression));
            with_interval(level(overlap), of_mean.flatten())
        };
        for expression in Expression::SIX {
            let of_expression = means.per_expression.iter().find(|of| of.expression == expression);
            let figure = of_expression.map(|of| figure(Some(expression), &of.overlap));
            let _ = write!(text, " {} |", figure.unwrap_or_default());
        }
        let _ = writeln!(text, " {} |", figure(None, &means.overall));
    }
    let _ = writeln!(
        text,
        "\n{:.0} % of the pairs of network and expression are above an all-white heatmap.",
        100.0 * means.share_above_all_white
    );
}

fn with_interval(iou: f64, intervals: Option<Intervals>) -> String {
    let range = intervals.map_or_else(String::new, |of| format!(" ({})", interval(of)));
    format!("{}{range}", emphasised(iou, intervals))
}

/// A network's overlap for an expression.
fn cell(
    results: &Results,
    aggregation: Aggregation,
    network: &str,
    expression: Expression,
) -> Option<String> {
    match aggregation {
        Aggregation::Pooled => results
            .pooled(network, expression)
            .map(|row| with_interval(row.overlap.overlap.iou, row.intervals)),
        Aggregation::MeanOverFolds => {
            let of_folds: Vec<Overlap> = results
                .heatmaps
                .iter()
                .map(|row| &row.overlap)
                .filter(|row| row.network == network && row.expression == expression)
                .filter(|row| row.fold.is_some())
                .map(|row| row.overlap)
                .collect();
            let intervals = results.intervals_of_mean(aggregation, Some(network), Some(expression));
            Overlap::mean(&of_folds).map(|mean| with_interval(mean.iou, intervals))
        }
    }
}

fn emphasised(iou: f64, intervals: Option<Intervals>) -> String {
    match intervals.is_some_and(|intervals| intervals.beats_chance()) {
        true => format!("**{iou:.3}**"),
        false => format!("{iou:.3}"),
    }
}

fn interval(Intervals { iou: [low, high], .. }: Intervals) -> String {
    format!("{low:.3} to {high:.3}")
}

fn every_heatmap(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Every heatmap\n\n\
         | network | fold | expression | faces | people | IoU | 95 % interval | all white | random | other masks | own − others | foreground | precision | recall | F1 |\n\
         |---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let all = || results.heatmaps.iter().chain(&results.all_networks);
    for row in all() {
        let overlap = &row.overlap.overlap;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {:.3} | {:.3} | {:.3} | {:+.3} | {:.1} % | {:.3} | {:.3} | {:.3} |",
            row.overlap.network,
            row.overlap.fold.map_or_else(String::new, |fold| fold.to_string()),
            row.overlap.expression,
            row.explanations,
            row.people,
            emphasised(overlap.iou, row.intervals),
            row.intervals.map(interval).unwrap_or_default(),
            overlap.iou_all_white,
            overlap.iou_random,
            overlap.iou_other_masks,
            overlap.iou - overlap.iou_other_masks,
            100.0 * overlap.foreground_area / FACE_PIXELS as f64,
            overlap.precision,
            overlap.recall,
            overlap.f1,
        );
    }
    let thin = all().filter(|row| row.is_thin()).count();
    if thin > 0 {
        let _ = writeln!(
            text,
            "\n{thin} of {} heatmaps are of fewer than {FEW_PEOPLE} people (or pictures, where people are not known): thin evidence.",
            all().count()
        );
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
