//! What happens, as it happens: for `--events`, one JSON object per line, and for a broker.
//!
//! Events tell of single faces, so they are only made where somebody asked for them.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_channel::{Receiver, Sender, bounded};
use serde::Serialize;

use super::board::{Board, Status};
use super::gate::Refusal;
use super::perceive::SeenFace;
use crate::expression::Expression;

/// Events that wait to be written; later ones are dropped, and counted.
const WAITING: usize = 1024;
/// Each face is told at most so often.
const FACE_PERIOD: Duration = Duration::from_millis(200);
/// How often the whole state is told.
const STATUS_PERIOD: Duration = Duration::from_secs(10);

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A face in a frame; each visit at most five times a second.
    Face {
        /// Number of the frame.
        frame: u64,
        /// Number of the visit: short-lived, no identity.
        visit: u64,
        /// Left, top, width, height around the landmarks, in pixels of the frame.
        bounding_box: [f32; 4],
        /// The most probable, smoothed over time.
        expression: Expression,
        /// Per class of the network, of this frame alone.
        probabilities: Vec<f32>,
        /// The same, smoothed over time.
        smoothed_probabilities: Vec<f32>,
        /// Pixels between the eyes.
        eye_distance: f32,
        /// 0: frontal.
        turn: f32,
        /// Share of fine detail.
        sharpness: f32,
        /// Why it is not explained; null when it is fit.
        refusal: Option<Refusal>,
    },
    /// A face was explained.
    Explained {
        /// Number of the visit.
        visit: u64,
        /// What was explained.
        expression: Expression,
        /// Evaluations of the network.
        samples: usize,
        /// Of the crop.
        superpixels: usize,
        /// Share of the variance over the samples that the surrogate explains.
        r2: f64,
        /// Without rests; lanes side by side count once.
        cpu_seconds: f64,
    },
    /// A face left, or nobody is looked at any more.
    VisitEnded {
        /// Number of the visit.
        visit: u64,
    },
    /// A kill or power cut does not take these any more.
    Committed {
        /// Explanations in the session's file.
        explanations: u64,
    },
    /// The whole state, every ten seconds.
    Status {
        /// As in the dashboard's `/api/status`.
        status: Box<Status>,
        /// Events that were dropped since nobody took them.
        dropped_events: u64,
    },
}

/// An event with its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimedEvent {
    /// Seconds since the loop began, on a clock that is never set.
    pub uptime_seconds: f64,
    /// Seconds since 1970, by the system's clock, which may be wrong or jump.
    pub unix_seconds: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Where the loop tells what happens; nothing is made when nobody listens.
#[derive(Debug, Clone)]
pub struct Events {
    listeners: Vec<Listener>,
    began: Instant,
    dropped: Arc<AtomicU64>,
    last_face: Arc<Mutex<heapless::index_map::FnvIndexMap<u64, Instant, 16>>>,
    last_status: Arc<Mutex<Option<Instant>>>,
}

#[derive(Debug, Clone)]
struct Listener {
    give: Sender<Arc<TimedEvent>>,
    wants_faces: bool,
}

impl Events {
    /// Nobody listens yet.
    pub fn none() -> Self {
        Events {
            listeners: Vec::new(),
            began: Instant::now(),
            dropped: Arc::default(),
            last_face: Arc::default(),
            last_status: Arc::default(),
        }
    }

    /// One more takes events from the channel: all of them, or all but [`Event::Face`].
    pub fn listen(&mut self, wants_faces: bool) -> Receiver<Arc<TimedEvent>> {
        let (give, take) = bounded(WAITING);
        self.listeners.push(Listener { give, wants_faces });
        take
    }

    /// Counts the events that did not reach a listener; listeners add what they must drop themselves.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Tells an event, made only when somebody listens. Never waits: where nobody takes events any more they are dropped and counted.
    pub fn send(&self, event: impl FnOnce() -> Event) {
        self.send_to(|_| true, event);
    }

    fn send_to(&self, listens: impl Fn(&Listener) -> bool, event: impl FnOnce() -> Event) {
        let mut listeners = self.listeners.iter().filter(|listener| listens(listener)).peekable();
        if listeners.peek().is_none() {
            return;
        }
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let event = Arc::new(TimedEvent {
            uptime_seconds: self.began.elapsed().as_secs_f64(),
            unix_seconds: unix.as_secs_f64(),
            event: event(),
        });
        for listener in listeners {
            if listener.give.try_send(event.clone()).is_err() {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
    }

    /// Tells of a face, unless it was told of a moment ago.
    pub fn send_face(&self, frame: u64, face: &SeenFace) {
        let wants_faces = |listener: &Listener| listener.wants_faces;
        if !self.listeners.iter().any(wants_faces) || !self.is_due(face.visit) {
            return;
        }
        self.send_to(wants_faces, || {
            let area = face.landmarks.bounding_box();
            Event::Face {
                frame,
                visit: face.visit,
                bounding_box: [area.x, area.y, area.width, area.height],
                expression: face.expression,
                probabilities: face.probabilities.to_vec(),
                smoothed_probabilities: face.smoothed_probabilities.to_vec(),
                eye_distance: face.quality.eye_distance,
                turn: face.quality.turn,
                sharpness: face.quality.sharpness,
                refusal: face.verdict.err(),
            }
        });
    }

    fn is_due(&self, visit: u64) -> bool {
        let mut last = self.last_face.lock().unwrap_or_else(|poison| poison.into_inner());
        let now = Instant::now();
        if last.get(&visit).is_some_and(|&at| now - at < FACE_PERIOD) {
            return false;
        }
        if last.len() == last.capacity() && !last.contains_key(&visit) {
            // More visits than can be followed at once: most of them are over.
            last.clear();
        }
        let _ = last.insert(visit, now);
        true
    }

    /// Tells the whole state, when it is time to.
    pub fn status(&self, board: &Board) {
        if self.listeners.is_empty() {
            return;
        }
        let mut last = self.last_status.lock().unwrap_or_else(|poison| poison.into_inner());
        if last.is_none_or(|at| at.elapsed() >= STATUS_PERIOD) {
            *last = Some(Instant::now());
            let dropped_events = self.dropped.load(Relaxed);
            self.send(|| Event::Status { status: Box::new(board.status()), dropped_events });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_gets_every_event_and_one_that_sleeps_loses_only_its_own() {
        let mut events = Events::none();
        events.send(|| unreachable!("nobody listens"));
        let (awake, asleep) = (events.listen(false), events.listen(true));
        for visit in 0..WAITING as u64 + 3 {
            events.send(|| Event::VisitEnded { visit });
            assert_eq!(awake.recv().unwrap().event, Event::VisitEnded { visit });
        }
        assert_eq!((asleep.len(), events.dropped().load(Relaxed)), (WAITING, 3));
    }

    #[test]
    fn events_end_with_the_loop() {
        let mut events = Events::none();
        let take = events.listen(true);
        events.clone().send(|| Event::Committed { explanations: 1 });
        drop(events);
        assert_eq!(take.iter().count(), 1);
    }
}
