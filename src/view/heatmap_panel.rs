//! A heatmap on the standard face, as every picture of heatmaps draws it.

use image::{Rgb, RgbImage};
use imageproc::drawing;

use super::colour_map::{blend, heat};
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};

const OUTLINE: Rgb<u8> = Rgb([90, 225, 235]);

/// Runs of landmarks (first and last number, closed or not) that make a face recognisable: jaw, brows, nose, eyes, lips.
const FACE_LINES: [(usize, usize, bool); 9] = [
    (1, 17, false),
    (18, 22, false),
    (23, 27, false),
    (28, 31, false),
    (32, 36, false),
    (37, 42, true),
    (43, 48, true),
    (49, 60, true),
    (61, 68, true),
];

/// Draws the standard face's features over a picture of it.
fn draw_face_lines(picture: &mut RgbImage, standard_face: &StandardFace) {
    let landmarks = standard_face.landmarks();
    let scale =
        [picture.width() as f32 / FACE_WIDTH as f32, picture.height() as f32 / FACE_HEIGHT as f32];
    let place = |number: usize| {
        let [x, y] = landmarks[number - 1];
        ((x * scale[0]) as i32, (y * scale[1]) as i32)
    };
    for (first, last, closed) in FACE_LINES {
        let next =
            |number: usize| if number < last { Some(number + 1) } else { closed.then_some(first) };
        for number in first..=last {
            if let Some(next) = next(number) {
                drawing::draw_antialiased_line_segment_mut(
                    picture,
                    place(number),
                    place(next),
                    Rgb([255; 3]),
                    |line, below, weight| Rgb(blend(below.0, line.0, 0.45 * weight)),
                );
            }
        }
    }
}

/// A heatmap of the standard face in heat colours, stretched to its own largest value, with the face's features and the outline of a
/// mask, `outline` pixels wide.
pub fn heatmap_panel(
    map: &[f32],
    mask: Option<&[bool]>,
    standard_face: &StandardFace,
    (width, height): (u32, u32),
    outline: u32,
) -> RgbImage {
    let largest = map.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
    let at = |x: u32, y: u32| {
        let column = (x.min(width - 1) as usize * FACE_WIDTH) / width as usize;
        let row = (y.min(height - 1) as usize * FACE_HEIGHT) / height as usize;
        row * FACE_WIDTH + column
    };
    let mut picture = RgbImage::from_fn(width, height, |x, y| heat(map[at(x, y)] / largest));
    draw_face_lines(&mut picture, standard_face);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        let inside = |x, y| mask.is_some_and(|mask| mask[at(x, y)]);
        let neighbours = [
            (x + outline, y),
            (x, y + outline),
            (x.saturating_sub(outline), y),
            (x, y.saturating_sub(outline)),
        ];
        let is_outline = inside(x, y) && neighbours.iter().any(|&(x, y)| !inside(x, y));
        if is_outline {
            *pixel = OUTLINE;
        }
    }
    picture
}
