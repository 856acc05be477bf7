//! Whether explanations can be trusted, and whether another study says the same.

use super::{counted, people, replicates};
use crate::expression::Expression;
use crate::study::{Agreement, Estimate, FEW_PEOPLE, NetworkResult, RelevanceMean, Results};
use crate::view::curves;
use crate::view::html::{MISSING, Table, escape, figure_of, number, paragraph, range};

/// Networks in a drawing of curves: what fits on a sheet of paper.
const CURVES: usize = 4;

/// Checks face by face, and where relevance lies.
pub fn checks(results: &Results) -> String {
    let mut text = checks_table(results);
    text += &checked_curves(results);
    text += "<h3>Where relevance lies, face by face</h3>\n";
    text += &paragraph(
        "Mass: the share of the relevance for the class that lies inside a region. Rank accuracy: of the most relevant pixels, as many as the region has, the share inside. Both are good when they are above \
         chance, the region’s share of the face crop. Unlike the IoU they need no threshold and no averaged heatmap.",
    );
    let caption = |what: &str| {
        format!(
            "<strong>Relevance in {what}</strong>, means over the explained faces of each network and expression (LIME, {} samples); high is good, chance beside. Bold: all of the interval of mass − chance is above 0.{} n: column faces.",
            results.configuration.samples,
            interval_note(results)
        )
    };
    text += &relevance_table(results, |network| &network.in_mask)
        .finish("Relevance in the Ekman mask", &caption("the Ekman mask of the expression"));
    if results.networks.iter().any(|network| !network.in_moved.is_empty()) {
        text += &relevance_table(results, |network| &network.in_moved).finish(
            "Relevance in what moved",
            &caption("the region that truly moved (at least a quarter of the face crop’s largest displacement)"),
        );
    } else {
        text += "<p>The pictures came without a record of what truly moved, so relevance cannot be held against that. Rendered faces of <code>scripts/synthesise</code> have one.</p>\n";
    }
    text
}

fn checks_table(results: &Results) -> String {
    if results.checked().is_empty() {
        return "<p>No explanation was checked: <code>ferscope study --checks</code> does that.</p>\n"
            .to_owned();
    }
    let mut table = Table::new(&[
        "network",
        "faces",
        "deletion",
        "random order",
        "random − own",
        "insertion",
        "random order",
        "own − random",
        "repeatability",
        "shuffled weights",
        "faces that count",
    ]);
    for network in &results.networks {
        let cells: [String; 10] = match &network.checks {
            None => std::array::from_fn(|_| MISSING.to_owned()),
            Some(means) => [
                means.faces.to_string(),
                number(means.deletion.mean, 2),
                number(means.deletion_random.mean, 2),
                estimate(means.deletion_gain, 2),
                number(means.insertion.mean, 2),
                number(means.insertion_random.mean, 2),
                estimate(means.insertion_gain, 2),
                estimate(means.repeat_correlation, 2),
                means
                    .shuffled_correlation
                    .map_or_else(|| MISSING.to_owned(), |each| estimate(each, 2)),
                means.shuffled_faces.to_string(),
            ],
        };
        table.row("", &network.network, &cells);
    }
    let guide = "<ul>
<li><strong>Deletion</strong>: the class’s probability while superpixels are blacked out, the most relevant first (area under the curve). Low is good: below that of a random order.</li>
<li><strong>Insertion</strong>: the same while they are shown one after another on black. High is good: above that of a random order.</li>
<li><strong>Repeatability</strong>: correlation of two explanations of one face from different samples. High is good, 1 the most; a low one asks for more samples.</li>
<li><strong>Shuffled weights</strong>: size of the correlation with the explanation of a network whose weights were shuffled (parameter randomisation). Low is good: an explanation that stays the same does not
depend on what the network has learnt. Two explanations of some 30 superpixels that have nothing to do with each other give about .15. Only faces count for which the shuffled network distinguished anything.</li>
</ul>
";
    let caption = format!(
        "<strong>Checks of single explanations</strong>, means over at most {} of each training and expression; random orders: {} for each face.{} n: columns faces and faces that count.",
        counted(results.configuration.checks, "face", "faces"),
        crate::study::RANDOM_ORDERS,
        interval_note(results)
    );
    guide.to_owned() + &table.finish("Checks", &caption)
}

/// The curves whose areas the table has.
fn checked_curves(results: &Results) -> String {
    let drawings: Vec<String> = results.checked().chunks(CURVES).map(curves::svg).collect();
    let caption = "<strong>What hiding and showing does.</strong> Means over the checked faces of each network; above each plot the area under both curves. An explanation \
         that names what the network looks at makes the solid line leave the dashed one at once: downwards for deletion, upwards for insertion. n: faces, at the right of each name.";
    if drawings.is_empty() { String::new() } else { figure_of(&drawings, caption) }
}

/// What the ranges in brackets are, where there are any.
fn interval_note(results: &Results) -> String {
    replicates(results).map_or_else(String::new, |replicates| {
        format!(
            " In brackets: 95 % intervals from {replicates} bootstrap replicates over {}.",
            people(results)
        )
    })
}

fn estimate(Estimate { mean, interval }: Estimate, decimals: usize) -> String {
    let interval =
        interval.map_or_else(String::new, |ends| format!(" ({})", range(ends, decimals)));
    format!("{}{interval}", number(mean, decimals))
}

fn relevance_table(
    results: &Results,
    means: impl Fn(&NetworkResult) -> &Vec<RelevanceMean>,
) -> Table {
    let mut table = Table::new(&[
        "expression",
        "faces",
        "chance",
        "mass",
        "mass − chance",
        "rank accuracy",
        "rank − chance",
    ]);
    for network in &results.networks {
        table.group(&network.network);
        for mean in means(network) {
            let cells = [
                mean.faces.to_string(),
                number(mean.chance, 3),
                number(mean.mass.mean, 3),
                estimate(mean.mass_gain, 3),
                number(mean.rank.mean, 3),
                estimate(mean.rank_gain, 3),
            ];
            let is_above = mean.mass_gain.interval.is_some_and(|[low, _]| low > 0.0);
            table.row(if is_above { "above" } else { "" }, mean.expression.name(), &cells);
        }
    }
    table
}

/// How much overlaps move from one study to another.
pub fn agreement(name: &str, other: &str, results: &Results, agreement: &Agreement) -> String {
    let mut text = format!(
        "<p>How far the same figures are from each other in two studies: <em>here</em> is {}, <em>there</em> is {}. A difference that is small beside the interval says that the
result does not hang on what differs between them.</p>\n",
        escape(name),
        escape(other)
    );
    text += &if agreement.differences.is_empty() {
        paragraph("Both have the same configuration, networks and number of pictures.")
    } else {
        let items: Vec<String> = agreement
            .differences
            .iter()
            .map(|difference| format!("<li>{}</li>\n", escape(difference)))
            .collect();
        format!("<p>What differs:</p>\n<ul>\n{}</ul>\n", items.concat())
    };
    let mut table = Table::new(&[
        "expression",
        "faces here",
        "faces there",
        "IoU here",
        "95 % interval here",
        "IoU there",
        "there − here",
        "correlation of the heatmaps",
    ]);
    for network in &results.networks {
        let Some(mean) = agreement.mean_absolute_difference(Some(&network.network)) else {
            continue;
        };
        table.group(&network.network);
        for expression in Expression::SIX {
            let is_pair = |pair: &&crate::study::OverlapPair| {
                pair.network == network.network && pair.expression == expression
            };
            let Some(pair) = agreement.pairs.iter().find(is_pair) else { continue };
            let intervals =
                results.pooled(&network.network, expression).and_then(|row| row.intervals);
            let interval = intervals.map_or_else(|| MISSING.to_owned(), |each| range(each.iou, 3));
            let [here, there] = pair.iou.map(|iou| number(iou, 3));
            let is_thin = pair.people.map(|people| people < FEW_PEOPLE);
            let [faces_here, faces_there] = [0, 1].map(|side| {
                format!("{}{}", pair.explanations[side], if is_thin[side] { " †" } else { "" })
            });
            let cells = [
                faces_here,
                faces_there,
                here,
                interval,
                there,
                number(pair.difference(), 3),
                number(pair.correlation, 3),
            ];
            table.row(if is_thin.contains(&true) { "thin" } else { "" }, expression.name(), &cells);
        }
        add_mean(&mut table, "mean absolute", mean);
    }
    if let Some(mean) = agreement.mean_absolute_difference(None) {
        table.group("All");
        add_mean(&mut table, "mean absolute", mean);
        text += &format!(
            "<p>Over {} the IoU moves by <strong>{}</strong> on average (mean absolute difference).</p>\n",
            counted(agreement.pairs.len(), "heatmap", "heatmaps"),
            number(mean, 3)
        );
    }
    let caption = format!(
        "<strong>IoU in two studies.</strong> Pooled heatmaps of each network and expression that both have, measured as above; the last column is the mean-centred correlation of the two heatmaps. n: columns faces; \
         †: of fewer than {FEW_PEOPLE} people, or pictures where people are not known."
    );
    text + &table.finish("Overlaps of two studies", &caption)
}

fn add_mean(table: &mut Table, name: &str, mean: f64) {
    let mut cells = vec![MISSING.to_owned(); 7];
    cells[5] = number(mean, 3);
    table.row("mean", name, &cells);
}
