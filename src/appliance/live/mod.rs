//! The live loop: capture, perceive, explain, and accumulate (with the session's file), each on its own thread, joined by bounded channels.
//!
//! ```text
//! Capture ──frames──► perceive ──candidate──► explain ──explained──► accumulate ──► session's file
//!    ▲                   │ └──ended visits──────▲                        └──► board (window, dashboard, status line)
//!    └──── pictures ◄────┴──views──► who shows them
//! ```
//!
//! Frames are dropped oldest first, candidates too, but that each visit has its turn; explanations and the ends of visits never are. A
//! candidate is copied out of its frame, explained as a whole, and added as a whole: none is counted half.

mod accumulating;
mod explaining;
mod perceiving;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use image::GrayImage;

use super::board::{Board, StageTime};
use super::events::Events;
use super::gate::Gate;
use super::instrument::{FaceFinder, InstrumentError, Options, open_classifier};
use super::perceive::{Candidate, Seen};
use super::supervise::{Heartbeat, Supervisor};
use crate::compare::MaskSet;
use crate::explain::{Estimator, SAMPLE_LADDER};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::network::Classifier;
use crate::source::stream::{Capture, Frame};
use accumulating::Accumulating;
pub use accumulating::{Kept, open_session};
use explaining::{ExplainChannels, Explainer, explain_faces};
use perceiving::{PerceiveChannels, perceive_frames};

/// Waiting for anything takes no longer, so that pauses and ends are noticed.
const TICK: Duration = Duration::from_millis(50);
/// How often numbers on the board are made new.
const BOARD_PERIOD: Duration = Duration::from_secs(1);
/// Ends of visits that wait while a face is explained.
const WAITING_ENDS: usize = 256;
/// Workers that have nothing to commit are waited for no longer when all ends.
const LONGEST_TIDYING: Duration = Duration::from_millis(900);
/// A worker without a sign of life for so long hangs. The longest steps are a commit to a slow disk and a few samples of a large network.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// How many samples explanations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Always so many.
    Fixed(usize),
    /// So many that the heatmap's error falls fastest: see [`crate::explain::SampleChoice`].
    Chosen,
}

impl Samples {
    /// How weights are estimated: without an error that is the same for every face, which no averaging would take away.
    pub fn estimator(self) -> Estimator {
        match self {
            Samples::Fixed(samples) => Estimator::accumulating(samples),
            Samples::Chosen => Estimator::accumulating(SAMPLE_LADDER[0]),
        }
    }
}

/// How much of the processor explanations may take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cores {
    /// So many cores.
    Fixed(f64),
    /// What the loop leaves.
    Auto,
}

/// How the loop works.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// The networks.
    pub instrument: Options,
    /// Which faces are explained.
    pub gate: Gate,
    /// Per explanation.
    pub samples: Samples,
    /// For explanations.
    pub cores: Cores,
    /// Of all random draws.
    pub seed: u64,
    /// The Ekman masks.
    pub masks: MaskSet,
    /// When relevance against the class is set to 0.
    pub clipping: Clipping,
    /// The longest that an explanation waits to be written.
    pub commit_period: Duration,
    /// Frames with what was seen on them are handed on to be shown.
    pub views: bool,
}

/// A frame and what was seen on it.
#[derive(Debug)]
pub struct View {
    /// To be given back to [`Live::recycle`].
    pub frame: Frame,
    /// On that very frame.
    pub seen: Seen,
}

/// The last explanation, to be shown.
#[derive(Debug, Clone)]
pub struct LastExplanation {
    /// Of the visit.
    pub visit: u64,
    /// What was explained.
    pub expression: Expression,
    /// What the network saw.
    pub crop: GrayImage,
    /// Signed, per pixel of the crop.
    pub relevance: Vec<f32>,
}

/// What the explain worker hands on.
enum Message {
    Explained { visit: u64, expression: Expression, map: Box<[f32]> },
    Ended(u64),
}

/// Shared by the workers.
struct Shared {
    board: Arc<Board>,
    capture: Capture,
    options: LiveOptions,
    events: Events,
    supervisor: Supervisor,
    began: Instant,
    last_visit: AtomicU64,
    /// Share of the time that the perceive worker works, as bits of an f32.
    perceive_load: AtomicU32,
    last_explanation: Mutex<Option<Arc<LastExplanation>>>,
    perceive_beat: Heartbeat,
    explain_beat: Heartbeat,
    accumulate_beat: Heartbeat,
    /// Nothing that was learnt waits to be written: there is no session, or its writing was tried for the last time.
    has_committed: AtomicBool,
}

impl Shared {
    /// Nobody's face stays behind.
    fn forget_face(&self, visit: u64) {
        self.last_explanation().take_if(|last| last.visit == visit);
    }

    fn last_explanation(&self) -> MutexGuard<'_, Option<Arc<LastExplanation>>> {
        self.last_explanation.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// The loop at work, until it is finished.
pub struct Live {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    views: Receiver<View>,
}

impl Live {
    /// Opens the expression network and begins, with a `finder` of the instrument's options.
    ///
    /// # Errors
    /// When a network is unusable.
    pub fn start(
        finder: FaceFinder,
        capture: Capture,
        options: LiveOptions,
        board: Arc<Board>,
        kept: Kept,
        events: Events,
    ) -> Result<Self, InstrumentError> {
        let cores = available_cores();
        let lanes = match options.cores {
            Cores::Fixed(wanted) => (wanted.ceil() as usize).clamp(1, cores),
            Cores::Auto => cores,
        };
        let open = |threads| open_classifier(&Options { threads, ..options.instrument.clone() });
        let explainer_network = open(lanes)?;
        let size = explainer_network.crop_size().0;
        let first = (finder, open(1)?);
        let has_committed = AtomicBool::new(matches!(kept, Kept::Memory));
        let mut accumulating = Accumulating::new(&options, kept);
        let shared = Arc::new(Shared {
            last_visit: AtomicU64::new(accumulating.last_visit()),
            board,
            capture,
            events,
            supervisor: Supervisor::default(),
            began: Instant::now(),
            perceive_load: AtomicU32::new(0),
            last_explanation: Mutex::new(None),
            perceive_beat: Heartbeat::default(),
            explain_beat: Heartbeat::default(),
            accumulate_beat: Heartbeat::default(),
            has_committed,
            options,
        });
        let (give_view, views) = bounded(1);
        let (offer, candidates) = bounded(1);
        // One that waits to be explained, or is filled in its place, and one being explained.
        let (free, empty) = bounded(2);
        (0..2).for_each(|_| free.send(Box::new(Candidate::blank(size))).expect("there is room"));
        let (tell_end, ends) = bounded(WAITING_ENDS);
        let (tell, messages) = bounded(4);
        let perceive = PerceiveChannels {
            offer,
            take_back: candidates.clone(),
            empty,
            tell_end,
            give_view,
            drop_view: views.clone(),
        };
        let explain = ExplainChannels { candidates, free, ends, tell };
        let mut explainer = Explainer::new(explainer_network, lanes);
        let mut first = Some(first);
        let workers = vec![
            spawn("perceive", &shared, move |shared| {
                // One that failed begins anew with fresh networks.
                let parts = match first.take() {
                    Some(parts) => Ok(parts),
                    None => FaceFinder::open(&shared.options.instrument).and_then(|finder| {
                        Ok((finder, open_classifier(&shared.options.instrument)?))
                    }),
                };
                let (finder, classifier) = parts.map_err(|error| error.to_string())?;
                perceive_frames(shared, finder, classifier, &perceive)
            }),
            spawn("explain", &shared, move |shared| {
                lower_priority();
                explain_faces(shared, &mut explainer, &explain)
            }),
            spawn("accumulate", &shared, move |shared| accumulating.run(shared, &messages)),
        ];
        Ok(Live { shared, workers, views })
    }

    /// Frames with what was seen on them, where they are wanted.
    pub fn views(&self) -> &Receiver<View> {
        &self.views
    }

    /// Gives the memory of a frame back.
    pub fn recycle(&self, frame: Frame) {
        self.shared.capture.recycle(frame);
    }

    /// The last explanation, where views are wanted, as long as its visit lasts.
    pub fn last_explanation(&self) -> Option<Arc<LastExplanation>> {
        self.shared.last_explanation().clone()
    }

    /// Whether every worker gave a sign of life of late.
    pub fn is_alive(&self) -> bool {
        let shared = &self.shared;
        [&shared.perceive_beat, &shared.explain_beat, &shared.accumulate_beat]
            .iter()
            .all(|beat| beat.age() < LONGEST_SILENCE)
    }

    /// Whether all workers have ended.
    pub fn has_ended(&self) -> bool {
        self.workers.iter().all(JoinHandle::is_finished)
    }

    /// Ends all workers. Waits until everything is committed, which is a matter of milliseconds unless the disk is slow, but no longer than
    /// `patience`; and for workers that have nothing to commit no longer than a second.
    ///
    /// # Errors
    /// Why the loop was given up, if it was; or that what was learnt last could not be committed in time.
    pub fn finish(self, patience: Duration) -> Result<(), String> {
        self.shared.board.stop();
        let began = Instant::now();
        let has_committed = || self.shared.has_committed.load(Relaxed);
        while !self.has_ended()
            && began.elapsed() < if has_committed() { LONGEST_TIDYING } else { patience }
        {
            // Whoever waits with a full channel of views goes on.
            while let Ok(view) = self.views.try_recv() {
                self.recycle(view.frame);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        match self.shared.supervisor.failure() {
            Some(failure) => Err(failure),
            None if !has_committed() => Err(format!(
                "what was learnt last could not be written in {:.0} s, and is lost",
                began.elapsed().as_secs_f64()
            )),
            None => Ok(()),
        }
    }
}

fn spawn(
    name: &'static str,
    shared: &Arc<Shared>,
    mut work: impl FnMut(&Shared) -> Result<(), String> + Send + 'static,
) -> JoinHandle<()> {
    let shared = shared.clone();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || shared.supervisor.run(name, &shared.board, || work(&shared)))
        .expect("the system gives a thread at the start")
}

fn available_cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The scheduler prefers the loop over explanations.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // Of this thread alone, on Linux. Without the right to, all threads are equal.
    let _ = rustix::process::nice(10);
}
fn put_stage(stages: &mut Vec<StageTime>, time: StageTime) {
    match stages.iter_mut().find(|stage| stage.stage == time.stage) {
        Some(stage) => *stage = time,
        None => stages.push(time),
    }
}
