//! Pictures that a person understands: an explained face, and the heatmaps of a batch.

use image::{GrayImage, Rgb, RgbImage, imageops};
use imageproc::drawing;
use imageproc::rect::Rect;

use super::colour_map::{AGAINST, FOR, tint};
use super::heatmap_panel::heatmap_panel;
use super::text;
use crate::explain::Superpixels;
use crate::expression::Expression;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};

const PAPER: Rgb<u8> = Rgb([250, 250, 248]);
const INK: Rgb<u8> = Rgb([32, 34, 40]);
const FAINT: Rgb<u8> = Rgb([120, 124, 132]);
const BAR: Rgb<u8> = Rgb([196, 200, 208]);
const MARGIN: i32 = 16;
/// Height of the pictures of an explained face, in pixels.
const PANEL: u32 = 330;

/// One explained face.
pub struct ExplainedFace<'a> {
    /// The crop as the network saw it.
    pub crop: &'a GrayImage,
    /// The standard face.
    pub standard_face: &'a StandardFace,
    /// The superpixels.
    pub superpixels: &'a Superpixels,
    /// The signed relevance per crop pixel.
    pub relevance: &'a [f32],
    /// The clipped relevance on the standard face, 275 x 224.
    pub standardised: &'a [f32],
    /// The Ekman mask of the explained class; neutral has none.
    pub mask: Option<&'a [bool]>,
    /// The network's classes with their probabilities.
    pub probabilities: &'a [(Expression, f32)],
    /// The explained class.
    pub class: Expression,
    /// What else to say, a line each.
    pub notes: &'a [String],
}

/// Draws an explained face: the crop, the relevance on it, the relevance on the standard face with the outline of the mask, and the probabilities.
pub fn explained_face(face: &ExplainedFace) -> RgbImage {
    let standard_width = PANEL * FACE_WIDTH as u32 / FACE_HEIGHT as u32;
    let column_width = 250;
    let top = MARGIN + 40;
    let lefts = {
        let second = MARGIN + PANEL as i32 + MARGIN;
        let third = second + PANEL as i32 + MARGIN;
        [MARGIN, second, third, third + standard_width as i32 + MARGIN]
    };
    let size = (lefts[3] + column_width + MARGIN, top + PANEL as i32 + MARGIN);
    let mut picture = RgbImage::from_pixel(size.0 as u32, size.1 as u32, PAPER);

    let plain = imageops::resize(face.crop, PANEL, PANEL, imageops::FilterType::CatmullRom);
    let plain = image::DynamicImage::ImageLuma8(plain).into_rgb8();
    imageops::replace(&mut picture, &plain, lefts[0].into(), top.into());
    let relevance = relevance_panel(face, &plain);
    imageops::replace(&mut picture, &relevance, lefts[1].into(), top.into());
    let standardised =
        heatmap_panel(face.standardised, face.mask, face.standard_face, (standard_width, PANEL), 1);
    imageops::replace(&mut picture, &standardised, lefts[2].into(), top.into());

    let standard_title =
        if face.mask.is_some() { "standard face, Ekman mask" } else { "standard face" };
    let titles = ["what the network saw", "what speaks for and against", standard_title];
    for (title, left) in titles.iter().zip(lefts) {
        text::write(&mut picture, left, top - 22, 17.0, FAINT, title);
    }
    write_column(&mut picture, face, lefts[3], top, column_width);
    picture
}

fn relevance_panel(face: &ExplainedFace, plain: &RgbImage) -> RgbImage {
    let largest = face.relevance.iter().fold(f32::MIN_POSITIVE, |largest, r| largest.max(r.abs()));
    let (width, height) = face.crop.dimensions();
    let labels = face.superpixels.labels();
    let at = |x: u32, y: u32| {
        let (x, y) = (x.min(PANEL - 1) * width / PANEL, y.min(PANEL - 1) * height / PANEL);
        (y * width + x) as usize
    };
    RgbImage::from_fn(PANEL, PANEL, |x, y| {
        let here = at(x, y);
        let is_border =
            labels[here] != labels[at(x + 1, y)] || labels[here] != labels[at(x, y + 1)];
        let grey = plain.get_pixel(x, y)[0];
        if is_border {
            Rgb([grey / 2 + 100; 3])
        } else {
            tint(grey, face.relevance[here] / largest)
        }
    })
}

fn write_column(picture: &mut RgbImage, face: &ExplainedFace, left: i32, top: i32, width: i32) {
    let probability =
        face.probabilities.iter().find(|(class, _)| *class == face.class).map_or(0.0, |(_, p)| *p);
    let title = format!("{} {:.0} %", face.class, 100.0 * probability);
    text::write(picture, left, top - 6, 28.0, INK, &title);
    let mut y = top + 34;
    for &(class, probability) in face.probabilities {
        let is_explained = class == face.class;
        let bar_left = left + 88;
        let longest = width - 88 - 44;
        text::write(picture, left, y, 16.0, if is_explained { INK } else { FAINT }, class.name());
        let length = ((longest as f32 * probability).round() as u32).max(1);
        let colour = if is_explained { Rgb(FOR) } else { BAR };
        drawing::draw_filled_rect_mut(
            picture,
            Rect::at(bar_left, y + 2).of_size(length, 13),
            colour,
        );
        let percent = format!("{:.0} %", 100.0 * probability);
        text::write(picture, bar_left + longest + 4, y, 15.0, FAINT, &percent);
        y += 21;
    }
    y += 10;
    for (colour, meaning) in [(FOR, "speaks for"), (AGAINST, "speaks against")] {
        drawing::draw_filled_rect_mut(picture, Rect::at(left, y + 3).of_size(11, 11), Rgb(colour));
        text::write(picture, left + 17, y, 15.0, INK, &format!("{meaning} {}", face.class));
        y += 19;
    }
    y += 6;
    for note in face.notes {
        text::write(picture, left, y, 14.0, FAINT, note);
        y += 17;
    }
}

/// One heatmap of a batch.
pub struct HeatmapPanel<'a> {
    /// Its class.
    pub expression: Expression,
    /// The mean clipped relevance on the standard face; none where no face was explained as this class.
    pub map: Option<&'a [f32]>,
    /// The Ekman mask.
    pub mask: &'a [bool],
    /// What to say below, a line each.
    pub notes: Vec<String>,
}

/// Draws the heatmaps side by side, three in a row, each stretched to its own largest value.
pub fn heatmaps(title: &str, panels: &[HeatmapPanel], standard_face: &StandardFace) -> RgbImage {
    const COLUMNS: usize = 3;
    let (width, height) = (FACE_WIDTH as i32, FACE_HEIGHT as i32);
    let (cell_width, cell_height) = (width + 2 * MARGIN, height + 92);
    let rows = panels.len().div_ceil(COLUMNS) as i32;
    let top = 56;
    let size = (COLUMNS as i32 * cell_width + 2 * MARGIN, top + rows * cell_height + 34);
    let mut picture = RgbImage::from_pixel(size.0 as u32, size.1 as u32, PAPER);
    text::write(&mut picture, 2 * MARGIN, 18, 20.0, INK, title);
    for (index, panel) in panels.iter().enumerate() {
        let x = MARGIN + (index % COLUMNS) as i32 * cell_width + MARGIN;
        let y = top + (index / COLUMNS) as i32 * cell_height;
        let middle = x + width / 2;
        text::write_centred(&mut picture, middle, y, 19.0, INK, panel.expression.name());
        match panel.map {
            Some(map) => {
                let size = (FACE_WIDTH as u32, FACE_HEIGHT as u32);
                let map = heatmap_panel(map, Some(panel.mask), standard_face, size, 1);
                imageops::replace(&mut picture, &map, x.into(), (y + 24).into());
            }
            None => {
                let place = Rect::at(x, y + 24).of_size(width as u32, height as u32);
                drawing::draw_hollow_rect_mut(&mut picture, place, BAR);
                let line = "no face so classified";
                text::write_centred(&mut picture, middle, y + 24 + height / 2, 15.0, FAINT, line);
            }
        }
        for (line, note) in panel.notes.iter().enumerate() {
            let y = y + 24 + height + 5 + 17 * line as i32;
            text::write_centred(&mut picture, middle, y, 14.0, FAINT, note);
        }
    }
    let legend = "bright: relevant for the class; blue line: Ekman mask of the class; white lines: the standard face";
    text::write(&mut picture, 2 * MARGIN, size.1 - 26, 14.0, FAINT, legend);
    picture
}
