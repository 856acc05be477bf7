//! The rows of a store as plain data.

use std::io::{Read, Write};

use rusqlite::types::Type;
use rusqlite::{Row, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::compare::MaskSet;
use crate::explain::{Curves, Estimator, Faithfulness};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::standard_face::FACE_PIXELS;

/// What the results of a study depend on, beside its networks and pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// Name and version of the program.
    pub software: String,
    /// Of all random draws.
    pub seed: u64,
    /// The most faces explained per network and predicted expression.
    pub per_class: usize,
    /// `iid` or `hadamard`.
    pub design: String,
    /// Samples per explanation.
    pub samples: usize,
    /// How weights are estimated.
    pub estimator: Estimator,
    /// How many faces per network and expression the explanations are checked on.
    pub checks: usize,
    /// The Ekman masks.
    pub masks: MaskSet,
    /// When relevance against the class is set to 0.
    pub clip: Clipping,
    /// Name of the face detector.
    pub detector: String,
    /// Name of the landmark model, or sha256 of the user's.
    pub landmark_model: String,
    /// Expected false faces per picture.
    pub epsilon: f64,
}

impl Configuration {
    pub(super) fn values(&self) -> serde_json::Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => values,
            _ => unreachable!("a structure with named fields becomes an object"),
        }
    }

    pub(super) fn from_values(rows: &[(String, String)]) -> Result<Self, String> {
        let values = rows
            .iter()
            .map(|(name, value)| Ok((name.clone(), serde_json::from_str(value)?)))
            .collect::<serde_json::Result<serde_json::Map<_, _>>>();
        values
            .and_then(|values| serde_json::from_value(Value::Object(values)))
            .map_err(|error| format!("its configuration cannot be read ({error})"))
    }

    /// What differs from `other`, as `samples is 300 here and 1000 there`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (mine, theirs) = (self.values(), other.values());
        mine.iter()
            .filter(|(name, value)| theirs.get(*name) != Some(value))
            .map(|(name, value)| format!("{name} is {value} here and {} there", theirs[name]))
            .collect()
    }
}

/// A network of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkRow {
    /// Its name.
    pub name: String,
    /// The name without its fold: trainings of one architecture share it.
    pub architecture: String,
    /// Which training of a cross-validation it is.
    pub fold: Option<u32>,
    /// Of its file.
    pub sha256: String,
    /// How a crop becomes its input, and its outputs probabilities.
    pub input: String,
    /// Of its outputs, in their order.
    pub classes: Vec<Expression>,
}

impl NetworkRow {
    pub(super) fn insert(&self, transaction: &Transaction, number: i64) -> rusqlite::Result<()> {
        let classes: Vec<&str> = self.classes.iter().map(|class| class.name()).collect();
        let row = params![
            number,
            self.name,
            self.architecture,
            self.fold,
            self.sha256,
            self.input,
            classes.join(" ")
        ];
        transaction.execute("INSERT INTO network VALUES (?, ?, ?, ?, ?, ?, ?)", row).map(|_| ())
    }

    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        Ok(NetworkRow {
            name: row.get("name")?,
            architecture: row.get("architecture")?,
            fold: row.get("fold")?,
            sha256: row.get("sha256")?,
            input: row.get("input")?,
            classes: split(row, 6)?,
        })
    }
}

/// A picture of a study.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PictureRow {
    /// Relative to the folder of the study, parts between slashes.
    pub path: String,
    /// The expression it shows, where known.
    pub label: Option<Expression>,
    /// Who it shows, where known.
    pub subject: Option<String>,
    /// The fold it is held out in, where told.
    pub fold: Option<u32>,
    /// Of the file, once it was read.
    pub sha256: Option<String>,
    /// Why it has no face here.
    pub problem: Option<String>,
}

impl PictureRow {
    pub(super) fn insert(&self, transaction: &Transaction, number: i64) -> rusqlite::Result<()> {
        transaction
            .prepare_cached("INSERT INTO picture VALUES (?, ?, ?, ?, ?, ?, ?)")?
            .execute(params![
                number,
                self.path,
                self.label.map(Expression::name),
                self.subject,
                self.fold,
                self.sha256,
                self.problem
            ])
            .map(|_| ())
    }

    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        let label: Option<String> = row.get("label")?;
        Ok(PictureRow {
            path: row.get("path")?,
            label: label.map(|_| expression(row, 2)).transpose()?,
            subject: row.get("subject")?,
            fold: row.get("fold")?,
            sha256: row.get("sha256")?,
            problem: row.get("problem")?,
        })
    }
}

/// What a network says of a face.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The most probable.
    pub expression: Expression,
    /// In the order of the network's classes.
    pub probabilities: Vec<f32>,
}

/// A face drawn to be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Number of the picture.
    pub picture: usize,
    /// Number of the face in it, from 1.
    pub face: usize,
    /// What the network says of it.
    pub expression: Expression,
    /// In the order of the draw for its network and expression, from 0.
    pub place: usize,
}

impl Drawn {
    pub(super) fn read(row: &Row) -> rusqlite::Result<Self> {
        let number = |name: &str| row.get::<_, i64>(name).map(|number| number as usize);
        Ok(Drawn {
            picture: number("picture")?,
            face: number("face")?,
            expression: expression(row, 3)?,
            place: number("place")?,
        })
    }
}

/// An explanation, without the picture: weights, and where each superpixel lies on the standard face.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Signed, one per superpixel.
    pub weights: Vec<f64>,
    /// Of the surrogate.
    pub intercept: f64,
    /// Share of the variance over the samples that the surrogate explains.
    pub r2: f64,
    /// For each pixel of the standard face, row by row: its superpixel, from 1; 0 where the face crop has no such pixel.
    pub superpixels: Vec<u8>,
    /// Relevance mass and rank accuracy against the region that truly moved, and the region's share of the crop.
    pub moved: Option<[f64; 3]>,
    /// What checks say of it, for the first faces of a draw.
    pub checks: Option<Checks>,
}

/// Checks of one explanation.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    /// Deletion and insertion curves, beside those of random orders.
    pub faithfulness: Faithfulness,
    /// Correlation with an explanation of the same face from other samples.
    pub repeat_correlation: f64,
    /// Correlation with an explanation by the network with shuffled weights; none where that answers the same to everything.
    pub shuffled_correlation: Option<f64>,
}

impl Explanation {
    /// Signed relevance of each pixel of the standard face, row by row; 0 where the crop has no such pixel.
    pub fn standardised(&self) -> Vec<f32> {
        let mut of_label = [0.0; 256];
        for (of_label, &weight) in of_label[1..].iter_mut().zip(&self.weights) {
            *of_label = weight as f32;
        }
        self.superpixels.iter().map(|&label| of_label[usize::from(label)]).collect()
    }

    pub(super) fn update(&self, transaction: &Transaction, key: [i64; 3]) -> rusqlite::Result<()> {
        const QUERY: &str = "UPDATE explanation SET weights = ?4, intercept = ?5, r2 = ?6, superpixels = ?7,
            moved_mass = ?8, moved_rank = ?9, moved_chance = ?10, curves = ?11, repeat_correlation = ?12,
            shuffled_correlation = ?13
            WHERE network = ?1 AND picture = ?2 AND face = ?3";
        let weights: Vec<u8> =
            self.weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
        let moved = |place: usize| self.moved.map(|moved| moved[place]);
        transaction
            .prepare_cached(QUERY)?
            .execute(params![
                key[0],
                key[1],
                key[2],
                weights,
                self.intercept,
                self.r2,
                compress(&self.superpixels),
                moved(0),
                moved(1),
                moved(2),
                self.checks.as_ref().map(|checks| curves_to_bytes(&checks.faithfulness)),
                self.checks.as_ref().map(|checks| checks.repeat_correlation),
                self.checks.as_ref().and_then(|checks| checks.shuffled_correlation),
            ])
            .map(|_| ())
    }

    /// The outer error is SQLite's, the inner one says that the row is no explanation.
    pub(super) fn read(row: &Row) -> rusqlite::Result<Result<Self, String>> {
        let weights: Vec<u8> = row.get("weights")?;
        let superpixels: Vec<u8> = row.get("superpixels")?;
        let number = |name: &str| row.get::<_, Option<f64>>(name);
        let moved = match (number("moved_mass")?, number("moved_rank")?, number("moved_chance")?) {
            (Some(mass), Some(rank), Some(chance)) => Some([mass, rank, chance]),
            _ => None,
        };
        let weights: Vec<f64> =
            weights.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        let checks = match row.get::<_, Option<Vec<u8>>>("curves")? {
            None => None,
            Some(bytes) => match curves_from_bytes(&bytes, weights.len()) {
                None => return Ok(Err(format!("curves of {} bytes", bytes.len()))),
                Some(faithfulness) => Some(Checks {
                    faithfulness,
                    repeat_correlation: row.get("repeat_correlation")?,
                    shuffled_correlation: row.get("shuffled_correlation")?,
                }),
            },
        };
        let (intercept, r2) = (row.get("intercept")?, row.get("r2")?);
        Ok(decompress(&superpixels, FACE_PIXELS).map(|superpixels| Explanation {
            weights,
            intercept,
            r2,
            superpixels,
            moved,
            checks,
        }))
    }
}

fn curves_to_bytes(faithfulness: &Faithfulness) -> Vec<u8> {
    let probabilities = faithfulness.curves().into_iter().flatten();
    probabilities.flat_map(|probability| probability.to_le_bytes()).collect()
}

/// None where they are not of so many superpixels.
fn curves_from_bytes(bytes: &[u8], superpixels: usize) -> Option<Faithfulness> {
    let curve_bytes = (superpixels + 1) * size_of::<f32>();
    if bytes.len() != 4 * curve_bytes {
        return None;
    }
    let curve = |number: usize| -> Vec<f32> {
        let bytes = &bytes[number * curve_bytes..][..curve_bytes];
        bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    let [explained, random] =
        [0, 2].map(|first| Curves { deletion: curve(first), insertion: curve(first + 1) });
    Some(Faithfulness { explained, random })
}

/// How far a study is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Whether the last command came to its end. Even then faces are missing where it was to do only a part.
    pub finished: bool,
    /// Pairs of network and picture that are classified.
    pub classified: usize,
    /// Faces drawn to be explained.
    pub drawn: usize,
    /// Of these, those explained.
    pub explained: usize,
    /// Of these, those that cannot be.
    pub failed: usize,
}

impl Progress {
    /// Faces drawn that still are to be explained.
    pub fn missing(&self) -> usize {
        self.drawn - self.explained - self.failed
    }

    /// Whether nothing is left to do.
    pub fn is_complete(&self) -> bool {
        self.finished && self.missing() == 0
    }
}

/// Values between spaces.
pub(super) fn join(values: &[f32]) -> String {
    let words: Vec<String> = values.iter().map(f32::to_string).collect();
    words.join(" ")
}

/// Values between spaces, from a column.
pub(super) fn split<T>(row: &Row, column: usize) -> rusqlite::Result<Vec<T>>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: String = row.get(column)?;
    text.split_whitespace()
        .map(|word| {
            word.parse().map_err(|error: T::Err| {
                rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
            })
        })
        .collect()
}

pub(super) fn expression(row: &Row, column: usize) -> rusqlite::Result<Expression> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: crate::expression::UnknownExpression| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

pub(super) fn compress(bytes: &[u8]) -> Vec<u8> {
    compress_with(flate2::Compression::default(), bytes)
}

/// For what is written every second.
pub(super) fn compress_fast(bytes: &[u8]) -> Vec<u8> {
    compress_with(flate2::Compression::fast(), bytes)
}

fn compress_with(level: flate2::Compression, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory takes what is written")
}

/// Exactly `length` bytes, never more, whatever the compressed ones claim.
pub(super) fn decompress(bytes: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut result = Vec::with_capacity(length);
    flate2::read::ZlibDecoder::new(bytes)
        .take(length as u64 + 1)
        .read_to_end(&mut result)
        .map_err(|error| error.to_string())?;
    if result.len() == length {
        Ok(result)
    } else {
        Err(format!("{} bytes where {length} belong", result.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_come_back_as_they_were_and_others_are_refused() {
        let curves = |first: f32| Curves {
            deletion: vec![first, 0.5, 0.25],
            insertion: vec![0.25, 0.75, first],
        };
        let faithfulness = Faithfulness { explained: curves(0.875), random: curves(0.125) };
        let bytes = curves_to_bytes(&faithfulness);
        assert_eq!(bytes.len(), 4 * 3 * 4);
        assert_eq!(bytes[..4], 0.875_f32.to_le_bytes(), "deletion comes first");
        assert_eq!(curves_from_bytes(&bytes, 2), Some(faithfulness));
        assert_eq!(curves_from_bytes(&bytes, 3), None);
        assert_eq!(curves_from_bytes(&bytes[1..], 2), None);
    }
}
