//! What a study says: overlaps beside their chance levels with intervals, means, likeness of networks, checks of the explanations.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bootstrap::{Bootstrap, Intervals};
use super::checks::{CheckMeans, RelevanceMean, checks_of};
use crate::compare::report::{Aggregation, Dendrogram, HeatmapOverlap, Means, ReportError};
use crate::compare::{Comparison, Correlation, EkmanMasks, Heatmap, Overlap, otsu_level, stretch};
use crate::expression::Expression;
use crate::heatmap::HeatmapSums;
use crate::standard_face::StandardFace;
use crate::store::{Configuration, NetworkRow, PictureRow, Progress, Store, StoreError};

/// Replicates of the bootstrap.
pub const REPLICATES: usize = 1000;

/// A heatmap of fewer people, or pictures where people are not known, is thin evidence. At 20 the bootstrap's interval still is a
/// rough one.
pub const FEW_PEOPLE: usize = 20;

/// Why a study says nothing.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The heatmaps.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// No face is explained: why.
    #[error("no face is explained: {0}")]
    Nothing(String),
}

/// All results of a study.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// What they depend on.
    pub configuration: Configuration,
    /// How far the study is.
    pub progress: Progress,
    /// The pictures.
    pub pictures: Pictures,
    /// One per architecture, in the study's order.
    pub networks: Vec<NetworkResult>,
    /// One per architecture, training and expression, then one for the trainings pooled where there are several.
    pub heatmaps: Vec<HeatmapResult>,
    /// The heatmaps of all networks pooled (the paper's H_c), where there are several networks.
    pub all_networks: Vec<HeatmapResult>,
    /// The paper's two tables: of pooled heatmaps, and the mean over trainings.
    pub means: Vec<Means>,
    /// Intervals of the means, where there are any.
    pub mean_intervals: Vec<MeanIntervals>,
    /// How alike the networks' heatmaps are, by the mean-centred correlation of the published figure.
    pub dendrograms: Vec<Dendrogram>,
    /// The same by the paper's equation 4.
    pub dendrograms_equation_4: Vec<Dendrogram>,
}

/// Counts of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pictures {
    /// All.
    pub listed: usize,
    /// Those with no face, or that cannot be read.
    pub without_face: usize,
    /// Those whose expression is known.
    pub labelled: usize,
    /// People, where known.
    pub subjects: Option<usize>,
}

/// An architecture's trainings together.
#[derive(Debug, Clone, Serialize)]
pub struct NetworkResult {
    /// The architecture.
    pub network: String,
    /// Names and checksums of its trainings.
    pub trainings: Vec<Training>,
    /// How many faces were read as each class.
    pub answers: BTreeMap<Expression, usize>,
    /// How well it knows the labels, where there are any.
    pub classification: Option<Classification>,
    /// Expressions whose heatmap is above all three chance levels with the whole 95 % interval.
    pub beats_chance: Vec<Expression>,
    /// In plain words.
    pub verdict: String,
    /// What checks say, where there were any.
    pub checks: Option<CheckMeans>,
    /// How much relevance lies in the Ekman mask, face by face.
    pub in_mask: Vec<RelevanceMean>,
    /// How much relevance lies in what truly moved, where pictures come with it.
    pub in_moved: Vec<RelevanceMean>,
}

/// A training.
#[derive(Debug, Clone, Serialize)]
pub struct Training {
    /// Of the network.
    pub name: String,
    /// Which fold, if one.
    pub fold: Option<u32>,
    /// Of its file.
    pub sha256: String,
    /// How a crop becomes its input, and its outputs probabilities.
    pub input: String,
    /// Of its outputs, in their order.
    pub classes: Vec<Expression>,
}

/// Agreement with labels; one face a picture, the largest.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Classification {
    /// Pictures, counted for each training that answered.
    pub pictures: usize,
    /// Share read as their label.
    pub accuracy: f64,
    /// Mean over the labelled classes; one never predicted counts 0.
    pub precision: f64,
    /// Mean over the labelled classes.
    pub recall: f64,
    /// Mean over the labelled classes.
    pub f1: f64,
    /// Of rows and columns.
    pub classes: Vec<Expression>,
    /// Pictures by label (row) and answer (column).
    pub confusion: Vec<Vec<usize>>,
}

/// A heatmap's overlap with its mask.
#[derive(Debug, Clone, Serialize)]
pub struct HeatmapResult {
    /// With its chance levels.
    #[serde(flatten)]
    pub overlap: HeatmapOverlap,
    /// Faces.
    pub explanations: u64,
    /// People they show, or pictures where people are not known.
    pub people: usize,
    /// None with fewer than two people.
    pub intervals: Option<Intervals>,
    /// The heatmap: relevance per pixel of the standard face, row by row, not negative.
    #[serde(skip)]
    pub map: Vec<f32>,
}

impl HeatmapResult {
    /// Whether all of the interval is above all three chance levels; not where there is none.
    pub fn beats_chance(&self) -> bool {
        self.intervals.is_some_and(|intervals| intervals.beats_chance())
    }

    /// The network, with its fold where it is one training of several.
    pub fn name(&self) -> String {
        let HeatmapOverlap { network, fold, .. } = &self.overlap;
        fold.map_or_else(|| network.clone(), |fold| format!("{network}, fold {fold}"))
    }

    /// Whether it rests on fewer than [`FEW_PEOPLE`]: the next few may move it much.
    pub fn is_thin(&self) -> bool {
        self.people < FEW_PEOPLE
    }
}

/// Where a mean of overlaps would lie with other people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanIntervals {
    /// How trainings enter the mean.
    pub aggregation: Aggregation,
    /// None: over all.
    pub network: Option<String>,
    /// None: over all.
    pub expression: Option<Expression>,
    /// Of the mean.
    pub intervals: Intervals,
}

/// How results are computed.
#[derive(Debug, Clone, Copy)]
pub struct ResultsOptions {
    /// Replicates of the bootstrap; 0: no intervals.
    pub replicates: usize,
    /// Changes no result.
    pub threads: usize,
}

/// An architecture and its trainings' places in the store.
struct Group {
    name: String,
    trainings: Vec<(usize, Option<u32>)>,
}

impl Results {
    /// Computes the results of a study, finished or not. `begin` is told how many heatmaps there are, `done` is called after each.
    ///
    /// Cost: some seconds per heatmap and thousand replicates.
    ///
    /// # Errors
    /// When the store cannot be read, or nothing was explained.
    pub fn new(
        store: &Store,
        options: ResultsOptions,
        begin: impl FnOnce(usize),
        mut done: impl FnMut(),
    ) -> Result<Self, ResultsError> {
        let configuration = store.configuration()?;
        let masks = EkmanMasks::new(configuration.masks, &StandardFace::default());
        let (networks, pictures) = (store.networks()?, store.pictures()?);
        let groups = group(&networks);
        let people: Vec<String> = pictures
            .iter()
            .enumerate()
            // Studies that were merged may have several pictures of one name.
            .map(|(number, row)| {
                let picture = || format!("picture {} {number}", row.path);
                row.subject.clone().unwrap_or_else(picture)
            })
            .collect();
        let bootstrap = Bootstrap {
            store,
            masks: &masks,
            clip: configuration.clip,
            seed: configuration.seed,
            replicates: options.replicates,
            threads: options.threads,
            groups: &people,
        };

        let cells = cells(&networks);
        begin(cells.len() * Expression::SIX.len());
        let mut heatmaps = Vec::new();
        let mut replicates_of: Vec<Vec<Replicate>> = Vec::new();
        let mut input = Vec::new();
        for Cell { name, fold, networks: numbers } in cells {
            for expression in Expression::SIX {
                let sums = heatmap_sums(store, &numbers, expression)?;
                if let Some(map) = sums.mean(configuration.clip) {
                    let overlap = overlap(&name, fold, expression, &map, &masks);
                    let (groups, replicates) = bootstrap.replicates(&numbers, expression)?;
                    heatmaps.push(HeatmapResult {
                        intervals: Intervals::new(&overlap.overlap, groups, &replicates),
                        overlap,
                        explanations: sums.explanations(),
                        people: groups,
                        map: map.clone(),
                    });
                    if name != ALL_NETWORKS {
                        replicates_of.push(replicates.iter().map(Replicate::of).collect());
                        input.push(Heatmap {
                            network: name.clone(),
                            fold,
                            expression,
                            pixels: map,
                        });
                    }
                }
                done();
            }
        }
        if heatmaps.is_empty() {
            return Err(ResultsError::Nothing(why_nothing(&store.progress()?, store)?));
        }
        let comparison = Comparison::new(&input, &masks, Correlation::MeanCentred)?;
        let by_equation_4 = Comparison::new(&input, &masks, Correlation::Equation4)?;
        let (all_networks, heatmaps): (Vec<_>, Vec<_>) =
            heatmaps.into_iter().partition(|row| row.overlap.network == ALL_NETWORKS);
        let network_results = groups
            .iter()
            .map(|group| network_result(group, &bootstrap, &networks, &pictures, &heatmaps))
            .collect::<Result<_, StoreError>>()?;
        Ok(Results {
            progress: store.progress()?,
            pictures: count(&pictures),
            networks: network_results,
            mean_intervals: mean_intervals(&heatmaps, &replicates_of),
            heatmaps,
            all_networks,
            means: comparison.means,
            dendrograms: comparison.dendrograms,
            dendrograms_equation_4: by_equation_4.dendrograms,
            configuration,
        })
    }

    /// The heatmap of an architecture and expression: of its trainings pooled where there are several.
    pub fn pooled(&self, network: &str, expression: Expression) -> Option<&HeatmapResult> {
        self.heatmaps.iter().find(|row| {
            let overlap = &row.overlap;
            overlap.network == network && overlap.expression == expression && overlap.fold.is_none()
        })
    }

    /// The networks whose explanations were checked.
    pub fn checked(&self) -> Vec<(&str, &CheckMeans)> {
        self.networks
            .iter()
            .filter_map(|network| Some((network.network.as_str(), network.checks.as_ref()?)))
            .collect()
    }

    /// The intervals of a mean over networks and expressions, or over all of either.
    pub fn intervals_of_mean(
        &self,
        aggregation: Aggregation,
        network: Option<&str>,
        expression: Option<Expression>,
    ) -> Option<Intervals> {
        let is_it = |of: &&MeanIntervals| {
            of.aggregation == aggregation
                && of.network.as_deref() == network
                && of.expression == expression
        };
        self.mean_intervals.iter().find(is_it).map(|found| found.intervals)
    }
}

/// What moves of an overlap from replicate to replicate, and is needed of it; small, since a thousand of each heatmap are in memory. Not a
/// number where the replicate drew nobody.
#[derive(Debug, Clone, Copy)]
struct Replicate {
    iou: f32,
    iou_random: f32,
    iou_other_masks: f32,
}

impl Replicate {
    fn of(overlap: &Option<Overlap>) -> Self {
        let figure = |figure: fn(&Overlap) -> f64| overlap.as_ref().map_or(f64::NAN, figure) as f32;
        Replicate {
            iou: figure(|overlap| overlap.iou),
            iou_random: figure(|overlap| overlap.iou_random),
            iou_other_masks: figure(|overlap| overlap.iou_other_masks),
        }
    }

    fn overlap(self, found: Overlap) -> Option<Overlap> {
        (!self.iou.is_nan()).then(|| Overlap {
            iou: self.iou.into(),
            iou_random: self.iou_random.into(),
            iou_other_masks: self.iou_other_masks.into(),
            ..found
        })
    }
}

/// A heatmap and its replicates.
type Replicated<'a> = (&'a HeatmapResult, &'a [Replicate]);

/// The intervals of all that [`Means`] averages, and of each pair of network and expression that is a mean over trainings.
fn mean_intervals(heatmaps: &[HeatmapResult], replicates: &[Vec<Replicate>]) -> Vec<MeanIntervals> {
    let mut all = Vec::new();
    for aggregation in [Aggregation::Pooled, Aggregation::MeanOverFolds] {
        let is_of_fold = aggregation == Aggregation::MeanOverFolds;
        let mut pairs: BTreeMap<(&str, Expression), Vec<Replicated>> = BTreeMap::new();
        for (row, replicates) in heatmaps.iter().zip(replicates) {
            let HeatmapOverlap { network, fold, expression, .. } = &row.overlap;
            if fold.is_some() == is_of_fold {
                pairs.entry((network, *expression)).or_default().push((row, replicates));
            }
        }
        let mut add = |network: Option<&str>, expression: Option<Expression>| {
            let is_in = |&(of_network, of_expression): &(&str, Expression)| {
                network.is_none_or(|network| network == of_network)
                    && expression.is_none_or(|expression| expression == of_expression)
            };
            let chosen: Vec<&[Replicated]> = pairs
                .iter()
                .filter(|(pair, _)| is_in(pair))
                .map(|(_, trainings)| trainings.as_slice())
                .collect();
            if let Some(intervals) = intervals_of_pairs(&chosen) {
                let network = network.map(str::to_owned);
                all.push(MeanIntervals { aggregation, network, expression, intervals });
            }
        };
        let networks: BTreeSet<&str> = pairs.keys().map(|&(network, _)| network).collect();
        for network in networks {
            add(Some(network), None);
            if is_of_fold {
                Expression::SIX.into_iter().for_each(|each| add(Some(network), Some(each)));
            }
        }
        Expression::SIX.into_iter().for_each(|each| add(None, Some(each)));
        add(None, None);
    }
    all
}

/// Of the mean over pairs of network and expression of the means over their trainings. People are drawn for all of them together, so that a
/// replicate of the mean is the mean of the replicates.
fn intervals_of_pairs(pairs: &[&[Replicated]]) -> Option<Intervals> {
    let mean = |overlap: &dyn Fn(&Replicated) -> Option<Overlap>| -> Option<Overlap> {
        let of_pair = |trainings: &&[Replicated]| {
            let overlaps: Option<Vec<Overlap>> = trainings.iter().map(overlap).collect();
            Overlap::mean(&overlaps?)
        };
        Overlap::mean(&pairs.iter().map(of_pair).collect::<Option<Vec<Overlap>>>()?)
    };
    let heatmaps = || pairs.iter().copied().flatten();
    let found = mean(&|(row, _)| Some(row.overlap.overlap))?;
    let drawn = heatmaps().map(|(_, replicates)| replicates.len()).min()?;
    let replicates: Vec<Option<Overlap>> = (0..drawn)
        .map(|number| mean(&|(row, replicates)| replicates[number].overlap(row.overlap.overlap)))
        .collect();
    Intervals::new(&found, heatmaps().map(|(row, _)| row.people).min()?, &replicates)
}

/// The name under which heatmaps of all networks together stand.
pub const ALL_NETWORKS: &str = "all networks";

impl Group {
    fn numbers(&self) -> Vec<usize> {
        self.trainings.iter().map(|&(number, _)| number).collect()
    }
}

/// Trainings of one architecture together, in the order of its first.
fn group(networks: &[NetworkRow]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, row) in networks.iter().enumerate() {
        // Only trainings are pooled: two networks of one name without a fold cannot be.
        match groups.iter_mut().find(|group| group.name == row.architecture) {
            Some(group) => group.trainings.push((number, row.fold)),
            None => groups.push(Group {
                name: row.architecture.clone(),
                trainings: vec![(number, row.fold)],
            }),
        }
    }
    groups
}

/// Which networks make up the heatmaps of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The architecture, or [`ALL_NETWORKS`].
    pub name: String,
    /// Set where it is one training of several.
    pub fold: Option<u32>,
    /// Their numbers in the store.
    pub networks: Vec<usize>,
}

/// All that a study has heatmaps of: per architecture each training, then the trainings pooled where there are several; at last all networks
/// together, where there are several architectures.
pub fn cells(networks: &[NetworkRow]) -> Vec<Cell> {
    let groups = group(networks);
    let mut cells = Vec::new();
    for group in &groups {
        let several = group.trainings.len() > 1;
        let mut add = |fold, networks| {
            cells.push(Cell { name: group.name.clone(), fold, networks });
        };
        for &(number, fold) in &group.trainings {
            add(fold.filter(|_| several), vec![number]);
        }
        if several {
            add(None, group.numbers());
        }
    }
    if groups.len() > 1 {
        let networks = (0..networks.len()).collect();
        cells.push(Cell { name: ALL_NETWORKS.to_owned(), fold: None, networks });
    }
    cells
}

/// The relevance of some networks' explanations of an expression: from the sums of a finished study, else from its explanations.
///
/// # Errors
/// When the store cannot be read.
pub fn heatmap_sums(
    store: &Store,
    numbers: &[usize],
    expression: Expression,
) -> Result<HeatmapSums, StoreError> {
    if !store.is_finished()? {
        return store.add_up(numbers, expression);
    }
    let mut total = HeatmapSums::new();
    for &number in numbers {
        if let Some(sums) = store.sums(number, expression)? {
            total.merge(&sums).expect("a study has fewer explanations than a heatmap can hold");
        }
    }
    Ok(total)
}

fn overlap(
    network: &str,
    fold: Option<u32>,
    expression: Expression,
    map: &[f32],
    masks: &EkmanMasks,
) -> HeatmapOverlap {
    let stretched = stretch(map);
    let otsu_level = otsu_level(&stretched);
    HeatmapOverlap {
        network: network.to_owned(),
        fold,
        expression,
        pooled_from: Vec::new(),
        otsu_level,
        overlap: Overlap::new(&stretched, otsu_level, expression, masks),
    }
}

fn count(pictures: &[PictureRow]) -> Pictures {
    let subjects: BTreeSet<&str> =
        pictures.iter().filter_map(|row| row.subject.as_deref()).collect();
    Pictures {
        listed: pictures.len(),
        without_face: pictures.iter().filter(|row| row.problem.is_some()).count(),
        labelled: pictures.iter().filter(|row| row.label.is_some()).count(),
        subjects: (!subjects.is_empty()).then_some(subjects.len()),
    }
}

fn network_result(
    group: &Group,
    bootstrap: &Bootstrap,
    networks: &[NetworkRow],
    pictures: &[PictureRow],
    heatmaps: &[HeatmapResult],
) -> Result<NetworkResult, StoreError> {
    let mut answers: BTreeMap<Expression, usize> = BTreeMap::new();
    let mut pairs: BTreeMap<(Expression, Expression), usize> = BTreeMap::new();
    for &(number, _) in &group.trainings {
        let classes = &networks[number].classes;
        bootstrap.store.for_each_answer(number, |picture, face, answer| {
            *answers.entry(answer.expression).or_default() += 1;
            // A network without neutral cannot be right about a neutral face: such pictures say nothing of it.
            let label = pictures[picture].label.filter(|label| classes.contains(label));
            if let (Some(label), 1) = (label, face) {
                *pairs.entry((label, answer.expression)).or_default() += 1;
            }
        })?;
    }
    let classes = &networks[group.trainings[0].0].classes;
    let (checks, in_mask, in_moved) = checks_of(&group.numbers(), bootstrap)?;
    let own: Vec<&HeatmapResult> = heatmaps
        .iter()
        .filter(|row| row.overlap.network == group.name && row.overlap.fold.is_none())
        .collect();
    let beats_chance: Vec<Expression> =
        own.iter().filter(|row| row.beats_chance()).map(|row| row.overlap.expression).collect();
    Ok(NetworkResult {
        verdict: verdict(&group.name, &own, &beats_chance),
        network: group.name.clone(),
        trainings: group
            .trainings
            .iter()
            .map(|&(number, fold)| Training {
                name: networks[number].name.clone(),
                fold,
                sha256: networks[number].sha256.clone(),
                input: networks[number].input.clone(),
                classes: networks[number].classes.clone(),
            })
            .collect(),
        answers,
        classification: classification(&pairs, classes),
        beats_chance,
        checks,
        in_mask,
        in_moved,
    })
}

/// Why no face of a study is explained.
fn why_nothing(progress: &Progress, store: &Store) -> Result<String, StoreError> {
    Ok(match progress {
        progress if !progress.finished => {
            "the study is not finished: give the same `ferscope study` again".to_owned()
        }
        progress if progress.missing() > 0 => {
            "this part has none: add the parts with `ferscope merge`".to_owned()
        }
        progress if progress.failed > 0 => {
            format!("all {} explanations failed", progress.failed)
        }
        _ if store.failures()? == progress.classified => {
            "no picture had a face that could be found".to_owned()
        }
        _ => "no network saw one of the six expressions in any of them".to_owned(),
    })
}

fn verdict(network: &str, own: &[&HeatmapResult], beats_chance: &[Expression]) -> String {
    if own.is_empty() {
        return format!("{network}: read no face as any of the six expressions");
    }
    let list = |expressions: &[Expression]| {
        let names: Vec<&str> = expressions.iter().map(|expression| expression.name()).collect();
        names.join(", ")
    };
    let below: Vec<Expression> = own
        .iter()
        .filter(|row| row.intervals.is_some_and(|intervals| intervals.above_chance[1] < 0.0))
        .map(|row| row.overlap.expression)
        .collect();
    let mut text = match beats_chance {
        _ if own.iter().all(|row| row.intervals.is_none()) => {
            format!("{network}: too few people, or no intervals asked for, to tell it from chance")
        }
        [] => format!(
            "{network}: cannot be told to look at any expression's action units more than chance would"
        ),
        some => format!(
            "{network}: looks at the action units more than chance would for {}",
            list(some)
        ),
    };
    if !below.is_empty() {
        text += &format!("; below the highest chance level for {}", list(&below));
    }
    let absent: Vec<Expression> = Expression::SIX
        .into_iter()
        .filter(|expression| own.iter().all(|row| row.overlap.expression != *expression))
        .collect();
    if !absent.is_empty() {
        text += &format!("; read no face as {}", list(&absent));
    }
    text
}

fn classification(
    pairs: &BTreeMap<(Expression, Expression), usize>,
    classes: &[Expression],
) -> Option<Classification> {
    let pictures: usize = pairs.values().sum();
    if pictures == 0 {
        return None;
    }
    let count = |label, answer| pairs.get(&(label, answer)).copied().unwrap_or(0);
    let confusion: Vec<Vec<usize>> = classes
        .iter()
        .map(|&label| classes.iter().map(|&answer| count(label, answer)).collect())
        .collect();
    let share =
        |part: usize, whole: usize| if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    let mut means = [0.0; 3];
    let mut present = 0.0;
    for place in 0..classes.len() {
        let labelled: usize = confusion[place].iter().sum();
        let answered: usize = confusion.iter().map(|row| row[place]).sum();
        if labelled == 0 {
            continue;
        }
        let right = confusion[place][place];
        present += 1.0;
        means[0] += share(right, answered);
        means[1] += share(right, labelled);
        means[2] += share(2 * right, labelled + answered);
    }
    let right: usize = (0..classes.len()).map(|place| confusion[place][place]).sum();
    let [precision, recall, f1] = means.map(|sum| sum / present);
    Some(Classification {
        pictures,
        accuracy: share(right, pictures),
        precision,
        recall,
        f1,
        classes: classes.to_vec(),
        confusion,
    })
}

#[cfg(test)]
mod tests {
    use super::super::FEWEST_REPLICATES;
    use super::*;

    fn overlap(iou: f64) -> Overlap {
        Overlap {
            iou,
            precision: 0.5,
            recall: 0.5,
            f1: 0.5,
            foreground_area: 100.0,
            iou_all_white: 0.25,
            iou_random: 0.125,
            iou_other_masks: 0.25,
        }
    }

    /// A heatmap of two people whose overlap is 0.5, and takes these values in turn in the replicates, none where one drew nobody.
    fn heatmap(
        network: &str,
        fold: Option<u32>,
        in_turn: &[Option<f64>],
    ) -> (HeatmapResult, Vec<Replicate>) {
        let row = HeatmapResult {
            overlap: HeatmapOverlap {
                network: network.to_owned(),
                fold,
                expression: Expression::Fear,
                pooled_from: Vec::new(),
                otsu_level: 1,
                overlap: overlap(0.5),
            },
            explanations: 2,
            people: 2,
            intervals: None,
            map: Vec::new(),
        };
        let replicates = in_turn.repeat(FEWEST_REPLICATES);
        (row, replicates.into_iter().map(|iou| Replicate::of(&iou.map(overlap))).collect())
    }

    #[test]
    fn a_mean_moves_as_its_heatmaps_do_together() {
        let of_all = |heatmaps: [(HeatmapResult, Vec<Replicate>); 2]| {
            let (rows, replicates): (Vec<_>, Vec<_>) = heatmaps.into_iter().unzip();
            let all = mean_intervals(&rows, &replicates);
            let is_overall =
                |each: &&MeanIntervals| each.network.is_none() && each.expression.is_none();
            all.iter().find(is_overall).map(|each| each.intervals)
        };
        let (up, down) = ([0.25, 0.5, 0.75].map(Some), [0.75, 0.5, 0.25].map(Some));
        let together = of_all([heatmap("a", None, &up), heatmap("b", None, &up)]).unwrap();
        assert_eq!((together.iou, together.above_chance), ([0.25, 0.75], [0.0, 0.5]));
        let against = of_all([heatmap("a", None, &up), heatmap("b", None, &down)]).unwrap();
        assert_eq!((against.iou, against.margin), ([0.5, 0.5], [0.25, 0.25]));
        // A replicate that drew nobody of one of them is none of the mean's.
        let thin = [Some(0.25), Some(0.5), None];
        let of_thin = of_all([heatmap("a", None, &up), heatmap("b", None, &thin)]).unwrap();
        assert_eq!(of_thin.replicates, 2 * FEWEST_REPLICATES);
        assert!(of_all([heatmap("a", None, &up), heatmap("b", None, &[])]).is_none());
        let one = [None, None, Some(0.5), None];
        let mut few = [heatmap("a", None, &one), heatmap("b", None, &one)];
        few.iter_mut().for_each(|(_, replicates)| replicates.truncate(100));
        assert!(of_all(few).is_none(), "25 replicates leave nothing out");
    }

    #[test]
    fn trainings_are_averaged_before_networks() {
        let (up, down) = ([0.25, 0.75].map(Some), [0.75, 0.25].map(Some));
        let (rows, replicates): (Vec<_>, Vec<_>) = [
            heatmap("a", Some(1), &up),
            heatmap("a", Some(2), &down),
            heatmap("b", Some(1), &up),
            heatmap("b", Some(2), &up),
            heatmap("b", None, &[Some(0.5)]),
        ]
        .into_iter()
        .unzip();
        let all = mean_intervals(&rows, &replicates);
        let found = |network: Option<&str>, expression| {
            let is_it = |each: &&MeanIntervals| {
                each.aggregation == Aggregation::MeanOverFolds
                    && each.network.as_deref() == network
                    && each.expression == expression
            };
            all.iter().find(is_it).unwrap().intervals.iou
        };
        assert_eq!(found(Some("a"), Some(Expression::Fear)), [0.5, 0.5]);
        assert_eq!(found(Some("b"), None), [0.25, 0.75]);
        assert_eq!(found(None, None), [0.375, 0.625]);
    }
}
