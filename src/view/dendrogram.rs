//! Dendrograms as pictures.

use std::fmt::Write;

use crate::compare::linkage::{Merge, leaf_order};

const ROW: f64 = 25.0;
const TREE_WIDTH: f64 = 520.0;
const TOP: f64 = 52.0;
const BELOW: f64 = 62.0;
const MARGIN: f64 = 24.0;
/// Branches that belong to no cluster.
const TRUNK: &str = "#4a4a4a";
/// Colours of the clusters, told apart by colour-blind readers too (Okabe and Ito).
const CLUSTERS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/// Merges below this share of the largest height form the coloured clusters, as SciPy's `dendrogram` has it.
const CLUSTER_SHARE: f64 = 0.7;

/// Draws a dendrogram as an SVG picture: leaves named at the left from top to bottom in [`leaf_order`], merges at their
/// height to the right, clusters below 0.7 of the largest height in colour. `axis` says what the heights are.
///
/// # Panics
/// If there is not one more label than merges.
pub fn svg(title: &str, axis: &str, labels: &[String], merges: &[Merge]) -> String {
    assert_eq!(labels.len(), merges.len() + 1, "one label per leaf");
    let largest = merges.last().map_or(0.0, |merge| merge.height);
    let step = tick_step(largest);
    let ticks = ((largest / step - 1e-9).ceil() as usize).max(1);
    let longest = labels.iter().map(|label| label.chars().count()).max();
    let left = MARGIN + 7.6 * longest.unwrap_or(0) as f64 + 14.0;
    let bottom = TOP + ROW * labels.len() as f64;
    let (width, height) = (left + TREE_WIDTH + MARGIN, bottom + BELOW);
    let x_of = |distance: f64| left + distance / (ticks as f64 * step) * TREE_WIDTH;

    let mut svg = String::new();
    // Writing to a String cannot fail.
    let mut line = |text: std::fmt::Arguments| {
        let _ = writeln!(svg, "{text}");
    };
    line(format_args!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" font-size="13" fill="#1a1a1a">"##
    ));
    line(format_args!(r##"<rect width="100%" height="100%" fill="#ffffff"/>"##));
    line(format_args!(
        r#"<text x="{left:.1}" y="32" font-size="18" font-weight="bold">{}</text>"#,
        escape(title)
    ));

    for tick in 0..=ticks {
        let distance = tick as f64 * step;
        let x = x_of(distance);
        line(format_args!(
            r##"<path d="M{x:.1} {TOP}V{bottom:.1}" stroke="#e4e4e4"/><path d="M{x:.1} {bottom:.1}v5" stroke="{TRUNK}"/><text x="{x:.1}" y="{:.1}" text-anchor="middle" font-size="12">{distance:.*}</text>"##,
            bottom + 20.0,
            decimals(step),
        ));
    }
    line(format_args!(
        r#"<path d="M{left:.1} {bottom:.1}H{:.1}" stroke="{TRUNK}"/>"#,
        left + TREE_WIDTH
    ));
    line(format_args!(
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        left + TREE_WIDTH / 2.0,
        bottom + 44.0,
        escape(axis)
    ));

    let order = leaf_order(merges);
    let mut rows = vec![0.0; labels.len()];
    for (place, &leaf) in order.iter().enumerate() {
        rows[leaf] = TOP + ROW * (place as f64 + 0.5);
        line(format_args!(
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            left - 10.0,
            rows[leaf] + 4.5,
            escape(&labels[leaf])
        ));
    }

    let colours = colours(merges, &order);
    // Where each cluster's branch starts: its row and height.
    let mut ends: Vec<(f64, f64)> = rows.into_iter().map(|row| (row, 0.0)).collect();
    for (merge, colour) in merges.iter().zip(colours) {
        let ((y1, from1), (y2, from2)) = (ends[merge.first], ends[merge.second]);
        let x = x_of(merge.height);
        line(format_args!(
            r#"<path d="M{:.1} {y1:.1}H{x:.1}V{y2:.1}H{:.1}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"><title>{:.4}</title></path>"#,
            x_of(from1),
            x_of(from2),
            merge.height
        ));
        ends.push(((y1 + y2) / 2.0, merge.height));
    }
    line(format_args!("</svg>"));
    svg
}

/// The colour of every merge; clusters take turns from top to bottom.
fn colours(merges: &[Merge], order: &[usize]) -> Vec<&'static str> {
    let n = order.len();
    let largest = merges.last().map_or(0.0, |merge| merge.height);
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
                Some(place) if is_cluster(merge) => CLUSTERS[place % CLUSTERS.len()],
                _ => TRUNK,
            }
        })
        .collect()
}

/// 1, 2 or 5 times a power of ten, so that four to eight ticks reach `largest`.
fn tick_step(largest: f64) -> f64 {
    if largest.is_nan() || largest <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf((largest / 8.0).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|times| times * power)
        .into_iter()
        .find(|step| largest / step <= 8.0)
        .unwrap_or(10.0 * power)
}

fn decimals(step: f64) -> usize {
    (-step.log10() - 1e-9).ceil().max(0.0) as usize
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(first: usize, second: usize, height: f64, leaves: usize) -> Merge {
        Merge { first, second, height, leaves }
    }

    #[test]
    fn ticks_reach_the_largest_height_in_round_steps() {
        for (largest, step, places) in
            [(0.43, 0.1, 1), (0.87, 0.2, 1), (0.012, 0.002, 3), (7.0, 1.0, 0)]
        {
            assert!((tick_step(largest) - step).abs() < 1e-12, "{largest}");
            assert_eq!(decimals(step), places);
        }
        assert_eq!(tick_step(0.0), 1.0);
    }

    #[test]
    fn clusters_take_colours_from_top_to_bottom() {
        let merges = [merge(0, 3, 0.1, 2), merge(1, 2, 0.2, 2), merge(4, 5, 1.0, 4)];
        let colours = colours(&merges, &leaf_order(&merges));
        assert_eq!(colours, [CLUSTERS[0], CLUSTERS[1], TRUNK]);
    }

    #[test]
    fn one_leaf_equal_leaves_and_odd_names_are_drawn() {
        let alone = svg("<&>", "distance", &["a<b&c".to_owned()], &[]);
        assert!(alone.contains("&lt;&amp;&gt;") && alone.contains("a&lt;b&amp;c"));
        let labels = ["a".to_owned(), "b".to_owned()];
        let equal = svg("", "", &labels, &[merge(0, 1, 0.0, 2)]);
        assert!(!equal.contains("NaN") && !equal.contains("inf"));
    }
}
