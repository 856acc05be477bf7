//! Colours for numbers.

use image::Rgb;

/// Stops of a perceptually even map from black over violet, red and yellow to near white, for heatmaps (values of the `inferno` map
/// of van der Walt and Smith, public domain).
const HEAT: [[u8; 3]; 9] = [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
];

/// The heat colour of a value from 0 to 1; values beyond are clamped.
pub fn heat(value: f32) -> Rgb<u8> {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f32;
    let below = (place as usize).min(HEAT.len() - 2);
    Rgb(blend(HEAT[below], HEAT[below + 1], place - below as f32))
}

/// What speaks for the class.
pub const FOR: [u8; 3] = [214, 40, 40];
/// What speaks against the class.
pub const AGAINST: [u8; 3] = [36, 94, 190];

/// Tints grey by a signed relevance from -1 to 1: red speaks for the class, blue against it.
pub fn tint(grey: u8, relevance: f32) -> Rgb<u8> {
    let colour = if relevance >= 0.0 { FOR } else { AGAINST };
    Rgb(blend([grey; 3], colour, 0.75 * relevance.abs().min(1.0)))
}

/// The colour `share` of the way from one to the other.
pub fn blend(from: [u8; 3], to: [u8; 3], share: f32) -> [u8; 3] {
    std::array::from_fn(|channel| {
        let (from, to) = (f32::from(from[channel]), f32::from(to[channel]));
        (from + share * (to - from)).round() as u8
    })
}
