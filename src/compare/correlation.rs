//! How alike two heatmaps or two relevance images are.

use serde::Serialize;

/// The coefficient that compares two heatmaps; one minus it is their distance in a dendrogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Correlation {
    /// The paper's equation 4 as printed: the sum of products over the root of the product of the sums of squares
    #[serde(rename = "equation-4")]
    #[value(name = "equation-4")]
    Equation4,
    /// The same with each heatmap's mean subtracted (Pearson's), as the paper's published dendrograms are drawn
    #[default]
    MeanCentred,
}

impl Correlation {
    /// The name, as on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equation4 => "equation-4",
            Self::MeanCentred => "mean-centred",
        }
    }

    /// The coefficient of two maps of one size, from -1 to 1; 0 where it is undefined because a map is all zeros (for
    /// the mean-centred one: constant).
    ///
    /// # Panics
    /// If the sizes differ.
    pub fn of(self, a: &[u8], b: &[u8]) -> f64 {
        assert_eq!(a.len(), b.len(), "maps of two sizes");
        // Whole numbers throughout: exact, so two equal maps have the coefficient 1 and never more.
        let sum = |map: &[u8]| map.iter().map(|&value| i128::from(value)).sum::<i128>();
        let products = |a: &[u8], b: &[u8]| {
            let pairs = a.iter().zip(b);
            pairs.map(|(&a, &b)| u64::from(a) * u64::from(b)).sum::<u64>()
        };
        let moment = |a: &[u8], b: &[u8]| match self {
            Self::Equation4 => i128::from(products(a, b)),
            Self::MeanCentred => a.len() as i128 * i128::from(products(a, b)) - sum(a) * sum(b),
        };
        // One root of both: that of a square is exact, the square of a root is not.
        let norm = (moment(a, a) as f64 * moment(b, b) as f64).sqrt();
        if norm == 0.0 {
            return 0.0;
        }
        (moment(a, b) as f64 / norm).clamp(-1.0, 1.0)
    }
}

impl std::fmt::Display for Correlation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

/// Pearson's correlation of two signed relevance images of one size, from -1 to 1; 0 where one is constant. Values must be
/// finite.
///
/// # Panics
/// If the sizes differ.
pub fn pearson(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "images of two sizes");
    // Sums of equal f32 are exact in f64, so a constant image is its mean to the bit.
    let mean = |image: &[f32]| {
        image.iter().map(|&value| f64::from(value)).sum::<f64>() / image.len() as f64
    };
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut square_a, mut square_b, mut product) = (0.0, 0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a) - mean_a, f64::from(b) - mean_b);
        square_a += a * a;
        square_b += b * b;
        product += a * b;
    }
    if square_a == 0.0 || square_b == 0.0 {
        return 0.0;
    }
    // One root of the product: of equal squares it is exact, so two equal images have the coefficient 1.
    (product / (square_a * square_b).sqrt()).clamp(-1.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn equal_maps_are_at_no_distance() {
        let mut stream = Stream::new(0, "maps", "test");
        for size in 2..200 {
            let mut map: Vec<u8> = (0..size).map(|_| stream.below(256) as u8).collect();
            map[..2].copy_from_slice(&[1, 2]);
            for correlation in [Correlation::Equation4, Correlation::MeanCentred] {
                assert_eq!(correlation.of(&map, &map), 1.0, "{correlation} of {size} pixels");
            }
        }
    }
}
