//! A study's results as tables of typed columns, row by row: memory does not depend on the number of faces.

use super::bootstrap::{Estimate, Intervals};
use super::checks::CurvePoint;
use super::results::{HeatmapResult, NetworkResult, Results};
use crate::compare::report::{Aggregation, Dendrogram};
use crate::compare::{Correlation, Overlap};
use crate::expression::Expression;
use crate::store::{Answer, Checks, Drawn, Explanation, NetworkRow, PictureRow, Store, StoreError};
use crate::table::{Column, Field, IntoValue, Value, columns, field, overlap_fields, values};

/// One of the tables of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// A row per heatmap: its overlap with its mask beside the chance levels, with intervals.
    Overlaps,
    /// Means over networks and expressions, in both published aggregations.
    Means,
    /// A row per network and face: what it says of it.
    Answers,
    /// A row per face drawn to be explained.
    Explanations,
    /// How alike every two networks are, per expression, in both forms of the coefficient.
    Correlations,
    /// Means of what the checks found, and of how much relevance lies where it should, a row per network, expression and figure.
    Checks,
    /// The mean deletion and insertion curves of each network.
    Curves,
    /// The clusters that follow from it, as SciPy writes a linkage.
    Linkages,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 8] = [
        Self::Overlaps,
        Self::Means,
        Self::Answers,
        Self::Explanations,
        Self::Checks,
        Self::Curves,
        Self::Correlations,
        Self::Linkages,
    ];

    /// The name, as of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overlaps => "overlaps",
            Self::Means => "means",
            Self::Answers => "answers",
            Self::Explanations => "explanations",
            Self::Checks => "checks",
            Self::Curves => "curves",
            Self::Correlations => "correlations",
            Self::Linkages => "linkages",
        }
    }
}

/// The tables of a study.
pub struct Tables<'a> {
    store: &'a Store,
    results: &'a Results,
    networks: Vec<NetworkRow>,
    pictures: Vec<PictureRow>,
}

impl<'a> Tables<'a> {
    /// The tables of a study and its results.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn new(store: &'a Store, results: &'a Results) -> Result<Self, StoreError> {
        let (networks, pictures) = (store.networks()?, store.pictures()?);
        Ok(Tables { store, results, networks, pictures })
    }

    /// The columns of a table; only those of the answers depend on the study, which tells the classes.
    pub fn columns(&self, table: Table) -> Vec<Column> {
        match table {
            Table::Overlaps => columns(overlaps()),
            Table::Means => columns(means()),
            Table::Answers => columns(answers(&self.classes())),
            Table::Explanations => columns(explanations()),
            Table::Checks => columns(checks()),
            Table::Curves => columns(curves()),
            Table::Correlations => columns(correlations()),
            Table::Linkages => columns(linkages()),
        }
    }

    /// Hands on every row of a table, a value per column, until `work` fails.
    ///
    /// # Errors
    /// When the store cannot be read, or `work` fails.
    pub fn for_each_row<E: From<StoreError>>(
        &self,
        table: Table,
        mut work: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let results = self.results;
        match table {
            Table::Overlaps => {
                let fields = overlaps();
                let rows = results.heatmaps.iter().chain(&results.all_networks);
                rows.map(|row| values(&fields, row)).try_for_each(work)
            }
            Table::Means => {
                let fields = means();
                mean_rows(results).iter().map(|row| values(&fields, row)).try_for_each(work)
            }
            Table::Answers => self.for_each_answer(work),
            Table::Explanations => self.for_each_explanation(work),
            Table::Checks => {
                let fields = checks();
                check_rows(results).iter().map(|row| values(&fields, row)).try_for_each(work)
            }
            Table::Curves => {
                let fields = curves();
                curve_rows(results).map(|row| values(&fields, &row)).try_for_each(work)
            }
            Table::Correlations => {
                let fields = correlations();
                for_each_dendrogram(results, |coefficient, dendrogram| {
                    correlation_rows(coefficient, dendrogram)
                        .map(|row| values(&fields, &row))
                        .try_for_each(&mut work)
                })
            }
            Table::Linkages => {
                let fields = linkages();
                for_each_dendrogram(results, |coefficient, dendrogram| {
                    linkage_rows(coefficient, dendrogram)
                        .map(|row| values(&fields, &row))
                        .try_for_each(&mut work)
                })
            }
        }
    }

    /// The classes of the networks together, in the paper's order.
    fn classes(&self) -> Vec<Expression> {
        let mut all: Vec<Expression> =
            self.networks.iter().flat_map(|network| network.classes.iter().copied()).collect();
        all.sort();
        all.dedup();
        all
    }

    fn for_each_answer<E: From<StoreError>>(
        &self,
        mut work: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fields = answers(&self.classes());
        let mut result = Ok(());
        for (number, network) in self.networks.iter().enumerate() {
            self.store.for_each_answer(number, |picture, face, answer| {
                if result.is_ok() {
                    let (network, picture) = (network.clone(), self.pictures[picture].clone());
                    result = work(values(&fields, &AnswerRow { network, picture, face, answer }));
                }
            })?;
        }
        result
    }

    fn for_each_explanation<E: From<StoreError>>(
        &self,
        mut work: impl FnMut(Vec<Value>) -> Result<(), E>,
    ) -> Result<(), E> {
        let fields = explanations();
        let mut result = Ok(());
        for (number, network) in self.networks.iter().enumerate() {
            self.store.for_each_drawn(number, |drawn, explanation| {
                if result.is_ok() {
                    let (network, path) =
                        (network.clone(), self.pictures[drawn.picture].path.clone());
                    result = work(values(
                        &fields,
                        &ExplanationRow { network, path, drawn, explanation },
                    ));
                }
            })?;
        }
        result
    }
}

fn overlaps() -> Vec<Field<HeatmapResult>> {
    type Row = HeatmapResult;
    let mut fields: Vec<Field<Row>> = vec![
        field("network", |row: &Row| row.overlap.network.clone()),
        field("fold", |row: &Row| row.overlap.fold),
        field("expression", |row: &Row| row.overlap.expression),
        field("explanations", |row: &Row| row.explanations),
        field("people", |row: &Row| row.people),
        field("otsu_level", |row: &Row| row.overlap.otsu_level),
        field("iou", |row: &Row| row.overlap.overlap.iou),
    ];
    fields.extend(interval_fields(|row: &Row| &row.overlap.overlap, |row: &Row| row.intervals));
    fields.extend(overlap_fields(|row: &Row| &row.overlap.overlap));
    fields
}

/// What has an interval: after the intersection over union.
fn interval_fields<Row: 'static>(
    overlap: fn(&Row) -> &Overlap,
    intervals: fn(&Row) -> Option<Intervals>,
) -> [Field<Row>; 8] {
    let end = move |name, figure: fn(Intervals) -> f64| {
        field(name, move |row: &Row| intervals(row).map(figure))
    };
    [
        end("iou_low", |all| all.iou[0]),
        end("iou_high", |all| all.iou[1]),
        field("margin", move |row: &Row| overlap(row).margin()),
        end("margin_low", |all| all.margin[0]),
        end("margin_high", |all| all.margin[1]),
        field("above_chance", move |row: &Row| overlap(row).above_chance()),
        end("above_chance_low", |all| all.above_chance[0]),
        end("above_chance_high", |all| all.above_chance[1]),
    ]
}

struct MeanRow {
    aggregation: Aggregation,
    /// None: over all.
    network: Option<String>,
    expression: Option<Expression>,
    overlap: Overlap,
    intervals: Option<Intervals>,
    share_above_all_white: Option<f64>,
}

fn means() -> Vec<Field<MeanRow>> {
    type Row = MeanRow;
    let all = || "all".to_owned();
    let mut fields: Vec<Field<Row>> = vec![
        field("aggregation", |row: &Row| row.aggregation.name().to_owned()),
        field("table", |row: &Row| row.aggregation.published_as().to_owned()),
        field("network", move |row: &Row| row.network.clone().unwrap_or_else(all)),
        field("expression", move |row: &Row| {
            row.expression.map_or_else(all, |expression| expression.name().to_owned())
        }),
        field("iou", |row: &Row| row.overlap.iou),
    ];
    fields.extend(interval_fields(|row: &Row| &row.overlap, |row: &Row| row.intervals));
    fields.extend(overlap_fields(|row: &Row| &row.overlap));
    fields.push(field("share_above_all_white", |row: &Row| row.share_above_all_white));
    fields
}

fn mean_rows(results: &Results) -> Vec<MeanRow> {
    let mut rows = Vec::new();
    for means in &results.means {
        let aggregation = means.aggregation;
        let mut add = |network: Option<&str>, expression, overlap, share_above_all_white| {
            let intervals = results.intervals_of_mean(aggregation, network, expression);
            rows.push(MeanRow {
                aggregation,
                network: network.map(str::to_owned),
                expression,
                overlap,
                intervals,
                share_above_all_white,
            });
        };
        for mean in &means.per_network {
            add(Some(&mean.network), None, mean.overlap, None);
        }
        for mean in &means.per_expression {
            add(None, Some(mean.expression), mean.overlap, None);
        }
        add(None, None, means.overall, Some(means.share_above_all_white));
    }
    rows
}

struct AnswerRow {
    network: NetworkRow,
    picture: PictureRow,
    face: usize,
    answer: Answer,
}

fn answers(classes: &[Expression]) -> Vec<Field<AnswerRow>> {
    type Row = AnswerRow;
    let mut fields: Vec<Field<Row>> = vec![
        field("picture", |row: &Row| row.picture.path.clone()),
        field("face", |row: &Row| row.face),
        field("network", |row: &Row| row.network.architecture.clone()),
        field("fold", |row: &Row| row.network.fold),
        field("expression", |row: &Row| row.answer.expression),
    ];
    fields.extend(classes.iter().map(|&class| {
        field(class.name(), move |row: &Row| {
            let place = row.network.classes.iter().position(|&of_network| of_network == class);
            place.and_then(|place| row.answer.probabilities.get(place).copied())
        })
    }));
    fields.push(field("label", |row: &Row| row.picture.label));
    fields.push(field("subject", |row: &Row| row.picture.subject.clone()));
    fields
}

struct ExplanationRow {
    network: NetworkRow,
    path: String,
    drawn: Drawn,
    explanation: Result<Explanation, Option<String>>,
}

fn explanations() -> Vec<Field<ExplanationRow>> {
    type Row = ExplanationRow;
    fn of<T: IntoValue + 'static>(name: &str, get: fn(&Explanation) -> T) -> Field<ExplanationRow> {
        field(name, move |row: &Row| row.explanation.as_ref().ok().map(get))
    }
    fn check<T: IntoValue + 'static>(name: &str, get: fn(&Checks) -> T) -> Field<ExplanationRow> {
        field(name, move |row: &Row| {
            row.explanation.as_ref().ok().and_then(|each| each.checks.as_ref().map(get))
        })
    }
    let moved = |name, place: usize| {
        field(name, move |row: &Row| {
            row.explanation.as_ref().ok().and_then(|each| each.moved.map(|moved| moved[place]))
        })
    };
    vec![
        field("picture", |row: &Row| row.path.clone()),
        field("face", |row: &Row| row.drawn.face),
        field("network", |row: &Row| row.network.architecture.clone()),
        field("fold", |row: &Row| row.network.fold),
        field("expression", |row: &Row| row.drawn.expression),
        field("place", |row: &Row| row.drawn.place),
        of("segments", |each| each.weights.len()),
        of("r2", |each| each.r2),
        of("intercept", |each| each.intercept),
        check("deletion", |checks| checks.faithfulness.explained.deletion_area()),
        check("insertion", |checks| checks.faithfulness.explained.insertion_area()),
        check("deletion_random", |checks| checks.faithfulness.random.deletion_area()),
        check("insertion_random", |checks| checks.faithfulness.random.insertion_area()),
        check("deletion_curve", |checks| checks.faithfulness.explained.deletion.clone()),
        check("insertion_curve", |checks| checks.faithfulness.explained.insertion.clone()),
        check("deletion_curve_random", |checks| checks.faithfulness.random.deletion.clone()),
        check("insertion_curve_random", |checks| checks.faithfulness.random.insertion.clone()),
        check("repeat_correlation", |checks| checks.repeat_correlation),
        check("shuffled_correlation", |checks| checks.shuffled_correlation),
        moved("moved_mass", 0),
        moved("moved_rank", 1),
        moved("moved_chance", 2),
        of("weights", |each| each.weights.clone()),
        field("problem", |row: &Row| row.explanation.as_ref().err().cloned().flatten()),
    ]
}

/// A mean over a network's faces.
struct CheckRow {
    network: String,
    /// None: over all, as far as they were checked.
    expression: Option<Expression>,
    figure: &'static str,
    faces: usize,
    estimate: Estimate,
    /// What relevance that is spread evenly gives, where that is known.
    chance: Option<f64>,
}

fn checks() -> Vec<Field<CheckRow>> {
    type Row = CheckRow;
    vec![
        field("network", |row: &Row| row.network.clone()),
        field("expression", |row: &Row| {
            row.expression.map_or_else(|| "all".to_owned(), |each| each.name().to_owned())
        }),
        field("figure", |row: &Row| row.figure.to_owned()),
        field("faces", |row: &Row| row.faces),
        field("mean", |row: &Row| row.estimate.mean),
        field("low", |row: &Row| row.estimate.interval.map(|[low, _]| low)),
        field("high", |row: &Row| row.estimate.interval.map(|[_, high]| high)),
        field("chance", |row: &Row| row.chance),
    ]
}

fn check_rows(results: &Results) -> Vec<CheckRow> {
    let mut rows = Vec::new();
    for NetworkResult { network, checks, in_mask, in_moved, .. } in &results.networks {
        let mut add = |expression, figure, faces, estimate, chance| {
            let network = network.clone();
            rows.push(CheckRow { network, expression, figure, faces, estimate, chance });
        };
        if let Some(checks) = checks {
            for (figure, estimate) in [
                ("deletion", checks.deletion),
                ("deletion_random", checks.deletion_random),
                ("deletion_gain", checks.deletion_gain),
                ("insertion", checks.insertion),
                ("insertion_random", checks.insertion_random),
                ("insertion_gain", checks.insertion_gain),
                ("repeat_correlation", checks.repeat_correlation),
            ] {
                add(None, figure, checks.faces, estimate, None);
            }
            if let Some(correlation) = checks.shuffled_correlation {
                add(None, "shuffled_correlation", checks.shuffled_faces, correlation, None);
            }
        }
        let names = [
            ["mask_mass", "mask_mass_gain", "mask_rank", "mask_rank_gain"],
            ["moved_mass", "moved_mass_gain", "moved_rank", "moved_rank_gain"],
        ];
        for (means, names) in [in_mask, in_moved].into_iter().zip(names) {
            for each in means {
                let estimates = [each.mass, each.mass_gain, each.rank, each.rank_gain];
                let chances = [Some(each.chance), None, Some(each.chance), None];
                for ((name, estimate), chance) in names.into_iter().zip(estimates).zip(chances) {
                    add(Some(each.expression), name, each.faces, estimate, chance);
                }
            }
        }
    }
    rows
}

struct CurveRow {
    network: String,
    faces: usize,
    point: CurvePoint,
}

fn curves() -> Vec<Field<CurveRow>> {
    type Row = CurveRow;
    vec![
        field("network", |row: &Row| row.network.clone()),
        field("faces", |row: &Row| row.faces),
        field("share", |row: &Row| row.point.share),
        field("deletion", |row: &Row| row.point.deletion),
        field("deletion_random", |row: &Row| row.point.deletion_random),
        field("insertion", |row: &Row| row.point.insertion),
        field("insertion_random", |row: &Row| row.point.insertion_random),
    ]
}

fn curve_rows(results: &Results) -> impl Iterator<Item = CurveRow> {
    results.checked().into_iter().flat_map(|(network, checks)| {
        let network = network.to_owned();
        checks.curves.iter().map(move |&point| CurveRow {
            network: network.clone(),
            faces: checks.faces,
            point,
        })
    })
}

fn for_each_dendrogram<E>(
    results: &Results,
    mut work: impl FnMut(Correlation, &Dendrogram) -> Result<(), E>,
) -> Result<(), E> {
    for dendrogram in &results.dendrograms {
        work(Correlation::MeanCentred, dendrogram)?;
    }
    for dendrogram in &results.dendrograms_equation_4 {
        work(Correlation::Equation4, dendrogram)?;
    }
    Ok(())
}

struct CorrelationRow {
    expression: Expression,
    coefficient: Correlation,
    network: String,
    other: String,
    correlation: f64,
}

fn correlations() -> Vec<Field<CorrelationRow>> {
    type Row = CorrelationRow;
    vec![
        field("expression", |row: &Row| row.expression),
        field("coefficient", |row: &Row| row.coefficient.name().to_owned()),
        field("network", |row: &Row| row.network.clone()),
        field("other", |row: &Row| row.other.clone()),
        field("correlation", |row: &Row| row.correlation),
    ]
}

/// The whole matrix, so that a pivot gives it back.
fn correlation_rows(
    coefficient: Correlation,
    dendrogram: &Dendrogram,
) -> impl Iterator<Item = CorrelationRow> {
    let labels = &dendrogram.labels;
    labels.iter().zip(&dendrogram.distances).flat_map(move |(network, distances)| {
        labels.iter().zip(distances).map(move |(other, distance)| CorrelationRow {
            expression: dendrogram.expression,
            coefficient,
            network: network.clone(),
            other: other.clone(),
            correlation: 1.0 - distance,
        })
    })
}

struct LinkageRow {
    expression: Expression,
    coefficient: Correlation,
    first: usize,
    second: usize,
    height: f64,
    leaves: usize,
    first_network: Option<String>,
    second_network: Option<String>,
}

fn linkages() -> Vec<Field<LinkageRow>> {
    type Row = LinkageRow;
    vec![
        field("expression", |row: &Row| row.expression),
        field("coefficient", |row: &Row| row.coefficient.name().to_owned()),
        field("first", |row: &Row| row.first),
        field("second", |row: &Row| row.second),
        field("height", |row: &Row| row.height),
        field("leaves", |row: &Row| row.leaves),
        field("first_network", |row: &Row| row.first_network.clone()),
        field("second_network", |row: &Row| row.second_network.clone()),
    ]
}

fn linkage_rows(
    coefficient: Correlation,
    dendrogram: &Dendrogram,
) -> impl Iterator<Item = LinkageRow> {
    dendrogram.linkage.iter().map(move |merge| LinkageRow {
        expression: dendrogram.expression,
        coefficient,
        first: merge.first,
        second: merge.second,
        height: merge.height,
        leaves: merge.leaves,
        first_network: dendrogram.labels.get(merge.first).cloned(),
        second_network: dendrogram.labels.get(merge.second).cloned(),
    })
}
