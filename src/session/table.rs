//! A session's overlaps as a table of typed columns.

use super::{ExpressionResult, SessionResults, ShownHeatmap};
use crate::compare::Overlap;
use crate::table::{Column, Field, IntoValue, Value, columns, field, overlap_fields, values};

/// The columns of the overlaps.
pub fn overlap_columns() -> Vec<Column> {
    columns(overlaps())
}

/// A row for each expression of enough visits, a value per column.
pub fn overlap_rows(results: &SessionResults) -> Vec<Vec<Value>> {
    let fields = overlaps();
    let shown = results.expressions.iter().filter_map(|result| {
        let shown = result.heatmap.clone()?;
        Some(Row { network: results.configuration.network.clone(), result: result.clone(), shown })
    });
    shown.map(|row| values(&fields, &row)).collect()
}

struct Row {
    network: String,
    result: ExpressionResult,
    shown: ShownHeatmap,
}

fn overlaps() -> Vec<Field<Row>> {
    fn of<T: IntoValue + 'static>(name: &str, get: fn(&ShownHeatmap) -> T) -> Field<Row> {
        field(name, move |row: &Row| get(&row.shown))
    }
    let interval = |shown: &ShownHeatmap| shown.meaning.iou_interval;
    let mut fields: Vec<Field<Row>> = vec![
        field("network", |row: &Row| row.network.clone()),
        field("expression", |row: &Row| row.result.expression),
        field("visits", |row: &Row| row.result.visits),
        field("explanations", |row: &Row| row.result.explanations),
        field("groups", |row: &Row| row.shown.groups),
        field("otsu_level", |row: &Row| row.shown.meaning.otsu_level),
        field("iou", |row: &Row| row.shown.meaning.overlap.iou),
        field("iou_low", move |row: &Row| interval(&row.shown).map(|[low, _]| low)),
        field("iou_high", move |row: &Row| interval(&row.shown).map(|[_, high]| high)),
        field("verdict", |row: &Row| row.shown.verdict.name().to_owned()),
        of("margin", |shown| shown.margin),
        of("above_chance", |shown| shown.above_chance),
    ];
    fields.extend(overlap_fields(|row: &Row| -> &Overlap { &row.shown.meaning.overlap }));
    fields.push(of("pooled_iou", |shown| shown.pooled_iou));
    fields.push(of("pooled_correlation", |shown| shown.pooled_correlation));
    fields
}
