//! Correlations of networks as a matrix in the order of their dendrogram (paper: Fig. 10).

use image::Rgb;

use super::colour_map::{diverging, ink_on, sequential};
use super::dendrogram::{branches, largest_height};
use super::svg::{
    AXIS, FAINT, GRID, MARGIN, Svg, Ticks, WIDTH, hex, names_width, number, text_width,
};
use crate::compare::linkage::{Merge, leaf_order};

/// Height of the tree.
const TREE: f64 = 76.0;
/// The most networks whose values are printed in the cells.
const MOST_PRINTED: usize = 14;
/// The largest side of a cell, and the smallest with and without a printed value; the picture grows rather than a cell shrinks.
const LARGEST_CELL: f64 = 58.0;
const SMALLEST_CELL: [f64; 2] = [27.0, 12.5];
/// What the heights of a tree are by the mean-centred coefficient, and by the one of the paper's equation 4.
pub const DISTANCES: [&str; 2] = ["1 − mean-centred correlation", "1 − equation 4"];

/// Draws the correlations of n networks (n from 1 to 60) as an SVG picture: a square matrix whose rows and columns are in
/// [`leaf_order`], the dendrogram over the columns, names left and below, a colour bar with ticks. `distances` are n rows of
/// n values of 1 - correlation, `linkage` the tree over them, and `axis` says what the tree's heights are.
///
/// Colours mean the same in every picture: from 0 to 1 (a sequential scale), or from -1 to 1 (a diverging one) where any
/// correlation is negative; the picture says which. Up to 14 networks have their values printed, to two decimals without the leading zero. A distance
/// that is not finite is a blank cell with a dash. Up to about 30 networks fit a narrow screen; a picture of more is wider.
///
/// # Panics
/// If there are not as many labels as rows, columns and leaves.
pub fn svg(
    title: &str,
    axis: &str,
    labels: &[String],
    distances: &[Vec<f64>],
    linkage: &[Merge],
) -> String {
    let n = labels.len();
    assert_eq!(n, linkage.len() + 1, "one label per leaf");
    assert!(distances.len() == n && distances.iter().all(|row| row.len() == n), "n rows of n");
    let order = leaf_order(linkage);
    let scale = Scale::of(distances);

    let label_size = if n > MOST_PRINTED { 11.0 } else { 13.0 };
    let longest = names_width(labels.iter().map(String::as_str), label_size);
    let left = MARGIN + longest.max(28.0) + 8.0;
    let smallest = SMALLEST_CELL[usize::from(n > MOST_PRINTED)];
    let cell = ((WIDTH - MARGIN - left) / n as f64).clamp(smallest, LARGEST_CELL);
    let side = n as f64 * cell;
    let width = (left + side + MARGIN).max(WIDTH);

    let mut svg = Svg::default();
    let mut top = svg.title(width, title) + 6.0;
    if n > 1 {
        let faint = format!(r#"fill="{FAINT}""#);
        let note = format!("Height of the tree: {axis}");
        top = svg.paragraph(top + 8.0, width, 12.0, &faint, &note) + TREE;
        draw_tree(&mut svg, linkage, &order, [left, top], cell);
    }
    draw_cells(&mut svg, labels, distances, &order, scale, [left, top], cell);
    svg.add(format_args!(
        r#"<rect x="{left:.1}" y="{top:.1}" width="{side:.1}" height="{side:.1}" fill="none" stroke="{AXIS}"/>"#
    ));

    // Upright names need the least width, slanted ones are easier to read.
    let (turn, reach) = if cell < 24.0 { (-90.0, 1.0) } else { (-45.0, 0.71) };
    for (place, &leaf) in order.iter().enumerate() {
        let middle = (place as f64 + 0.5) * cell;
        let beside = [left - 7.0, top + middle + 0.35 * label_size];
        svg.name(beside, label_size, r#"text-anchor="end""#, &labels[leaf]);
        let [x, y] = [left + middle + 0.35 * label_size, top + side + 9.0];
        let turned = format!(r#"text-anchor="end" transform="rotate({turn} {x:.1} {y:.1})""#);
        svg.name([x, y], label_size, &turned, &labels[leaf]);
    }
    let y = top + side + reach * longest + 24.0;
    let bar = (width - left - MARGIN).clamp(220.0, 400.0);
    let y = svg
        .colour_bar([left, y], bar, &scale.ticks(), scale.caption(), |value| scale.colour(value));
    svg.finish(
        [width, y + MARGIN],
        title,
        &format!("correlations of {n} networks in the order of their dendrogram"),
    )
}

/// The tree over the columns, growing upwards from `top`, with the axis of its heights at the left.
fn draw_tree(svg: &mut Svg, linkage: &[Merge], order: &[usize], [left, top]: [f64; 2], cell: f64) {
    let height = largest_height(linkage);
    // Equal heatmaps are apart by rounding only: no axis of ticks such as 0.0000000000000001.
    let ticks = Ticks::up_to(if height < 1e-6 { 0.0 } else { height }, 3);
    let foot = top - 7.0;
    let x_of = |place: f64| left + place * cell;
    let y_of = |height: f64| foot - height / ticks.end() * (TREE - 17.0);
    let right = x_of(order.len() as f64);
    for (height, label) in ticks.labels() {
        let y = y_of(height);
        svg.add(format_args!(r#"<path d="M{left:.1} {y:.1}H{right:.1}" stroke="{GRID}"/>"#));
        svg.text([left - 7.0, y + 4.0], 11.0, r#"text-anchor="end""#, &label);
    }
    for branch in branches(linkage, order) {
        let [[x1, x2], [y1, y2]] = [branch.places.map(x_of), branch.from.map(y_of)];
        svg.add(format_args!(
            r#"<path d="M{x1:.1} {y1:.1}V{:.1}H{x2:.1}V{y2:.1}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"><title>{:.4}</title></path>"#,
            y_of(branch.height),
            branch.colour,
            branch.height
        ));
    }
}

fn draw_cells(
    svg: &mut Svg,
    labels: &[String],
    distances: &[Vec<f64>],
    order: &[usize],
    scale: Scale,
    [left, top]: [f64; 2],
    cell: f64,
) {
    let widest = if scale == Scale::Diverging { "−.00" } else { ".00" };
    let size = (13.0 * (cell - 3.0) / text_width(widest, 13.0)).clamp(9.0, 14.0).floor();
    for (row, &i) in order.iter().enumerate() {
        for (column, &j) in order.iter().enumerate() {
            let correlation = 1.0 - distances[i][j];
            let [x, y] = [left + column as f64 * cell, top + row as f64 * cell];
            let colour = scale.colour(correlation);
            let pair = format!("{} and {}: {}", labels[i], labels[j], number(correlation, 3));
            svg.add(format_args!(
                r#"<rect x="{x:.1}" y="{y:.1}" width="{cell:.1}" height="{cell:.1}" fill="{0}" stroke="{0}" stroke-width="0.5"><title>{1}</title></rect>"#,
                hex(colour),
                super::svg::escape(&pair)
            ));
            if order.len() <= MOST_PRINTED {
                let middle = [x + cell / 2.0, y + cell / 2.0 + 0.35 * size];
                let ink = format!(r#"text-anchor="middle" fill="{}""#, hex(ink_on(colour)));
                let value = if i == j { "1".to_owned() } else { short(correlation) };
                svg.text(middle, size, &ink, &value);
            }
        }
    }
}

/// Two decimals without what a narrow cell has no room for: the zero before the point, and those after a 1.
fn short(correlation: f64) -> String {
    number(correlation, 2).replace("0.", ".").replace("1.00", "1")
}

/// What the colours mean.
#[derive(Clone, Copy, PartialEq)]
enum Scale {
    /// From 0 to 1.
    Sequential,
    /// From -1 to 1.
    Diverging,
}

impl Scale {
    fn of(distances: &[Vec<f64>]) -> Self {
        // Correlations that are negative by rounding only do not count.
        let is_negative = |&distance: &f64| distance > 1.0 + 1e-9;
        if distances.iter().flatten().any(is_negative) { Self::Diverging } else { Self::Sequential }
    }

    fn colour(self, correlation: f64) -> Rgb<u8> {
        match self {
            _ if !correlation.is_finite() => Rgb([255; 3]),
            Self::Sequential => sequential(correlation as f32),
            Self::Diverging => diverging(correlation as f32),
        }
    }

    fn ticks(self) -> Vec<(f64, String)> {
        let values = match self {
            Self::Sequential => [0.0, 0.25, 0.5, 0.75, 1.0],
            Self::Diverging => [-1.0, -0.5, 0.0, 0.5, 1.0],
        };
        values.map(|value| (value, number(value, 2))).to_vec()
    }

    fn caption(self) -> &'static str {
        match self {
            Self::Sequential => "Correlation (sequential scale, 0 to 1)",
            Self::Diverging => "Correlation (diverging scale, −1 to 1)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::linkage::average_linkage;
    use crate::view::svg_check::{read, texts};

    /// Networks on a line: those next to each other are alike.
    fn drawn(positions: &[f64], name: impl Fn(usize) -> String) -> String {
        let distances: Vec<Vec<f64>> = positions
            .iter()
            .map(|one| positions.iter().map(|other| (one - other).abs()).collect())
            .collect();
        let labels: Vec<String> = (0..positions.len()).map(name).collect();
        svg("Anger", "1 − correlation", &labels, &distances, &average_linkage(&distances))
    }

    #[test]
    fn rows_columns_and_values_follow_the_leaves() {
        let drawing = drawn(&[0.0, 0.5, 0.1, 0.8], |number| format!("network {number}"));
        let elements = read(&drawing);
        let texts = texts(&elements);
        let names: Vec<&str> =
            texts.iter().copied().filter(|text| text.starts_with("network")).collect();
        let order = ["network 0", "network 2", "network 1", "network 3"];
        assert_eq!(names, order.map(|name| [name; 2]).concat());
        let row_of_2 = [".90", "1", ".60", ".30"];
        assert!(texts.windows(4).any(|window| window == row_of_2), "{texts:?}");
        assert!(drawing.contains("sequential") && !drawing.contains("diverging"));
    }

    #[test]
    fn a_negative_correlation_makes_the_scale_diverge() {
        let drawing = drawn(&[0.0, 1.6], |number| number.to_string());
        let elements = read(&drawing);
        assert!(texts(&elements).contains(&"−.60"));
        assert!(drawing.contains("diverging") && !drawing.contains("sequential"));
        let fill = hex(diverging(-0.6));
        assert!(elements.iter().any(|each| each.get("fill") == Some(&fill)));
    }

    #[test]
    fn one_network_sixty_and_odd_names_are_drawn() {
        let alone = drawn(&[0.3], |_| "a<b&\"c\"\u{1}".to_owned());
        assert!(texts(&read(&alone)).contains(&"a<b&\"c\"\u{fffd}"));
        let many: Vec<f64> = (0..60).map(|number| f64::from(number * number) / 3600.0).collect();
        let many = drawn(&many, |number| format!("network of a very long name, number {number}"));
        let elements = read(&many);
        let cells = elements.iter().filter(|each| each.get("stroke-width") == Some("0.5"));
        assert_eq!(cells.count(), 3600);
        let values = texts(&elements).iter().filter(|text| text.starts_with(".9")).count();
        assert_eq!(values, 0, "no values where cells are small");
    }

    #[test]
    fn heatmaps_that_are_equal_but_for_rounding_are_drawn_as_equal() {
        let drawing = drawn(&[0.0, 1e-16, 0.004], |number| number.to_string());
        let elements = read(&drawing);
        assert_eq!(
            texts(&elements).iter().filter(|&&text| text == "1").count(),
            9 + 2,
            "nine cells and a name twice"
        );
        let equal = drawn(&[0.0, 1e-16], |number| number.to_string());
        let elements = read(&equal);
        assert!(texts(&elements).iter().all(|text| text.len() < 60 && !text.starts_with("0.000")));
    }

    #[test]
    fn a_missing_correlation_is_a_dash() {
        let distances = [vec![0.0, f64::NAN], vec![f64::NAN, 0.0]];
        let labels = ["a", "b"].map(str::to_owned);
        let tree = [Merge { first: 0, second: 1, height: 0.4, leaves: 2 }];
        let drawing = svg("", "", &labels, &distances, &tree);
        assert_eq!(texts(&read(&drawing)).iter().filter(|&&text| text == "–").count(), 2);
    }
}
