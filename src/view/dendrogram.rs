//! Dendrograms as pictures.

use super::svg::{AXIS, GRID, PALETTE, Svg, Ticks, text_width};
use crate::compare::linkage::{Merge, leaf_order};

const ROW: f64 = 25.0;
const TREE_WIDTH: f64 = 520.0;
const TOP: f64 = 52.0;
const BELOW: f64 = 62.0;
const MARGIN: f64 = 24.0;
/// Branches that belong to no cluster.
const TRUNK: &str = AXIS;
/// Merges below this share of the largest height form the coloured clusters, as SciPy's `dendrogram` has it.
const CLUSTER_SHARE: f64 = 0.7;

/// One merge as it is drawn: two branches from the joined clusters and the bar between them.
pub(super) struct Branch {
    /// Where the joined clusters are along the leaves; the first leaf is at 0.5, the next at 1.5.
    pub places: [f64; 2],
    /// Heights at which the joined clusters were made; 0 for leaves.
    pub from: [f64; 2],
    /// The merge's height.
    pub height: f64,
    /// The cluster's colour.
    pub colour: &'static str,
}

/// The branches of a tree over its leaves in the given order, in the order of the merges.
pub(super) fn branches(merges: &[Merge], order: &[usize]) -> Vec<Branch> {
    // Where each cluster's branch starts: its place and height.
    let mut ends = vec![(0.0, 0.0); order.len()];
    for (place, &leaf) in order.iter().enumerate() {
        ends[leaf].0 = place as f64 + 0.5;
    }
    merges
        .iter()
        .zip(colours(merges, order))
        .map(|(merge, colour)| {
            let ((one, from_one), (other, from_other)) = (ends[merge.first], ends[merge.second]);
            ends.push(((one + other) / 2.0, merge.height));
            let (places, from) = ([one, other], [from_one, from_other]);
            Branch { places, from, height: merge.height, colour }
        })
        .collect()
}

/// The height of the tree: that of the last merge.
pub(super) fn largest_height(merges: &[Merge]) -> f64 {
    merges.last().map_or(0.0, |merge| merge.height)
}

/// Draws a dendrogram as an SVG picture: leaves named at the left from top to bottom in [`leaf_order`], merges at their
/// height to the right, clusters below 0.7 of the largest height in colour. `axis` says what the heights are.
///
/// # Panics
/// If there is not one more label than merges.
pub fn svg(title: &str, axis: &str, labels: &[String], merges: &[Merge]) -> String {
    assert_eq!(labels.len(), merges.len() + 1, "one label per leaf");
    let ticks = Ticks::up_to(largest_height(merges), 8);
    let longest = labels.iter().map(|label| text_width(label, 13.0)).fold(0.0, f64::max);
    let left = MARGIN + longest + 14.0;
    let bottom = TOP + ROW * labels.len() as f64;
    let (width, height) = (left + TREE_WIDTH + MARGIN, bottom + BELOW);
    let x_of = |distance: f64| left + distance / ticks.end() * TREE_WIDTH;
    let y_of = |place: f64| TOP + ROW * place;

    let mut svg = Svg::default();
    svg.text([left, 32.0], 18.0, r#"font-weight="bold""#, title);
    for (distance, label) in ticks.labels() {
        let x = x_of(distance);
        svg.add(format_args!(
            r#"<path d="M{x:.1} {TOP}V{bottom:.1}" stroke="{GRID}"/><path d="M{x:.1} {bottom:.1}v5" stroke="{AXIS}"/>"#
        ));
        svg.text([x, bottom + 20.0], 12.0, r#"text-anchor="middle""#, &label);
    }
    svg.add(format_args!(
        r#"<path d="M{left:.1} {bottom:.1}H{:.1}" stroke="{AXIS}"/>"#,
        left + TREE_WIDTH
    ));
    let middle = [left + TREE_WIDTH / 2.0, bottom + 44.0];
    svg.text(middle, 13.0, r#"text-anchor="middle""#, axis);

    let order = leaf_order(merges);
    for (place, &leaf) in order.iter().enumerate() {
        let here = [left - 10.0, y_of(place as f64 + 0.5) + 4.5];
        svg.text(here, 13.0, r#"text-anchor="end""#, &labels[leaf]);
    }
    for branch in branches(merges, &order) {
        let [[x1, x2], [y1, y2]] = [branch.from.map(x_of), branch.places.map(y_of)];
        svg.add(format_args!(
            r#"<path d="M{x1:.1} {y1:.1}H{:.1}V{y2:.1}H{x2:.1}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"><title>{:.4}</title></path>"#,
            x_of(branch.height),
            branch.colour,
            branch.height
        ));
    }
    svg.finish([width, height], title, &format!("dendrogram of {} leaves", labels.len()))
}

/// The colour of every merge; clusters take turns from top to bottom.
fn colours(merges: &[Merge], order: &[usize]) -> Vec<&'static str> {
    let n = order.len();
    let largest = largest_height(merges);
    let is_cluster = |merge: &Merge| merge.height < CLUSTER_SHARE * largest;
    // The highest coloured merge above each leaf: later merges overwrite earlier ones.
    let mut leaves: Vec<Vec<usize>> = (0..n).map(|leaf| vec![leaf]).collect();
    let mut top = vec![None; n];
    for (number, merge) in merges.iter().enumerate() {
        let below = [&leaves[merge.first][..], &leaves[merge.second]].concat();
        if is_cluster(merge) {
            below.iter().for_each(|&leaf| top[leaf] = Some(number));
        }
        leaves.push(below);
    }
    let mut tops: Vec<usize> = order.iter().filter_map(|&leaf| top[leaf]).collect();
    tops.dedup();
    merges
        .iter()
        .zip(&leaves[n..])
        .map(|(merge, below)| {
            let place = tops.iter().position(|&each| Some(each) == top[below[0]]);
            match place {
                Some(place) if is_cluster(merge) => PALETTE[place % PALETTE.len()],
                _ => TRUNK,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::svg_check::{read, texts};

    fn merge(first: usize, second: usize, height: f64, leaves: usize) -> Merge {
        Merge { first, second, height, leaves }
    }

    #[test]
    fn clusters_take_colours_from_top_to_bottom() {
        let merges = [merge(0, 3, 0.1, 2), merge(1, 2, 0.2, 2), merge(4, 5, 1.0, 4)];
        let colours = colours(&merges, &leaf_order(&merges));
        assert_eq!(colours, [PALETTE[0], PALETTE[1], TRUNK]);
    }

    #[test]
    fn one_leaf_equal_leaves_and_odd_names_are_drawn() {
        let alone = svg("<&>", "distance", &["a<b&c".to_owned()], &[]);
        assert!(texts(&read(&alone)).contains(&"a<b&c"));
        let labels = ["a".to_owned(), "b".to_owned()];
        let equal = svg("", "", &labels, &[merge(0, 1, 0.0, 2)]);
        assert_eq!(texts(&read(&equal)), ["", "0", "1", "", "a", "b"]);
    }
}
