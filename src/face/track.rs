//! Following faces from frame to frame.
//!
//! Between detections a face is followed by its own landmarks: the box around the last ones is where the next are looked for. Now and
//! then the detector says whether there is still a face, and whether new ones came. A track has a short-lived number and nothing
//! else to know a person by: who leaves and comes back gets another.
//!
//! Time is given in seconds by the caller. Everything is of fixed size.

use heapless::Vec;

use super::{Detection, Landmarks, Point};

/// The most faces followed at once: those that came first, and of those that come together the largest.
pub const MOST_TRACKS: usize = 8;
/// The most classes whose probabilities are smoothed.
const MOST_CLASSES: usize = 8;
/// One per class of a network.
pub type Probabilities = Vec<f32, MOST_CLASSES>;

/// Seconds between two looks of the detector while faces are followed.
pub const DETECTION_PERIOD: f64 = 0.33;
/// Looks of the detector that may miss a face before its track ends.
const MOST_MISSES: u32 = 3;
/// A detection belongs to the track whose box overlaps it more than this.
const SAME_FACE_OVERLAP: f32 = 0.3;
/// Boxes of one face in two frames overlap at least so much; else the landmarks have slipped off, and the detector is asked.
const STEADY_OVERLAP: f32 = 0.5;
/// Seconds over which probabilities are smoothed.
const PROBABILITY_SECONDS: f64 = 0.3;

/// A face that is followed.
#[derive(Debug, Clone)]
pub struct Track {
    /// From 1, never used twice while the tracker lives.
    pub number: u64,
    /// As placed in the last frame, in pixels of the picture.
    pub landmarks: Landmarks,
    /// The same, smoothed over time: for the eye, not for results.
    pub smoothed_landmarks: Landmarks,
    /// What the expression network said of the last frame.
    pub probabilities: Probabilities,
    /// The same, smoothed over time.
    pub smoothed_probabilities: Probabilities,
    /// How often it was explained; counted by the caller.
    pub explanations: u32,
    speed: [Point; 68],
    seen: f64,
    misses: u32,
    is_steady: bool,
    is_lost: bool,
}

impl Track {
    /// Where to look for the face in the next frame, as if the detector had found it there.
    pub fn detection(&self) -> Detection {
        let [left, right] = self.landmarks.eye_centres();
        Detection {
            bounding_box: self.landmarks.bounding_box(),
            key_points: [left, right, [0.0; 2], [0.0; 2], [0.0; 2], [0.0; 2]],
            score: 1.0,
            log10_nfa: f64::NAN,
        }
    }

    /// Takes the landmarks placed in the frame of time `now`.
    pub fn place(&mut self, now: f64, landmarks: Landmarks) {
        let before = self.landmarks.bounding_box();
        let after = landmarks.bounding_box();
        self.is_steady = before.intersection_over_union(&after) >= STEADY_OVERLAP;
        let elapsed = ((now - self.seen) as f32).max(1e-3);
        let size = landmarks.eye_distance().max(1.0);
        let mut smoothed = *self.smoothed_landmarks.points();
        let points = smoothed.iter_mut().zip(&mut self.speed).zip(landmarks.points());
        for ((smoothed, speed), &point) in points {
            *smoothed = one_euro(*smoothed, speed, point, elapsed, size);
        }
        self.smoothed_landmarks = Landmarks::new(smoothed);
        self.landmarks = landmarks;
        self.seen = now;
    }

    /// Takes what the expression network says of the frame last placed; `elapsed` seconds after the one before.
    pub fn classify(&mut self, elapsed: f64, probabilities: &[f32]) {
        let weight = (1.0 - (-elapsed / PROBABILITY_SECONDS).exp()) as f32;
        let is_first = self.smoothed_probabilities.len() != probabilities.len();
        self.probabilities.clear();
        // More classes than are smoothed do not exist; were there any, the rest would be left out.
        self.probabilities.extend(probabilities.iter().copied().take(MOST_CLASSES));
        if is_first {
            self.smoothed_probabilities = self.probabilities.clone();
        } else {
            for (smoothed, &new) in self.smoothed_probabilities.iter_mut().zip(probabilities) {
                *smoothed += weight * (new - *smoothed);
            }
        }
    }

    /// Gives it up at the next [`Tracker::end_lost`].
    pub fn lose(&mut self) {
        self.is_lost = true;
    }
}

/// The one-euro filter (Casiez, Roussel and Vogel 2012): still points are smoothed strongly, fast ones hardly, so that neither
/// jitter nor lag is seen. Speeds are in eye distances per second, so that near and far faces are treated alike.
fn one_euro(smoothed: Point, speed: &mut Point, point: Point, elapsed: f32, size: f32) -> Point {
    const LEAST_CUTOFF: f32 = 1.5;
    const CUTOFF_PER_SPEED: f32 = 6.0;
    const SPEED_CUTOFF: f32 = 1.0;
    let share = |cutoff: f32| {
        let constant = 1.0 / (std::f32::consts::TAU * cutoff);
        1.0 / (1.0 + constant / elapsed)
    };
    std::array::from_fn(|axis| {
        let now = (point[axis] - smoothed[axis]) / elapsed / size;
        speed[axis] += share(SPEED_CUTOFF) * (now - speed[axis]);
        let weight = share(LEAST_CUTOFF + CUTOFF_PER_SPEED * speed[axis].abs());
        smoothed[axis] + weight * (point[axis] - smoothed[axis])
    })
}

/// The faces that are followed.
#[derive(Debug, Default)]
pub struct Tracker {
    tracks: Vec<Track, MOST_TRACKS>,
    last_number: u64,
    last_detection: Option<f64>,
}

impl Tracker {
    /// Nobody is followed; the first track gets the number after `last_number`.
    pub fn new(last_number: u64) -> Self {
        Tracker { last_number, ..Self::default() }
    }

    /// The faces followed.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// The faces followed.
    pub fn tracks_mut(&mut self) -> &mut [Track] {
        &mut self.tracks
    }

    /// Whether the detector is to look at the frame of time `now`: nobody is followed, somebody was lost from sight, or it has not
    /// looked for a while.
    pub fn wants_detection(&self, now: f64) -> bool {
        self.tracks.is_empty()
            || self.tracks.iter().any(|track| !track.is_steady)
            || self.last_detection.is_none_or(|last| now - last >= DETECTION_PERIOD)
    }

    /// Takes what the detector found in the frame of time `now`, whose tracks are placed already. `found` gives each detection
    /// that belongs to no track, the largest first: place its landmarks and hand them to [`Self::begin`].
    pub fn detect(
        &mut self,
        now: f64,
        detections: &[Detection],
        mut found: impl FnMut(&mut Self, &Detection),
    ) {
        self.last_detection = Some(now);
        let mut taken = [false; MOST_TRACKS];
        let followed = self.tracks.len();
        for detection in detections {
            let overlap = |track: &Track| {
                track.landmarks.bounding_box().intersection_over_union(&detection.bounding_box)
            };
            let best = (0..followed)
                .filter(|&index| !taken[index])
                .map(|index| (overlap(&self.tracks[index]), index))
                .filter(|&(overlap, _)| overlap > SAME_FACE_OVERLAP)
                .max_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((_, index)) => taken[index] = true,
                // In a crowd nobody more can be followed, so there is no use in placing landmarks.
                None if self.tracks.is_full() => {}
                None => found(self, detection),
            }
        }
        for (track, taken) in self.tracks[..followed].iter_mut().zip(taken) {
            track.misses = if taken { 0 } else { track.misses + 1 };
            // A slip that the detector does not confirm is no face any more.
            track.is_lost |= track.misses >= MOST_MISSES || (!taken && !track.is_steady);
            track.is_steady = true;
        }
    }

    /// Follows another face from the frame of time `now` on; none where as many as there can be are followed, or where one that
    /// is followed already stands.
    pub fn begin(&mut self, now: f64, landmarks: Landmarks) -> Option<&mut Track> {
        let bounding_box = landmarks.bounding_box();
        let is_followed = |track: &Track| {
            track.landmarks.bounding_box().intersection_over_union(&bounding_box)
                > SAME_FACE_OVERLAP
        };
        if self.tracks.is_full() || self.tracks.iter().any(is_followed) {
            return None;
        }
        self.last_number += 1;
        let track = Track {
            number: self.last_number,
            smoothed_landmarks: landmarks.clone(),
            landmarks,
            probabilities: Vec::new(),
            smoothed_probabilities: Vec::new(),
            explanations: 0,
            speed: [[0.0; 2]; 68],
            seen: now,
            misses: 0,
            is_steady: true,
            is_lost: false,
        };
        self.tracks.push(track).ok()?;
        self.tracks.last_mut()
    }

    /// Ends the tracks that are lost, telling the number of each.
    pub fn end_lost(&mut self, mut ended: impl FnMut(u64)) {
        self.tracks.retain(|track| {
            if track.is_lost {
                ended(track.number);
            }
            !track.is_lost
        });
    }

    /// Ends all tracks, telling the number of each.
    pub fn end_all(&mut self, mut ended: impl FnMut(u64)) {
        self.tracks.iter().for_each(|track| ended(track.number));
        self.tracks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::BoundingBox;

    /// A face whose landmarks fill a square.
    fn face(x: f32, y: f32) -> Landmarks {
        Landmarks::new(std::array::from_fn(|index| {
            [x + (index % 9) as f32 * 10.0, y + (index / 9) as f32 * 10.0]
        }))
    }

    fn detection(x: f32, y: f32) -> Detection {
        let bounding_box = BoundingBox { x, y, width: 80.0, height: 70.0 };
        Detection { bounding_box, key_points: [[0.0; 2]; 6], score: 1.0, log10_nfa: -5.0 }
    }

    fn look(tracker: &mut Tracker, now: f64, at: &[[f32; 2]]) {
        let detections: std::vec::Vec<Detection> =
            at.iter().map(|&[x, y]| detection(x, y)).collect();
        tracker.detect(now, &detections, |tracker, detection| {
            tracker.begin(now, face(detection.bounding_box.x, detection.bounding_box.y));
        });
    }

    fn numbers(tracker: &Tracker) -> std::vec::Vec<u64> {
        tracker.tracks().iter().map(|track| track.number).collect()
    }

    #[test]
    fn a_face_keeps_its_number_while_it_moves_and_loses_it_when_it_leaves() {
        let mut tracker = Tracker::new(0);
        assert!(tracker.wants_detection(0.0));
        look(&mut tracker, 0.0, &[[100.0, 100.0], [400.0, 100.0]]);
        assert_eq!(numbers(&tracker), [1, 2]);
        assert!(!tracker.wants_detection(0.1) && tracker.wants_detection(0.4));
        for step in 1..20 {
            let now = f64::from(step) * 0.03;
            let x = 100.0 + step as f32 * 5.0;
            tracker.tracks_mut()[0].place(now, face(x, 100.0));
        }
        look(&mut tracker, 0.6, &[[195.0, 100.0]]);
        assert_eq!(numbers(&tracker), [1, 2], "one miss is no loss");
        look(&mut tracker, 0.9, &[[195.0, 100.0]]);
        look(&mut tracker, 1.2, &[[195.0, 100.0]]);
        let mut ended = std::vec::Vec::new();
        tracker.end_lost(|number| ended.push(number));
        assert_eq!((numbers(&tracker), ended), (vec![1], vec![2]));
        look(&mut tracker, 1.5, &[[195.0, 100.0], [400.0, 100.0]]);
        assert_eq!(numbers(&tracker), [1, 3], "who comes back is somebody new");
    }

    #[test]
    fn a_jump_asks_the_detector_and_ends_the_track_where_that_sees_nothing() {
        let mut tracker = Tracker::new(6);
        look(&mut tracker, 0.0, &[[100.0, 100.0]]);
        tracker.tracks_mut()[0].place(0.03, face(300.0, 100.0));
        assert!(tracker.wants_detection(0.06));
        look(&mut tracker, 0.06, &[[100.0, 100.0]]);
        tracker.end_lost(|number| assert_eq!(number, 7));
        assert_eq!(numbers(&tracker), [8]);
    }

    #[test]
    fn no_more_faces_than_there_is_room_for() {
        let mut tracker = Tracker::new(0);
        let crowd: std::vec::Vec<[f32; 2]> = (0..20).map(|i| [i as f32 * 100.0, 0.0]).collect();
        look(&mut tracker, 0.0, &crowd);
        assert_eq!(tracker.tracks().len(), MOST_TRACKS);
    }

    #[test]
    fn smoothing_takes_jitter_and_follows_movement() {
        let mut tracker = Tracker::new(0);
        tracker.begin(0.0, face(100.0, 100.0));
        let track = &mut tracker.tracks_mut()[0];
        let (mut raw, mut smooth) = (0.0, 0.0);
        for frame in 1..200 {
            let jitter = if frame % 2 == 0 { 0.3 } else { -0.3 };
            track.place(f64::from(frame) / 30.0, face(100.0 + jitter, 100.0));
            if frame > 50 {
                raw += (track.landmarks.number(31)[0] - 130.0).powi(2);
                smooth += (track.smoothed_landmarks.number(31)[0] - 130.0).powi(2);
            }
        }
        assert!(smooth < 0.15 * raw, "{smooth} {raw}");
        let x = |frame: i32| 100.0 + 6.0 * (frame - 200) as f32;
        for frame in 200..260 {
            track.place(f64::from(frame) / 30.0, face(x(frame), 100.0));
        }
        let lag = track.landmarks.number(31)[0] - track.smoothed_landmarks.number(31)[0];
        assert!(lag.abs() < 6.0, "{lag} pixels at 6 pixels a frame");
    }

    #[test]
    fn probabilities_are_smoothed_over_time_not_frames() {
        let after = |rate: f64| {
            let mut tracker = Tracker::new(0);
            let track = tracker.begin(0.0, face(0.0, 0.0)).unwrap();
            track.classify(1.0 / rate, &[1.0, 0.0]);
            for _ in 0..(0.3 * rate) as usize {
                track.classify(1.0 / rate, &[0.0, 1.0]);
            }
            track.smoothed_probabilities[0]
        };
        assert!((after(30.0) - after(60.0)).abs() < 0.02);
        assert!((after(30.0) - 0.37).abs() < 0.03);
    }
}
