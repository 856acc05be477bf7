//! The standard face: the common frame in which relevance of different faces is added up (paper: heatmap
//! standardisation).
//!
//! It has 224 x 275 pixels (origin top left, x right, y down, pixel centres at integers), 89 points and one fixed
//! triangulation of them. The paper triangulates every source face anew; one fixed triangulation of the standard face
//! is deterministic, cannot change from one video frame to the next, and needs no triangulation at run time.

mod warp;

pub use warp::WarpMap;

use serde::Deserialize;

/// Width of the standard face, of every standardised map, heatmap and Ekman mask, in pixels.
pub const FACE_WIDTH: usize = 224;
/// Height of the standard face in pixels.
pub const FACE_HEIGHT: usize = 275;
/// Pixels of the standard face, row after row.
pub const FACE_PIXELS: usize = FACE_WIDTH * FACE_HEIGHT;
/// Landmarks of a face, numbered 1..68 as iBUG numbers them (array index 0..67).
pub const LANDMARKS: usize = 68;
/// Landmarks of the jaw, numbered 1..17.
const JAW: usize = 17;
/// Points of a face extended to its whole crop: landmarks, jaw points' x at y = 0, corners.
pub const POINTS: usize = LANDMARKS + JAW + 4;

/// The points and triangles of the standard face, with the triangle of every pixel.
#[derive(Clone, Debug)]
pub struct StandardFace {
    points: [[i32; 2]; POINTS],
    /// Point indices 0..88, clockwise on the screen.
    triangles: Vec<[usize; 3]>,
    runs: Vec<Run>,
}

/// Neighbouring pixels of one row that belong to one triangle.
#[derive(Clone, Copy, Debug)]
struct Run {
    row: u16,
    start: u16,
    end: u16,
    triangle: u16,
}

/// Why a description of the standard face cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StandardFaceError {
    #[error("not a standard face in TOML: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error(
        "the standard face is {width} x {height} pixels; this program needs {FACE_WIDTH} x {FACE_HEIGHT}"
    )]
    Size { width: usize, height: usize },
    #[error("the standard face has {0} points; give {POINTS}")]
    PointCount(usize),
    #[error(
        "point {number} of the standard face is ({x}, {y}); points 69..89 must be the jaw points' x at y = 0 and \
         the corners: ({expected_x}, {expected_y})"
    )]
    DerivedPoint { number: usize, x: i32, y: i32, expected_x: i32, expected_y: i32 },
    #[error("point {number} of the standard face, ({x}, {y}), lies outside it")]
    PointOutside { number: usize, x: i32, y: i32 },
    #[error("triangle {triangle:?} of the standard face: points are numbered 1..{POINTS}")]
    UnknownPoint { triangle: [usize; 3] },
    #[error(
        "triangle {triangle:?} of the standard face is flat or anticlockwise on the screen; run \
         scripts/triangulate-standard-face"
    )]
    Orientation { triangle: [usize; 3] },
    #[error(
        "no triangle of the standard face covers pixel ({x}, {y}); run scripts/triangulate-standard-face"
    )]
    Uncovered { x: usize, y: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    width: usize,
    height: usize,
    points: Vec<[i32; 2]>,
    triangles: Vec<[usize; 3]>,
}

impl StandardFace {
    /// Reads a description such as `calib/standard_face.toml`.
    ///
    /// # Errors
    /// A wrong size, number of points or numbering, a point outside the face, a triangle that is not clockwise, or
    /// triangles that leave a pixel uncovered.
    pub fn from_toml(text: &str) -> Result<Self, StandardFaceError> {
        let file: File = toml::from_str(text)?;
        if (file.width, file.height) != (FACE_WIDTH, FACE_HEIGHT) {
            return Err(StandardFaceError::Size { width: file.width, height: file.height });
        }
        let points: [[i32; 2]; POINTS] = file
            .points
            .try_into()
            .map_err(|points: Vec<_>| StandardFaceError::PointCount(points.len()))?;
        check_points(&points)?;
        let triangles = file
            .triangles
            .into_iter()
            .map(|triangle| check_triangle(triangle, &points))
            .collect::<Result<Vec<_>, _>>()?;
        let runs = runs(&points, &triangles)?;
        Ok(Self { points, triangles, runs })
    }

    /// The 89 points (x, y) in pixels of the standard face; index 0 is point number 1.
    pub fn points(&self) -> &[[i32; 2]; POINTS] {
        &self.points
    }

    /// The triangles as indices 0..88 into [`Self::points`], clockwise on the screen.
    pub fn triangles(&self) -> &[[usize; 3]] {
        &self.triangles
    }

    /// The 68 landmarks (x, y) of the standard face in its own pixels: a face that stands exactly as the standard one.
    pub fn landmarks(&self) -> [[f32; 2]; LANDMARKS] {
        std::array::from_fn(|index| self.points[index].map(|coordinate| coordinate as f32))
    }

    /// Length in pixels between the inner corners of the eyes (landmarks 40 and 43), horizontally: the unit in which
    /// action unit centres are placed.
    pub fn inner_eye_distance(&self) -> f64 {
        f64::from((self.points[39][0] - self.points[42][0]).abs())
    }
}

impl Default for StandardFace {
    /// The paper's standard face, `calib/standard_face.toml`. Costs about a millisecond.
    fn default() -> Self {
        Self::from_toml(include_str!("../../calib/standard_face.toml"))
            .expect("calib/standard_face.toml is checked by the tests")
    }
}

/// The 89 points of a face in a crop of `width` x `height` pixels: its landmarks, the jaw points' x at y = 0, and the
/// crop's corners (0, 0), (0, height), (width, 0), (width, height).
fn extend<T: Copy>(
    landmarks: &[[T; 2]; LANDMARKS],
    zero: T,
    width: T,
    height: T,
) -> [[T; 2]; POINTS] {
    std::array::from_fn(|index| match index {
        0..LANDMARKS => landmarks[index],
        85 => [zero, zero],
        86 => [zero, height],
        87 => [width, zero],
        88 => [width, height],
        _ => [landmarks[index - LANDMARKS][0], zero],
    })
}

fn check_points(points: &[[i32; 2]; POINTS]) -> Result<(), StandardFaceError> {
    let (width, height) = (FACE_WIDTH as i32, FACE_HEIGHT as i32);
    let landmarks = std::array::from_fn(|index| points[index]);
    let expected = extend(&landmarks, 0, width, height);
    for (index, (&[x, y], [expected_x, expected_y])) in points.iter().zip(expected).enumerate() {
        let number = index + 1;
        if [x, y] != [expected_x, expected_y] {
            return Err(StandardFaceError::DerivedPoint { number, x, y, expected_x, expected_y });
        }
        if !(0..=width).contains(&x) || !(0..=height).contains(&y) {
            return Err(StandardFaceError::PointOutside { number, x, y });
        }
    }
    Ok(())
}

/// From numbers 1..89 to indices.
fn check_triangle(
    triangle: [usize; 3],
    points: &[[i32; 2]; POINTS],
) -> Result<[usize; 3], StandardFaceError> {
    if triangle.iter().any(|number| !(1..=POINTS).contains(number)) {
        return Err(StandardFaceError::UnknownPoint { triangle });
    }
    let indices = triangle.map(|number| number - 1);
    let [a, b, c] = indices.map(|index| points[index]);
    if doubled_area(a, b, c) <= 0 {
        return Err(StandardFaceError::Orientation { triangle });
    }
    Ok(indices)
}

/// Twice the signed area of a triangle, positive when its corners run clockwise on the screen (y down).
pub(crate) fn doubled_area(a: [i32; 2], b: [i32; 2], c: [i32; 2]) -> i32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

/// Which triangle every pixel belongs to: the first listed one that holds its centre, edges included. Exact, because
/// the points are integers.
fn runs(
    points: &[[i32; 2]; POINTS],
    triangles: &[[usize; 3]],
) -> Result<Vec<Run>, StandardFaceError> {
    const NONE: u16 = u16::MAX;
    let mut owner = vec![NONE; FACE_PIXELS];
    for (number, triangle) in triangles.iter().enumerate() {
        let [a, b, c] = triangle.map(|index| points[index]);
        let bounds = |axis: usize, limit: usize| {
            let [a, b, c] = [a[axis], b[axis], c[axis]];
            a.min(b).min(c)..=a.max(b).max(c).min(limit as i32 - 1)
        };
        for y in bounds(1, FACE_HEIGHT) {
            for x in bounds(0, FACE_WIDTH) {
                let inside = [(a, b), (b, c), (c, a)]
                    .iter()
                    .all(|&(from, to)| doubled_area(from, to, [x, y]) >= 0);
                let owner = &mut owner[y as usize * FACE_WIDTH + x as usize];
                if inside && *owner == NONE {
                    *owner = number as u16;
                }
            }
        }
    }
    if let Some(pixel) = owner.iter().position(|&owner| owner == NONE) {
        return Err(StandardFaceError::Uncovered { x: pixel % FACE_WIDTH, y: pixel / FACE_WIDTH });
    }
    let mut runs = Vec::new();
    for (row, owners) in owner.chunks_exact(FACE_WIDTH).enumerate() {
        let mut start = 0;
        for same in owners.chunk_by(|a, b| a == b) {
            let end = start + same.len();
            runs.push(Run {
                row: row as u16,
                start: start as u16,
                end: end as u16,
                triangle: same[0],
            });
            start = end;
        }
    }
    // So that whoever walks them sets up each triangle once.
    runs.sort_by_key(|run| run.triangle);
    Ok(runs)
}
