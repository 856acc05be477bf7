//! What happens to every frame: faces are followed, placed, classified, and judged whether they can be explained.

use std::time::{Duration, Instant};

use heapless::Vec;
use image::RgbImage;

use super::gate::{Gate, Refusal};
use super::instrument::FaceFinder;
use crate::expression::Expression;
use crate::face::{
    Detection, Landmarks, LevelledFace, MOST_TRACKS, Probabilities, Quality, Track, Tracker,
};
use crate::network::{Classifier, Network, NetworkError, most_probable};

/// A face of a frame.
#[derive(Debug, Clone)]
pub struct SeenFace {
    /// Of its visit: short-lived, and no identity.
    pub visit: u64,
    /// Smoothed over time, in pixels of the frame.
    pub landmarks: Landmarks,
    /// Per class of the network: of this frame alone.
    pub probabilities: Probabilities,
    /// The same, smoothed over time.
    pub smoothed_probabilities: Probabilities,
    /// The most probable class, of the smoothed ones.
    pub class: usize,
    /// Its expression.
    pub expression: Expression,
    /// How well it can be seen.
    pub quality: Quality,
    /// Whether it is fit to be explained.
    pub verdict: Result<(), Refusal>,
}

/// What was seen in a frame.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Whom.
    pub faces: Vec<SeenFace, MOST_TRACKS>,
    /// Of the visits that ended with this frame.
    pub ended: Vec<u64, MOST_TRACKS>,
    /// How long the detector took, where it was asked.
    pub detecting: Option<Duration>,
    /// How long placing, levelling and judging took, all faces together.
    pub placing: Duration,
    /// How long the expression network took, all faces together.
    pub classifying: Duration,
}

/// A face that is to be explained: copied out of its frame.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Of its visit.
    pub visit: u64,
    /// How often its visit was explained before.
    pub explanations: u32,
    /// Output of the network that is explained.
    pub class: usize,
    /// Its expression.
    pub expression: Expression,
    /// What the network is given.
    pub face: LevelledFace,
}

impl Candidate {
    /// Room for a face of `size` x `size` pixels.
    pub fn blank(size: u32) -> Self {
        let mut points = [[0.0; 2]; 68];
        points[42..48].fill([1.0, 0.0]);
        let face = LevelledFace::new(&RgbImage::new(2, 2), &Landmarks::new(points), size)
            .expect("its eyes are a pixel apart");
        Candidate { visit: 0, explanations: 0, class: 0, expression: Expression::Neutral, face }
    }

    /// Becomes a copy of `other`, without memory of its own.
    ///
    /// # Panics
    /// When its face has another size.
    pub fn copy_from(&mut self, other: &Self) {
        self.visit = other.visit;
        self.explanations = other.explanations;
        self.class = other.class;
        self.expression = other.expression;
        self.face.copy_from(&other.face);
    }
}

/// Sees faces in frame after frame. At steady state it allocates nothing beside what tract does.
pub struct Perceiver {
    finder: FaceFinder,
    classifier: Network,
    gate: Gate,
    tracker: Tracker,
    detections: std::vec::Vec<Detection>,
    /// The face at hand; and the fittest one of the frame.
    levelled: LevelledFace,
    candidate: Candidate,
    last_look: f64,
}

impl Perceiver {
    /// Joins the parts. `last_visit` is the number of the last visit before.
    pub fn new(finder: FaceFinder, classifier: Network, gate: Gate, last_visit: u64) -> Self {
        let candidate = Candidate::blank(classifier.crop_size().0);
        Perceiver {
            finder,
            classifier,
            gate,
            tracker: Tracker::new(last_visit),
            detections: std::vec::Vec::new(),
            levelled: candidate.face.clone(),
            candidate,
            last_look: 0.0,
        }
    }

    /// Looks at the frame of time `now` (seconds) and leaves in `seen` what there is. Returns the face to explain, if any is fit: of the
    /// visit that was explained least, so that nobody is left out.
    ///
    /// # Errors
    /// When a network cannot be evaluated.
    pub fn look(
        &mut self,
        now: f64,
        picture: &RgbImage,
        seen: &mut Seen,
    ) -> Result<Option<&Candidate>, NetworkError> {
        *seen = Seen::default();
        let start = Instant::now();
        for track in self.tracker.tracks_mut() {
            let landmarks = self.finder.place(picture, &track.detection())?;
            if landmarks.points().as_flattened().iter().all(|value| value.is_finite()) {
                track.place(now, landmarks);
            } else {
                track.lose();
            }
        }
        seen.placing = start.elapsed();
        if self.tracker.wants_detection(now) {
            self.detect(now, picture, seen)?;
        }
        let elapsed = now - self.last_look;
        self.last_look = now;
        let mut fewest = u32::MAX;
        for track in self.tracker.tracks_mut() {
            let start = Instant::now();
            if !self.levelled.level(picture, &track.landmarks) {
                track.lose();
                continue;
            }
            let quality = Quality::new(&track.landmarks, &self.levelled);
            let levelled = start.elapsed();
            let start = Instant::now();
            classify(&mut self.classifier, &self.levelled, track, elapsed)?;
            seen.classifying += start.elapsed();
            seen.placing += levelled;
            let face = describe(track, quality, &self.gate, &self.classifier);
            if face.verdict.is_ok() && track.explanations < fewest {
                fewest = track.explanations;
                self.candidate.visit = face.visit;
                self.candidate.explanations = fewest;
                self.candidate.class = face.class;
                self.candidate.expression = face.expression;
                self.candidate.face.copy_from(&self.levelled);
            }
            seen.faces.push(face).expect("there are no more faces than tracks");
        }
        self.tracker.end_lost(|visit| {
            // No more tracks than there is room for can end at once.
            let _ = seen.ended.push(visit);
        });
        for visit in &seen.ended {
            seen.faces.retain(|face| face.visit != *visit);
        }
        let is_there = seen.faces.iter().any(|face| face.visit == self.candidate.visit);
        Ok((fewest < u32::MAX && is_there).then_some(&self.candidate))
    }

    fn detect(
        &mut self,
        now: f64,
        picture: &RgbImage,
        seen: &mut Seen,
    ) -> Result<(), NetworkError> {
        let start = Instant::now();
        self.finder.detect_into(picture, &mut self.detections)?;
        seen.detecting = Some(start.elapsed());
        let mut problem = None;
        self.tracker.detect(now, &self.detections, |tracker, detection| {
            match self.finder.place(picture, detection) {
                Ok(landmarks) => drop(tracker.begin(now, landmarks)),
                Err(error) => problem = Some(error),
            }
        });
        problem.map_or(Ok(()), Err)
    }

    /// Tells that the last candidate is going to be explained, in place of one of the visit `displaced`.
    pub fn taken(&mut self, displaced: Option<u64>) {
        for track in self.tracker.tracks_mut() {
            track.explanations += u32::from(track.number == self.candidate.visit);
            track.explanations -= u32::from(displaced == Some(track.number));
        }
    }

    /// Lets go of everybody, telling the numbers of the visits: nobody is looked at any more.
    pub fn forget(&mut self, ended: impl FnMut(u64)) {
        self.tracker.end_all(ended);
    }
}

fn classify(
    classifier: &mut Network,
    face: &LevelledFace,
    track: &mut Track,
    elapsed: f64,
) -> Result<(), NetworkError> {
    let mut probabilities = Probabilities::new();
    let classes = classifier.classes().len();
    // An expression network has at most seven classes: there are no more expressions, and each is one class.
    probabilities.resize(classes, 0.0).expect("there is room for every expression");
    let crop = face.crop.as_raw();
    let write = |_: usize, pixels: &mut [u8]| pixels.copy_from_slice(crop);
    Classifier::evaluate(classifier, 1, &write, &mut probabilities)?;
    track.classify(elapsed, &probabilities);
    Ok(())
}

fn describe(track: &Track, quality: Quality, gate: &Gate, classifier: &Network) -> SeenFace {
    let smoothed = &track.smoothed_probabilities;
    let class = most_probable(smoothed);
    let expression = classifier.classes()[class];
    SeenFace {
        visit: track.number,
        landmarks: track.smoothed_landmarks.clone(),
        probabilities: track.probabilities.clone(),
        smoothed_probabilities: smoothed.clone(),
        class,
        expression,
        quality,
        verdict: gate.admit(&quality, expression, smoothed[class]),
    }
}
