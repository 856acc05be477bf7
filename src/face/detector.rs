//! The face detector: BlazeFace (Bazarevsky et al. 2019), decided *a contrario*.

use image::{RgbImage, imageops};

use super::{BackgroundModel, BoundingBox, Detection, Point};
use crate::network::{Network, NetworkError};

/// Anchors per cell of the grid of input / 16 cells and of that of input / 32 cells.
const GRIDS: [(u32, usize); 2] = [(16, 2), (32, 6)];
/// Numbers per anchor: box centre, width, height, and six key points.
const BOX_NUMBERS: usize = 16;
/// Boxes that overlap more than this are one face.
const SAME_FACE_OVERLAP: f32 = 0.3;

/// Finds faces.
pub struct Detector {
    network: Network,
    background: BackgroundModel,
    epsilon: f64,
    letterbox: RgbImage,
    anchors: Vec<Point>,
    outputs: Vec<f32>,
}

/// A network and a background model that do not make a detector.
#[derive(Debug, thiserror::Error)]
pub enum DetectorError {
    /// The network has not the outputs of BlazeFace.
    #[error(
        "{0} is not a BlazeFace detector: it needs a square input and {1} scores and boxes of 16 numbers"
    )]
    Form(String, usize),
    /// The background model was measured on another network.
    #[error(
        "the background model was measured on a network with sha256 {expected}, this one has {found}: measure it again"
    )]
    Background {
        /// The network the model was measured on.
        expected: String,
        /// The network at hand.
        found: String,
    },
    /// So many false faces were not measured.
    #[error(
        "an epsilon of {epsilon} was not measured: give less than {largest:.2} expected false faces per picture"
    )]
    Epsilon {
        /// The epsilon asked for.
        epsilon: f64,
        /// The largest there is.
        largest: f64,
    },
}

impl Detector {
    /// Joins a detector network with the background model of its scores. `epsilon` is the expected number of false faces per
    /// picture.
    ///
    /// # Errors
    /// When the network is no BlazeFace, the background model was measured on another one, or does not reach epsilon.
    pub fn new(
        network: Network,
        background: BackgroundModel,
        epsilon: f64,
    ) -> Result<Self, DetectorError> {
        let size = network.spec().input.width;
        let anchors = anchors(size);
        let shape_holds = network.spec().input.height == size
            && network.output_len() == anchors.len() * (1 + BOX_NUMBERS);
        if !shape_holds {
            return Err(DetectorError::Form(network.spec().name.clone(), anchors.len()));
        }
        if background.sha256() != network.sha256() {
            return Err(DetectorError::Background {
                expected: background.sha256().to_owned(),
                found: network.sha256().to_owned(),
            });
        }
        let largest = background.largest_epsilon();
        if epsilon >= largest {
            return Err(DetectorError::Epsilon { epsilon, largest });
        }
        let outputs = vec![0.0; network.output_len()];
        Ok(Detector {
            network,
            background,
            epsilon,
            letterbox: RgbImage::new(size, size),
            anchors,
            outputs,
        })
    }

    /// All faces of a picture, the largest first.
    ///
    /// A window is kept when the expected number of windows of a face-free picture with so high a score is at most
    /// epsilon; of windows that overlap, the one with the highest score stays.
    ///
    /// # Errors
    /// When the network cannot be evaluated.
    pub fn detect(&mut self, picture: &RgbImage) -> Result<Vec<Detection>, NetworkError> {
        let mut found = Vec::new();
        self.detect_into(picture, &mut found)?;
        Ok(found)
    }

    /// As [`Self::detect`], in place of what `found` held, whose memory is used again.
    ///
    /// # Errors
    /// As [`Self::detect`].
    pub fn detect_into(
        &mut self,
        picture: &RgbImage,
        found: &mut Vec<Detection>,
    ) -> Result<(), NetworkError> {
        found.clear();
        let frame = letterbox(picture, &mut self.letterbox);
        let letterbox = self.letterbox.as_raw();
        self.network.evaluate(
            1,
            &|_, pixels| pixels.copy_from_slice(letterbox),
            &mut self.outputs,
        )?;
        let (logits, boxes) = self.outputs.split_at(self.anchors.len());
        let (boxes, _) = boxes.as_chunks::<BOX_NUMBERS>();
        for ((&logit, numbers), &anchor) in logits.iter().zip(boxes).zip(&self.anchors) {
            let log10_nfa = self.background.log10_nfa(f64::from(logit));
            if log10_nfa <= self.epsilon.log10() {
                found.push(decode(numbers, anchor, &frame, logit, log10_nfa));
            }
        }
        keep_strongest(found);
        Ok(())
    }
}

/// Where the picture lies in the detector's square input.
struct Frame {
    /// Input pixels per picture pixel.
    scale: f32,
    /// Black columns left of and rows above the picture.
    margin: Point,
}

impl Frame {
    /// From continuous input coordinates (0 at the edge) to pixels of the picture.
    fn to_picture(&self, point: Point) -> Point {
        [0, 1].map(|axis| (point[axis] - self.margin[axis]) / self.scale - 0.5)
    }
}

/// Fits the picture into the square, with black margins.
fn letterbox(picture: &RgbImage, square: &mut RgbImage) -> Frame {
    let size = square.width();
    let longer = picture.width().max(picture.height());
    let fit =
        |length: u32| (u64::from(length) * u64::from(size)).div_ceil(u64::from(longer)) as u32;
    let (width, height) = (fit(picture.width()), fit(picture.height()));
    let (left, top) = ((size - width) / 2, (size - height) / 2);
    square.fill(0);
    if picture.width() >= width && picture.height() >= height {
        average_blocks(picture, square, [left, top], [width, height]);
    } else {
        let fitted = imageops::resize(picture, width, height, imageops::FilterType::Triangle);
        imageops::replace(square, &fitted, i64::from(left), i64::from(top));
    }
    Frame { scale: size as f32 / longer as f32, margin: [left as f32, top as f32] }
}

/// Makes the picture smaller by averaging whole pixels, so that nothing aliases, and puts it into the square at `[left, top]`: what
/// `image::imageops::thumbnail` gives, without a picture in between.
fn average_blocks(
    picture: &RgbImage,
    square: &mut RgbImage,
    [left, top]: [u32; 2],
    [width, height]: [u32; 2],
) {
    // Where the block of an output pixel begins; in single precision, as `thumbnail` has it.
    let start = |index: u32, from: u32, to: u32| {
        ((index as f32 * (from as f32 / to as f32)).ceil() as usize).min(from as usize)
    };
    let (source_width, size) = (picture.width() as usize, square.width() as usize);
    let source = picture.as_raw().as_chunks::<3>().0;
    let target = square.as_chunks_mut::<3>().0;
    for row in 0..height {
        let rows = start(row, picture.height(), height)..start(row + 1, picture.height(), height);
        let row_start = (top + row) as usize * size + left as usize;
        for (column, pixel) in (0..width).zip(&mut target[row_start..]) {
            let columns =
                start(column, picture.width(), width)..start(column + 1, picture.width(), width);
            let mut sum = [0u32; 3];
            for line in rows.clone() {
                for colour in &source[line * source_width..][columns.clone()] {
                    sum = [0, 1, 2].map(|channel| sum[channel] + u32::from(colour[channel]));
                }
            }
            let count = (rows.len() * columns.len()) as u32;
            *pixel = sum.map(|sum| ((sum + count / 2) / count) as u8);
        }
    }
}

/// The centre of each anchor in input pixels, in the order of the network's outputs.
fn anchors(size: u32) -> Vec<Point> {
    let mut anchors = Vec::new();
    for (stride, per_cell) in GRIDS {
        for row in 0..size / stride {
            for column in 0..size / stride {
                let centre = [column, row].map(|cell| (cell as f32 + 0.5) * stride as f32);
                anchors.extend(std::iter::repeat_n(centre, per_cell));
            }
        }
    }
    anchors
}

fn decode(
    numbers: &[f32; BOX_NUMBERS],
    anchor: Point,
    frame: &Frame,
    logit: f32,
    log10_nfa: f64,
) -> Detection {
    let point = |index: usize| {
        frame.to_picture([numbers[2 * index] + anchor[0], numbers[2 * index + 1] + anchor[1]])
    };
    let centre = point(0);
    let (width, height) = (numbers[2] / frame.scale, numbers[3] / frame.scale);
    Detection {
        bounding_box: BoundingBox {
            x: centre[0] - width / 2.0,
            y: centre[1] - height / 2.0,
            width,
            height,
        },
        key_points: std::array::from_fn(|index| point(index + 2)),
        score: 1.0 / (1.0 + (-logit).exp()),
        log10_nfa,
    }
}

/// Of boxes that overlap, the one with the lowest NFA; then the largest face first.
fn keep_strongest(found: &mut Vec<Detection>) {
    // None is equal to another in all three, so that an unstable sort, which needs no memory, has one outcome.
    found.sort_unstable_by(|a, b| {
        let by_strength = a.log10_nfa.total_cmp(&b.log10_nfa).then(b.score.total_cmp(&a.score));
        by_strength.then(a.bounding_box.x.total_cmp(&b.bounding_box.x))
    });
    let mut kept = 0;
    for index in 0..found.len() {
        let candidate = found[index].bounding_box;
        let is_new = found[..kept].iter().all(|other| {
            other.bounding_box.intersection_over_union(&candidate) <= SAME_FACE_OVERLAP
        });
        if is_new {
            found.swap(kept, index);
            kept += 1;
        }
    }
    found.truncate(kept);
    found.sort_unstable_by(|a, b| {
        let area = |d: &Detection| d.bounding_box.width * d.bounding_box.height;
        area(b).total_cmp(&area(a)).then(a.bounding_box.x.total_cmp(&b.bounding_box.x))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(x: f32, width: f32, log10_nfa: f64) -> Detection {
        Detection {
            bounding_box: BoundingBox { x, y: 0.0, width, height: width },
            key_points: [[0.0; 2]; 6],
            score: 0.9,
            log10_nfa,
        }
    }

    #[test]
    fn there_are_as_many_anchors_as_the_network_has_outputs() {
        assert_eq!(anchors(256).len(), 896);
        assert_eq!(anchors(192).len(), 504);
        assert_eq!(anchors(256)[0], [8.0, 8.0]);
        assert_eq!(anchors(256)[895], [240.0, 240.0]);
    }

    #[test]
    fn of_overlapping_windows_the_strongest_stays() {
        let mut found = vec![
            detection(0.0, 10.0, -3.0),
            detection(1.0, 10.0, -6.0),
            detection(100.0, 20.0, -2.5),
        ];
        keep_strongest(&mut found);
        let kept: Vec<f32> = found.iter().map(|d| d.bounding_box.x).collect();
        assert_eq!(kept, [100.0, 1.0]);
    }

    #[test]
    fn blocks_are_averaged_as_the_library_averages_them() {
        for (width, height) in
            [(640, 480), (480, 640), (641, 479), (256, 100), (1001, 1000), (800, 3)]
        {
            let picture = RgbImage::from_fn(width, height, |x, y| {
                image::Rgb([(x * 7 + y * 13) as u8, (x * y) as u8, (x * 31) as u8])
            });
            let mut square = RgbImage::new(256, 256);
            let longer = width.max(height);
            let fit = |length: u32| (length * 256).div_ceil(longer);
            let (fitted_width, fitted_height) = (fit(width), fit(height));
            let expected = imageops::thumbnail(&picture, fitted_width, fitted_height);
            letterbox(&picture, &mut square);
            let (left, top) = ((256 - fitted_width) / 2, (256 - fitted_height) / 2);
            let found = imageops::crop_imm(&square, left, top, fitted_width, fitted_height);
            assert!(found.to_image() == expected, "{width} x {height}");
        }
    }

    #[test]
    fn the_letterbox_maps_back_to_the_picture() {
        for (width, height) in [(640, 480), (480, 640), (100, 30), (1, 1), (3000, 7)] {
            let picture = RgbImage::from_pixel(width, height, image::Rgb([200; 3]));
            let mut square = RgbImage::new(256, 256);
            let frame = letterbox(&picture, &mut square);
            let centre = frame.to_picture([128.0, 128.0]);
            let longer = width.max(height) as f32;
            // Margins are whole input pixels, so the middle may be off by half of one.
            let tolerance = longer / 256.0 + 0.01;
            assert!((centre[0] - (width as f32 - 1.0) / 2.0).abs() <= tolerance);
            assert!((centre[1] - (height as f32 - 1.0) / 2.0).abs() <= tolerance);
        }
    }
}
