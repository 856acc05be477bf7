//! Curves over shares, such as the probability of the class while superpixels are deleted or inserted.

use std::fmt::Write;

use super::svg::{AXIS, FAINT, GRID, MARGIN, PALETTE, Svg, Ticks, WIDTH, escape};

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    /// x and y, both from 0 to 1 (what lies beyond is drawn at the edge), by rising x. The curve is broken where one is not finite.
    pub points: Vec<[f64; 2]>,
    /// Lower and upper end of a band for each point, such as a 95 % interval; none for no band.
    pub band: Option<Vec<[f64; 2]>>,
}

/// Dashes, with round ends, tell curves apart that are printed without colours. Six colours and four dashes make twelve different pairs.
const DASHES: [&str; 4] = ["none", "8 6", "0.1 4.6", "9 5 0.1 5"];
const PLOT_HEIGHT: f64 = 290.0;

/// Draws curves as an SVG picture: y from 0 to 1 over x from 0 to 1, a legend above in the given order, the bands shaded behind all
/// curves. `axes` names x and y. Up to twelve series differ in colour and dashes together.
///
/// # Panics
/// If a band has not one pair of ends per point.
pub fn svg(title: &str, axes: [&str; 2], series: &[Series]) -> String {
    let left = MARGIN + 34.0;
    let (right, mut svg) = (WIDTH - MARGIN - 6.0, Svg::default());
    let y = svg.title(WIDTH, title);
    let names: Vec<String> = series.iter().map(|each| each.name.clone()).collect();
    let y = svg.legend(y, &names, |svg, index, [x, y]| {
        let path = format!("M{:.1} {y:.1}h26", x - 13.0);
        draw_line(svg, index, &path, "");
    });
    let y = svg.paragraph(y + 12.0, WIDTH, 13.0, &format!(r#"fill="{FAINT}""#), axes[1]);
    let (top, bottom) = (y - 4.0, y - 4.0 + PLOT_HEIGHT);
    let place = |[x, y]: [f64; 2]| {
        let (x, y) = (x.clamp(0.0, 1.0), y.clamp(0.0, 1.0));
        [left + x * (right - left), bottom - y * (bottom - top)]
    };
    for (value, label) in Ticks::up_to(1.0, 5).labels() {
        let [x, y] = place([value, value]);
        svg.add(format_args!(
            r#"<path d="M{left:.1} {y:.1}H{right:.1}M{x:.1} {top:.1}V{bottom:.1}" stroke="{GRID}"/>"#
        ));
        svg.text([left - 7.0, y + 4.5], 13.0, r#"text-anchor="end""#, &label);
        svg.text([x, bottom + 18.0], 13.0, r#"text-anchor="middle""#, &label);
    }
    svg.add(format_args!(
        r#"<path d="M{left:.1} {top:.1}V{bottom:.1}H{right:.1}" fill="none" stroke="{AXIS}"/>"#
    ));
    for (index, each) in series.iter().enumerate() {
        for run in band_runs(each) {
            let there = run.iter().map(|&[x, low, _]| place([x, low]));
            let back = run.iter().rev().map(|&[x, _, high]| place([x, high]));
            svg.add(format_args!(
                r#"<path d="{}Z" fill="{}" fill-opacity="0.16"/>"#,
                path(there.chain(back)),
                PALETTE[index % PALETTE.len()]
            ));
        }
    }
    for (index, each) in series.iter().enumerate() {
        for run in each.points.split(|point| !point.iter().all(|value| value.is_finite())) {
            if !run.is_empty() {
                draw_line(
                    &mut svg,
                    index,
                    &path(run.iter().map(|&point| place(point))),
                    &each.name,
                );
            }
        }
    }
    let y = svg.paragraph(bottom + 40.0, WIDTH, 13.0, &format!(r#"fill="{FAINT}""#), axes[0]);
    let description = format!("{} curves of {} over {}", series.len(), axes[1], axes[0]);
    svg.finish([WIDTH, y], title, &description)
}

/// x and the ends of the band, in runs of finite ones.
fn band_runs(series: &Series) -> Vec<Vec<[f64; 3]>> {
    let Some(band) = &series.band else { return Vec::new() };
    assert_eq!(band.len(), series.points.len(), "one pair of ends per point");
    let ends: Vec<[f64; 3]> =
        series.points.iter().zip(band).map(|(&[x, _], &[low, high])| [x, low, high]).collect();
    ends.split(|ends| !ends.iter().all(|value| value.is_finite()))
        .filter(|run| run.len() > 1)
        .map(<[_]>::to_vec)
        .collect()
}

fn path(points: impl Iterator<Item = [f64; 2]>) -> String {
    let mut path = String::new();
    for (index, [x, y]) in points.enumerate() {
        // Writing to a String cannot fail. A point alone is drawn by its round caps.
        let _ = match index {
            0 => write!(path, "M{x:.1} {y:.1}h0"),
            _ => write!(path, "L{x:.1} {y:.1}"),
        };
    }
    path
}

fn draw_line(svg: &mut Svg, index: usize, path: &str, name: &str) {
    svg.add(format_args!(
        r#"<path d="{path}" fill="none" stroke="{}" stroke-width="2.2" stroke-linejoin="round" stroke-linecap="round" stroke-dasharray="{}"><title>{}</title></path>"#,
        PALETTE[index % PALETTE.len()],
        DASHES[index % DASHES.len()],
        escape(name)
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::svg_check::{Element, read, texts};

    fn curve(name: &str, points: &[[f64; 2]]) -> Series {
        Series { name: name.to_owned(), points: points.to_vec(), band: None }
    }

    fn lines(elements: &[Element], index: usize) -> Vec<&str> {
        let is_line = |each: &&Element| {
            each.get("stroke") == Some(PALETTE[index]) && !each.get("d").unwrap().ends_with("h26")
        };
        elements.iter().filter(is_line).filter_map(|each| each.get("d")).collect()
    }

    #[test]
    fn curves_break_at_what_is_not_finite_and_stay_in_the_plot() {
        let points = [[0.0, 1.0], [0.2, 0.8], [0.4, f64::NAN], [0.6, 7.0], [1.0, -7.0]];
        let elements =
            read(&svg("deletion", ["share deleted", "probability"], &[curve("a", &points)]));
        let lines = lines(&elements, 0);
        assert_eq!(lines.len(), 2);
        let heights = |line: &str| -> Vec<f64> {
            let points = line[1..].split('L');
            points
                .map(|point| {
                    point.split_once(' ').unwrap().1.trim_end_matches("h0").parse().unwrap()
                })
                .collect()
        };
        let (first, second) = (heights(lines[0]), heights(lines[1]));
        assert!(first[0] < first[1] && first[0] == second[0]);
        assert!((second[1] - second[0] - PLOT_HEIGHT).abs() < 0.2);
    }

    #[test]
    fn the_legend_names_twelve_different_series_in_order() {
        let names: Vec<String> =
            (0..12).map(|index| format!("series {index} & its name")).collect();
        let series: Vec<Series> =
            names.iter().map(|name| curve(name, &[[0.0, 0.1], [1.0, 0.9]])).collect();
        let elements = read(&svg("", ["x", "y"], &series));
        let texts = texts(&elements);
        assert_eq!(texts[..12], names);
        let mut looks: Vec<_> = elements
            .iter()
            .filter(|each| each.get("d").is_some_and(|path| path.ends_with("h26")))
            .map(|each| (each.get("stroke"), each.get("stroke-dasharray")))
            .collect();
        looks.sort();
        looks.dedup();
        assert_eq!(looks.len(), 12);
    }

    #[test]
    fn bands_are_drawn_where_they_are_finite() {
        let points = [[0.0, 0.5], [0.5, 0.6], [1.0, 0.7]];
        let band = Some(vec![[0.4, 0.6], [0.5, 0.7], [f64::NAN, 0.8]]);
        let with = Series { band, ..curve("with", &points) };
        let elements = read(&svg("t", ["x", "y"], &[with, curve("alone", &[[0.3, 0.3]])]));
        let bands = elements.iter().filter(|each| each.get("fill-opacity").is_some());
        assert_eq!(bands.count(), 1);
        assert_eq!(lines(&elements, 1).len(), 1, "a point alone is a dot");
        read(&svg("none", ["x", "y"], &[]));
    }
}
