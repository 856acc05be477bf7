//! Overlaps of a session's heatmaps beside chance.

use crate::heatmap::GROUPS;
use crate::session::{ExpressionResult, MIN_VISITS, SessionResults, ShownHeatmap, Verdict};
use crate::standard_face::FACE_PIXELS;
use crate::view::bars::{IouRow, Votes, iou_svg};
use crate::view::html::{MISSING, Table, figure_beside, number, range};

/// The key figure and its table.
pub fn overlaps(results: &SessionResults) -> String {
    let shown = || results.expressions.iter().filter_map(|row| Some((row, row.heatmap.as_ref()?)));
    let rows: Vec<IouRow> = shown()
        .map(|(row, heatmap)| iou_row(&results.configuration.network, row, heatmap))
        .collect();
    let thin = if rows.iter().any(|row| row.is_thin) {
        format!(" <strong>† Thin evidence</strong>: fewer than {MIN_VISITS} visits.")
    } else {
        String::new()
    };
    if rows.is_empty() {
        return format!(
            "<p>No expression has the {} visits that a heatmap needs.</p>\n{}",
            results.min_visits,
            table(results, &thin)
        );
    }
    let drawing =
        iou_svg("Overlap (IoU) with the Ekman masks, beside chance", &rows, Votes::Visits);
    let caption = format!(
        "<strong>Overlap of each heatmap with the mask of its expression.</strong> Dot: IoU; whisker: 95 % interval, by a jackknife over {GROUPS} groups of visits; filled: its lower end is above the highest of \
         the three chance levels. Measured: faces that the network reads as the expression, explained by LIME, warped to the standard face, averaged in each visit, then over visits, and thresholded by Otsu’s method; {} masks. n, at \
         the right: visits.{thin}",
        results.configuration.masks,
    );
    figure_beside(&drawing, &caption) + "<h3>The full table</h3>\n" + &table(results, &thin)
}

fn iou_row(network: &str, row: &ExpressionResult, shown: &ShownHeatmap) -> IouRow {
    let overlap = shown.meaning.overlap;
    let interval = shown.meaning.iou_interval;
    IouRow {
        network: network.to_owned(),
        expression: row.expression,
        iou: overlap.iou,
        interval,
        all_white: overlap.iou_all_white,
        random: overlap.iou_random,
        other_masks: overlap.iou_other_masks,
        above_chance: interval.map(|ends| ends.map(|end| end - shown.meaning.chance())),
        n: row.visits,
        is_thin: row.visits < MIN_VISITS,
    }
}

fn table(results: &SessionResults, thin: &str) -> String {
    let mut table = Table::new(&[
        "expression",
        "visits",
        "explana\u{ad}tions",
        "beats chance",
        "IoU",
        "95 % interval",
        "all white",
        "random",
        "other masks",
        "IoU − highest",
        "own − other",
        "Otsu level",
        "area, % of face",
        "precision",
        "recall",
        "F1",
    ]);
    for row in &results.expressions {
        let is_thin = row.visits < MIN_VISITS;
        let mut cells = vec![
            format!("{}{}", row.visits, if is_thin { " †" } else { "" }),
            row.explanations.to_string(),
        ];
        match &row.heatmap {
            None => cells.extend(std::iter::repeat_n(MISSING.to_owned(), 13)),
            Some(shown) => cells.extend(figures(shown)),
        }
        let is_above = row.heatmap.as_ref().is_some_and(|shown| shown.verdict == Verdict::Above);
        let class = match (is_thin, is_above) {
            (true, true) => "thin above",
            (true, false) => "thin",
            (false, true) => "above",
            (false, false) => "",
        };
        table.row(class, row.expression.name(), &cells);
    }
    let caption = format!(
        "<strong>One heatmap for each expression, of at least {} visits.</strong> Beats chance (bold): the lower end of the 95 % interval is above the highest of the three chance levels; below: all of it is under the highest. \
         IoU − highest: how much the IoU is above that level. Own − other, the margin: IoU minus the mean IoU with the five other masks. Otsu level: threshold, 0 to 255; area: what is above it, in percent of the {FACE_PIXELS} \
         pixels of the standard face. Precision: share of that area inside the mask; recall: share of the mask inside that area; F1: their harmonic mean. n: columns visits and explanations.{thin}",
        results.min_visits
    );
    table.finish("Overlaps of the heatmaps", &caption)
}

fn figures(shown: &ShownHeatmap) -> [String; 13] {
    let (meaning, overlap) = (&shown.meaning, &shown.meaning.overlap);
    let word = match shown.verdict {
        Verdict::Above => "yes",
        Verdict::Below => "below",
        Verdict::LikeChance => "no",
        Verdict::Unknown => MISSING,
    };
    let interval =
        meaning.iou_interval.map_or_else(|| MISSING.to_owned(), |interval| range(interval, 3));
    [
        word.to_owned(),
        number(overlap.iou, 3),
        interval,
        number(overlap.iou_all_white, 3),
        number(overlap.iou_random, 3),
        number(overlap.iou_other_masks, 3),
        number(shown.above_chance, 3),
        number(shown.margin, 3),
        meaning.otsu_level.to_string(),
        number(100.0 * overlap.foreground_area / FACE_PIXELS as f64, 1),
        number(overlap.precision, 3),
        number(overlap.recall, 3),
        number(overlap.f1, 3),
    ]
}
