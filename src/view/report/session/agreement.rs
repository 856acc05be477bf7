//! How far another session is.

use super::counted;
use crate::session::{SessionAgreement, SessionPair};
use crate::view::html::{MISSING, Table, escape, number, paragraph, range};

/// How much overlaps move from one session to another.
pub fn agreement(name: &str, other: &str, agreement: &SessionAgreement) -> String {
    let mut text = format!(
        "<p>The same figures in two files: <em>here</em> is {}, <em>there</em> is {}.</p>\n",
        escape(name),
        escape(other)
    );
    text += &match agreement.differences.as_slice() {
        [] => paragraph("Both have the same network, masks and settings of the gate."),
        some => {
            let items = some.iter().map(|each| format!("<li>{}</li>\n", escape(each)));
            format!("<p>What differs:</p>\n<ul>\n{}</ul>\n", items.collect::<String>())
        }
    };
    if agreement.shared_sessions > 0 {
        text += &format!(
            "<p class=\"note\"><strong>{} in both files</strong>: what they share makes them look alike.</p>\n",
            match agreement.shared_sessions {
                1 => "One session is".to_owned(),
                count => format!("{count} sessions are"),
            }
        );
    }
    text += &format!(
        "<p>Over {} the IoU moves by <strong>{}</strong> on average (mean absolute difference). A difference that is small beside both intervals says that the result does not hang on what differs.</p>\n",
        counted(agreement.pairs.len(), "expression", "expressions"),
        number(agreement.mean_absolute_difference(), 3)
    );
    let mut table = Table::new(&[
        "expression",
        "visits here",
        "visits there",
        "IoU here",
        "95 % interval here",
        "IoU there",
        "95 % interval there",
        "there − here",
        "correlation of the heatmaps",
    ]);
    for pair in &agreement.pairs {
        table.row("", pair.expression.name(), &cells(pair));
    }
    text + &table.finish(
        "Overlaps of two sessions",
        "<strong>IoU in two sessions.</strong> Heatmaps in which every visit has one vote, of enough visits in both; the last column is their mean-centred correlation. n: columns visits.",
    )
}

fn cells(pair: &SessionPair) -> [String; 8] {
    let [here, there] = pair.iou.map(|iou| number(iou, 3));
    let [interval_here, interval_there] = pair
        .intervals
        .map(|interval| interval.map_or_else(|| MISSING.to_owned(), |interval| range(interval, 3)));
    let [visits_here, visits_there] = pair.visits.map(|visits| visits.to_string());
    [
        visits_here,
        visits_there,
        here,
        interval_here,
        there,
        interval_there,
        number(pair.difference(), 3),
        number(pair.correlation, 3),
    ]
}
