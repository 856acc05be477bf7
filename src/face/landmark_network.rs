//! The landmark network: 68 points in a levelled square crop around the detection.

use image::RgbImage;

use super::{Detection, LandmarkModel, Landmarks, Point, Similarity, settle};
use crate::network::{Network, NetworkError};

/// Side of the network's crop over the longer side of the detection's box.
const CROP_SCALE: f32 = 1.25;

/// What is added to the network's points, in pixels of its crop, beyond the half pixel between a crop's edge and its first centre.
///
/// The network places every point 0.94 pixels too far left: on 102 photographs and their mirror images, x differs by twice that
/// between a point and its mirrored twin, which needs no labels to see. In y the hand-placed points of the same photographs
/// show half a pixel.
const OFFSET: Point = [0.94, 0.5];

/// Where the crop is cut is settled to so many steps per pixel: far finer than the detector is sure of.
const STEPS_PER_PIXEL: f32 = 4.0;

/// Places landmarks with a convolutional network whose outputs are x and y of each landmark as shares of its crop.
pub struct LandmarkNetwork {
    network: Network,
}

impl LandmarkNetwork {
    /// Wraps a network of the landmark form: one output of 136 numbers.
    ///
    /// # Errors
    /// Gives the network back when it has another number of outputs or no square input.
    pub fn new(network: Network) -> Result<Self, Box<Network>> {
        let input = &network.spec().input;
        if network.output_len() != 136 || input.width != input.height {
            return Err(Box::new(network));
        }
        Ok(LandmarkNetwork { network })
    }
}

impl LandmarkModel for LandmarkNetwork {
    fn place(&mut self, picture: &RgbImage, face: &Detection) -> Result<Landmarks, NetworkError> {
        let settled = |value| settle(value, STEPS_PER_PIXEL);
        let [left_eye, right_eye, ..] = face.key_points;
        let [across, down] =
            [0, 1].map(|axis| f64::from(settled(right_eye[axis] - left_eye[axis])));
        let side = settled(CROP_SCALE * face.bounding_box.width.max(face.bounding_box.height));
        let size = self.network.spec().input.width;
        let centre = face.bounding_box.centre().map(settled);
        let map = Similarity::around(centre, side, down.atan2(across), size);
        let mut shares = [0.0; 136];
        self.network.evaluate(
            1,
            &|_, pixels| {
                let (pixels, _) = pixels.as_chunks_mut::<3>();
                map.sample(picture, size, |index, colour| {
                    pixels[index] = colour.map(|value| value.round() as u8);
                });
            },
            &mut shares,
        )?;
        let (shares, _) = shares.as_chunks::<2>();
        Ok(Landmarks::new(std::array::from_fn(|index| {
            let in_crop = |axis: usize| shares[index][axis] * size as f32 - 0.5 + OFFSET[axis];
            map.to_picture([in_crop(0), in_crop(1)])
        })))
    }
}
