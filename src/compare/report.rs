//! The whole comparison of a set of heatmaps, in the form of its JSON file.

use serde::Serialize;

use super::linkage::{Merge, average_linkage, leaf_order};
use super::{Correlation, EkmanMasks, MaskSet, Overlap, otsu_level, stretch};
use crate::expression::Expression;
use crate::standard_face::FACE_PIXELS;

/// One heatmap to compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Heatmap {
    pub network: String,
    /// The cross-validation fold (training k of the paper's H_jkc); none for the trainings pooled (H_jc).
    pub fold: Option<u32>,
    pub expression: Expression,
    /// 224 x 275, row after row, finite, on any scale: it is stretched before use.
    pub pixels: Vec<f32>,
}

/// Overlaps, means and dendrograms of a set of heatmaps.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    pub masks: MaskSet,
    pub correlation: Correlation,
    /// As given, then those pooled from folds.
    pub heatmaps: Vec<HeatmapOverlap>,
    pub means: Vec<Means>,
    /// One per expression with at least two networks.
    pub dendrograms: Vec<Dendrogram>,
}

/// One heatmap against the masks.
#[derive(Clone, Debug, Serialize)]
pub struct HeatmapOverlap {
    pub network: String,
    pub fold: Option<u32>,
    pub expression: Expression,
    /// The folds whose pixel mean this heatmap is; empty for one given as it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pooled_from: Vec<u32>,
    /// Otsu's level of the stretched heatmap; the foreground is strictly above.
    pub otsu_level: u8,
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// How the trainings of a network enter a mean: the two ways of the paper's published tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aggregation {
    /// The trainings' relevance pooled into one heatmap H_jc per network and expression, whose overlap counts: the
    /// preprint's Table 3.
    Pooled,
    /// The mean of the overlaps of the folds' heatmaps H_jkc: the later table.
    MeanOverFolds,
}

impl Aggregation {
    /// The name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::MeanOverFolds => "mean-over-folds",
        }
    }

    /// Where the paper's authors published this one.
    pub const fn published_as(self) -> &'static str {
        match self {
            Self::Pooled => "Table 3 of the preprint",
            Self::MeanOverFolds => "the later table",
        }
    }
}

/// Means of the overlaps over networks and expressions: every pair of both counts the same, however many folds it has.
#[derive(Clone, Debug, Serialize)]
pub struct Means {
    pub aggregation: Aggregation,
    pub per_network: Vec<NetworkMean>,
    pub per_expression: Vec<ExpressionMean>,
    pub overall: Overlap,
    /// Share of the pairs whose intersection over union is above that of an all-white heatmap.
    pub share_above_all_white: f64,
}

/// Mean over a network's expressions.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkMean {
    pub network: String,
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// Mean over an expression's networks.
#[derive(Clone, Debug, Serialize)]
pub struct ExpressionMean {
    pub expression: Expression,
    #[serde(flatten)]
    pub overlap: Overlap,
}

/// How alike the networks' pooled heatmaps of one expression are.
#[derive(Clone, Debug, Serialize)]
pub struct Dendrogram {
    pub expression: Expression,
    /// The networks; rows and columns of `distances` and leaves 0.. of `linkage`.
    pub labels: Vec<String>,
    /// 1 - correlation.
    pub distances: Vec<Vec<f64>>,
    /// Average linkage, as SciPy writes it.
    pub linkage: Vec<Merge>,
    /// The leaves from one end of the drawing to the other.
    pub leaf_order: Vec<usize>,
}

/// Why a set of heatmaps cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("the heatmap of {network}, {expression} has {pixels} pixels; expected {FACE_PIXELS}")]
    Size { network: String, expression: Expression, pixels: usize },
    #[error("the heatmap of {network}, {expression} holds a value that is not finite")]
    NotFinite { network: String, expression: Expression },
    #[error("two heatmaps of {network}, {expression}, for the same fold")]
    Twice { network: String, expression: Expression },
    #[error("{0} has no Ekman mask to compare with")]
    NoMask(Expression),
}

impl Comparison {
    /// Compares a set of heatmaps.
    ///
    /// A network's pooled heatmap of an expression is the one given without a fold, else the pixel mean of its folds'
    /// (the paper's H_jc only where every fold explains equally many faces and all pictures keep one scale; a picture that was
    /// stretched to 0..255 weighs as much as any other). Networks stay in the order of
    /// their first appearance, expressions in the paper's.
    ///
    /// # Errors
    /// A heatmap of another size, with values that are not finite, of an expression without a mask, or given twice.
    pub fn new(
        heatmaps: &[Heatmap],
        masks: &EkmanMasks,
        correlation: Correlation,
    ) -> Result<Self, ReportError> {
        check(heatmaps)?;
        let mut networks: Vec<&str> = Vec::new();
        for heatmap in heatmaps {
            if !networks.contains(&heatmap.network.as_str()) {
                networks.push(&heatmap.network);
            }
        }

        let mut rows = Vec::new();
        for heatmap in heatmaps {
            rows.push(row(heatmap, Vec::new(), &stretch(&heatmap.pixels), masks));
        }
        let mut pooled_maps: Vec<(&str, Expression, Vec<u8>)> = Vec::new();
        for &network in &networks {
            for expression in Expression::SIX {
                let of_pair: Vec<&Heatmap> = heatmaps
                    .iter()
                    .filter(|each| each.network == network && each.expression == expression)
                    .collect();
                let map = if let Some(pooled) = of_pair.iter().find(|each| each.fold.is_none()) {
                    stretch(&pooled.pixels)
                } else if let Some(pooled) = pool(&of_pair) {
                    let map = stretch(&pooled.pixels);
                    let folds = of_pair.iter().filter_map(|each| each.fold).collect();
                    rows.push(row(&pooled, folds, &map, masks));
                    map
                } else {
                    continue;
                };
                pooled_maps.push((network, expression, map));
            }
        }

        let dendrograms = Expression::SIX
            .into_iter()
            .filter_map(|expression| dendrogram(&pooled_maps, expression, correlation))
            .collect();
        let means = [Aggregation::Pooled, Aggregation::MeanOverFolds]
            .into_iter()
            .filter_map(|aggregation| means(&rows, &networks, aggregation))
            .collect();
        Ok(Self { masks: masks.set(), correlation, heatmaps: rows, means, dendrograms })
    }
}

fn check(heatmaps: &[Heatmap]) -> Result<(), ReportError> {
    let key = |heatmap: &Heatmap| (heatmap.network.clone(), heatmap.fold, heatmap.expression);
    let mut seen = std::collections::BTreeSet::new();
    for heatmap in heatmaps {
        let (network, _, expression) = key(heatmap);
        if !Expression::SIX.contains(&expression) {
            return Err(ReportError::NoMask(expression));
        }
        if heatmap.pixels.len() != FACE_PIXELS {
            let pixels = heatmap.pixels.len();
            return Err(ReportError::Size { network, expression, pixels });
        }
        if !heatmap.pixels.iter().all(|value| value.is_finite()) {
            return Err(ReportError::NotFinite { network, expression });
        }
        if !seen.insert(key(heatmap)) {
            return Err(ReportError::Twice { network, expression });
        }
    }
    Ok(())
}

/// The pixel mean of the folds' heatmaps of one network and expression.
fn pool(folds: &[&Heatmap]) -> Option<Heatmap> {
    let first = folds.first()?;
    let mean = |pixel: usize| {
        let sum: f64 = folds.iter().map(|fold| f64::from(fold.pixels[pixel])).sum();
        (sum / folds.len() as f64) as f32
    };
    Some(Heatmap {
        network: first.network.clone(),
        fold: None,
        expression: first.expression,
        pixels: (0..FACE_PIXELS).map(mean).collect(),
    })
}

fn row(
    heatmap: &Heatmap,
    pooled_from: Vec<u32>,
    stretched: &[u8],
    masks: &EkmanMasks,
) -> HeatmapOverlap {
    let otsu_level = otsu_level(stretched);
    HeatmapOverlap {
        network: heatmap.network.clone(),
        fold: heatmap.fold,
        expression: heatmap.expression,
        pooled_from,
        otsu_level,
        overlap: Overlap::new(stretched, otsu_level, heatmap.expression, masks),
    }
}

fn dendrogram(
    pooled: &[(&str, Expression, Vec<u8>)],
    expression: Expression,
    correlation: Correlation,
) -> Option<Dendrogram> {
    let (labels, maps): (Vec<String>, Vec<&[u8]>) = pooled
        .iter()
        .filter(|(_, of, _)| *of == expression)
        .map(|(network, _, map)| ((*network).to_owned(), map.as_slice()))
        .unzip();
    if maps.len() < 2 {
        return None;
    }
    let mut distances = vec![vec![0.0; maps.len()]; maps.len()];
    for (i, a) in maps.iter().enumerate() {
        for (j, b) in maps.iter().enumerate().take(i) {
            distances[i][j] = 1.0 - correlation.of(a, b);
            distances[j][i] = distances[i][j];
        }
    }
    let linkage = average_linkage(&distances);
    let leaf_order = leaf_order(&linkage);
    Some(Dendrogram { expression, labels, distances, linkage, leaf_order })
}

fn means(rows: &[HeatmapOverlap], networks: &[&str], aggregation: Aggregation) -> Option<Means> {
    let counts = |row: &&HeatmapOverlap| match aggregation {
        Aggregation::Pooled => row.fold.is_none(),
        Aggregation::MeanOverFolds => row.fold.is_some(),
    };
    let mut pairs: Vec<(&str, Expression, Overlap)> = Vec::new();
    for &network in networks {
        for expression in Expression::SIX {
            let of_pair: Vec<Overlap> = rows
                .iter()
                .filter(counts)
                .filter(|row| row.network == network && row.expression == expression)
                .map(|row| row.overlap)
                .collect();
            if let Some(mean) = Overlap::mean(&of_pair) {
                pairs.push((network, expression, mean));
            }
        }
    }
    let mean_where = |counts: &dyn Fn(&str, Expression) -> bool| {
        let chosen: Vec<Overlap> = pairs
            .iter()
            .filter(|&&(network, expression, _)| counts(network, expression))
            .map(|&(_, _, overlap)| overlap)
            .collect();
        Overlap::mean(&chosen)
    };
    let above = pairs.iter().filter(|(_, _, overlap)| overlap.iou > overlap.iou_all_white).count();
    Some(Means {
        aggregation,
        overall: mean_where(&|_, _| true)?,
        per_network: networks
            .iter()
            .filter_map(|&network| {
                Some(NetworkMean {
                    network: network.to_owned(),
                    overlap: mean_where(&|each, _| each == network)?,
                })
            })
            .collect(),
        per_expression: Expression::SIX
            .into_iter()
            .filter_map(|expression| {
                Some(ExpressionMean {
                    expression,
                    overlap: mean_where(&|_, each| each == expression)?,
                })
            })
            .collect(),
        share_above_all_white: above as f64 / pairs.len() as f64,
    })
}
