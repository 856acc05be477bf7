//! The Ekman masks: which pixels of the standard face an expression's action units move.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expression::Expression;
use crate::standard_face::{FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, StandardFace, doubled_area};

/// Which set of masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MaskSet {
    /// The paper's masks, triangles between landmarks
    #[default]
    Published,
    /// Discs around the centres of each expression's action units
    AuCentres,
}

impl MaskSet {
    /// The name, as on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::AuCentres => "au-centres",
        }
    }
}

impl std::fmt::Display for MaskSet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(self.name())
    }
}

/// A mask of 224 x 275 pixels, row after row, for each of the six expressions.
#[derive(Clone, Debug)]
pub struct EkmanMasks {
    set: MaskSet,
    /// In the order of [`Expression::SIX`].
    masks: [Vec<bool>; 6],
}

/// Why a description of the masks cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MaskError {
    #[error("not Ekman masks in TOML: {0}")]
    Syntax(#[from] toml::de::Error),
    #[error("the Ekman masks lack [expression.{0}]")]
    MissingExpression(Expression),
    #[error(
        "[expression.{expression}] names action unit {number}, which no [[action_unit]] describes"
    )]
    UnknownActionUnit { expression: Expression, number: u8 },
    #[error("{place}: a triangle has three points between commas, not `{text}`")]
    Triangle { place: String, text: String },
    #[error(
        "{place}: `{text}` is no point; write `19`, `x19 y74` or `mid 5 49` with numbers 1..89, then if need be \
         `up 1/2` or `down 1`"
    )]
    Point { place: String, text: String },
    #[error("disc_radius: `{0}` is no share; write `1` or `1/2`")]
    Share(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    disc_radius: String,
    action_unit: Vec<ActionUnit>,
    expression: BTreeMap<Expression, Description>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ActionUnit {
    number: u8,
    #[allow(dead_code, reason = "the name is there for the file's reader")]
    name: String,
    centres: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    action_units: Vec<u8>,
    published: Vec<String>,
}

impl EkmanMasks {
    /// The masks of `calib/ekman_masks.toml` on the given standard face.
    pub fn new(set: MaskSet, face: &StandardFace) -> Self {
        Self::from_toml(include_str!("../../calib/ekman_masks.toml"), set, face)
            .expect("calib/ekman_masks.toml is checked by the tests")
    }

    /// Reads a description such as `calib/ekman_masks.toml` and draws one set of masks on the given face.
    ///
    /// # Errors
    /// Wrong TOML, an expression left out, a point or action unit that does not exist; each says where.
    pub fn from_toml(text: &str, set: MaskSet, face: &StandardFace) -> Result<Self, MaskError> {
        let file: File = toml::from_str(text)?;
        let mut masks: [Vec<bool>; 6] = std::array::from_fn(|_| vec![false; FACE_PIXELS]);
        for (expression, mask) in Expression::SIX.into_iter().zip(&mut masks) {
            let description =
                file.expression.get(&expression).ok_or(MaskError::MissingExpression(expression))?;
            match set {
                MaskSet::Published => {
                    for text in &description.published {
                        fill_triangle(mask, triangle(text, expression, face)?);
                    }
                }
                MaskSet::AuCentres => {
                    let share = share(&file.disc_radius)
                        .ok_or_else(|| MaskError::Share(file.disc_radius.clone()))?;
                    for &number in &description.action_units {
                        let unit = file
                            .action_unit
                            .iter()
                            .find(|unit| unit.number == number)
                            .ok_or(MaskError::UnknownActionUnit { expression, number })?;
                        for text in &unit.centres {
                            let centre = point(text, face).ok_or_else(|| MaskError::Point {
                                place: format!("[[action_unit]] number {number}"),
                                text: text.clone(),
                            })?;
                            fill_disc(mask, centre, share * face.inner_eye_distance());
                        }
                    }
                }
            }
        }
        Ok(Self { set, masks })
    }

    /// Which set of masks these are.
    pub fn set(&self) -> MaskSet {
        self.set
    }

    /// The mask of an expression: whether each pixel of the standard face belongs to it. None for neutral, which
    /// moves nothing.
    pub fn get(&self, expression: Expression) -> Option<&[bool]> {
        let index = expression.place()?;
        Some(&self.masks[index])
    }

    /// The masks of the five other expressions.
    pub fn others(&self, expression: Expression) -> impl Iterator<Item = &[bool]> {
        Expression::SIX
            .into_iter()
            .zip(&self.masks)
            .filter(move |&(other, _)| other != expression)
            .map(|(_, mask)| mask.as_slice())
    }
}

fn triangle(
    text: &str,
    expression: Expression,
    face: &StandardFace,
) -> Result<[[i32; 2]; 3], MaskError> {
    let place = || format!("[expression.{expression}] published");
    let corners = text
        .split(',')
        .map(|corner| {
            // Truncated, as the published masks are.
            let position = point(corner, face).ok_or_else(|| MaskError::Point {
                place: place(),
                text: corner.trim().to_owned(),
            })?;
            Ok(position.map(|coordinate| coordinate as i32))
        })
        .collect::<Result<Vec<_>, MaskError>>()?;
    corners.try_into().map_err(|_| MaskError::Triangle { place: place(), text: text.to_owned() })
}

/// A point as `calib/ekman_masks.toml` writes it, in pixels of the standard face.
fn point(text: &str, face: &StandardFace) -> Option<[f64; 2]> {
    let numbered = |number: &str| {
        let index = number.parse::<usize>().ok()?.checked_sub(1)?;
        Some(face.points().get(index)?.map(f64::from))
    };
    let mut words: Vec<&str> = text.split_whitespace().collect();
    let mut down = 0.0;
    if let [.., direction @ ("up" | "down"), size] = words[..] {
        let distance = share(size)? * face.inner_eye_distance();
        down = if direction == "down" { distance } else { -distance };
        words.truncate(words.len() - 2);
    }
    let [x, y] = match words[..] {
        [number] => numbered(number)?,
        ["mid", ref numbers @ ..] if !numbers.is_empty() => {
            let points =
                numbers.iter().map(|number| numbered(number)).collect::<Option<Vec<_>>>()?;
            [0, 1].map(|axis| {
                points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64
            })
        }
        [x, y] => [numbered(x.strip_prefix('x')?)?[0], numbered(y.strip_prefix('y')?)?[1]],
        _ => return None,
    };
    Some([x, y + down])
}

/// `1`, `1/2`, ...: a finite number not below 0.
fn share(text: &str) -> Option<f64> {
    let (part, whole) = text.split_once('/').unwrap_or((text, "1"));
    let share = f64::from(part.parse::<u16>().ok()?) / f64::from(whole.parse::<u16>().ok()?);
    share.is_finite().then_some(share)
}

/// Sets what OpenCV's `fillPoly` sets: every pixel whose centre lies in the triangle or on its edge, and the
/// 8-connected lines along its edges, which also catch pixels just outside. A flat triangle is its lines.
fn fill_triangle(mask: &mut [bool], corners: [[i32; 2]; 3]) {
    let [a, b, c] = corners;
    let turn = doubled_area(a, b, c).signum();
    let edges = [(a, b), (b, c), (c, a)];
    for (from, to) in edges {
        draw_line(mask, from, to);
    }
    if turn == 0 {
        return;
    }
    let bounds = |axis: usize, limit: usize| {
        let [a, b, c] = corners.map(|corner| corner[axis]);
        a.min(b).min(c).max(0)..=a.max(b).max(c).min(limit as i32 - 1)
    };
    for y in bounds(1, FACE_HEIGHT) {
        for x in bounds(0, FACE_WIDTH) {
            if edges.iter().all(|&(from, to)| turn * doubled_area(from, to, [x, y]) >= 0) {
                set_pixel(mask, [x, y]);
            }
        }
    }
}

/// Bresenham's line as OpenCV draws it: from left to right, a tie staying on the old row (or column, when steep).
fn draw_line(mask: &mut [bool], from: [i32; 2], to: [i32; 2]) {
    let (from, to) = if from[0] > to[0] { (to, from) } else { (from, to) };
    let (across, down) = (to[0] - from[0], to[1] - from[1]);
    let (long, short, steep) =
        if down.abs() > across { (down.abs(), across, true) } else { (across, down.abs(), false) };
    let mut error = long - 2 * short;
    let mut aside = 0;
    for along in 0..=long {
        let (x, y) = if steep { (aside, along) } else { (along, aside) };
        set_pixel(mask, [from[0] + x, from[1] + y * down.signum()]);
        if error < 0 {
            error += 2 * long;
            aside += 1;
        }
        error -= 2 * short;
    }
}

/// Sets every pixel whose centre is no further than `radius` from `centre`.
fn fill_disc(mask: &mut [bool], centre: [f64; 2], radius: f64) {
    for (pixel, inside) in mask.iter_mut().enumerate() {
        let x = (pixel % FACE_WIDTH) as f64 - centre[0];
        let y = (pixel / FACE_WIDTH) as f64 - centre[1];
        *inside |= x * x + y * y <= radius * radius;
    }
}

/// Sets a pixel, if it is one of the face's.
fn set_pixel(mask: &mut [bool], [x, y]: [i32; 2]) {
    if (0..FACE_WIDTH as i32).contains(&x) && (0..FACE_HEIGHT as i32).contains(&y) {
        mask[y as usize * FACE_WIDTH + x as usize] = true;
    }
}
