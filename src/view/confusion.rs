//! Confusion matrices: what faces of each label are taken for.

use super::colour_map::{ink_on, sequential};
use super::svg::{AXIS, FAINT, MARGIN, MISSING, Svg, WIDTH, hex, names_width, number};

/// Draws a confusion matrix as an SVG picture: a row per label and a column per prediction, in the given order of the classes
/// (6 or 7 as a rule); in each cell the share of the row's faces in percent, which its colour shows too (0 to 100 %), and their
/// number below; at the right the number of faces of each row. The diagonal, what is right, is framed. A row without faces has
/// dashes for shares. `counts[label][prediction]`.
///
/// # Panics
/// If there are not as many rows and columns as classes.
pub fn svg(title: &str, classes: &[String], counts: &[Vec<u64>]) -> String {
    const TOTAL: f64 = 44.0;
    let n = classes.len();
    assert!(counts.len() == n && counts.iter().all(|row| row.len() == n), "n rows of n");
    let longest = names_width(classes.iter().map(String::as_str), 13.0);
    let left = MARGIN + longest.max(60.0) + 8.0;
    let cell = ((WIDTH - MARGIN - TOTAL - left) / n.max(1) as f64).min(64.0);
    let side = cell * n as f64;

    let mut svg = Svg::default();
    let faint = format!(r#"fill="{FAINT}""#);
    let y = svg.title(WIDTH, title);
    let top = y + 26.0;
    let end = format!(r#"text-anchor="end" {faint}"#);
    svg.text([left - 8.0, top - 8.0], 12.0, &end, "label");
    svg.text([left + side + TOTAL, top - 8.0], 12.0, &end, "faces");
    for (index, class) in classes.iter().enumerate() {
        let middle = (index as f64 + 0.5) * cell;
        svg.name([left - 8.0, top + middle + 4.5], 13.0, r#"text-anchor="end""#, class);
        let [x, y] = [left + middle + 4.5, top + side + 11.0];
        let turned = format!(r#"text-anchor="end" transform="rotate(-45 {x:.1} {y:.1})""#);
        svg.name([x, y], 13.0, &turned, class);
    }
    for (label, row) in counts.iter().enumerate() {
        let total: u64 = row.iter().sum();
        let middle = top + (label as f64 + 0.5) * cell;
        let at_right = [left + side + TOTAL, middle + 4.5];
        svg.text(at_right, 13.0, r#"text-anchor="end""#, &total.to_string());
        for (prediction, &count) in row.iter().enumerate() {
            let share = if total > 0 { Some(count as f64 / total as f64) } else { None };
            let x = left + prediction as f64 * cell;
            draw_cell(&mut svg, [x, middle - cell / 2.0], cell, share, count);
        }
    }
    for index in 0..n {
        let [x, y] = [left, top].map(|start| start + index as f64 * cell + 1.0);
        let inside = cell - 2.0;
        svg.add(format_args!(
            r##"<rect x="{x:.1}" y="{y:.1}" width="{inside:.1}" height="{inside:.1}" fill="none" stroke="#d55e00" stroke-width="2"/>"##
        ));
    }
    svg.add(format_args!(
        r#"<rect x="{left:.1}" y="{top:.1}" width="{side:.1}" height="{side:.1}" fill="none" stroke="{AXIS}"/>"#
    ));
    let under = top + side + 0.71 * longest + 26.0;
    svg.text(
        [left + side / 2.0, under],
        12.0,
        &format!(r#"text-anchor="middle" {faint}"#),
        "prediction",
    );
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, number(100.0 * share, 0)));
    let caption =
        "Share of the faces of a label, in percent; below it their number. Framed: right.";
    let colour = |share| sequential(share as f32);
    let y = svg.colour_bar([left, under + 14.0], side.max(220.0), &ticks, caption, colour);
    let description = format!("confusion matrix of {n} classes");
    svg.finish([WIDTH, y + MARGIN], title, &description)
}

fn draw_cell(svg: &mut Svg, [x, y]: [f64; 2], cell: f64, share: Option<f64>, count: u64) {
    let colour = sequential(share.unwrap_or(0.0) as f32);
    svg.add(format_args!(
        r##"<rect x="{x:.1}" y="{y:.1}" width="{cell:.1}" height="{cell:.1}" fill="{}" stroke="#ffffff"/>"##,
        hex(colour)
    ));
    let ink = format!(r#"text-anchor="middle" fill="{}""#, hex(ink_on(colour)));
    let middle = x + cell / 2.0;
    let percent = share.map_or(MISSING.to_owned(), |share| number(100.0 * share, 0));
    svg.text([middle, y + cell / 2.0 + 1.0], 15.0, &ink, &percent);
    svg.text([middle, y + cell / 2.0 + 15.0], 11.0, &ink, &count.to_string());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::svg_check::{read, texts};

    #[test]
    fn cells_show_shares_of_their_rows_and_counts() {
        let classes = ["calm & quiet", "angry"].map(str::to_owned);
        let drawing = svg("<confusion>", &classes, &[vec![3, 1], vec![0, 0]]);
        let elements = read(&drawing);
        let texts = texts(&elements);
        let cells = ["4", "75", "3", "25", "1", "0", "–", "0", "–", "0"];
        assert!(texts.windows(cells.len()).any(|window| window == cells), "{texts:?}");
        assert!(texts.contains(&"calm & quiet"));
        let fill = hex(sequential(0.75));
        assert_eq!(elements.iter().filter(|each| each.get("fill") == Some(&fill)).count(), 1);
    }

    #[test]
    fn seven_classes_of_many_faces_and_one_of_none_are_drawn() {
        let classes: Vec<String> =
            (0..7).map(|class| format!("class {class} of a long name")).collect();
        read(&svg("seven", &classes, &vec![vec![123_456; 7]; 7]));
        read(&svg("one", &classes[..1], &[vec![0]]));
    }
}
