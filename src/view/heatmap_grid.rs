//! Heatmaps of many networks side by side (paper: Fig. 7 to 9).

use image::{Rgb, RgbImage, imageops};
use imageproc::drawing;
use imageproc::rect::Rect;

use super::colour_map::heat;
use super::heatmap_panel::heatmap_panel;
use super::svg::{fit, wrap};
use super::text;
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};

const PAPER: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([26; 3]);
const FAINT: Rgb<u8> = Rgb([85; 3]);
const EMPTY: Rgb<u8> = Rgb([190; 3]);
/// With more rows than this, heatmaps are drawn at half their size.
const MOST_LARGE: usize = 8;
/// So often are the names of the expressions repeated.
const ROWS_PER_HEADING: usize = 8;
const COLUMNS: u32 = Expression::SIX.len() as u32;

/// The heatmaps of one network, or of all.
#[derive(Clone, Debug)]
pub struct HeatmapRow<'a> {
    /// The network, or what else the row is of.
    pub name: String,
    /// In the order of [`Expression::SIX`].
    pub cells: [HeatmapCell<'a>; 6],
}

/// One heatmap.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeatmapCell<'a> {
    /// Mean clipped relevance, 224 x 275, row after row, on any scale from 0 up; none where no face was explained as this expression.
    pub map: Option<&'a [f32]>,
    /// Faces in it.
    pub n: u64,
}

/// Sizes in pixels that grow with the heatmaps, so that the picture reads the same when it is shrunk to a given width.
struct Sizes {
    cell: (u32, u32),
    gap: u32,
    text: f32,
    outline: u32,
}

impl Sizes {
    fn of(rows: usize) -> Self {
        let half = if rows > MOST_LARGE { 2 } else { 1 };
        let cell = (FACE_WIDTH as u32 / half, FACE_HEIGHT as u32 / half);
        Self { cell, gap: 16 / half, text: 38.0 / half as f32, outline: 2 / half }
    }

    fn line(&self) -> u32 {
        (1.3 * self.text) as u32
    }

    fn width(&self) -> u32 {
        COLUMNS * (self.cell.0 + self.gap) + self.gap
    }

    fn left(&self, column: u32) -> u32 {
        self.gap + column * (self.cell.0 + self.gap)
    }
}

/// Draws heatmaps as a grid: a row per network in the given order (1 to 60), a column per expression. Every cell shows the heatmap
/// in heat colours with the features of the standard face and the outline of the expression's Ekman mask, and below it the number
/// of faces. A bar explains the colours: every map is stretched to its own maximum, so brightness compares places in one map, not
/// maps.
///
/// With more than eight rows all is drawn at half size: a picture is 1456 or 728 pixels wide.
///
/// # Panics
/// If a map has another size.
pub fn picture(
    title: &str,
    rows: &[HeatmapRow],
    masks: &EkmanMasks,
    standard_face: &StandardFace,
) -> RgbImage {
    let sizes = Sizes::of(rows.len());
    let (gap, line) = (sizes.gap, sizes.line());
    let row_height = line + sizes.cell.1 + line + gap;
    let headings = rows.len().div_ceil(ROWS_PER_HEADING) as u32;
    let most = f64::from(sizes.width() - 2 * gap);
    let measure = |size: f32| move |text: &str| f64::from(text::width(size, text));
    let title_size = 1.2 * sizes.text;
    let title = wrap(title, most, measure(title_size));
    let title_height = (title.len() as u32 * 5 + 1) * line / 4 + gap;
    let legend_height = 5 * line + 2 * gap;
    let height = title_height + rows.len() as u32 * row_height + headings * line + legend_height;
    let mut picture = RgbImage::from_pixel(sizes.width(), height, PAPER);
    for (number, text) in title.iter().enumerate() {
        let y = gap + number as u32 * line * 5 / 4;
        text::write(&mut picture, gap as i32, y as i32, title_size, INK, text);
    }
    let mut y = title_height;
    for (index, row) in rows.iter().enumerate() {
        let name = fit(&row.name, most, measure(sizes.text));
        text::write(&mut picture, gap as i32, y as i32, sizes.text, INK, &name);
        y += line;
        if index % ROWS_PER_HEADING == 0 {
            for (column, expression) in Expression::SIX.into_iter().enumerate() {
                let middle = sizes.left(column as u32) + sizes.cell.0 / 2;
                let at = (middle as i32, y as i32);
                text::write_centred(&mut picture, at.0, at.1, sizes.text, FAINT, expression.name());
            }
            y += line;
        }
        for (column, (cell, expression)) in row.cells.iter().zip(Expression::SIX).enumerate() {
            let x = sizes.left(column as u32);
            draw_cell(&mut picture, cell, masks.get(expression), standard_face, (x, y), &sizes);
        }
        y += sizes.cell.1 + line + gap;
    }
    draw_legend(&mut picture, y + gap, &sizes);
    picture
}

fn draw_cell(
    picture: &mut RgbImage,
    cell: &HeatmapCell,
    mask: Option<&[bool]>,
    standard_face: &StandardFace,
    (x, y): (u32, u32),
    sizes: &Sizes,
) {
    let middle = (x + sizes.cell.0 / 2) as i32;
    match cell.map {
        Some(map) => {
            assert_eq!(map.len(), FACE_WIDTH * FACE_HEIGHT, "a heatmap of the standard face");
            let map = heatmap_panel(map, mask, standard_face, sizes.cell, sizes.outline);
            imageops::replace(picture, &map, x.into(), y.into());
        }
        None => {
            let frame = Rect::at(x as i32, y as i32).of_size(sizes.cell.0, sizes.cell.1);
            drawing::draw_hollow_rect_mut(picture, frame, EMPTY);
            let at = (y + sizes.cell.1 / 2) as i32 - sizes.text as i32 / 2;
            text::write_centred(picture, middle, at, sizes.text, FAINT, "no face");
        }
    }
    let below = (y + sizes.cell.1) as i32 + sizes.gap as i32 / 4;
    text::write_centred(
        picture,
        middle,
        below,
        0.9 * sizes.text,
        FAINT,
        &format!("n = {}", cell.n),
    );
}

/// What colours and lines mean.
fn draw_legend(picture: &mut RgbImage, y: u32, sizes: &Sizes) {
    let (left, line) = (sizes.left(0), sizes.line());
    let width = sizes.left(COLUMNS - 1) + sizes.cell.0 - left;
    let bar = line * 3 / 4;
    for step in 0..width {
        let colour = heat(step as f32 / (width - 1) as f32);
        let column = Rect::at((left + step) as i32, y as i32).of_size(1, bar);
        drawing::draw_filled_rect_mut(picture, column, colour);
    }
    let size = 0.9 * sizes.text;
    for (tick, label) in ["0", "0.25", "0.5", "0.75", "1"].into_iter().enumerate() {
        let x = left + tick as u32 * (width - 1) / 4;
        let mark = Rect::at(x as i32, (y + bar) as i32).of_size(1, sizes.gap / 2);
        drawing::draw_filled_rect_mut(picture, mark, INK);
        // The outermost labels end with the bar.
        let half = text::width(size, label) / 2;
        let middle = (x as i32).clamp(left as i32 + half, (left + width) as i32 - half);
        let below = (y + bar + sizes.gap * 2 / 3) as i32;
        text::write_centred(picture, middle, below, size, INK, label);
    }
    for (number, note) in [
        "Relevance as a share of each map's own maximum",
        "Blue outline: Ekman mask; white lines: standard face; n: faces",
    ]
    .into_iter()
    .enumerate()
    {
        let y = y + line * (2 + number as u32) + sizes.gap / 2;
        text::write(picture, left as i32, y as i32, size, FAINT, note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::MaskSet;
    use crate::standard_face::FACE_PIXELS;

    fn drawn(rows: &[HeatmapRow]) -> RgbImage {
        let face = StandardFace::default();
        picture("Heatmaps", rows, &EkmanMasks::new(MaskSet::Published, &face), &face)
    }

    fn row<'a>(name: &str, map: Option<&'a [f32]>) -> HeatmapRow<'a> {
        HeatmapRow { name: name.to_owned(), cells: [HeatmapCell { map, n: 3 }; 6] }
    }

    #[test]
    fn each_map_is_stretched_to_its_own_maximum() {
        // The lower right corner is outside every mask and feature.
        let last = FACE_PIXELS - 1;
        let [mut faint, mut strong] = [vec![0.0_f32; FACE_PIXELS], vec![0.0_f32; FACE_PIXELS]];
        (faint[last], strong[last]) = (0.001, 90.0);
        let brightest = |map: &[f32]| {
            let picture = drawn(&[row("a", Some(map))]);
            let sizes = Sizes::of(1);
            let y =
                picture.height() - (5 * sizes.line() + 2 * sizes.gap) - sizes.gap - sizes.line();
            *picture.get_pixel(sizes.left(1) - sizes.gap - 1, y - 1)
        };
        assert_eq!(brightest(&faint), heat(1.0));
        assert_eq!(brightest(&strong), heat(1.0));
    }

    #[test]
    fn up_to_eight_rows_are_large_and_more_are_half_the_size() {
        let map = vec![0.5; FACE_PIXELS];
        let rows: Vec<HeatmapRow> =
            (0..60).map(|number| row(&format!("network {number} ä<&"), Some(&map))).collect();
        let [eight, nine, sixty] = [8, 9, 60].map(|count| drawn(&rows[..count]));
        assert_eq!((eight.width(), nine.width(), sixty.width()), (1456, 728, 728));
        assert!(sixty.height() > 60 * FACE_HEIGHT as u32 / 2);
        drawn(&[]);
    }

    #[test]
    fn no_face_not_a_number_and_nothing_relevant_are_drawn() {
        let (nothing, unknown) = (vec![0.0; FACE_PIXELS], vec![f32::NAN; FACE_PIXELS]);
        let picture =
            drawn(&[row("none", None), row("zero", Some(&nothing)), row("?", Some(&unknown))]);
        let first = Sizes::of(3);
        let inside = first.line() * 4 + first.gap * 3;
        assert_eq!(*picture.get_pixel(first.left(0) + 20, inside), PAPER);
    }
}
