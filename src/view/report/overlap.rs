//! Overlaps of heatmaps with the Ekman masks, and the heatmaps themselves.

use image::imageops::{self, FilterType};

use super::{counted, people, replicates};
use crate::compare::report::{Aggregation, Means};
use crate::compare::{EkmanMasks, Overlap};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::standard_face::{FACE_PIXELS, StandardFace};
use crate::study::{ALL_NETWORKS, FEW_PEOPLE, HeatmapResult, Intervals, Results};
use crate::view::bars::{IouRow, iou_svgs};
use crate::view::heatmap_grid::{self, HeatmapCell, HeatmapRow};
use crate::view::html::{
    MISSING, Table, escape, figure, figure_of, folded, number, picture, range,
};

/// Panels in a drawing, and rows of heatmaps in a picture: what fits on a sheet of paper.
const PANELS: usize = 4;

/// The key figure and its tables.
pub fn overlaps(results: &Results) -> String {
    let rows: Vec<IouRow> = pooled(results).map(iou_row).collect();
    let drawings = iou_svgs("Overlap (IoU) with the Ekman masks, beside chance", &rows, PANELS);
    let configuration = &results.configuration;
    let interval = match replicates(results) {
        Some(replicates) => format!(
            "95 % interval from {replicates} bootstrap replicates over {people}; filled: all of the interval is above the highest of the three chance \
             levels of the same replicate",
            people = people(results)
        ),
        None => "none was computed, so no dot is filled".to_owned(),
    };
    let caption = format!(
        "<strong>Overlap of each heatmap with the mask of its expression.</strong> Dot: IoU; whisker: {interval}. Measured: faces that the network reads as the expression, at most {per_class} \
         drawn at random for each training, each explained by LIME with {samples} samples, warped to the standard face, averaged and thresholded by Otsu’s method; {masks} masks. \
         n, at the right: faces. {thin}",
        per_class = configuration.per_class,
        samples = configuration.samples,
        masks = configuration.masks,
        thin = thin_note(results, pooled(results)),
    );
    let mut text = figure_of(&drawings, &caption);
    text += "<h3>The full table</h3>\n";
    text += &pooled_table(results);
    if let Some(means) = means(results, Aggregation::MeanOverFolds) {
        text += &mean_table(results, means);
        text += &folded("The heatmap of every single training", &trainings_table(results));
    }
    text
}

/// The heatmaps that stand for a network, then those of all networks.
fn pooled(results: &Results) -> impl Iterator<Item = &HeatmapResult> {
    let of_networks = results.heatmaps.iter().filter(|row| row.overlap.fold.is_none());
    of_networks.chain(&results.all_networks)
}

fn iou_row(row: &HeatmapResult) -> IouRow {
    let overlap = row.overlap.overlap;
    IouRow {
        network: row.overlap.network.clone(),
        expression: row.overlap.expression,
        iou: overlap.iou,
        interval: row.intervals.map(|intervals| intervals.iou),
        all_white: overlap.iou_all_white,
        random: overlap.iou_random,
        other_masks: overlap.iou_other_masks,
        above_chance: row.intervals.map(|intervals| intervals.above_chance),
        n: row.explanations,
        is_thin: row.is_thin(),
    }
}

/// What stands below a figure of these heatmaps where some are of few people.
fn thin_note<'a>(results: &Results, rows: impl Iterator<Item = &'a HeatmapResult>) -> String {
    let are_thin: Vec<bool> = rows.map(HeatmapResult::is_thin).collect();
    let thin = are_thin.iter().filter(|&&is_thin| is_thin).count();
    if thin == 0 {
        return String::new();
    }
    format!(
        "<strong>† Thin evidence</strong>: {thin} of {} heatmaps are of fewer than {FEW_PEOPLE} {}; the next few may change them much.",
        are_thin.len(),
        people(results)
    )
}

fn means(results: &Results, aggregation: Aggregation) -> Option<&Means> {
    results.means.iter().find(|means| means.aggregation == aggregation)
}

/// The columns of every table of overlaps.
fn columns(people: &str) -> [&str; 17] {
    [
        "expression",
        "faces",
        people,
        "beats chance",
        "IoU",
        "95 % interval",
        "all white",
        "random",
        "other masks",
        "IoU − highest, 95 % interval",
        "own − other",
        "95 % interval",
        "Otsu level",
        "area, % of face",
        "precision",
        "recall",
        "F1",
    ]
}

/// What a row of a table says.
struct Line<'a> {
    overlap: &'a Overlap,
    otsu_level: Option<u8>,
    faces: Option<u64>,
    people: Option<usize>,
    intervals: Option<Intervals>,
    /// Whether it closes a group.
    is_last: bool,
}

impl<'a> Line<'a> {
    fn of(row: &'a HeatmapResult) -> Self {
        Line {
            overlap: &row.overlap.overlap,
            otsu_level: Some(row.overlap.otsu_level),
            faces: Some(row.explanations),
            people: Some(row.people),
            intervals: row.intervals,
            is_last: false,
        }
    }

    fn mean(overlap: &'a Overlap, intervals: Option<Intervals>) -> Self {
        let people = intervals.map(|intervals| intervals.groups);
        Line { overlap, otsu_level: None, faces: None, people, intervals, is_last: false }
    }

    fn add(&self, table: &mut Table, name: &str) {
        let missing = || MISSING.to_owned();
        let is_thin = self.people.is_some_and(|people| people < FEW_PEOPLE);
        let Line { overlap, intervals, .. } = *self;
        let above = intervals.map(|intervals| intervals.above_chance);
        let dagger = if is_thin { " †" } else { "" };
        let figure = |figure: f64| number(figure, 3);
        let cells = [
            self.faces.map_or_else(missing, |faces| faces.to_string()),
            self.people.map_or_else(missing, |people| format!("{people}{dagger}")),
            above.map_or_else(missing, beats_chance),
            figure(overlap.iou),
            intervals.map_or_else(missing, |intervals| range(intervals.iou, 3)),
            figure(overlap.iou_all_white),
            figure(overlap.iou_random),
            figure(overlap.iou_other_masks),
            above.map_or_else(missing, |above| range(above, 3)),
            figure(overlap.margin()),
            intervals.map_or_else(missing, |intervals| range(intervals.margin, 3)),
            self.otsu_level.map_or_else(missing, |level| level.to_string()),
            number(100.0 * overlap.foreground_area / FACE_PIXELS as f64, 1),
            figure(overlap.precision),
            figure(overlap.recall),
            figure(overlap.f1),
        ];
        let is_above = intervals.is_some_and(|intervals| intervals.beats_chance());
        let classes = [(self.is_last, "mean"), (is_thin, "thin"), (is_above, "above")];
        let classes: Vec<&str> =
            classes.into_iter().filter(|(is, _)| *is).map(|(_, class)| class).collect();
        table.row(&classes.join(" "), name, &cells);
    }
}

/// What the interval of the IoU minus the highest chance level says.
fn beats_chance([low, high]: [f64; 2]) -> String {
    let word = match (low > 0.0, high < 0.0) {
        (true, _) => "yes",
        (_, true) => "below",
        _ => "no",
    };
    word.to_owned()
}

fn pooled_table(results: &Results) -> String {
    let mut table = Table::new(&columns(people(results)));
    let means = means(results, Aggregation::Pooled);
    for network in &results.networks {
        table.group(&network.network);
        for expression in Expression::SIX {
            if let Some(row) = results.pooled(&network.network, expression) {
                Line::of(row).add(&mut table, expression.name());
            }
        }
        let of_network = means.and_then(|means| {
            means.per_network.iter().find(|mean| mean.network == network.network)
        });
        if let Some(mean) = of_network {
            let name = Some(network.network.as_str());
            let intervals = results.intervals_of_mean(Aggregation::Pooled, name, None);
            let line = Line { is_last: true, ..Line::mean(&mean.overlap, intervals) };
            line.add(&mut table, "mean");
        }
    }
    if let (Some(means), true) = (means, results.networks.len() > 1) {
        table.group("Mean over the networks");
        add_expression_means(&mut table, results, means);
        table.group("All networks pooled into one heatmap");
        for row in &results.all_networks {
            Line::of(row).add(&mut table, row.overlap.expression.name());
        }
    }
    let several = results.networks.iter().any(|network| network.trainings.len() > 1);
    let caption = format!(
        "<strong>One heatmap for each network and expression{pooled}.</strong> Beats chance (bold): the whole 95 % interval is above the highest of the three chance levels; below: all of it is under \
         the highest. Own − other: IoU minus the mean IoU with the five other masks. Otsu level: threshold, 0 to 255; area: what is above it, in percent of the {FACE_PIXELS} pixels of the standard \
         face. Precision: share of that area inside the mask; recall: share of the mask inside that area; F1: their harmonic mean. Means: their highest chance level is the highest of the three mean levels, their {people} those of the heatmap with the fewest. \
         n: columns faces and {people}. {share}{thin}",
        pooled =
            if several { ", trainings pooled (the way of the preprint’s Table 3)" } else { "" },
        people = people(results),
        share = share_above(means),
        thin = thin_note(results, pooled(results)),
    );
    table.finish("Overlaps of the pooled heatmaps", &caption)
}

fn share_above(means: Option<&Means>) -> String {
    means.map_or_else(String::new, |means| {
        format!(
            "{} % of the pairs of network and expression are above an all-white heatmap. ",
            number(100.0 * means.share_above_all_white, 0)
        )
    })
}

fn add_expression_means(table: &mut Table, results: &Results, means: &Means) {
    let intervals = |expression| results.intervals_of_mean(means.aggregation, None, expression);
    for mean in &means.per_expression {
        let line = Line::mean(&mean.overlap, intervals(Some(mean.expression)));
        line.add(table, mean.expression.name());
    }
    let line = Line { is_last: true, ..Line::mean(&means.overall, intervals(None)) };
    line.add(table, "all");
}

/// The later of the two published tables.
fn mean_table(results: &Results, means: &Means) -> String {
    let mut table = Table::new(&columns(people(results)));
    for mean in &means.per_network {
        table.group(&mean.network);
        let intervals = |expression| {
            results.intervals_of_mean(means.aggregation, Some(&mean.network), expression)
        };
        for expression in Expression::SIX {
            let of_pair: Vec<&HeatmapResult> =
                trainings_of(results, &mean.network, expression).collect();
            let overlaps: Vec<Overlap> = of_pair.iter().map(|row| row.overlap.overlap).collect();
            if let Some(overlap) = Overlap::mean(&overlaps) {
                let line = Line {
                    faces: Some(of_pair.iter().map(|row| row.explanations).sum()),
                    ..Line::mean(&overlap, intervals(Some(expression)))
                };
                line.add(&mut table, expression.name());
            }
        }
        let line = Line { is_last: true, ..Line::mean(&mean.overlap, intervals(None)) };
        line.add(&mut table, "mean");
    }
    if means.per_network.len() > 1 {
        table.group("Mean over the networks");
        add_expression_means(&mut table, results, means);
    }
    let caption = format!(
        "<strong>Mean over the trainings (the way of the later table).</strong> Every training’s heatmap is compared with the mask by itself; the figures are means of theirs; columns as above. Only networks with several trainings. n: columns faces, of \
         all trainings together, and {}, of the training with the fewest. {}",
        people(results),
        share_above(Some(means))
    );
    table.finish("Mean overlaps over trainings", &caption)
}

fn trainings_of<'a>(
    results: &'a Results,
    network: &'a str,
    expression: Expression,
) -> impl Iterator<Item = &'a HeatmapResult> {
    results.heatmaps.iter().filter(move |row| {
        let overlap = &row.overlap;
        overlap.network == network && overlap.expression == expression && overlap.fold.is_some()
    })
}

fn trainings_table(results: &Results) -> String {
    let mut table = Table::new(&columns(people(results)));
    let rows = || results.heatmaps.iter().filter(|row| row.overlap.fold.is_some());
    let mut last = String::new();
    for row in rows() {
        let name = row.name();
        if name != last {
            table.group(&name);
            last = name;
        }
        Line::of(row).add(&mut table, row.overlap.expression.name());
    }
    let caption = format!(
        "<strong>Every training’s own heatmaps.</strong> Columns as above. n: columns faces and {}. {}",
        people(results),
        thin_note(results, rows())
    );
    table.finish("Overlaps of every training", &caption)
}

/// Grids of heatmaps.
pub fn heatmaps(results: &Results) -> String {
    let masks = EkmanMasks::new(results.configuration.masks, &StandardFace::default());
    let mut rows: Vec<(String, Vec<&HeatmapResult>)> = results
        .networks
        .iter()
        .map(|network| {
            let six = Expression::SIX.into_iter();
            let cells = six.filter_map(|each| results.pooled(&network.network, each)).collect();
            (network.network.clone(), cells)
        })
        .collect();
    if results.networks.len() > 1 {
        rows.push((ALL_NETWORKS.to_owned(), results.all_networks.iter().collect()));
    }
    let clip = results.configuration.clip;
    let caption = format!(
        "<strong>Heatmaps of {} on the standard face.</strong> Bright: what speaks for the expression, on average over the faces that the network reads as it (LIME, {} samples, clipped \
         {}). Every map is stretched to its own maximum: brightness compares places within a map, not maps. Blue: the Ekman mask. n below each: faces. {}",
        counted(results.networks.len(), "network", "networks"),
        results.configuration.samples,
        match clip {
            Clipping::Last => "last",
            Clipping::First => "first",
        },
        thin_note(results, pooled(results)),
    );
    let mut text = figure(&grids(&rows, &masks, 1), &caption);
    for network in results.networks.iter().filter(|network| network.trainings.len() > 1) {
        let rows: Vec<(String, Vec<&HeatmapResult>)> = network
            .trainings
            .iter()
            .map(|training| {
                let six = Expression::SIX.into_iter();
                let cells = six
                    .flat_map(|each| trainings_of(results, &network.network, each))
                    .filter(|row| row.overlap.fold == training.fold)
                    .collect();
                (training.name.clone(), cells)
            })
            .collect();
        let caption = format!(
            "<strong>Each training of {}</strong>: as above, the faces of one training in each row.",
            escape(&network.network)
        );
        let title = format!("Heatmaps of each training of {}", network.network);
        text += &folded(&title, &figure(&grids(&rows, &masks, 2), &caption));
    }
    text
}

/// Rows in pictures of a few each, as evenly as they can be dealt, so many times smaller than they are drawn.
fn grids(rows: &[(String, Vec<&HeatmapResult>)], masks: &EkmanMasks, smaller: u32) -> String {
    let face = StandardFace::default();
    let in_each = rows.len().div_ceil(rows.len().div_ceil(PANELS).max(1)).max(1);
    let mut text = String::new();
    for some in rows.chunks(in_each) {
        let drawn: Vec<HeatmapRow> = some
            .iter()
            .map(|(name, heatmaps)| HeatmapRow {
                name: name.clone(),
                cells: Expression::SIX.map(|expression| {
                    let of_expression =
                        heatmaps.iter().find(|row| row.overlap.expression == expression);
                    of_expression.map_or_else(HeatmapCell::default, |row| HeatmapCell {
                        map: Some(&row.map),
                        n: row.explanations,
                    })
                }),
            })
            .collect();
        let names: Vec<&str> = some.iter().map(|(name, _)| name.as_str()).collect();
        let description = format!(
            "Heatmaps of {} for anger, disgust, fear, happiness, sadness and surprise",
            names.join(", ")
        );
        let mut grid = heatmap_grid::picture("", &drawn, masks, &face);
        if smaller > 1 {
            let (width, height) = (grid.width() / smaller, grid.height() / smaller);
            grid = imageops::resize(&grid, width, height, FilterType::Triangle);
        }
        text += &picture(&grid, &description);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::report::HeatmapOverlap;
    use crate::view::xml_check::parse;

    fn row(people: usize, above_chance: [f64; 2]) -> HeatmapResult {
        let overlap = Overlap {
            iou: 0.5,
            precision: 0.6,
            recall: 0.7,
            f1: 0.65,
            foreground_area: 6160.0,
            iou_all_white: 0.2,
            iou_random: 0.1,
            iou_other_masks: 0.3,
        };
        let interval = [0.4, 0.6];
        HeatmapResult {
            overlap: HeatmapOverlap {
                network: "a".to_owned(),
                fold: None,
                expression: Expression::Fear,
                pooled_from: Vec::new(),
                otsu_level: 99,
                overlap,
            },
            explanations: 40,
            people,
            intervals: Some(Intervals {
                replicates: 40,
                groups: people,
                iou: interval,
                margin: interval,
                above_chance,
            }),
            map: Vec::new(),
        }
    }

    #[test]
    fn rows_say_how_much_evidence_there_is_and_whether_it_is_above_chance() {
        for (people, above_chance, class, marked, word) in [
            (20, [0.1, 0.2], "above", "20", "yes"),
            (19, [0.1, 0.2], "thin above", "19 †", "yes"),
            (19, [-0.1, 0.2], "thin", "19 †", "no"),
            (20, [-0.2, -0.1], "", "20", "below"),
        ] {
            let mut table = Table::new(&columns("people"));
            Line::of(&row(people, above_chance)).add(&mut table, "fear");
            let elements = parse(&table.finish("label", "caption"));
            let body = elements.iter().rposition(|each| each.name == "tr").unwrap();
            assert_eq!(elements[body].get("class").unwrap_or_default(), class);
            let cells: Vec<&str> =
                elements[body + 2..].iter().map(|each| each.text.as_str()).collect();
            assert_eq!(cells[..5], ["40", marked, word, "0.500", "0.400 to 0.600"]);
            assert_eq!(cells[8..10], [&range(above_chance, 3), "0.200"]);
            assert_eq!(cells[11..], ["99", "10.0", "0.600", "0.700", "0.650"]);
        }
    }
}
