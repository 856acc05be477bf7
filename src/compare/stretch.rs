//! The stretch that precedes thresholding and correlation.

/// Stretches a map linearly so that its least value becomes 0 and its largest 255, truncated to 8 bits, as the paper
/// does before thresholding and correlating. A constant map becomes all zeros. Values must be finite.
pub fn stretch<T: Copy + Into<f64>>(map: &[T]) -> Vec<u8> {
    let values = || map.iter().map(|&value| value.into());
    let least = values().fold(f64::INFINITY, f64::min);
    let largest = values().fold(f64::NEG_INFINITY, f64::max);
    let range = largest - least;
    values()
        .map(|value| {
            if range > 0.0 {
                // Multiplied first, so that whole numbers stay exact: 0..255 is left as it is.
                ((value - least) * 255.0 / range) as u8
            } else {
                0
            }
        })
        .collect()
}
