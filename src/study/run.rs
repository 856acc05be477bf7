//! Doing a study: for each network, classify every picture, draw positives, explain them.

use std::collections::{BTreeMap, BinaryHeap};
use std::path::Path;

use image::{GrayImage, RgbImage};

use super::{Listed, MOVED_SHARE, RANDOM_ORDERS};
use crate::appliance::{self, Face, FaceFinder, InstrumentError, Options, classify};
use crate::compare::{moved_region, pearson, relevance_accuracy};
use crate::explain::{self, COMPACTNESS, Design, SEGMENTS, Superpixels, Surrogate, slic};
use crate::expression::Expression;
use crate::face::LevelledFace;
use crate::files;
use crate::network::{Network, NetworkError};
use crate::random::Stream;
use crate::source::{PictureError, read_picture_and_checksum};
use crate::standard_face::{FACE_PIXELS, StandardFace, WarpMap};
use crate::store::{
    Answer, Checks, Configuration, Drawn, Explanation, NetworkRow, Store, StoreError,
};

/// Why a study stops. What goes wrong with single faces is kept in the store and told as [`Event::Problem`].
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    /// The instrument.
    #[error(transparent)]
    Instrument(#[from] InstrumentError),
    /// A network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store holds another study.
    #[error("{0}")]
    Other(String),
}

/// A network to study.
#[derive(Debug, Clone)]
pub struct PlannedNetwork {
    /// Name or path, as for `--network`.
    pub network: String,
    /// As the store has it.
    pub row: NetworkRow,
}

impl PlannedNetwork {
    /// Describes the network of that name or path. A name that ends in `-fold-K`, and perhaps in how its weights are stored
    /// (`-int8`, `-int8-weights`), is a training of the architecture before it.
    ///
    /// # Errors
    /// When there is none, or its file cannot be read.
    pub fn find(options: &Options) -> Result<Self, InstrumentError> {
        let (spec, folder) = appliance::find_classifier(options)?;
        let sha256 = Network::checksum(&folder.join(&spec.file))?;
        let (architecture, fold) = parse_name(&spec.name);
        let row = NetworkRow {
            architecture: architecture.to_owned(),
            fold,
            sha256,
            input: spec.reading(),
            classes: spec.classes.clone(),
            name: spec.name.clone(),
        };
        Ok(PlannedNetwork { network: options.network.clone(), row })
    }
}

fn parse_name(name: &str) -> (&str, Option<u32>) {
    let trained = name.strip_suffix("-int8-weights").or(name.strip_suffix("-int8")).unwrap_or(name);
    trained
        .rsplit_once("-fold-")
        .and_then(|(architecture, fold)| Some((architecture, Some(fold.parse().ok()?))))
        .unwrap_or((name, None))
}

/// Which of several parts of a study is done: of the faces drawn, every `of`-th from the `number`-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: usize,
    /// How many parts there are.
    pub of: usize,
}

/// What happens while a study is done.
#[derive(Debug)]
pub enum Event<'a> {
    /// A network's turn begins: its name, and how many pictures it has to classify still.
    Classify(&'a str, usize),
    /// A network begins to explain so many faces.
    Explain(&'a str, usize),
    /// One picture, or one face, more is done.
    Done,
    /// A picture or face cannot be used.
    Problem(String),
}

/// All that decides the results of a study.
pub struct Plan {
    /// What to do.
    pub configuration: Configuration,
    /// By which networks.
    pub networks: Vec<PlannedNetwork>,
    /// On what.
    pub pictures: Vec<Listed>,
    /// How faces are found, and the networks' folder; its network is not used.
    pub options: Options,
}

impl Plan {
    /// Begins a study at `path`, or goes on with the one that is there. Networks named after those it has are added to it: a draw does
    /// not depend on other networks, so the result is the one of all networks at once.
    ///
    /// # Errors
    /// When the store there is of another study, which the error describes, or unusable.
    pub fn store(&self, path: &Path) -> Result<Store, StudyError> {
        let networks: Vec<NetworkRow> =
            self.networks.iter().map(|network| network.row.clone()).collect();
        if !path.exists() {
            let pictures: Vec<_> = self.pictures.iter().map(|listed| listed.row.clone()).collect();
            return Ok(Store::create(path, &self.configuration, &networks, &pictures)?);
        }
        let mut store = Store::open(path)?;
        let other = |what: String| {
            Err(StudyError::Other(format!(
                "{} holds another study ({what}): choose another --out, or delete it",
                path.display()
            )))
        };
        let differences = self.configuration.differences(&store.configuration()?);
        if !differences.is_empty() {
            return other(differences.join("; "));
        }
        let known = store.networks()?;
        let Some(added) = networks.strip_prefix(&known[..]) else {
            let names: Vec<&str> = known.iter().map(|row| row.name.as_str()).collect();
            return other(format!(
                "its networks are {}, perhaps with other files or descriptions; new ones are named after them",
                names.join(", ")
            ));
        };
        let described = |row: &crate::store::PictureRow| {
            (row.path.clone(), row.label, row.subject.clone(), row.fold)
        };
        let theirs = store.pictures()?;
        if !theirs.iter().map(described).eq(self.pictures.iter().map(|mine| described(&mine.row))) {
            return other("its pictures are others".to_owned());
        }
        if !added.is_empty() {
            store.add_networks(known.len(), added)?;
        }
        Ok(store)
    }

    /// Does one part of the study, going on where the store is; returns how many pictures and faces failed in this run.
    ///
    /// Classification is cheap beside explanation and done in every part, so that all draw the same faces. Memory: one network, one
    /// picture, and the draw.
    ///
    /// # Errors
    /// When a network or the store fails.
    pub fn run(
        &self,
        store: &mut Store,
        finder: &mut FaceFinder,
        part: Part,
        report: &mut dyn FnMut(Event),
    ) -> Result<usize, StudyError> {
        let mut failures = 0;
        let mut report = |event: Event| {
            failures += usize::from(matches!(event, Event::Problem(_)));
            report(event);
        };
        for (number, network) in self.networks.iter().enumerate() {
            let options = Options { network: network.network.clone(), ..self.options.clone() };
            let pictures: Vec<usize> = (0..self.pictures.len())
                .filter(|&picture| self.concerns(network, picture))
                .collect();
            let mut unclassified = Vec::new();
            for picture in pictures {
                if !store.is_classified(number, picture)? {
                    unclassified.push(picture);
                }
            }
            let mut classifier = None;
            if !unclassified.is_empty() {
                store.go_on()?;
                let classifier = classifier.insert(appliance::open_classifier(&options)?);
                report(Event::Classify(&network.row.name, unclassified.len()));
                for picture in unclassified {
                    self.classify(store, finder, classifier, number, picture, &mut report)?;
                    report(Event::Done);
                }
            }
            // A finished store has the whole draw, and keeps its bytes where there is nothing to do.
            if !store.is_finished()? {
                store.add_drawn(number, &self.draw(store, number)?)?;
            }
            let unexplained: Vec<Drawn> = store
                .unexplained(number)?
                .into_iter()
                .filter(|drawn| drawn.place % part.of == part.number - 1)
                .collect();
            if unexplained.is_empty() {
                continue;
            }
            store.go_on()?;
            let classifier = match classifier {
                Some(classifier) => classifier,
                None => appliance::open_classifier(&options)?,
            };
            let mut explainer = Explainer {
                configuration: &self.configuration,
                options: &options,
                classifier,
                standard_face: StandardFace::default(),
            };
            report(Event::Explain(&network.row.name, unexplained.len()));
            for of_picture in unexplained.chunk_by(|a, b| a.picture == b.picture) {
                self.explain(store, finder, &mut explainer, number, of_picture, &mut report)?;
            }
        }
        Ok(failures)
    }

    /// Whether a network looks at a picture: one that was trained on it must not.
    fn concerns(&self, network: &PlannedNetwork, picture: usize) -> bool {
        match (network.row.fold, self.pictures[picture].row.fold) {
            (Some(of_network), Some(of_picture)) => of_network == of_picture,
            _ => true,
        }
    }

    fn classify(
        &self,
        store: &mut Store,
        finder: &mut FaceFinder,
        classifier: &mut Network,
        network: usize,
        picture: usize,
        report: &mut dyn FnMut(Event),
    ) -> Result<(), StudyError> {
        let listed = &self.pictures[picture];
        let size = classifier.spec().input.width;
        let (read, sha256) = read_picture_and_checksum(&listed.file);
        let known = store.checksum(picture)?;
        let mut answers = Vec::new();
        let problem = match read {
            Err(error) if error.is_away() => return Err(interrupted(&error)),
            _ if known.is_some() && known != sha256 => {
                Some("is not the picture that other networks classified".to_owned())
            }
            Ok(pixels) => {
                for face in finder.faces(&pixels, size)? {
                    let prediction = classify(classifier, &face.levelled.crop)?;
                    answers.push(Answer {
                        expression: prediction.expression,
                        probabilities: prediction.probabilities,
                    });
                }
                answers.is_empty().then(|| "no face found".to_owned())
            }
            // Without the path: the same study gives the same bytes wherever its pictures lie.
            Err(PictureError { problem, .. }) => Some(problem.to_string()),
        };
        if let Some(problem) = &problem {
            report(Event::Problem(format!("{}: {problem}", listed.file.display())));
        }
        store.add_answers(network, picture, sha256.as_deref(), problem.as_deref(), &answers)?;
        Ok(())
    }

    /// The faces to explain: for each of the six expressions the first `per_class` of those so classified, in a random order that is the
    /// same for every network and every part.
    fn draw(&self, store: &Store, network: usize) -> Result<Vec<Drawn>, StudyError> {
        let mut heaps: BTreeMap<Expression, BinaryHeap<(u64, usize, usize)>> =
            Expression::SIX.into_iter().map(|expression| (expression, BinaryHeap::new())).collect();
        let Configuration { seed, per_class, .. } = self.configuration;
        store.for_each_answer(network, |picture, face, answer| {
            let Some(heap) = heaps.get_mut(&answer.expression) else { return };
            let name = format!("{}#{face}", self.pictures[picture].row.path);
            heap.push((Stream::new(seed, "positives", &name).bits(), picture, face));
            if heap.len() > per_class {
                heap.pop();
            }
        })?;
        let mut drawn = Vec::new();
        for (expression, heap) in heaps {
            let in_order = heap.into_sorted_vec().into_iter().enumerate();
            drawn.extend(in_order.map(|(place, (_, picture, face))| Drawn {
                picture,
                face,
                expression,
                place,
            }));
        }
        Ok(drawn)
    }

    /// Explains the drawn faces of one picture.
    fn explain(
        &self,
        store: &mut Store,
        finder: &mut FaceFinder,
        explainer: &mut Explainer,
        network: usize,
        drawn: &[Drawn],
        report: &mut dyn FnMut(Event),
    ) -> Result<(), StudyError> {
        let listed = &self.pictures[drawn[0].picture];
        let (read, sha256) = read_picture_and_checksum(&listed.file);
        let size = explainer.classifier.spec().input.width;
        let (faces, dimensions) = match read {
            Ok(pixels) => (finder.faces(&pixels, size)?, pixels.dimensions()),
            Err(error) if error.is_away() => return Err(interrupted(&error)),
            Err(_) => (Vec::new(), (0, 0)),
        };
        let known = store.checksum(drawn[0].picture)?;
        for drawn in drawn {
            let face = faces.get(drawn.face - 1).filter(|_| known == sha256);
            let result = match face {
                Some(face) => {
                    explainer.explain(face, drawn, listed.moved.as_deref(), dimensions)?
                }
                None => Err("is not the picture that was classified".to_owned()),
            };
            if let Err(problem) = &result {
                let (path, face) = (listed.file.display(), drawn.face);
                report(Event::Problem(format!("{path}, face {face}: {problem}")));
            }
            store.add_explanation(network, drawn, result.as_ref().map_err(String::as_str))?;
            report(Event::Done);
        }
        Ok(())
    }
}

/// Nothing of it is kept: what is away for a moment must not be missing from the study for ever.
fn interrupted(error: &PictureError) -> StudyError {
    StudyError::Other(format!(
        "{error}: when it can be read again, give the same command to go on where it was"
    ))
}

/// One network with what is needed to explain by it.
struct Explainer<'a> {
    configuration: &'a Configuration,
    /// Of the network.
    options: &'a Options,
    classifier: Network,
    standard_face: StandardFace,
}

/// An explanation as it comes.
struct Explained {
    superpixels: Superpixels,
    surrogate: Surrogate,
}

impl<'a> Explainer<'a> {
    /// The outer error stops the study, the inner one concerns this face. `dimensions` are those of its picture.
    fn explain(
        &mut self,
        face: &Face,
        drawn: &Drawn,
        moved: Option<&Path>,
        dimensions: (u32, u32),
    ) -> Result<Result<Explanation, String>, StudyError> {
        let crop = &face.levelled.crop;
        let classes = &self.classifier.spec().classes;
        let class = classes.iter().position(|&class| class == drawn.expression);
        let Some(class) = class else {
            return Ok(Err(format!("the network has no class {}", drawn.expression)));
        };
        let explained =
            explain_crop(self.configuration, &mut self.classifier, crop, class, "design")?;
        let Explained { superpixels, surrogate } = &explained;
        // A label more than superpixels: 0 is where the crop has no pixel.
        if superpixels.count() >= usize::from(u8::MAX) {
            return Ok(Err(format!("has {} superpixels", superpixels.count())));
        }
        let labels: Vec<u8> = superpixels.labels().iter().map(|&label| label as u8 + 1).collect();
        let moved = match moved {
            Some(path) => match moved_crop(path, face, dimensions) {
                Ok(moved) => moved_accuracy(&superpixels.paint(&surrogate.weights), &moved),
                Err(problem) => return Ok(Err(problem)),
            },
            None => None,
        };
        let checks = match drawn.place < self.configuration.checks {
            true => Some(self.check(face, class, &explained)?),
            false => None,
        };
        let explanation = Explanation {
            superpixels: self.standardise(face, &labels),
            weights: explained.surrogate.weights,
            intercept: explained.surrogate.intercept,
            r2: explained.surrogate.r2,
            moved,
            checks,
        };
        Ok(Ok(explanation))
    }

    fn standardise<T: Copy + Default>(&self, face: &Face, map: &[T]) -> Vec<T> {
        let LevelledFace { crop, landmarks, .. } = &face.levelled;
        let (width, height) = (crop.width() as usize, crop.height() as usize);
        let mut standardised = vec![T::default(); FACE_PIXELS];
        WarpMap::new(&self.standard_face, landmarks.points(), width, height)
            .apply(map, &mut standardised);
        standardised
    }

    fn check(
        &mut self,
        face: &Face,
        class: usize,
        explained: &Explained,
    ) -> Result<Checks, StudyError> {
        let Explained { superpixels, surrogate } = explained;
        let crop = &face.levelled.crop;
        let seed = self.configuration.seed;
        let faithfulness = explain::faithfulness(
            &mut self.classifier,
            crop,
            superpixels,
            &surrogate.weights,
            class,
            RANDOM_ORDERS,
            &mut Stream::of_crop(seed, "random orders", crop),
        )?;
        let original = self.relevance(face, explained);
        let repeated =
            explain_crop(self.configuration, &mut self.classifier, crop, class, "repeated design")?;
        let shuffled = {
            // Another shuffling for every face: single ones scatter. It is gone before the next face, for the sake of memory.
            let (spec, folder) = appliance::find_classifier(self.options)?;
            let mut stream = Stream::of_crop(seed, "shuffled parameters", crop);
            let threads = self.options.threads;
            let mut network =
                Network::load_with_shuffled_parameters(spec, &folder, threads, &mut stream)?;
            explain_crop(self.configuration, &mut network, crop, class, "design")?
        };
        // A network that answers the same to everything has no relevance to compare: that is no evidence.
        let answers_something = shuffled.surrogate.weights.iter().any(|weight| weight.abs() > 1e-9);
        Ok(Checks {
            faithfulness,
            repeat_correlation: pearson(&original, &self.relevance(face, &repeated)),
            shuffled_correlation: answers_something
                .then(|| pearson(&original, &self.relevance(face, &shuffled))),
        })
    }

    fn relevance(&self, face: &Face, explained: &Explained) -> Vec<f32> {
        self.standardise(face, &explained.superpixels.paint(&explained.surrogate.weights))
    }
}

/// As `ferscope explain` explains; `purpose` names the random stream.
fn explain_crop(
    configuration: &Configuration,
    classifier: &mut Network,
    crop: &GrayImage,
    class: usize,
    purpose: &str,
) -> Result<Explained, StudyError> {
    let superpixels = slic(crop, SEGMENTS, COMPACTNESS);
    let mut stream = Stream::of_crop(configuration.seed, purpose, crop);
    let (rows, columns) = (configuration.samples, superpixels.count());
    let design = match configuration.design.as_str() {
        "hadamard" => Design::hadamard(rows, columns, &mut stream),
        _ => Design::iid(rows, columns, &mut stream),
    };
    let surrogate =
        explain::explain(classifier, crop, &superpixels, &design, configuration.estimator, class)?;
    Ok(Explained { superpixels, surrogate })
}

/// How far each pixel of the face's crop truly moved.
fn moved_crop(path: &Path, face: &Face, dimensions: (u32, u32)) -> Result<GrayImage, String> {
    let refuse = |problem: String| format!("{}: {problem}", path.display());
    let moved: RgbImage = files::decode_picture(path).map_err(refuse)?.to_rgb8();
    if moved.dimensions() != dimensions {
        return Err(refuse(format!(
            "has {:?} pixels, its picture {dimensions:?}",
            moved.dimensions()
        )));
    }
    LevelledFace::new(&moved, &face.landmarks, face.levelled.crop.width())
        .map(|levelled| levelled.crop)
        .ok_or_else(|| "its eyes cannot be told apart".to_owned())
}

fn moved_accuracy(relevance: &[f32], moved: &GrayImage) -> Option<[f64; 3]> {
    let displacement: Vec<f32> = moved.iter().map(|&grey| f32::from(grey)).collect();
    let region = moved_region(&displacement, MOVED_SHARE);
    let accuracy = relevance_accuracy(relevance, &region, None)?;
    Some([accuracy.mass, accuracy.rank, accuracy.chance])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_training_tells_its_architecture_and_fold() {
        assert_eq!(parse_name("weinet-7-fold-3-int8-weights"), ("weinet-7", Some(3)));
        assert_eq!(parse_name("weinet-7-fold-12"), ("weinet-7", Some(12)));
        assert_eq!(parse_name("weinet-7"), ("weinet-7", None));
        assert_eq!(parse_name("my-fold-x"), ("my-fold-x", None));
        assert_eq!(parse_name("a-int8"), ("a-int8", None));
    }
}
