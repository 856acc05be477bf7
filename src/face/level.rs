//! Levelling: the square crop in which every face's eyes stand at the same place.

use image::{GrayImage, RgbImage};

use super::{Landmarks, Point, settle};

/// Where the eye centres stand in a levelled crop, as shares of its side: where they stand in the standard face's 224 x 250
/// part, within half a pixel of 224. Networks are trained on crops of exactly these.
const EYE_LEFT_X: f64 = 0.311;
const EYE_RIGHT_X: f64 = 0.673;
const EYE_Y: f64 = 0.317;
/// Where a face is levelled is settled to so many steps per pixel of the picture: a tenth of what landmarks jitter by where eyes are 24 pixels apart.
const STEPS_PER_PIXEL: f32 = 16.0;

/// A turn, a scale and a shift: where each point of a square crop lies in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// Picture pixels per crop pixel along x and along y of the crop's first axis: `scale * (cos, sin)` of the angle.
    cos: f64,
    sin: f64,
    /// Where the crop's pixel (0, 0) lies.
    origin: [f64; 2],
}

impl Similarity {
    /// The square crop of `size` pixels whose eye centres lie at `eyes` (left of the picture, right of the picture).
    ///
    /// `None` when the eyes are less than a pixel apart.
    pub fn by_eyes(eyes: [Point; 2], size: u32) -> Option<Self> {
        let [left, right] = eyes.map(|point| point.map(f64::from));
        let (dx, dy) = (right[0] - left[0], right[1] - left[1]);
        let apart = dx.hypot(dy);
        if apart.is_nan() || apart < 1.0 {
            return None;
        }
        let size = f64::from(size);
        let between = (EYE_RIGHT_X - EYE_LEFT_X) * size;
        let (cos, sin) = (dx / between, dy / between);
        // Shares of the side are measured from the edge, half a pixel before the first centre.
        let (x, y) = (EYE_LEFT_X * size - 0.5, EYE_Y * size - 0.5);
        let origin = [left[0] - cos * x + sin * y, left[1] - sin * x - cos * y];
        Some(Similarity { cos, sin, origin })
    }

    /// The square crop of `size` pixels around `centre`, `side` picture pixels wide, turned by `angle` radians (clockwise as seen,
    /// since y points down).
    pub fn around(centre: Point, side: f32, angle: f64, size: u32) -> Self {
        let scale = f64::from(side) / f64::from(size);
        let (sin, cos) = angle.sin_cos();
        let (cos, sin) = (scale * cos, scale * sin);
        let middle = (f64::from(size) - 1.0) / 2.0;
        let origin = [
            f64::from(centre[0]) - cos * middle + sin * middle,
            f64::from(centre[1]) - sin * middle - cos * middle,
        ];
        Similarity { cos, sin, origin }
    }

    /// Where a point of the crop lies in the picture.
    pub fn to_picture(&self, point: Point) -> Point {
        let [x, y] = point.map(f64::from);
        [
            (self.origin[0] + self.cos * x - self.sin * y) as f32,
            (self.origin[1] + self.sin * x + self.cos * y) as f32,
        ]
    }

    /// Where a point of the picture lies in the crop.
    pub fn to_crop(&self, point: Point) -> Point {
        let (x, y) = (f64::from(point[0]) - self.origin[0], f64::from(point[1]) - self.origin[1]);
        let square = self.cos * self.cos + self.sin * self.sin;
        [
            ((self.cos * x + self.sin * y) / square) as f32,
            ((self.cos * y - self.sin * x) / square) as f32,
        ]
    }

    /// How far the crop is turned in the picture, in degrees, positive when the eye on the right stands lower.
    pub fn angle_degrees(&self) -> f64 {
        self.sin.atan2(self.cos).to_degrees()
    }

    /// Picture pixels per crop pixel.
    pub fn scale(&self) -> f64 {
        self.cos.hypot(self.sin)
    }

    /// Samples the square crop: `write(index, [red, green, blue])` for each of its pixels, row by row, values 0..255.
    ///
    /// When the crop is smaller than its part of the picture, each pixel is the mean of a grid of bilinear samples dense enough to
    /// miss no pixel, so nothing aliases. Beyond the picture its border is repeated.
    ///
    /// Cost: about one bilinear sample per covered picture pixel.
    pub fn sample(&self, picture: &RgbImage, size: u32, mut write: impl FnMut(usize, [f32; 3])) {
        let source = Bilinear::new(picture);
        let grid = self.scale().ceil().clamp(1.0, 64.0) as u32;
        let share = 1.0 / (grid * grid) as f32;
        // Where the samples of a pixel lie around its centre, in pixels of the picture.
        let offset = |index: u32| (f64::from(index) + 0.5) / f64::from(grid) - 0.5;
        let offset_at = |index: u32| {
            let (x, y) = (offset(index % grid), offset(index / grid));
            [(self.cos * x - self.sin * y) as f32, (self.sin * x + self.cos * y) as f32]
        };
        // Few fit without a heap: all but those of faces eight times as large as their crop.
        let mut few = [[0.0; 2]; 64];
        let many: Vec<Point>;
        let offsets = if let Some(few) = few.get_mut(..(grid * grid) as usize) {
            few.iter_mut().zip(0..).for_each(|(point, index)| *point = offset_at(index));
            &*few
        } else {
            many = (0..grid * grid).map(offset_at).collect();
            &many
        };
        for row in 0..size {
            for column in 0..size {
                let centre = self.to_picture([column as f32, row as f32]);
                let mut sum = [0.0; 3];
                for offset in offsets {
                    let colour = source.at(centre[0] + offset[0], centre[1] + offset[1]);
                    sum = [0, 1, 2].map(|channel| sum[channel] + colour[channel]);
                }
                write((row * size + column) as usize, sum.map(|sum| sum * share));
            }
        }
    }
}

/// A picture between its pixels; beyond them its border is repeated.
struct Bilinear<'a> {
    pixels: &'a [[u8; 3]],
    width: usize,
    /// Of the last pixel.
    right: f32,
    bottom: f32,
}

impl<'a> Bilinear<'a> {
    fn new(picture: &'a RgbImage) -> Self {
        let (width, height) = picture.dimensions();
        Bilinear {
            pixels: picture.as_raw().as_chunks().0,
            width: width as usize,
            right: (width - 1) as f32,
            bottom: (height - 1) as f32,
        }
    }

    /// The colour at (x, y).
    #[inline]
    fn at(&self, x: f32, y: f32) -> [f32; 3] {
        let (x, y) = (x.max(0.0).min(self.right), y.max(0.0).min(self.bottom));
        let (left, top) = (x as i32, y as i32);
        let (across, down) = (x - left as f32, y - top as f32);
        let upper_left = top as usize * self.width + left as usize;
        // On the last column or row the neighbour's share is 0, so any pixel will do.
        let next_column = usize::from((left as f32) < self.right);
        let next_row = if (top as f32) < self.bottom { self.width } else { 0 };
        let above = [self.pixels[upper_left], self.pixels[upper_left + next_column]];
        let lower_left = upper_left + next_row;
        let below = [self.pixels[lower_left], self.pixels[lower_left + next_column]];
        std::array::from_fn(|channel| {
            let value = |pixel: [u8; 3]| f32::from(pixel[channel]);
            let upper = value(above[0]) * (1.0 - across) + value(above[1]) * across;
            let lower = value(below[0]) * (1.0 - across) + value(below[1]) * across;
            upper * (1.0 - down) + lower * down
        })
    }
}

/// Grey as ITU-R BT.601 weighs red, green and blue, which is what the paper's tools (and Pillow and OpenCV) do.
fn grey([red, green, blue]: [f32; 3]) -> u8 {
    (0.299 * red + 0.587 * green + 0.114 * blue).round() as u8
}

/// A face as an expression network sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelledFace {
    /// The square crop, grey.
    pub crop: GrayImage,
    /// Where the crop lies in the picture.
    pub map: Similarity,
    /// The landmarks in pixels of the crop.
    pub landmarks: Landmarks,
}

impl LevelledFace {
    /// Levels a face by its eyes and crops it to `size` x `size` pixels (paper, section 3.2).
    ///
    /// `None` when the eyes are less than a pixel apart.
    pub fn new(picture: &RgbImage, landmarks: &Landmarks, size: u32) -> Option<Self> {
        let crop = GrayImage::new(size, size);
        // Any map: `level` gives it its own.
        let map = Similarity { cos: 1.0, sin: 0.0, origin: [0.0; 2] };
        let mut face = LevelledFace { crop, map, landmarks: landmarks.clone() };
        face.level(picture, landmarks).then_some(face)
    }

    /// Becomes a copy of `other`, without memory of its own.
    ///
    /// # Panics
    /// When its crop has another size.
    pub fn copy_from(&mut self, other: &Self) {
        self.crop.copy_from_slice(&other.crop);
        self.map = other.map;
        self.landmarks = other.landmarks.clone();
    }

    /// As [`Self::new`], in place of another face and of its crop's size, without memory of its own. False, and nothing changed,
    /// when the eyes are less than a pixel apart.
    pub fn level(&mut self, picture: &RgbImage, landmarks: &Landmarks) -> bool {
        let size = self.crop.width();
        let eyes =
            landmarks.eye_centres().map(|eye| eye.map(|value| settle(value, STEPS_PER_PIXEL)));
        let Some(map) = Similarity::by_eyes(eyes, size) else { return false };
        let pixels: &mut [u8] = &mut self.crop;
        map.sample(picture, size, |index, colour| pixels[index] = grey(colour));
        self.landmarks = landmarks.map(|point| map.to_crop(point));
        self.map = map;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn face_with_eyes(left: Point, right: Point) -> Landmarks {
        let mut points = [[0.0; 2]; 68];
        points[36..42].fill(left);
        points[42..48].fill(right);
        Landmarks::new(points)
    }

    #[test]
    fn eyes_stand_where_the_standard_face_has_them() {
        for (left, right) in [([30.0, 40.0], [70.0, 40.0]), ([30.0, 60.0], [70.0, 20.0])] {
            let landmarks = face_with_eyes(left, right);
            let map = Similarity::by_eyes(landmarks.eye_centres(), 100).unwrap();
            for (eye, x) in [(left, 31.1), (right, 67.3)] {
                let [found_x, found_y] = map.to_crop(eye);
                assert!((found_x + 0.5 - x).abs() < 1e-3 && (found_y + 0.5 - 31.7).abs() < 1e-3);
                let back = map.to_picture(map.to_crop(eye));
                assert!((back[0] - eye[0]).abs() < 1e-3 && (back[1] - eye[1]).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_lower_right_eye_is_a_positive_angle() {
        let map = Similarity::by_eyes([[0.0, 0.0], [10.0, 10.0]], 64).unwrap();
        assert!((map.angle_degrees() - 45.0).abs() < 1e-9);
        assert_eq!(Similarity::by_eyes([[5.0, 5.0], [5.0, 5.0]], 64), None);
        assert_eq!(Similarity::by_eyes([[f32::NAN, 5.0], [5.0, 5.0]], 64), None);
    }

    #[test]
    fn the_last_digits_of_landmarks_do_not_change_the_crop() {
        let picture = RgbImage::from_fn(200, 200, |x, y| {
            Rgb([(x * 31 + y * 17) as u8, (x * y) as u8, (y * 13) as u8])
        });
        let level = |shift: f32| {
            let landmarks = face_with_eyes([60.01 + shift, 80.02], [140.11, 83.04 - shift]);
            LevelledFace::new(&picture, &landmarks, 112).unwrap()
        };
        let face = level(0.0);
        for shift in [-1e-3, -1e-5, 1e-5, 1e-3] {
            assert_eq!(level(shift).crop, face.crop);
        }
        assert_ne!(level(0.1).crop, face.crop);
    }

    #[test]
    fn an_unscaled_crop_copies_pixels() {
        let picture = RgbImage::from_fn(20, 20, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let map = Similarity::around([9.5, 9.5], 20.0, 0.0, 20);
        map.sample(&picture, 20, |index, colour| {
            let pixel = picture.get_pixel(index as u32 % 20, index as u32 / 20);
            assert_eq!(colour, pixel.0.map(f32::from));
        });
    }

    #[test]
    fn a_smaller_crop_averages_and_does_not_alias() {
        // A checkerboard finer than the crop's pixels has to turn into even grey.
        let picture = RgbImage::from_fn(80, 80, |x, y| Rgb([((x + y) % 2 * 255) as u8; 3]));
        let map = Similarity::around([39.5, 39.5], 80.0, 0.0, 20);
        map.sample(&picture, 20, |_, colour| assert!((colour[0] - 127.5).abs() < 1.0));
    }

    #[test]
    fn beyond_the_picture_its_border_is_repeated() {
        let picture = RgbImage::from_pixel(4, 4, Rgb([90, 90, 90]));
        let map = Similarity::around([-50.0, 300.0], 40.0, 0.3, 10);
        map.sample(&picture, 10, |_, colour| assert!((colour[0] - 90.0).abs() < 1e-3));
    }
}
