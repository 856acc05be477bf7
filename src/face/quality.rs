//! Whether a face shows enough for an explanation: large, frontal, sharp.

use image::GrayImage;

use super::{Landmarks, LevelledFace};

/// Side of the crop in which sharpness is measured, in pixels: that of the smallest networks, so that it means the same for all.
const SHARPNESS_SIDE: usize = 56;

/// How well a face can be seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Pixels of the picture between the eye centres.
    pub eye_distance: f32,
    /// How far the tip of the nose stands off the middle of the outer eye corners, over their distance: 0 is frontal, some 0.19 at 30
    /// degrees, since the tip stands a third of that distance before the eyes.
    pub turn: f32,
    /// Mean squared difference of each pixel to the mean of its four neighbours over the variance of the crop, at 56 x 56 pixels:
    /// 0 is a blank. Blurring takes fine detail first.
    pub sharpness: f32,
}

impl Quality {
    /// Looks at a face: `landmarks` in pixels of the picture, `face` levelled. No allocation.
    pub fn new(landmarks: &Landmarks, face: &LevelledFace) -> Self {
        Quality {
            eye_distance: landmarks.eye_distance(),
            turn: turn(&face.landmarks),
            sharpness: sharpness(&face.crop),
        }
    }
}

/// See [`Quality::turn`]; of levelled landmarks.
fn turn(landmarks: &Landmarks) -> f32 {
    let (left, right, nose) =
        (landmarks.number(37)[0], landmarks.number(46)[0], landmarks.number(31)[0]);
    let width = right - left;
    if width > 0.0 { ((nose - (left + right) / 2.0) / width).abs() } else { 1.0 }
}

/// The share of fine detail in a crop: a Laplacian's mean square over the variance. Blurring takes fine detail first, so both go
/// down, but the Laplacian faster.
fn sharpness(crop: &GrayImage) -> f32 {
    let (width, height) = (crop.width() as usize, crop.height() as usize);
    let side = SHARPNESS_SIDE.min(width).min(height);
    if side < 3 {
        return 0.0;
    }
    // The mean of the block of pixels that falls on each of the smaller crop's.
    let mut small = [[0.0_f32; SHARPNESS_SIDE]; SHARPNESS_SIDE];
    for (row, line) in small.iter_mut().enumerate().take(side) {
        let rows = row * height / side..(row + 1) * height / side;
        for (column, mean) in line.iter_mut().enumerate().take(side) {
            let columns = column * width / side..(column + 1) * width / side;
            let sum: u32 = rows
                .clone()
                .flat_map(|y| &crop.as_raw()[y * width..][columns.clone()])
                .map(|&pixel| u32::from(pixel))
                .sum();
            *mean = sum as f32 / (rows.len() * columns.len()) as f32;
        }
    }
    let (mut sum, mut squares, mut detail) = (0.0, 0.0, 0.0);
    for y in 1..side - 1 {
        for x in 1..side - 1 {
            let here = small[y][x];
            let around =
                (small[y - 1][x] + small[y + 1][x] + small[y][x - 1] + small[y][x + 1]) / 4.0;
            sum += here;
            squares += here * here;
            detail += (here - around) * (here - around);
        }
    }
    let count = ((side - 2) * (side - 2)) as f32;
    let variance = squares / count - (sum / count) * (sum / count);
    if variance > 1.0 { detail / count / variance } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blurring_takes_sharpness() {
        let texture = GrayImage::from_fn(112, 112, |x, y| {
            image::Luma([((x / 4 * 37 + y / 4 * 91) % 256) as u8])
        });
        let blurred = image::imageops::blur(&texture, 4.0);
        assert!(sharpness(&texture) > 10.0 * sharpness(&blurred));
        assert_eq!(sharpness(&GrayImage::from_pixel(64, 64, image::Luma([90]))), 0.0);
        assert_eq!(sharpness(&GrayImage::new(2, 2)), 0.0);
    }
}
