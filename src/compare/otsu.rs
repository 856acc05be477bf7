//! Otsu's threshold.

/// Otsu's level of an 8-bit map: the level that parts it into two classes of largest between-class variance, the
/// lowest such; 0 for a constant map. The same operations in the same order as OpenCV, so the same level on a tie.
pub fn otsu_level(map: &[u8]) -> u8 {
    let mut histogram = [0_u32; 256];
    for &value in map {
        histogram[usize::from(value)] += 1;
    }
    let share = 1.0 / map.len() as f64;
    let mean = (0_u8..=255)
        .zip(histogram)
        .map(|(value, count)| f64::from(value) * f64::from(count))
        .sum::<f64>()
        * share;

    let (mut weight_below, mut mean_below) = (0.0, 0.0);
    let (mut best, mut largest_variance) = (0, 0.0);
    for (value, count) in (0_u8..=255).zip(histogram) {
        let probability = f64::from(count) * share;
        mean_below *= weight_below;
        weight_below += probability;
        let weight_above: f64 = 1.0 - weight_below;
        let smallest = f64::from(f32::EPSILON);
        if weight_below.min(weight_above) < smallest
            || weight_below.max(weight_above) > 1.0 - smallest
        {
            continue;
        }
        mean_below = (mean_below + f64::from(value) * probability) / weight_below;
        let mean_above = (mean - weight_below * mean_below) / weight_above;
        let apart = mean_below - mean_above;
        let variance = weight_below * weight_above * apart * apart;
        if variance > largest_variance {
            largest_variance = variance;
            best = value;
        }
    }
    best
}

/// The pixels strictly above a level.
pub fn foreground(map: &[u8], level: u8) -> Vec<bool> {
    map.iter().map(|&value| value > level).collect()
}
