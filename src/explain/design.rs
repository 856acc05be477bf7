//! Designs: which superpixels are visible in which sample.

use crate::random::Stream;

/// A binary design: one row per sample, one column per superpixel; 1 is visible, 0 hidden.
///
/// Row 0 shows every superpixel: it is the point to which LIME measures distances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Design {
    columns: usize,
    visible: Vec<u8>,
}

/// What is wrong with a design that a user gives.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DesignError {
    /// It has no columns.
    #[error("has no columns; one per superpixel is needed")]
    Columns,
    /// It holds something else than 0 and 1.
    #[error(
        "row {row}, column {column} (from 0) is {value}; a design holds only 0 (hidden) and 1 (visible)"
    )]
    Value {
        /// From 0.
        row: usize,
        /// From 0.
        column: usize,
        /// What stands there.
        value: f64,
    },
    /// Its first row hides something.
    #[error(
        "hides a superpixel in row 0; that row must be all 1: distances are measured to the whole face"
    )]
    FirstRow,
    /// It has too few rows to say anything.
    #[error("has {0} rows; at least 2 are needed")]
    Rows(usize),
}

impl Design {
    /// The paper's design (LIME as published): every superpixel of every sample is visible or hidden by a fair coin of its own.
    ///
    /// # Panics
    /// When there are no columns.
    pub fn iid(rows: usize, columns: usize, stream: &mut Stream) -> Self {
        let mut design = Design::all_visible(rows, columns);
        for row in design.visible.chunks_exact_mut(columns).skip(1) {
            let mut bits = 0;
            for (column, visible) in row.iter_mut().enumerate() {
                if column % 64 == 0 {
                    bits = stream.bits();
                }
                *visible = (bits >> (column % 64) & 1) as u8;
            }
        }
        design
    }

    /// An economical design: blocks of a Hadamard matrix and its complement.
    ///
    /// Inside a block any two superpixels are visible together, apart, and hidden together equally often, and each sample
    /// stands beside its complement (fold-over, which keeps interactions of two superpixels out of the weights). One large block is
    /// better than several small ones: what interactions of three superpixels add to the weights is spread over more columns. Every block
    /// assigns superpixels to columns at random and takes its rows in random order. The last block is cut to the number of rows asked for.
    ///
    /// Most blocks hold the black face, and the whole one once more: they bias ridge regression alike for every face, and steady it. Flipping
    /// columns at random, which takes both away, was measured and left (benches/README.md).
    ///
    /// # Panics
    /// When there are no columns.
    pub fn hadamard(rows: usize, columns: usize, stream: &mut Stream) -> Self {
        let mut design = Design::all_visible(rows, columns);
        let order = hadamard_order(rows, columns);
        let matrix = hadamard(order);
        let mut row_order: Vec<usize> = (0..order).collect();
        // Column 0 of the matrix is constant and would show or hide a superpixel in all rows of a half.
        let mut column_order: Vec<usize> = (1..order).collect();
        for block in design.visible[columns..].chunks_mut(2 * order * columns) {
            stream.shuffle(&mut row_order);
            stream.shuffle(&mut column_order);
            for (pair, &source) in block.chunks_mut(2 * columns).zip(&row_order) {
                for (half, row) in pair.chunks_mut(columns).enumerate() {
                    for (visible, &column) in row.iter_mut().zip(&column_order) {
                        *visible = matrix[source * order + column] ^ half as u8;
                    }
                }
            }
        }
        design
    }

    /// A design given by the user, row by row.
    ///
    /// # Errors
    /// When it holds something else than 0 and 1, does not begin with the whole face, or is too small.
    pub fn given(columns: usize, values: &[f64]) -> Result<Self, DesignError> {
        if columns == 0 {
            return Err(DesignError::Columns);
        }
        if let Some(place) = values.iter().position(|&value| value != 0.0 && value != 1.0) {
            let (row, column) = (place / columns, place % columns);
            return Err(DesignError::Value { row, column, value: values[place] });
        }
        let visible = values.iter().map(|&value| u8::from(value == 1.0)).collect();
        let design = Design { columns, visible };
        if design.rows() < 2 {
            return Err(DesignError::Rows(design.rows()));
        }
        if design.row(0).contains(&0) {
            return Err(DesignError::FirstRow);
        }
        Ok(design)
    }

    fn all_visible(rows: usize, columns: usize) -> Self {
        assert!(rows > 0 && columns > 0, "a design has rows and columns");
        Design { columns, visible: vec![1; rows * columns] }
    }

    /// All samples but the first, which is the whole face in every design.
    pub(super) fn sampled(&self) -> Self {
        Design { columns: self.columns, visible: self.visible[self.columns..].to_vec() }
    }

    /// The number of samples.
    pub fn rows(&self) -> usize {
        self.visible.len() / self.columns
    }

    /// The number of superpixels.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Which superpixels are visible in a sample.
    pub fn row(&self, row: usize) -> &[u8] {
        &self.visible[row * self.columns..][..self.columns]
    }
}

/// Matrices beyond this order bring nothing more and take memory.
const LARGEST_ORDER: usize = 512;

/// The largest order whose block fits into the rows beside row 0, or at least one that has a column per superpixel.
fn hadamard_order(rows: usize, columns: usize) -> usize {
    let fitting = (rows.saturating_sub(1) / 2).min(LARGEST_ORDER);
    let largest_fitting = (columns + 1..=fitting).rev().find(|&order| constructible(order));
    let smallest = || (columns + 1..).find(|&order| constructible(order));
    largest_fitting.or_else(smallest).expect("there is a power of two beyond any number")
}

fn constructible(order: usize) -> bool {
    order == 2 || is_paley(order) || (order.is_multiple_of(2) && constructible(order / 2))
}

/// Paley's first construction needs a prime that leaves 3 when divided by 4, one below the order.
fn is_paley(order: usize) -> bool {
    order.is_multiple_of(4) && order > 3 && is_prime(order - 1)
}

fn is_prime(number: usize) -> bool {
    number > 1 && (2..).take_while(|d| d * d <= number).all(|d| !number.is_multiple_of(d))
}

/// A Hadamard matrix as bits (1 for +1, 0 for -1), row by row, whose column 0 is all ones.
fn hadamard(order: usize) -> Vec<u8> {
    if order == 1 {
        return vec![1];
    }
    let mut matrix = vec![0; order * order];
    if is_paley(order) {
        let prime = order - 1;
        let mut is_square = vec![false; prime];
        for root in 1..prime {
            is_square[root * root % prime] = true;
        }
        for row in 0..order {
            for column in 0..order {
                matrix[row * order + column] = match (row, column) {
                    (_, 0) => 1,
                    (0, _) => 0,
                    _ if row == column => 1,
                    _ => u8::from(is_square[(prime + column - row) % prime]),
                };
            }
        }
    } else {
        let half = order / 2;
        let smaller = hadamard(half);
        for row in 0..order {
            for column in 0..order {
                let value = smaller[row % half * half + column % half];
                matrix[row * order + column] =
                    if row >= half && column >= half { 1 - value } else { value };
            }
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hadamard_matrices_are_orthogonal_and_their_first_column_is_constant() {
        for columns in 1..=100 {
            let order = hadamard_order(2, columns);
            assert!(order > columns && order <= (columns + 1).next_power_of_two());
            let matrix = hadamard(order);
            for a in 0..order {
                assert_eq!(matrix[a * order], 1);
                for b in 0..a {
                    let agree = (0..order)
                        .filter(|&c| matrix[a * order + c] == matrix[b * order + c])
                        .count();
                    assert_eq!(2 * agree, order, "rows {a} and {b} of order {order}");
                }
            }
        }
    }

    #[test]
    fn blocks_are_as_large_as_the_rows_allow() {
        for (rows, columns, order) in
            [(64, 30, 32), (100, 30, 48), (150, 30, 72), (300, 30, 144), (100_000, 30, 512)]
        {
            assert_eq!(hadamard_order(rows, columns), order);
        }
    }

    #[test]
    fn a_whole_hadamard_block_shows_each_pair_of_superpixels_equally_often_in_every_combination() {
        let columns = 31;
        let design = Design::hadamard(1 + 64, columns, &mut Stream::new(1, "design", "test"));
        assert!(design.row(0).iter().all(|&visible| visible == 1));
        for a in 0..columns {
            for b in 0..a {
                let mut counts = [0; 4];
                for row in 1..design.rows() {
                    counts[usize::from(2 * design.row(row)[a] + design.row(row)[b])] += 1;
                }
                assert_eq!(counts, [16; 4]);
            }
        }
        for pair in 0..32 {
            let (row, complement) = (design.row(1 + 2 * pair), design.row(2 + 2 * pair));
            assert!(row.iter().zip(complement).all(|(a, b)| a + b == 1));
        }
    }

    #[test]
    fn designs_have_the_rows_asked_for_and_depend_on_the_stream_only() {
        for rows in [2, 64, 100, 150, 1000] {
            for columns in [1, 2, 25, 31, 32, 40, 130] {
                let make = |seed| {
                    let stream = || Stream::new(seed, "design", "test");
                    [
                        Design::iid(rows, columns, &mut stream()),
                        Design::hadamard(rows, columns, &mut stream()),
                    ]
                };
                for design in make(1) {
                    assert_eq!((design.rows(), design.columns()), (rows, columns));
                }
                assert_eq!(make(1), make(1));
                assert!(rows * columns < 100 || make(1) != make(2));
            }
        }
    }

    #[test]
    fn a_given_design_is_checked() {
        assert_eq!(Design::given(0, &[]), Err(DesignError::Columns));
        for value in [2.0, 0.5, 257.0, f64::INFINITY] {
            let error = DesignError::Value { row: 1, column: 1, value };
            assert_eq!(Design::given(2, &[1.0, 1.0, 0.0, value]), Err(error));
        }
        assert!(Design::given(2, &[1.0, 1.0, 0.0, f64::NAN]).is_err());
        assert_eq!(Design::given(2, &[1.0, 1.0]), Err(DesignError::Rows(1)));
        assert_eq!(Design::given(2, &[0.0, 1.0, 1.0, 1.0]), Err(DesignError::FirstRow));
        assert!(Design::given(2, &[1.0, 1.0, 0.0, 1.0]).is_ok());
    }
}
