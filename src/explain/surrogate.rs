//! The surrogate: a weighted ridge regression that imitates the network around one face (LIME, section 3.4).

use super::Design;

/// Width of the kernel that weighs samples by their distance to the whole face (section 3.4).
const KERNEL_WIDTH: f64 = 0.25;

/// Penalty on the squared weights (section 3.4). The intercept is not penalised.
const RIDGE: f64 = 1.0;

/// A linear imitation of one output of the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Surrogate {
    /// What showing each superpixel adds to the probability, one signed weight per superpixel.
    pub weights: Vec<f64>,
    /// The imitated probability when everything is hidden.
    pub intercept: f64,
    /// The weighted share of the variance over the samples that the surrogate explains (in-sample: it rises when samples are
    /// few, so it says nothing about how many are enough).
    pub r2: f64,
}

impl Surrogate {
    /// Fits the surrogate to `targets`, the network's output for each row of the design.
    ///
    /// A sample's weight is `sqrt(exp(-d^2 / KERNEL_WIDTH^2))`, `d` being the cosine distance of its row to the
    /// row that shows everything.
    ///
    /// Cost: about `rows * columns^2 / 2` multiplications.
    ///
    /// # Panics
    /// When there is not one target per row.
    pub fn fit(design: &Design, targets: &[f64]) -> Self {
        let (rows, columns) = (design.rows(), design.columns());
        assert_eq!(targets.len(), rows, "one target per row");
        let kernel: Vec<f64> = (0..rows).map(|row| sample_weight(design.row(row))).collect();
        let total: f64 = kernel.iter().sum();
        let mean_target = dot(&kernel, targets) / total;
        let mut means = vec![0.0; columns];
        for (row, weight) in kernel.iter().enumerate() {
            for (mean, &visible) in means.iter_mut().zip(design.row(row)) {
                *mean += weight * f64::from(visible);
            }
        }
        means.iter_mut().for_each(|mean| *mean /= total);

        // Normal equations of the centred problem, lower triangle: centring takes the intercept out of the penalty.
        let mut matrix = vec![0.0; columns * columns];
        let mut right = vec![vec![0.0; columns]];
        let weights = &mut right[0];
        let mut centred = vec![0.0; columns];
        for (row, (weight, target)) in kernel.iter().zip(targets).enumerate() {
            for ((centred, &visible), mean) in centred.iter_mut().zip(design.row(row)).zip(&means) {
                *centred = f64::from(visible) - mean;
            }
            for (i, &value) in centred.iter().enumerate() {
                let scaled = weight * value;
                weights[i] += scaled * (target - mean_target);
                for (entry, other) in matrix[i * columns..=i * columns + i].iter_mut().zip(&centred)
                {
                    *entry += scaled * other;
                }
            }
        }
        for i in 0..columns {
            matrix[i * columns + i] += RIDGE;
        }
        solve_positive_definite(&mut matrix, columns, &mut right);

        let weights = right.swap_remove(0);
        let intercept = mean_target - dot(&means, &weights);
        let mut surrogate = Surrogate { weights, intercept, r2: 0.0 };
        surrogate.r2 = surrogate.r2_on(design, targets);
        surrogate
    }

    /// The weighted share of the variance of `targets`, the network's output for each row of the design, that this surrogate
    /// explains.
    pub(super) fn r2_on(&self, design: &Design, targets: &[f64]) -> f64 {
        let kernel: Vec<f64> =
            (0..design.rows()).map(|row| sample_weight(design.row(row))).collect();
        let total: f64 = kernel.iter().sum();
        let mean_target = dot(&kernel, targets) / total;
        let (mut residual, mut variance) = (0.0, 0.0);
        for (row, (weight, target)) in kernel.iter().zip(targets).enumerate() {
            let imitated = self.intercept + visible_sum(design.row(row), &self.weights);
            residual += weight * (target - imitated).powi(2);
            variance += weight * (target - mean_target).powi(2);
        }
        // A network that always says the same (up to rounding) is imitated without error.
        if variance > 1e-20 * total { 1.0 - residual / variance } else { 1.0 }
    }
}

fn sample_weight(row: &[u8]) -> f64 {
    let visible = row.iter().map(|&v| usize::from(v)).sum::<usize>() as f64;
    // Cosine similarity of a binary row with the row of ones; an empty row has similarity 0.
    let distance = 1.0 - (visible / row.len() as f64).sqrt();
    (-distance * distance / (KERNEL_WIDTH * KERNEL_WIDTH)).exp().sqrt()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn visible_sum(row: &[u8], weights: &[f64]) -> f64 {
    row.iter().zip(weights).map(|(&visible, weight)| f64::from(visible) * weight).sum()
}

/// Solves `matrix * x = right` for each right side, in place, by Cholesky's factorisation, which is left in the lower triangle; only
/// that is read. The matrix must be positive definite, as a ridge makes it.
pub(super) fn solve_positive_definite(matrix: &mut [f64], size: usize, right: &mut [Vec<f64>]) {
    for i in 0..size {
        let (above, rest) = matrix.split_at_mut(i * size);
        let row = &mut rest[..=i];
        for j in 0..=i {
            let known = if j == i {
                dot(&row[..j], &row[..j])
            } else {
                dot(&row[..j], &above[j * size..j * size + j])
            };
            let rest = row[j] - known;
            row[j] = if i == j { rest.sqrt() } else { rest / above[j * size + j] };
        }
    }
    for right in right {
        for i in 0..size {
            let known = dot(&matrix[i * size..i * size + i], &right[..i]);
            right[i] = (right[i] - known) / matrix[i * size + i];
        }
        for i in (0..size).rev() {
            let known: f64 = (i + 1..size).map(|k| matrix[k * size + i] * right[k]).sum();
            right[i] = (right[i] - known) / matrix[i * size + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn a_linear_model_is_recovered() {
        let truth = [0.3, -0.2, 0.0, 0.15, 0.05, -0.1];
        for rows in [300, 3000] {
            let design = Design::iid(rows, truth.len(), &mut Stream::new(1, "design", "linear"));
            let targets: Vec<f64> =
                (0..rows).map(|row| 0.4 + visible_sum(design.row(row), &truth)).collect();
            let surrogate = Surrogate::fit(&design, &targets);
            // The penalty pulls every weight towards 0 by about 4 / (rows * mean kernel weight).
            let tolerance = 0.3 * 12.0 / rows as f64;
            for (found, truth) in surrogate.weights.iter().zip(truth) {
                assert!((found - truth).abs() < tolerance, "{found} {truth}");
            }
            assert!(surrogate.r2 > 0.999);
            let whole: f64 = surrogate.intercept + surrogate.weights.iter().sum::<f64>();
            assert!((whole - 0.4 - truth.iter().sum::<f64>()).abs() < tolerance);
        }
    }

    #[test]
    fn a_constant_model_has_no_weights() {
        let design = Design::hadamard(100, 30, &mut Stream::new(1, "design", "constant"));
        let surrogate = Surrogate::fit(&design, &[0.7; 100]);
        assert!(surrogate.weights.iter().all(|weight| weight.abs() < 1e-12));
        assert!((surrogate.intercept - 0.7).abs() < 1e-12);
        assert_eq!(surrogate.r2, 1.0);
    }

    #[test]
    fn sample_weights_are_limes() {
        assert_eq!(sample_weight(&[1, 1, 1, 1]), 1.0);
        // d = 1 - sqrt(1/4) = 0.5: sqrt(exp(-0.25 / 0.0625)) = exp(-2)
        assert!((sample_weight(&[1, 0, 0, 0]) - (-2.0f64).exp()).abs() < 1e-15);
        // An empty row: d = 1, exp(-8)
        assert!((sample_weight(&[0, 0, 0, 0]) - (-8.0f64).exp()).abs() < 1e-15);
    }
}
