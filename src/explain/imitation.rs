//! The imitation: a Gaussian process that learns the network's answers to few samples and answers for many.
//!
//! With few samples the weights of a [`Surrogate`](super::Surrogate) err mostly because the network's answers depend on
//! *combinations* of superpixels, which a linear model takes for noise. A Gaussian process over the log-probabilities of all
//! classes learns much of that. LIME is then applied, unchanged, to the imitation's answers to a fixed pool of samples, which
//! cost next to nothing. Small weights come out a little smaller than LIME's, so heatmaps are more peaked. `benches/README.md` has the agreement with many samples, and what else was tried.

use super::Design;
use super::surrogate::solve_positive_definite;
use crate::random::Stream;

/// Beyond so many samples plain LIME is as good, and the imitation no longer converges to it.
pub const MOST_SAMPLES: usize = 512;

/// Samples that the imitation answers, the whole face included.
const POOL: usize = 1025;
/// Probabilities below this count as this: logarithms of less are noise.
const LEAST_PROBABILITY: f64 = 6e-6;
/// How much hiding a superpixel of mean influence makes a sample unlike another, from 0 to 1.
const DISSIMILARITY: f64 = 0.07;
/// The part of that which a superpixel without any influence keeps, how it grows with influence, and its largest value.
const INFLUENCE_FLOOR: f64 = 0.2;
const INFLUENCE_EXPONENT: f64 = 0.8;
const MOST_DISSIMILARITY: f64 = 0.5;
/// Variance that the kernel leaves unexplained.
const NOISE: f64 = 0.1;
/// Variance of the constant, which stands for the mean.
const CONSTANT: f64 = 10.0;

/// What an imitation answers.
pub struct Imitated {
    /// The samples it is asked for.
    pub pool: Design,
    /// The imitated probability for each of them.
    pub answers: Vec<f64>,
    /// That for each sample learnt from, had it not been learnt.
    pub left_out: Vec<f64>,
}

/// The imitated probabilities of `class`.
///
/// `probabilities` are the network's for each row of the design, `classes` numbers each.
///
/// Cost: about `rows^3 / 2 + 1000 * rows * (columns / 8 + classes)` operations: some milliseconds for 150 rows.
pub fn imitate(design: &Design, probabilities: &[f32], classes: usize, class: usize) -> Imitated {
    let process = GaussianProcess::fit(design, probabilities, classes);
    let mut stream = Stream::new(0, "imitation", "pool");
    let pool = Design::hadamard(POOL, design.columns(), &mut stream);
    let mut logits = vec![0.0; classes];
    let answers = (0..pool.rows())
        .map(|row| {
            process.log_probabilities(&pool, row, &mut logits);
            softmax_of(&logits, class)
        })
        .collect();
    let left_out = process.left_out.iter().map(|logits| softmax_of(logits, class)).collect();
    Imitated { pool, answers, left_out }
}

struct GaussianProcess {
    /// Of the samples learnt from.
    samples: Vec<Vec<u8>>,
    kernel: Kernel,
    /// A row of coefficients per class.
    coefficients: Vec<Vec<f64>>,
    /// Mean and standard deviation of each class's centred log-probability.
    scales: Vec<(f64, f64)>,
    /// What uncertainty leaves of each class's log-probability.
    flattening: Vec<f64>,
    /// The log-probabilities of each sample learnt from, had it not been learnt.
    left_out: Vec<Vec<f64>>,
}

impl GaussianProcess {
    fn fit(design: &Design, probabilities: &[f32], classes: usize) -> Self {
        let rows = design.rows();
        let (targets, scales) = standardised_logarithms(probabilities, classes);
        let kernel = Kernel::new(design, &targets);
        let samples: Vec<Vec<u8>> = (0..rows).map(|row| pack(design.row(row))).collect();
        let mut matrix = vec![0.0; rows * rows];
        for i in 0..rows {
            for j in 0..=i {
                matrix[i * rows + j] = kernel.of(&samples[i], &samples[j]);
            }
            matrix[i * rows + i] += NOISE;
        }
        let mut coefficients = targets.clone();
        solve_positive_definite(&mut matrix, rows, &mut coefficients);
        // Leave-one-out errors tell how far the imitation can be trusted.
        let inverse_diagonal = inverse_diagonal(&matrix, rows);
        let flattening: Vec<f64> = coefficients
            .iter()
            .zip(&scales)
            .map(|(alpha, (_, deviation))| {
                let errors = alpha.iter().zip(&inverse_diagonal).map(|(a, d)| deviation * a / d);
                let variance = errors.map(|error| error * error).sum::<f64>() / rows as f64;
                // The probit approximation of the mean of a softmax.
                1.0 / (1.0 + std::f64::consts::PI / 8.0 * variance).sqrt()
            })
            .collect();
        let left_out = (0..rows)
            .map(|row| {
                let of_class = |class: usize| {
                    let (mean, deviation) = scales[class];
                    let error = coefficients[class][row] / inverse_diagonal[row];
                    (mean + deviation * (targets[class][row] - error)) * flattening[class]
                };
                (0..classes).map(of_class).collect()
            })
            .collect();
        GaussianProcess { samples, kernel, coefficients, scales, flattening, left_out }
    }

    fn log_probabilities(&self, design: &Design, row: usize, logits: &mut [f64]) {
        let sample = pack(design.row(row));
        logits.fill(0.0);
        for (index, learnt) in self.samples.iter().enumerate() {
            let likeness = self.kernel.of(&sample, learnt);
            for (logit, alpha) in logits.iter_mut().zip(&self.coefficients) {
                *logit += likeness * alpha[index];
            }
        }
        for ((logit, (mean, deviation)), share) in
            logits.iter_mut().zip(&self.scales).zip(&self.flattening)
        {
            *logit = (mean + deviation * *logit) * share;
        }
    }
}

/// For each class the logarithms of its probabilities, centred over the classes of a sample and standardised over the
/// samples; with their mean and standard deviation.
fn standardised_logarithms(
    probabilities: &[f32],
    classes: usize,
) -> (Vec<Vec<f64>>, Vec<(f64, f64)>) {
    let rows = probabilities.len() / classes;
    let mut targets = vec![vec![0.0; rows]; classes];
    for (row, answer) in probabilities.chunks_exact(classes).enumerate() {
        let logarithm = |p: f32| f64::from(p).max(LEAST_PROBABILITY).ln();
        let mean = answer.iter().copied().map(logarithm).sum::<f64>() / classes as f64;
        for (target, &p) in targets.iter_mut().zip(answer) {
            target[row] = logarithm(p) - mean;
        }
    }
    let scales = targets
        .iter_mut()
        .map(|target| {
            let mean = target.iter().sum::<f64>() / rows as f64;
            let square = |value: &f64| (value - mean).powi(2);
            // A class that always gets the same answer is left at 0.
            let deviation = (target.iter().map(square).sum::<f64>() / rows as f64).sqrt() + 1e-9;
            target.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
            (mean, deviation)
        })
        .collect();
    (targets, scales)
}

/// How alike two samples are: the product, over the superpixels that only one of them shows, of what that superpixel
/// leaves of their likeness; and a constant.
struct Kernel {
    /// For each eight superpixels and each way in which eight bits differ, the product.
    factors: Vec<[f64; 256]>,
}

impl Kernel {
    /// Superpixels whose visibility goes with the answers weigh more.
    fn new(design: &Design, targets: &[Vec<f64>]) -> Self {
        let (rows, columns, classes) = (design.rows(), design.columns(), targets.len());
        let mut influence: Vec<f64> = (0..columns)
            .map(|column| {
                let signs = |row: usize| 2.0 * f64::from(design.row(row)[column]) - 1.0;
                let mean = (0..rows).map(signs).sum::<f64>() / rows as f64;
                let squares = targets.iter().map(|target| {
                    let products = (0..rows).map(|row| (signs(row) - mean) * target[row]);
                    (products.sum::<f64>() / rows as f64).powi(2)
                });
                // Less what chance gives.
                (squares.sum::<f64>() - classes as f64 / rows as f64).max(0.0)
            })
            .collect();
        let mean = (influence.iter().sum::<f64>() / columns as f64).max(1e-12);
        for influence in &mut influence {
            let grown = (INFLUENCE_FLOOR + (1.0 - INFLUENCE_FLOOR) * *influence / mean)
                .powf(INFLUENCE_EXPONENT);
            let dissimilarity = (DISSIMILARITY * grown).min(MOST_DISSIMILARITY);
            *influence = (1.0 - dissimilarity) / (1.0 + dissimilarity);
        }
        let factors = influence
            .chunks(8)
            .map(|eight| {
                std::array::from_fn(|differing| {
                    let differs = |bit: usize| differing >> bit & 1 == 1;
                    eight
                        .iter()
                        .enumerate()
                        .filter(|&(bit, _)| differs(bit))
                        .map(|(_, f)| f)
                        .product()
                })
            })
            .collect();
        Kernel { factors }
    }

    fn of(&self, a: &[u8], b: &[u8]) -> f64 {
        let factors = self.factors.iter().zip(a.iter().zip(b));
        CONSTANT + factors.map(|(factors, (a, b))| factors[usize::from(a ^ b)]).product::<f64>()
    }
}

/// A row of a design as bits, eight superpixels a byte.
fn pack(row: &[u8]) -> Vec<u8> {
    row.chunks(8)
        .map(|eight| eight.iter().enumerate().fold(0, |byte, (bit, visible)| byte | visible << bit))
        .collect()
}

/// The diagonal of the inverse of a matrix, from its Cholesky factor (lower triangle, row by row).
fn inverse_diagonal(factor: &[f64], size: usize) -> Vec<f64> {
    let mut diagonal = vec![0.0; size];
    let mut column = vec![0.0; size];
    // The inverse is the product of the factor's inverse with itself: column by column of that.
    for start in 0..size {
        for i in start..size {
            let row = &factor[i * size..=i * size + i];
            let known: f64 = row[start..i].iter().zip(&column[start..i]).map(|(a, b)| a * b).sum();
            let unit = if i == start { 1.0 } else { 0.0 };
            column[i] = (unit - known) / row[i];
        }
        diagonal[start] = column[start..].iter().map(|value| value * value).sum();
    }
    diagonal
}

fn softmax_of(logits: &[f64], class: usize) -> f64 {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
    (logits[class] - largest).exp() / sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Surrogate;

    /// A network whose answer depends on pairs: each shown pair of neighbours speaks for class 0, each single for class 1.
    fn answers(design: &Design) -> Vec<f32> {
        (0..design.rows())
            .flat_map(|row| {
                let row = design.row(row);
                let pairs = row[..10].chunks(2).filter(|pair| pair == &[1, 1]).count() as f32;
                let singles = f32::from(row[12]) + f32::from(row[13]);
                let first = 1.0 / (1.0 + (2.0 - 1.2 * pairs + singles).exp());
                [first, 0.7 * (1.0 - first), 0.3 * (1.0 - first)]
            })
            .collect()
    }

    fn correlation(a: &[f64], b: &[f64]) -> f64 {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (mean_a, mean_b) = (mean(a), mean(b));
        let product = |x: &[f64], mx: f64, y: &[f64], my: f64| -> f64 {
            x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
        };
        product(a, mean_a, b, mean_b)
            / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
    }

    #[test]
    fn few_samples_come_nearer_to_many_than_without_imitation() {
        let columns = 30;
        let class_0 = |answers: &[f32]| -> Vec<f64> {
            answers.chunks_exact(3).map(|answer| f64::from(answer[0])).collect()
        };
        let many = Design::iid(20_000, columns, &mut Stream::new(1, "test", "many"));
        let reference = Surrogate::fit(&many, &class_0(&answers(&many))).weights;
        let (mut plain, mut imitated) = (0.0, 0.0);
        for seed in 0..5 {
            let few = Design::hadamard(100, columns, &mut Stream::new(seed, "test", "few"));
            let answers = answers(&few);
            plain += correlation(&Surrogate::fit(&few, &class_0(&answers)).weights, &reference);
            let Imitated { pool, answers, .. } = imitate(&few, &answers, 3, 0);
            imitated += correlation(&Surrogate::fit(&pool, &answers).weights, &reference);
        }
        let (plain, imitated) = (1.0 - plain / 5.0, 1.0 - imitated / 5.0);
        assert!(imitated < 0.01 && imitated < plain / 3.0, "{plain} {imitated}");
    }

    #[test]
    fn a_network_that_always_says_the_same_is_imitated_so() {
        let design = Design::hadamard(20, 9, &mut Stream::new(1, "test", "constant"));
        let Imitated { answers, .. } = imitate(&design, &[0.5, 0.25, 0.25].repeat(20), 3, 0);
        assert!(answers.iter().all(|answer| (answer - 0.5).abs() < 1e-6));
        // Probabilities of exactly 0 have a logarithm too.
        let Imitated { answers, .. } = imitate(&design, &[1.0, 0.0].repeat(20), 2, 0);
        assert!(answers.iter().all(|answer| (0.99..=1.0).contains(answer)));
    }

    #[test]
    fn a_sample_left_out_is_answered_as_if_it_had_not_been_learnt() {
        // Influences and scales are learnt from all samples, so only the coefficients may differ.
        let design = Design::hadamard(40, 14, &mut Stream::new(1, "test", "left out"));
        let probabilities = answers(&design);
        let process = GaussianProcess::fit(&design, &probabilities, 3);
        let (targets, _) = standardised_logarithms(&probabilities, 3);
        let out = 7;
        let others: Vec<usize> = (0..design.rows()).filter(|&row| row != out).collect();
        let size = others.len();
        let mut matrix = vec![0.0; size * size];
        for (i, &a) in others.iter().enumerate() {
            for (j, &b) in others.iter().enumerate() {
                matrix[i * size + j] = process.kernel.of(&process.samples[a], &process.samples[b]);
            }
            matrix[i * size + i] += NOISE;
        }
        let mut coefficients: Vec<Vec<f64>> =
            targets.iter().map(|target| others.iter().map(|&row| target[row]).collect()).collect();
        solve_positive_definite(&mut matrix, size, &mut coefficients);
        for (class, coefficients) in coefficients.iter().enumerate() {
            let likenesses = others
                .iter()
                .map(|&row| process.kernel.of(&process.samples[out], &process.samples[row]));
            let predicted: f64 =
                likenesses.zip(coefficients).map(|(likeness, c)| likeness * c).sum();
            let (mean, deviation) = process.scales[class];
            let expected = (mean + deviation * predicted) * process.flattening[class];
            assert!((process.left_out[out][class] - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn the_diagonal_of_an_inverse() {
        // [[4, 2], [2, 3]] has the inverse [[3, -2], [-2, 4]] / 8.
        let mut matrix = vec![4.0, 0.0, 2.0, 3.0];
        let mut right = vec![vec![8.0, 0.0]];
        solve_positive_definite(&mut matrix, 2, &mut right);
        assert!((right[0][0] - 3.0).abs() < 1e-12 && (right[0][1] + 2.0).abs() < 1e-12);
        let diagonal = inverse_diagonal(&matrix, 2);
        assert!((diagonal[0] - 3.0 / 8.0).abs() < 1e-12 && (diagonal[1] - 0.5).abs() < 1e-12);
    }
}
