//! Places the 68 iBUG points with an ensemble of regression trees (Kazemi & Sullivan, "One millisecond face alignment
//! with an ensemble of regression trees", CVPR 2014), read from a file that dlib's `shape_predictor` wrote.
//!
//! A shape starts as the mean face stretched over the rectangle of a detection. Each stage of the cascade looks up the
//! intensity of some hundred pixels, which sit at fixed offsets from points of the shape and turn and grow with it; each
//! of its trees compares pairs of them and ends at a leaf, a small displacement of all 68 points; the shape moves by the
//! sum. Sums are taken in dlib's order and precision, so that rounding the points gives dlib's.

use std::io::{BufReader, ErrorKind, Read};

use image::{Rgb, RgbImage};

use super::{BoundingBox, Detection, LandmarkModel, Landmarks};
use crate::network::NetworkError;

/// How many points a predictor must have.
const POINTS: usize = 68;

/// No file is read further than this; the standard 68-point file has 95 MiB.
const LONGEST_FILE: u64 = 1 << 30;

/// Points (x, y), either in pixels of the picture or in shares of the rectangle, whose corner pixels are (0, 0) and (1, 1).
type Shape = [[f32; 2]; POINTS];

/// Why a predictor cannot be read. Offsets count bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum RegressionTreesError {
    /// The file is cut short, or longer than any predictor is.
    #[error("byte {offset}: {expected} expected, but the file ends")]
    Ended {
        /// Where the missing item would start.
        offset: u64,
        /// What the item would be.
        expected: &'static str,
    },
    /// The reader failed.
    #[error("byte {offset}: {expected} expected, but reading fails: {source}")]
    Reading {
        /// Where the item starts.
        offset: u64,
        /// What the item would be.
        expected: &'static str,
        /// What the reader says.
        source: std::io::Error,
    },
    /// The file is damaged, or no `shape_predictor` of version 1.
    #[error("byte {offset}: {expected} expected, found {found}")]
    Unexpected {
        /// Where the item starts.
        offset: u64,
        /// What it should be.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A predictor for another set of landmarks, such as dlib's 5 points.
    #[error("the predictor places {points} points, 68 are needed")]
    Points {
        /// How many points it places.
        points: u64,
    },
}

/// A predictor of 68 points, with the room it works in: placing a face allocates nothing.
///
/// The standard file (15 stages of 500 trees, 16 leaves each) takes 66 MB.
#[derive(Clone, Debug)]
pub struct RegressionTrees {
    /// The mean face, spanning the rectangle.
    initial: Shape,
    /// The initial shape about its centre over the sum of its squares: its dot and cross products with a shape are the
    /// scaled cosine and sine of the least-squares turn from the one to the other (Umeyama 1991, in the plane).
    turn: [[f64; 2]; POINTS],
    stages: Vec<Stage>,
    /// How many splits lead to a leaf, the same in all trees.
    depth: u32,
    /// Scratch: what the feature pixels of a stage read.
    intensities: Vec<i16>,
    /// Scratch: the number, in the stage, of the leaf each tree ends at.
    leaves: Vec<u32>,
}

/// One regressor of the cascade, its trees flattened one after another.
#[derive(Clone, Debug)]
struct Stage {
    pixels: Vec<FeaturePixel>,
    /// 2^depth - 1 for each tree, in the order of the levels: after split i come 2i + 1 (brighter) and 2i + 2.
    splits: Vec<Split>,
    /// 2^depth for each tree, x and y in turn, and after the last tree one that moves nothing, to fill up with.
    leaves: Vec<[f32; 2 * POINTS]>,
}

#[derive(Clone, Copy, Debug)]
struct FeaturePixel {
    /// Index of the point of the shape it hangs on.
    anchor: u8,
    /// From there, for a shape as the initial one is turned and sized.
    offset: [f32; 2],
}

/// Is the first pixel brighter than the second by more than the threshold?
#[derive(Clone, Copy, Debug)]
struct Split {
    first: u16,
    second: u16,
    /// Rounded down: intensities are whole numbers, so no answer changes.
    threshold: i16,
}

impl RegressionTrees {
    /// Reads a file written by dlib's `serialize(shape_predictor)`, version 1.
    ///
    /// Memory grows with the bytes that were read, never with a count that a damaged file claims. The standard file
    /// takes about 0.4 s. `reader` need not be buffered.
    ///
    /// # Errors
    /// [`RegressionTreesError`], which says at which byte what was expected; [`RegressionTreesError::Points`] where the
    /// predictor is for other than 68 points. Trees of unequal depth, which dlib does not make, are refused.
    pub fn read(reader: impl Read) -> Result<Self, RegressionTreesError> {
        let mut file = DlibReader::new(reader);
        let version = file.integer("version 1 of a shape predictor")?;
        if version != 1 {
            return Err(file.unexpected("version 1 of a shape predictor", version));
        }
        let rows = file.rows()?;
        if rows != 2 * POINTS as u64 {
            return Err(RegressionTreesError::Points { points: rows / 2 });
        }
        let flat = file.coordinates()?;
        let initial: Shape = std::array::from_fn(|i| [flat[2 * i], flat[2 * i + 1]]);
        let turn = turn_from(&initial)
            .ok_or_else(|| file.unexpected("points that differ", "one point"))?;

        let mut depth = None;
        let mut stages = Vec::new();
        for _ in 0..file.count_from(1, "number of stages")? {
            let mut stage = Stage { pixels: Vec::new(), splits: Vec::new(), leaves: Vec::new() };
            for _ in 0..file.count_from(1, "number of trees of a stage")? {
                let splits = file.count_from(1, "number of splits of a tree")?;
                if splits.wrapping_add(1).count_ones() != 1
                    || depth.is_some_and(|depth| splits >> (depth - 1) != 1)
                {
                    return Err(
                        file.unexpected("as many splits as full trees of equal depth have", splits)
                    );
                }
                depth = Some((splits + 1).trailing_zeros());
                for _ in 0..splits {
                    stage.splits.push(file.split()?);
                }
                let leaves = file.count_from(1, "number of leaves of a tree")?;
                if leaves != splits + 1 {
                    return Err(file.unexpected("one more leaf than splits", leaves));
                }
                for _ in 0..leaves {
                    if file.rows()? != 2 * POINTS as u64 {
                        return Err(file.unexpected("a leaf of 68 points", "another size"));
                    }
                    stage.leaves.push(file.coordinates()?);
                }
            }
            stage.leaves.push([0.0; 2 * POINTS]);
            stages.push(stage);
        }

        file.count_equal(stages.len(), "anchors for each stage")?;
        for stage in &mut stages {
            let named = stage
                .splits
                .iter()
                .map(|split| split.first.max(split.second))
                .max()
                .map_or(0, usize::from);
            let pixels =
                file.count_from(named as u64 + 1, "as many anchors as the splits name pixels")?;
            for _ in 0..pixels {
                let anchor = file.index(POINTS, "number of a point, from 0")? as u8;
                stage.pixels.push(FeaturePixel { anchor, offset: [0.0; 2] });
            }
        }
        file.count_equal(stages.len(), "offsets for each stage")?;
        for stage in &mut stages {
            file.count_equal(stage.pixels.len(), "an offset for each anchor")?;
            for pixel in &mut stage.pixels {
                pixel.offset = [file.number("offset in x")?, file.number("offset in y")?];
            }
        }

        Ok(Self {
            initial,
            turn,
            stages,
            depth: depth.unwrap_or(0),
            intensities: Vec::new(),
            leaves: Vec::new(),
        })
    }

    /// Places the points of the face inside `rectangle` into `points`, in pixels of the picture: pixel centres at whole
    /// numbers, origin top left, x right, y down.
    ///
    /// dlib's `rectangle(left, top, right, bottom)` includes its last column and row, so its box is `x = left`,
    /// `y = top`, `width = right - left + 1`, `height = bottom - top + 1`; it may reach out of the picture. dlib returns
    /// points rounded to whole pixels, `floor(x + 0.5)`; these are not rounded. As in dlib, what lies outside the
    /// picture reads as black, and an RGB pixel as `(r + g + b) / 3` in whole numbers.
    ///
    /// The standard file takes about half a millisecond, whatever the size of the picture: only some thousand pixels
    /// are looked at, and the time goes into fetching leaves from memory.
    pub fn place(
        &mut self,
        picture: &RgbImage,
        rectangle: BoundingBox,
        points: &mut [[f32; 2]; 68],
    ) {
        let intensity =
            |&Rgb([r, g, b]): &Rgb<u8>| (i16::from(r) + i16::from(g) + i16::from(b)) / 3;
        let to_picture = ToPicture::new(rectangle);
        let mut shape = self.initial;
        for stage in &self.stages {
            let [cosine, sine] = self.turn_to(&shape);
            self.intensities.clear();
            self.intensities.extend(stage.pixels.iter().map(|pixel| {
                let [x, y] = pixel.offset;
                let anchor = shape[usize::from(pixel.anchor)];
                let place = [cosine * x - sine * y + anchor[0], sine * x + cosine * y + anchor[1]];
                // Nearest pixel: from 0 on, a conversion to whole numbers rounds down.
                let [x, y] = to_picture.apply(place).map(|coordinate| coordinate + 0.5);
                if x < 0.0 || y < 0.0 {
                    return 0;
                }
                picture.get_pixel_checked(x as u32, y as u32).map_or(0, &intensity)
            }));

            // First all trees, then all leaves, several at a time: the leaves lie scattered over megabytes, and
            // reading them side by side keeps as many waits for memory going at once.
            let (splits_each, leaves_each) = ((1 << self.depth) - 1, 1 << self.depth);
            self.leaves.clear();
            let trees = stage.splits.chunks_exact(splits_each).zip(0..);
            self.leaves.extend(trees.map(|(splits, tree)| {
                tree * leaves_each + leaf(splits, self.depth, &self.intensities)
            }));
            let still = stage.leaves.len() as u32 - 1;
            self.leaves.resize(self.leaves.len().next_multiple_of(8), still);
            for leaves in self.leaves.as_chunks::<8>().0 {
                let [a, b, c, d, e, f, g, h] = leaves.map(|leaf| &stage.leaves[leaf as usize]);
                for (i, sum) in shape.as_flattened_mut().iter_mut().enumerate() {
                    *sum = *sum + a[i] + b[i] + c[i] + d[i] + e[i] + f[i] + g[i] + h[i];
                }
            }
        }
        *points = shape.map(|point| to_picture.apply(point).map(|coordinate| coordinate as f32));
    }

    /// Cosine and sine, times the growth, of the similarity that takes the initial shape nearest to `shape`.
    fn turn_to(&self, shape: &Shape) -> [f32; 2] {
        let (mut cosine, mut sine) = (0.0, 0.0);
        for ([turn_x, turn_y], point) in self.turn.iter().zip(shape) {
            let [x, y] = point.map(f64::from);
            cosine += turn_x * x + turn_y * y;
            sine += turn_x * y - turn_y * x;
        }
        [cosine as f32, sine as f32]
    }
}

impl LandmarkModel for RegressionTrees {
    /// Does not fail.
    fn place(&mut self, picture: &RgbImage, face: &Detection) -> Result<Landmarks, NetworkError> {
        let mut points = [[0.0; 2]; POINTS];
        RegressionTrees::place(self, picture, face.bounding_box, &mut points);
        Ok(Landmarks::new(points))
    }
}

/// The number of the leaf where a tree ends, counted in the tree.
fn leaf(splits: &[Split], depth: u32, intensities: &[i16]) -> u32 {
    let mut node = 0;
    for _ in 0..depth {
        let split = splits[node];
        let [first, second] = [split.first, split.second].map(|i| intensities[usize::from(i)]);
        node = 2 * node + 1 + usize::from(first - second <= split.threshold);
    }
    (node - splits.len()) as u32
}

/// [`RegressionTrees::turn`] of an initial shape; `None` where all its points are one.
fn turn_from(initial: &Shape) -> Option<[[f64; 2]; POINTS]> {
    let points = initial.map(|point| point.map(f64::from));
    let centre =
        [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / POINTS as f64);
    let centred = points.map(|[x, y]| [x - centre[0], y - centre[1]]);
    let squares: f64 = centred.iter().map(|[x, y]| x * x + y * y).sum();
    (squares > 0.0).then(|| centred.map(|point| point.map(|coordinate| coordinate / squares)))
}

/// From shares of the rectangle to pixels of the picture.
struct ToPicture {
    corner: [f64; 2],
    span: [f64; 2],
}

impl ToPicture {
    fn new(rectangle: BoundingBox) -> Self {
        // From the first pixel centre to the last.
        Self {
            corner: [rectangle.x, rectangle.y].map(f64::from),
            span: [rectangle.width, rectangle.height].map(|pixels| f64::from(pixels) - 1.0),
        }
    }

    fn apply(&self, point: [f32; 2]) -> [f64; 2] {
        [0, 1].map(|axis| self.corner[axis] + self.span[axis] * f64::from(point[axis]))
    }
}

/// Reads the items of dlib's serialisation, and knows where it is.
///
/// A whole number is a control byte (how many bytes follow in the low 4 bits, the sign in the top bit) and its
/// magnitude, lowest byte first; a number is a whole mantissa and a whole exponent of 2; a list is a count and its items;
/// a matrix is minus its rows, minus its columns, and its items.
struct DlibReader<R: Read> {
    bytes: BufReader<std::io::Take<R>>,
    /// Of the next byte.
    offset: u64,
    /// Of the item read last.
    item: u64,
}

impl<R: Read> DlibReader<R> {
    fn new(reader: R) -> Self {
        Self {
            bytes: BufReader::with_capacity(1 << 16, reader.take(LONGEST_FILE)),
            offset: 0,
            item: 0,
        }
    }

    /// The error that the item read last is not what it should be.
    fn unexpected(&self, expected: &'static str, found: impl ToString) -> RegressionTreesError {
        RegressionTreesError::Unexpected { offset: self.item, expected, found: found.to_string() }
    }

    fn fill(
        &mut self,
        bytes: &mut [u8],
        expected: &'static str,
    ) -> Result<(), RegressionTreesError> {
        self.bytes.read_exact(bytes).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => RegressionTreesError::Ended { offset: self.item, expected },
            _ => RegressionTreesError::Reading { offset: self.item, expected, source },
        })?;
        self.offset += bytes.len() as u64;
        Ok(())
    }

    fn integer(&mut self, expected: &'static str) -> Result<i64, RegressionTreesError> {
        self.item = self.offset;
        let mut control = [0];
        self.fill(&mut control, expected)?;
        let [control] = control;
        let size = usize::from(control & 0x0f);
        if control & 0x70 != 0 || !(1..=8).contains(&size) {
            return Err(self.unexpected(expected, format_args!("control byte {control:#04x}")));
        }
        let mut magnitude = [0; 8];
        self.fill(&mut magnitude[..size], expected)?;
        let magnitude = i64::try_from(u64::from_le_bytes(magnitude))
            .map_err(|_| self.unexpected(expected, u64::from_le_bytes(magnitude)))?;
        Ok(if control & 0x80 == 0 { magnitude } else { -magnitude })
    }

    /// A finite number.
    fn number(&mut self, expected: &'static str) -> Result<f32, RegressionTreesError> {
        let mantissa = self.integer(expected)?;
        let start = self.item;
        let exponent = self.integer(expected)?;
        self.item = start;
        // Powers of 2 that a f64 has; a f32 beyond them is 0 or infinite either way.
        let power = f64::from_bits(((exponent.clamp(-1022, 1023) + 1023) as u64) << 52);
        let number = (mantissa as f64 * power) as f32;
        if number.is_finite() { Ok(number) } else { Err(self.unexpected(expected, number)) }
    }

    fn count_from(
        &mut self,
        least: u64,
        expected: &'static str,
    ) -> Result<u64, RegressionTreesError> {
        let count = self.integer(expected)?;
        u64::try_from(count)
            .ok()
            .filter(|&count| count >= least)
            .ok_or_else(|| self.unexpected(expected, count))
    }

    fn count_equal(
        &mut self,
        count: usize,
        expected: &'static str,
    ) -> Result<(), RegressionTreesError> {
        let found = self.integer(expected)?;
        if found == count as i64 {
            Ok(())
        } else {
            Err(self.unexpected(expected, format_args!("{found} of {count}")))
        }
    }

    /// A whole number from 0 to below `end`.
    fn index(&mut self, end: usize, expected: &'static str) -> Result<usize, RegressionTreesError> {
        let index = self.integer(expected)?;
        usize::try_from(index)
            .ok()
            .filter(|&index| index < end)
            .ok_or_else(|| self.unexpected(expected, index))
    }

    fn split(&mut self) -> Result<Split, RegressionTreesError> {
        Ok(Split {
            first: self.index(1 << 16, "number of a feature pixel, from 0")? as u16,
            second: self.index(1 << 16, "number of a feature pixel, from 0")? as u16,
            // Differences of intensities lie in -255..=255.
            threshold: self.number("threshold")?.floor().clamp(-256.0, 255.0) as i16,
        })
    }

    /// The size of a matrix of one column.
    fn rows(&mut self) -> Result<u64, RegressionTreesError> {
        let rows = self.integer("number of rows")?;
        let start = self.item;
        let columns = self.integer("one column")?;
        if columns.unsigned_abs() != 1 {
            return Err(self.unexpected("one column", columns));
        }
        self.item = start;
        Ok(rows.unsigned_abs())
    }

    /// The items of such a matrix: x and y of each point in turn.
    fn coordinates(&mut self) -> Result<[f32; 2 * POINTS], RegressionTreesError> {
        let mut coordinates = [0.0; 2 * POINTS];
        for coordinate in &mut coordinates {
            *coordinate = self.number("coordinate")?;
        }
        Ok(coordinates)
    }
}
