//! Text on pictures.

use std::sync::LazyLock;

use ab_glyph::{FontRef, PxScale};
use image::{Rgb, RgbImage};
use imageproc::drawing;

/// DejaVu Sans, cut to the characters used here and those of notices in European languages (licence in NOTICE).
static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("DejaVuSans-subset.ttf")).expect("the font is whole")
});

/// Writes a line with its upper left corner at (x, y); `height` in pixels.
pub fn write(picture: &mut RgbImage, x: i32, y: i32, height: f32, colour: Rgb<u8>, text: &str) {
    drawing::draw_text_mut(picture, colour, x, y, PxScale::from(height), &*FONT, text);
}

/// Width of a line in pixels.
pub fn width(height: f32, text: &str) -> i32 {
    drawing::text_size(PxScale::from(height), &*FONT, text).0 as i32
}

/// Writes a line centred on `middle`.
pub fn write_centred(
    picture: &mut RgbImage,
    middle: i32,
    y: i32,
    height: f32,
    colour: Rgb<u8>,
    text: &str,
) {
    write(picture, middle - width(height, text) / 2, y, height, colour, text);
}
