//! Heatmaps and the camera's picture as files.

use std::sync::{Arc, Mutex};

use hyper::StatusCode;
use hyper::body::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, Rgb, RgbImage, imageops};
use ndarray_npy::WriteNpyExt;

use super::reply::{self, Reply};
use crate::compare::{EkmanMasks, MaskSet};
use crate::expression::Expression;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};
use crate::view::colour_map::heat;
use crate::view::heatmap_panel::heatmap_panel;
use crate::view::text;

/// Pixels; twice the standard face, so that its lines and the scale's text are sharp.
const SIZE: (u32, u32) = (2 * FACE_WIDTH as u32, 2 * FACE_HEIGHT as u32);
/// Pixels below a heatmap, for the scale.
const SCALE: u32 = 56;
const TEXT: f32 = 32.0;
const OUTLINE: u32 = 3;
/// Of the camera's picture in pixels: it is watched, not studied, and encoded each time.
const MOST_WIDTH: u32 = 640;
const QUALITY: u8 = 80;

/// Draws, and keeps the drawings of heatmaps that are still shown.
pub struct Pictures {
    face: StandardFace,
    masks: EkmanMasks,
    /// In the order of [`Expression::SIX`].
    drawn: Mutex<[Option<Drawn>; 6]>,
}

struct Drawn {
    of: Arc<[f32]>,
    png: Bytes,
}

impl Pictures {
    /// With the outlines of these masks.
    pub fn new(masks: MaskSet) -> Self {
        let face = StandardFace::default();
        Pictures { masks: EkmanMasks::new(masks, &face), face, drawn: Mutex::default() }
    }

    /// A heatmap, 224 x 275 row by row, on the standard face with the outline of the expression's mask and the scale of its colours,
    /// as PNG of 448 x 606 pixels.
    pub fn heatmap(&self, expression: Expression, heatmap: &Arc<[f32]>) -> Reply {
        let place = expression.place().unwrap_or(0);
        // A drawing is put in its place whole.
        let mut drawn = self.drawn.lock().unwrap_or_else(|poison| poison.into_inner());
        let png = match &drawn[place] {
            Some(known) if Arc::ptr_eq(&known.of, heatmap) => known.png.clone(),
            _ => {
                let Some(png) = png(&self.draw(expression, heatmap)) else { return failed() };
                drawn[place] = Some(Drawn { of: heatmap.clone(), png: png.clone() });
                png
            }
        };
        reply::content("image/png", png)
    }

    fn draw(&self, expression: Expression, heatmap: &[f32]) -> RgbImage {
        let mut picture = RgbImage::from_pixel(SIZE.0, SIZE.1 + SCALE, heat(0.0));
        let panel = heatmap_panel(heatmap, self.masks.get(expression), &self.face, SIZE, OUTLINE);
        imageops::replace(&mut picture, &panel, 0, 0);
        let ink = Rgb([255; 3]);
        let top = (SIZE.1 + 12) as i32;
        let [least, most] = ["0", "max"];
        text::write(&mut picture, 12, top, TEXT, ink, least);
        let right = SIZE.0 as i32 - 12 - text::width(TEXT, most);
        text::write(&mut picture, right, top, TEXT, ink, most);
        let (from, to) = (24 + text::width(TEXT, least), right - 12);
        for x in from..to {
            let colour = heat((x - from) as f32 / (to - 1 - from) as f32);
            for y in top + 4..top + 28 {
                picture.put_pixel(x as u32, y as u32, colour);
            }
        }
        picture
    }

    /// A heatmap as an array of NumPy: float32, 275 x 224.
    pub fn numbers(&self, _: Expression, heatmap: &Arc<[f32]>) -> Reply {
        let array = ndarray::ArrayView2::from_shape((FACE_HEIGHT, FACE_WIDTH), heatmap);
        let mut bytes = Vec::new();
        match array.map(|array| array.write_npy(&mut bytes)) {
            Ok(Ok(())) => reply::content("application/octet-stream", bytes),
            _ => failed(),
        }
    }

    /// The camera's picture as JPEG, at most 640 pixels wide. Nothing of it is kept.
    pub fn picture(&self, picture: &RgbImage) -> Reply {
        let width = picture.width().clamp(1, MOST_WIDTH);
        let height = (picture.height() * width / picture.width().max(1)).max(1);
        let small = imageops::thumbnail(picture, width, height);
        let mut bytes = Vec::new();
        match JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(&small) {
            Ok(()) => reply::content("image/jpeg", bytes),
            Err(_) => failed(),
        }
    }
}

fn png(picture: &RgbImage) -> Option<Bytes> {
    let mut bytes = Vec::new();
    PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive)
        .write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .ok()?;
    Some(bytes.into())
}

fn failed() -> Reply {
    reply::failure(StatusCode::INTERNAL_SERVER_ERROR, "the picture could not be encoded")
}
