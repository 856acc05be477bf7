//! How alike networks are, and how well they know labels.

use super::counted;
use crate::compare::report::Dendrogram;
use crate::expression::Expression;
use crate::study::{NetworkResult, Results};
use crate::view::bars::{MetricGroup, metrics_svg};
use crate::view::confusion;
use crate::view::correlation_matrix::{self, DISTANCES};
use crate::view::html::{
    Table, escape, figure, figure_below, figure_of, folded, paragraph, side_by_side,
};

/// Networks in a drawing of metrics: what fits on a sheet of paper.
const GROUPS: usize = 10;

/// Clustered correlation matrices by both coefficients.
pub fn likeness(results: &Results) -> String {
    if results.dendrograms.is_empty() {
        return paragraph("No expression was read by two networks, so none can be compared.");
    }
    let caption = |coefficient: &str| {
        format!(
            "<strong>How alike the heatmaps of two networks are.</strong> In each cell the {coefficient} of the two heatmaps of one expression, each stretched to 0 to 255; the tree joins \
             what is most alike first (1 − correlation, average linkage). n below each matrix: faces in the heatmaps compared."
        )
    };
    let centred = matrices(results, &results.dendrograms, DISTANCES[0]);
    let equation_4 = matrices(results, &results.dendrograms_equation_4, DISTANCES[1]);
    let mut text = paragraph(
        "Two networks that look at the same places correlate near 1. The mean-centred coefficient is that of the paper’s published figure; equation 4, as it is printed there, does not subtract the \
         means, so all heatmaps look more alike by it.",
    );
    text += &figure_below(&caption("mean-centred correlation"), &centred);
    text + &folded(
        "The same by equation 4",
        &figure_below(&caption("coefficient of equation 4"), &equation_4),
    )
}

fn matrices(results: &Results, dendrograms: &[Dendrogram], axis: &str) -> String {
    let drawings: Vec<String> = dendrograms
        .iter()
        .map(|each| {
            let Dendrogram { expression, labels, distances, linkage, .. } = each;
            let title = expression.title();
            let drawing = correlation_matrix::svg(&title, axis, labels, distances, linkage);
            figure(&drawing, &format!("{title}: n = {} faces", faces(results, labels, *expression)))
        })
        .collect();
    side_by_side(&drawings)
}

/// The fewest and the most faces of some networks' heatmaps.
fn faces(results: &Results, networks: &[String], expression: Expression) -> String {
    let counts = networks.iter().filter_map(|network| results.pooled(network, expression));
    let counts: Vec<u64> = counts.map(|row| row.explanations).collect();
    match (counts.iter().min(), counts.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (least, _) => least.map_or_else(String::new, u64::to_string),
    }
}

/// What faces are read as, and whether that agrees with the labels.
pub fn classification(results: &Results) -> String {
    let labelled: Vec<(&NetworkResult, &crate::study::Classification)> = results
        .networks
        .iter()
        .filter_map(|network| Some((network, network.classification.as_ref()?)))
        .collect();
    let mut text = answers(results);
    if labelled.is_empty() {
        return text
            + "<p>What the pictures show is not known, so nothing can be said about how often the networks are right. A folder <code>&lt;subject&gt;/&lt;expression&gt;/*</code> or a table \
               <code>faces.csv</code> tells <code>ferscope study</code>.</p>\n";
    }
    let groups: Vec<MetricGroup> = labelled
        .iter()
        .map(|(network, each)| MetricGroup {
            name: network.network.clone(),
            values: vec![each.accuracy, each.precision, each.recall, each.f1],
        })
        .collect();
    let metrics = ["accuracy", "precision", "recall", "F1"];
    let drawings: Vec<String> = groups
        .chunks(GROUPS)
        .map(|groups| metrics_svg("Agreement with the labels", &metrics, groups))
        .collect();
    let counts: Vec<String> = labelled
        .iter()
        .map(|(network, each)| format!("{} n = {}", escape(&network.network), each.pictures))
        .collect();
    let caption = format!(
        "<strong>How often the networks agree with the labels.</strong> Accuracy: share of answers that are the label; precision, recall and F1: means over the labelled classes. \
             One face of a picture counts, the largest; a label that is no class of a network does not. Answers: {}.",
        counts.join(", ")
    );
    text += &figure_of(&drawings, &caption);
    let matrices: Vec<String> = labelled
        .iter()
        .map(|(network, each)| {
            let classes: Vec<String> =
                each.classes.iter().map(|class| class.name().to_owned()).collect();
            let counts: Vec<Vec<u64>> = each
                .confusion
                .iter()
                .map(|row| row.iter().map(|&count| count as u64).collect())
                .collect();
            let drawing = confusion::svg(&network.network, &classes, &counts);
            let caption = format!(
                "{}: n = {} of {}",
                escape(&network.network),
                counted(each.pictures, "answer", "answers"),
                counted(network.trainings.len(), "training", "trainings")
            );
            figure(&drawing, &caption)
        })
        .collect();
    text + &figure_below(
        "<strong>What each label is taken for.</strong> Confusion matrices: in each row the answers to the pictures of one label, measured as above. n below each.",
        &side_by_side(&matrices),
    )
}

fn answers(results: &Results) -> String {
    let classes: Vec<Expression> = Expression::SIX
        .into_iter()
        .chain([Expression::Neutral])
        .filter(|class| results.networks.iter().any(|each| each.answers.contains_key(class)))
        .collect();
    let mut columns = vec!["network"];
    columns.extend(classes.iter().map(|class| class.name()));
    columns.push("all");
    let mut table = Table::new(&columns);
    for network in &results.networks {
        let count = |class: &Expression| network.answers.get(class).copied().unwrap_or(0);
        let mut cells: Vec<String> = classes.iter().map(|class| count(class).to_string()).collect();
        cells.push(network.answers.values().sum::<usize>().to_string());
        table.row("", &network.network, &cells);
    }
    table.finish(
        "What the networks read",
        "<strong>How many faces each network reads as each expression.</strong> Every face found in a picture counts, once for each training that looks at it. n: column all.",
    )
}
