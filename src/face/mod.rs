//! Faces: found by the detector, decided *a contrario*, placed by 68 landmarks, levelled and cropped.

mod a_contrario;
mod detector;
mod landmark_network;
mod level;
mod quality;
pub mod regression_trees;
mod track;

use image::RgbImage;

pub use a_contrario::{BackgroundModel, BackgroundModelError};
pub use detector::{Detector, DetectorError};
pub use landmark_network::LandmarkNetwork;
pub use level::{LevelledFace, Similarity};
pub use quality::Quality;
pub use regression_trees::RegressionTrees;
pub use track::{DETECTION_PERIOD, MOST_TRACKS, Probabilities, Track, Tracker};

use crate::network::NetworkError;

/// A point in pixels of the picture it belongs to: `[x, y]`, origin top left, x to the right, y down, the centre of the
/// top left pixel at (0, 0).
pub type Point = [f32; 2];

/// The nearest place that is a whole number of steps from 0.
///
/// Kernels of different processors add up in different orders, so what networks say of a face differs in the last digits. A crop cut there would
/// differ in single pixels, and the random numbers that are named by a crop's pixels altogether. Cut at settled places it is the same crop
/// on every processor, but for the few faces whose place falls between two steps.
fn settle(value: f32, steps_per_pixel: f32) -> f32 {
    (value * steps_per_pixel).round() / steps_per_pixel
}

/// An upright rectangle in pixels. It covers the pixels whose centres lie in `x..x + width`, `y..y + height`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Pixels.
    pub width: f32,
    /// Pixels.
    pub height: f32,
}

impl BoundingBox {
    /// The middle.
    pub fn centre(&self) -> Point {
        [self.x + self.width / 2.0, self.y + self.height / 2.0]
    }

    /// Area of the intersection over the area of the union, 0..1.
    pub fn intersection_over_union(&self, other: &Self) -> f32 {
        let overlap = |a: f32, a_size: f32, b: f32, b_size: f32| {
            ((a + a_size).min(b + b_size) - a.max(b)).max(0.0)
        };
        let intersection = overlap(self.x, self.width, other.x, other.width)
            * overlap(self.y, self.height, other.y, other.height);
        let union = self.width * self.height + other.width * other.height - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }
}

/// A face found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// From the brows to the chin.
    pub bounding_box: BoundingBox,
    /// The eye on the left of the picture, the eye on its right, nose tip, mouth, ear region on the left, ear region on the right.
    pub key_points: [Point; 6],
    /// What the detector says, as a probability 0..1. Only for the record: `log10_nfa` decides.
    pub score: f32,
    /// Decimal logarithm of the expected number of false faces per picture at this score.
    pub log10_nfa: f64,
}

/// The 68 landmarks of a face (iBUG layout), numbered 1 to 68.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmarks([Point; 68]);

impl Landmarks {
    /// From the points in the order of their numbers.
    pub fn new(points: [Point; 68]) -> Self {
        Landmarks(points)
    }

    /// The landmark of that number, 1 to 68.
    ///
    /// # Panics
    /// When there is no such number.
    pub fn number(&self, number: usize) -> Point {
        self.0[number.checked_sub(1).expect("landmarks are numbered from 1")]
    }

    /// All points, in the order of their numbers.
    pub fn points(&self) -> &[Point; 68] {
        &self.0
    }

    /// The mean of the landmarks of those numbers.
    pub fn mean(&self, numbers: std::ops::RangeInclusive<usize>) -> Point {
        let count = numbers.clone().count() as f32;
        let mut mean = [0.0; 2];
        for point in numbers.map(|number| self.number(number)) {
            mean[0] += point[0] / count;
            mean[1] += point[1] / count;
        }
        mean
    }

    /// The centre of the eye on the left of the picture (37 to 42) and of the one on its right (43 to 48).
    pub fn eye_centres(&self) -> [Point; 2] {
        [self.mean(37..=42), self.mean(43..=48)]
    }

    /// The smallest upright box around them: brows to chin, as the detector draws it.
    pub fn bounding_box(&self) -> BoundingBox {
        let mut low = [f32::INFINITY; 2];
        let mut high = [f32::NEG_INFINITY; 2];
        for point in self.points() {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        BoundingBox { x: low[0], y: low[1], width: high[0] - low[0], height: high[1] - low[1] }
    }

    /// Pixels between the eye centres.
    pub fn eye_distance(&self) -> f32 {
        let [left, right] = self.eye_centres();
        (right[0] - left[0]).hypot(right[1] - left[1])
    }

    /// The same points seen through a map.
    pub fn map(&self, map: impl Fn(Point) -> Point) -> Self {
        Landmarks(self.0.map(map))
    }
}

/// Places the 68 landmarks of a face that was found.
pub trait LandmarkModel {
    /// Landmarks in pixels of the picture.
    ///
    /// # Errors
    /// When a network cannot be evaluated.
    fn place(&mut self, picture: &RgbImage, face: &Detection) -> Result<Landmarks, NetworkError>;
}
