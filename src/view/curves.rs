//! Deletion and insertion curves beside those of random orders.

use super::counted;
use super::svg::{AXIS, FAINT, GRID, MARGIN, PALETTE, Svg, WIDTH, escape, number};
use crate::study::{CheckMeans, CurvePoint};

const HEIGHT: f64 = 110.0;
/// Room for the values at the left of a plot.
const VALUES: f64 = 26.0;
const PLOT: f64 = (WIDTH - 2.0 * MARGIN - 2.0 * VALUES - 12.0) / 2.0;
/// From the line of a network's name to its plots, and from these to the next.
const HEADING: f64 = 34.0;
const BELOW: f64 = 34.0;

type Curve = fn(&CurvePoint) -> f64;

/// Draws the mean deletion (left) and insertion curves (right) of networks as an SVG picture, a row of two plots for each: the class's probability from
/// 0 to 1 over the share of superpixels hidden or shown, in the order of the explanation (solid) and in random order (dashed), what lies between them
/// tinted, the areas under both above.
pub fn svg(networks: &[(&str, &CheckMeans)]) -> String {
    let title = "Deletion and insertion";
    let mut svg = Svg::default();
    let y = svg.title(WIDTH, title);
    let items = ["most relevant first", "random order"].map(str::to_owned);
    let mut y = svg.legend(y, &items, |svg, item, [x, y]| {
        draw_line(svg, &format!("M{:.1} {y:.1}h24", x - 12.0), item == 0);
    });
    for (network, checks) in networks {
        y += 18.0;
        svg.name([MARGIN, y], 14.0, r#"font-weight="bold""#, network);
        let faces = counted(checks.faces as u64, "face", "faces");
        let faint_end = format!(r#"text-anchor="end" fill="{FAINT}""#);
        svg.text([WIDTH - MARGIN, y], 12.0, &faint_end, &faces);
        let plots: [(&str, [f64; 2], [Curve; 2]); 2] = [
            (
                "Deletion",
                [checks.deletion.mean, checks.deletion_random.mean],
                [|point| point.deletion, |point| point.deletion_random],
            ),
            (
                "Insertion",
                [checks.insertion.mean, checks.insertion_random.mean],
                [|point| point.insertion, |point| point.insertion_random],
            ),
        ];
        for (place, (name, [area, random], curves)) in plots.into_iter().enumerate() {
            let left = MARGIN + VALUES + place as f64 * (PLOT + VALUES + 12.0);
            let heading = format!("{name}: {}, random {}", number(area, 2), number(random, 2));
            svg.text([left, y + HEADING - 10.0], 13.0, "", &heading);
            draw_plot(
                &mut svg,
                [left, y + HEADING],
                &format!("{network}, {name}"),
                &checks.curves,
                curves,
            );
        }
        y += HEADING + HEIGHT + BELOW;
    }
    y = svg.note(
        y + 4.0,
        "Probability of the explained class while superpixels are blacked out (deletion) or shown on black (insertion), from none to all",
    );
    let description = format!(
        "deletion and insertion curves of {} beside those of random orders",
        counted(networks.len() as u64, "network", "networks")
    );
    svg.finish([WIDTH, y], title, &description)
}

fn draw_plot(
    svg: &mut Svg,
    [left, top]: [f64; 2],
    name: &str,
    points: &[CurvePoint],
    [explained, random]: [Curve; 2],
) {
    let bottom = top + HEIGHT;
    for (level, label) in [(0.0, "0"), (0.5, "0.5"), (1.0, "1")] {
        let y = bottom - level * HEIGHT;
        let colour = if level == 0.0 { AXIS } else { GRID };
        svg.add(format_args!(r#"<path d="M{left:.1} {y:.1}h{PLOT:.1}" stroke="{colour}"/>"#));
        svg.text([left - 5.0, y + 4.0], 12.0, r#"text-anchor="end""#, label);
        let (x, anchor) = (left + level * PLOT, if level == 1.0 { "end" } else { "middle" });
        let share = format!("{} %", 100.0 * level);
        svg.text([x, bottom + 16.0], 12.0, &format!(r#"text-anchor="{anchor}""#), &share);
    }
    svg.add(format_args!(r#"<path d="M{left:.1} {top:.1}V{bottom:.1}" stroke="{AXIS}"/>"#));
    let place = |point: &CurvePoint, curve: Curve| {
        let (x, y) = (left + point.share * PLOT, bottom - curve(point).clamp(0.0, 1.0) * HEIGHT);
        format!("{x:.1} {y:.1}")
    };
    let line = |curve| {
        let places: Vec<String> = points.iter().map(|point| place(point, curve)).collect();
        format!("M{}", places.join("L"))
    };
    let back: Vec<String> = points.iter().rev().map(|point| place(point, random)).collect();
    svg.add(format_args!(
        r#"<path d="{}L{}Z" fill="{}" fill-opacity="0.12"><title>{}</title></path>"#,
        line(explained),
        back.join("L"),
        PALETTE[0],
        escape(name)
    ));
    draw_line(svg, &line(random), false);
    draw_line(svg, &line(explained), true);
}

fn draw_line(svg: &mut Svg, path: &str, is_explained: bool) {
    let stroke = match is_explained {
        true => format!(r#"stroke="{}" stroke-width="2""#, PALETTE[0]),
        false => format!(r#"stroke="{FAINT}" stroke-width="1.5" stroke-dasharray="5 4""#),
    };
    svg.add(format_args!(r#"<path d="{path}" fill="none" {stroke} stroke-linejoin="round"/>"#));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::Estimate;
    use crate::view::svg_check::{read, texts};

    fn checks(curves: Vec<CurvePoint>) -> CheckMeans {
        let of = |mean| Estimate { mean, interval: None };
        CheckMeans {
            faces: 1,
            deletion: of(0.125),
            insertion: of(0.75),
            deletion_random: of(0.5),
            insertion_random: of(0.25),
            deletion_gain: of(0.375),
            insertion_gain: of(0.5),
            repeat_correlation: of(1.0),
            shuffled_correlation: None,
            shuffled_faces: 0,
            curves,
        }
    }

    #[test]
    fn curves_go_from_corner_to_corner_and_areas_stand_above() {
        let points = [(0.0, 1.0), (1.0, 0.0)].map(|(share, deletion)| CurvePoint {
            share,
            deletion,
            insertion: share,
            deletion_random: 1.0,
            insertion_random: 0.0,
        });
        let checks = checks(points.to_vec());
        let elements = read(&svg(&[("a<b", &checks), ("a-very-long-name-of-a-network", &checks)]));
        let texts = texts(&elements);
        for text in ["Deletion: 0.12, random 0.50", "Insertion: 0.75, random 0.25", "1 face", "a<b"]
        {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
        let solid: Vec<&str> = elements
            .iter()
            .filter(|each| each.get("stroke-width") == Some("2"))
            .filter_map(|each| each.get("d"))
            .collect();
        // That of the legend, and two for each network.
        assert_eq!(solid.len(), 5);
        let [left, right] = [MARGIN + VALUES, MARGIN + VALUES + PLOT];
        let numbers: Vec<f64> = solid[1]
            .split(['M', 'L', ' '])
            .filter(|number| !number.is_empty())
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!([numbers[0], numbers[2]], [left, right], "{numbers:?}");
        assert_eq!(numbers[3] - numbers[1], HEIGHT, "down is less probable");
    }

    #[test]
    fn no_network_is_a_picture_too() {
        read(&svg(&[]));
    }
}
