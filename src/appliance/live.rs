//! The live loop: capture, perceive, explain, accumulate, show and store, each on its own thread, joined by bounded channels.
//!
//! ```text
//! Capture ──frames──► perceive ──candidate──► explain ──explained──► accumulate ──► session's file
//!    ▲                   │ └──ended visits──────▲                        └──► board (window, dashboard, status line)
//!    └──── pictures ◄────┴──views──► who shows them
//! ```
//!
//! Frames and candidates are dropped oldest first; explanations and the ends of visits never are. A candidate is copied out of its frame,
//! explained as a whole, and added as a whole: none is counted half.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, select};
use image::GrayImage;

use super::accumulate::Accumulator;
use super::board::{Board, StoreState};
use super::events::{Event, Events};
use super::gate::{Gate, Refusal};
use super::instrument::{FaceFinder, InstrumentError, Options, open_classifier};
use super::paced::{Paced, Step};
use super::perceive::{Candidate, Perceiver, Seen};
use super::supervise::{Heartbeat, Supervisor};
use super::timing::{Rate, Stage};
use crate::compare::{EkmanMasks, MaskSet};
use crate::explain::{
    self, COMPACTNESS, Design, Estimator, Pair, SAMPLE_LADDER, SEGMENTS, SampleChoice, slic,
};
use crate::expression::Expression;
use crate::heatmap::Clipping;
use crate::network::{Network, NetworkError, NetworkProblem};
use crate::random::Stream;
use crate::session::Meaning;
use crate::source::stream::{Capture, Frame, NextFrame};
use crate::standard_face::{FACE_PIXELS, StandardFace, WarpMap};
use crate::store::{
    Session, SessionConfiguration, SessionContent, StoreError, StoreProblem, read_session,
};

/// Waiting for anything takes no longer, so that pauses and ends are noticed.
const TICK: Duration = Duration::from_millis(50);
/// Visits end when no frame has come for so long.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often numbers on the board are made new.
const BOARD_PERIOD: Duration = Duration::from_secs(1);
/// Ends of visits that wait while a face is explained.
const WAITING_ENDS: usize = 256;
/// A worker without a sign of life for so long hangs. The longest steps are a commit to a slow disk and a few samples of a large network.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);
/// Between attempts to write a session that cannot be written.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// How many samples explanations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Samples {
    /// Always so many.
    Fixed(usize),
    /// So many that the heatmap's error falls fastest: see [`SampleChoice`].
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
}

impl Shared {
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

/// Where sums go.
pub enum Kept {
    /// Nowhere: they end with the process.
    Memory,
    /// Into a session's file, from what it holds on.
    Session(Box<(Session, SessionContent)>),
    /// Into a file that cannot be made yet (a full or read-only disk): it is tried again and again.
    Later(std::path::PathBuf, Box<SessionConfiguration>),
}

impl Live {
    /// Opens the networks and begins.
    ///
    /// # Errors
    /// When a network is unusable.
    pub fn start(
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
        let size = crate::network::Classifier::crop_size(&explainer_network).0;
        let first = (FaceFinder::open(&options.instrument)?, open(1)?);
        let (session, accumulator) = match kept {
            Kept::Memory => (Keeper::default(), Accumulator::default()),
            Kept::Session(opened) => {
                let (session, content) = *opened;
                let counts = content.counts();
                let keeper = Keeper { session: Some(session), ..Keeper::default() };
                (keeper, Accumulator::new(content.sums, counts))
            }
            Kept::Later(path, configuration) => {
                let keeper = Keeper { later: Some((path, configuration)), ..Keeper::default() };
                (keeper, Accumulator::default())
            }
        };
        let shared = Arc::new(Shared {
            last_visit: AtomicU64::new(accumulator.counts().visits),
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
            options,
        });
        let (give_view, views) = bounded(1);
        let (offer, candidates) = bounded(1);
        // One being filled, one waiting, one being explained.
        let (free, empty) = bounded(3);
        (0..3).for_each(|_| free.send(Box::new(Candidate::blank(size))).expect("there is room"));
        let (tell_end, ends) = bounded(WAITING_ENDS);
        let (tell, messages) = bounded(4);
        let perceive = PerceiveChannels {
            offer,
            take_back: candidates.clone(),
            empty,
            free: free.clone(),
            tell_end,
            give_view,
            drop_view: views.clone(),
        };
        let explain = ExplainChannels { candidates, free, ends, tell };
        let mut explainer = Explainer::new(explainer_network, lanes);
        let mut accumulating =
            Accumulating { accumulator, keeper: session, ..Accumulating::new(&shared) };
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

    /// Ends all workers, everything committed. Waits until the last has ended, or `patience` is over.
    ///
    /// # Errors
    /// Why the loop was given up, if it was.
    pub fn finish(self, patience: Duration) -> Result<(), String> {
        self.shared.board.stop();
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < patience {
            // Whoever waits with a full channel of views goes on.
            while let Ok(view) = self.views.try_recv() {
                self.recycle(view.frame);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.shared.supervisor.failure().map_or(Ok(()), Err)
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

struct PerceiveChannels {
    offer: Sender<Box<Candidate>>,
    take_back: Receiver<Box<Candidate>>,
    empty: Receiver<Box<Candidate>>,
    free: Sender<Box<Candidate>>,
    tell_end: Sender<u64>,
    give_view: Sender<View>,
    drop_view: Receiver<View>,
}

fn perceive_frames(
    shared: &Shared,
    finder: FaceFinder,
    classifier: Network,
    channels: &PerceiveChannels,
) -> Result<(), String> {
    let board = &shared.board;
    let last_visit = shared.last_visit.load(Relaxed);
    let mut perceiver = Perceiver::new(finder, classifier, shared.options.gate, last_visit);
    let mut seen = Seen::default();
    let mut stages = PerceiveStages::default();
    let mut last_frame = Instant::now();
    let end = |visit| {
        // While hundreds of ends wait, the loop of explanations hangs, and is watched for that.
        let _ = channels.tell_end.try_send(visit);
        // Nobody's face stays behind.
        shared.last_explanation().take_if(|last| last.visit == visit);
        shared.events.send(|| Event::VisitEnded { visit });
    };
    while !board.is_stopping() {
        shared.perceive_beat.beat();
        let frame = match shared.capture.next(TICK) {
            Ok(frame) => frame,
            Err(NextFrame::TimedOut) => {
                if last_frame.elapsed() > PATIENCE {
                    perceiver.forget(end);
                    board.update(|status| status.faces = 0);
                }
                continue;
            }
            Err(NextFrame::Ended) => break,
        };
        let start = Instant::now();
        last_frame = start;
        if board.is_paused() {
            perceiver.forget(end);
            board.update(|status| status.faces = 0);
            shared.capture.recycle(frame);
            continue;
        }
        let now = (frame.captured - shared.began.min(frame.captured)).as_secs_f64();
        let candidate =
            perceiver.look(now, &frame.picture, &mut seen).map_err(|error| error.to_string())?;
        let offered = candidate.is_some_and(|candidate| offer(channels, candidate, board));
        if offered {
            perceiver.taken();
        }
        seen.ended.iter().for_each(|&visit| end(visit));
        note(shared, &seen, offered, frame.number);
        stages.add(&seen, start.elapsed(), frame.captured.elapsed(), now);
        stages.publish(shared, now);
        show(shared, channels, frame, &seen);
    }
    perceiver.forget(end);
    // The end of the frames is the end of it all, once the last face is explained.
    Ok(())
}

/// Hands a face on to be explained, in place of an older one that waits; false when there is nothing to hand it on in.
fn offer(channels: &PerceiveChannels, candidate: &Candidate, board: &Board) -> bool {
    let mut room = match channels.empty.try_recv() {
        Ok(room) => room,
        Err(_) => match channels.take_back.try_recv() {
            Ok(older) => {
                board.update(|status| status.refusals.count(Refusal::Busy));
                older
            }
            Err(_) => return false,
        },
    };
    room.copy_from(candidate);
    match channels.offer.try_send(room) {
        Ok(()) => true,
        Err(TrySendError::Full(room) | TrySendError::Disconnected(room)) => {
            // The one that waits is older: it gives way.
            if let Ok(older) = channels.take_back.try_recv() {
                board.update(|status| status.refusals.count(Refusal::Busy));
                let _ = channels.free.try_send(older);
            }
            match channels.offer.try_send(room) {
                Ok(()) => true,
                Err(TrySendError::Full(room) | TrySendError::Disconnected(room)) => {
                    let _ = channels.free.try_send(room);
                    false
                }
            }
        }
    }
}

/// Counts and tells what was seen.
fn note(shared: &Shared, seen: &Seen, offered: bool, frame: u64) {
    let mut newest = 0;
    shared.board.update(|status| {
        status.faces = seen.faces.len();
        let mut fit = 0;
        for face in &seen.faces {
            newest = newest.max(face.visit);
            match face.verdict {
                Err(refusal) => status.refusals.count(refusal),
                Ok(()) => fit += 1,
            }
        }
        // Of those that are fit, one at most is offered.
        for _ in usize::from(offered)..fit {
            status.refusals.count(Refusal::Busy);
        }
    });
    shared.last_visit.fetch_max(newest, Relaxed);
    for face in &seen.faces {
        shared.events.send_face(frame, face);
    }
}

/// Hands the frame on to be shown, in place of an older one; or gives its memory back.
fn show(shared: &Shared, channels: &PerceiveChannels, frame: Frame, seen: &Seen) {
    if !shared.options.views {
        return shared.capture.recycle(frame);
    }
    let mut view = View { frame, seen: seen.clone() };
    for _ in 0..2 {
        match channels.give_view.try_send(view) {
            Ok(()) => return,
            Err(TrySendError::Full(unsent) | TrySendError::Disconnected(unsent)) => view = unsent,
        }
        if let Ok(older) = channels.drop_view.try_recv() {
            shared.capture.recycle(older.frame);
        }
    }
    shared.capture.recycle(view.frame);
}

/// The times of the perceive worker.
struct PerceiveStages {
    detect: Stage,
    place: Stage,
    classify: Stage,
    perceive: Stage,
    latency: Stage,
    rate: Rate,
    worked: Duration,
    last_publication: Instant,
}

impl Default for PerceiveStages {
    fn default() -> Self {
        PerceiveStages {
            detect: Stage::new("detect"),
            place: Stage::new("place"),
            classify: Stage::new("classify"),
            perceive: Stage::new("perceive"),
            latency: Stage::new("latency"),
            rate: Rate::default(),
            worked: Duration::ZERO,
            last_publication: Instant::now(),
        }
    }
}

impl PerceiveStages {
    /// `worked`: on the frame; `latency`: since it was captured.
    fn add(&mut self, seen: &Seen, worked: Duration, latency: Duration, now: f64) {
        if let Some(detecting) = seen.detecting {
            self.detect.add(detecting);
        }
        if !seen.faces.is_empty() {
            self.place.add(seen.placing);
            self.classify.add(seen.classifying);
        }
        self.perceive.add(worked);
        self.latency.add(latency);
        self.rate.add(now);
        self.worked += worked;
    }

    fn publish(&mut self, shared: &Shared, now: f64) {
        let elapsed = self.last_publication.elapsed();
        if elapsed < BOARD_PERIOD {
            return;
        }
        let load = self.worked.as_secs_f32() / elapsed.as_secs_f32();
        shared.perceive_load.store(load.to_bits(), Relaxed);
        self.worked = Duration::ZERO;
        self.last_publication = Instant::now();
        let stages = [&self.detect, &self.place, &self.classify, &self.perceive, &self.latency];
        let frames_per_second = self.rate.per_second(now, 3.0);
        shared.board.update(|status| {
            for time in stages.iter().filter_map(|stage| stage.summary()) {
                put_stage(&mut status.stages, time);
            }
            status.source.frames_per_second = frames_per_second;
        });
    }
}

fn put_stage(stages: &mut Vec<super::board::StageTime>, time: super::board::StageTime) {
    match stages.iter_mut().find(|stage| stage.stage == time.stage) {
        Some(stage) => *stage = time,
        None => stages.push(time),
    }
}

struct ExplainChannels {
    candidates: Receiver<Box<Candidate>>,
    free: Sender<Box<Candidate>>,
    ends: Receiver<u64>,
    tell: Sender<Message>,
}

/// Explains face after face.
struct Explainer {
    network: Network,
    lanes: usize,
    step: Step,
    standard_face: StandardFace,
    warp: Option<WarpMap>,
    choice: SampleChoice,
    /// Number of the explanation: names the streams of random numbers, beside the crop.
    number: u64,
    /// The last map of each expression.
    last: [Option<LastMap>; 6],
    stage: Stage,
    rate: Rate,
}

/// A map on the standard face, and how many samples it has.
struct LastMap {
    samples: usize,
    map: Box<[f32]>,
}

/// An explanation on the standard face.
struct Explained {
    map: Box<[f32]>,
    relevance: Vec<f32>,
    r2: f64,
    superpixels: usize,
    seconds: f64,
}

impl Explainer {
    fn new(network: Network, lanes: usize) -> Self {
        Explainer {
            network,
            lanes,
            step: Step::default(),
            standard_face: StandardFace::default(),
            warp: None,
            choice: SampleChoice::new(),
            number: 0,
            last: Default::default(),
            stage: Stage::new("explain"),
            rate: Rate::default(),
        }
    }

    /// Explains a face; nothing when it was interrupted.
    fn explain(
        &mut self,
        shared: &Shared,
        candidate: &Candidate,
        samples: usize,
    ) -> Result<Option<Explained>, NetworkError> {
        let start = Instant::now();
        self.number += 1;
        let face = &candidate.face;
        let size = face.crop.width() as usize;
        let superpixels = slic(&face.crop, SEGMENTS, COMPACTNESS);
        let purpose = format!("live design {}", self.number);
        let mut stream = Stream::of_crop(shared.options.seed, &purpose, &face.crop);
        let design = Design::hadamard(samples, superpixels.count(), &mut stream);
        let estimator = Estimator::accumulating(samples);
        let cores = shared.options.cores;
        let lanes = self.lanes as f64;
        let mut rest = || {
            shared.explain_beat.beat();
            if shared.board.is_stopping() || shared.board.is_paused() {
                return None;
            }
            let allowed = match cores {
                Cores::Fixed(cores) => cores,
                Cores::Auto => {
                    let load = f32::from_bits(shared.perceive_load.load(Relaxed));
                    (available_cores() as f64 - f64::from(load)).max(0.25)
                }
            };
            Some((lanes / allowed - 1.0).max(0.0))
        };
        let mut paced = Paced::new(&mut self.network, self.lanes, &mut self.step, &mut rest);
        let result = explain::explain(
            &mut paced,
            &face.crop,
            &superpixels,
            &design,
            estimator,
            candidate.class,
        );
        let (evaluating, resting) = (paced.evaluating, paced.resting);
        let surrogate = match result {
            Ok(surrogate) => surrogate,
            Err(error) if matches!(error.problem, NetworkProblem::Stopped) => return Ok(None),
            Err(error) => return Err(error),
        };
        let relevance = superpixels.paint(&surrogate.weights);
        let landmarks = face.landmarks.points();
        let mut map = vec![0.0; FACE_PIXELS].into_boxed_slice();
        let standard_face = &self.standard_face;
        let warp = match &mut self.warp {
            Some(warp) => {
                warp.rebuild(standard_face, landmarks, size, size);
                warp
            }
            none => none.insert(WarpMap::new(standard_face, landmarks, size, size)),
        };
        warp.apply(&relevance, &mut map);
        let worked = start.elapsed().saturating_sub(resting);
        let fixed = worked.saturating_sub(evaluating);
        // Core seconds: what several lanes do at once counts for each.
        self.choice.add_cost(samples, fixed.as_secs_f64(), evaluating.as_secs_f64() * lanes);
        self.stage.add(start.elapsed());
        self.rate.add(shared.began.elapsed().as_secs_f64());
        Ok(Some(Explained {
            map,
            relevance,
            r2: surrogate.r2,
            superpixels: superpixels.count(),
            seconds: worked.as_secs_f64(),
        }))
    }

    fn samples(&self, shared: &Shared) -> usize {
        match shared.options.samples {
            Samples::Fixed(samples) => samples,
            Samples::Chosen => self.choice.samples(),
        }
    }

    /// Learns how far two explanations are apart.
    fn compare(&mut self, pair: Pair, samples: usize, one: &[f32], other: &[f32]) {
        let squares: f64 = one.iter().zip(other).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        self.choice.add_pair(pair, samples, squares / one.len() as f64);
    }
}

fn explain_faces(
    shared: &Shared,
    explainer: &mut Explainer,
    channels: &ExplainChannels,
) -> Result<(), String> {
    let never = crossbeam_channel::never();
    let mut ends = &channels.ends;
    loop {
        shared.explain_beat.beat();
        // The perceive worker has ended, and so has every visit, when both are closed.
        select! {
            recv(ends) -> end => match end {
                Ok(visit) => { let _ = channels.tell.send(Message::Ended(visit)); }
                Err(_) => ends = &never,
            },
            recv(channels.candidates) -> candidate => {
                let Ok(candidate) = candidate else { break };
                let result = explain_candidate(shared, explainer, &candidate, &channels.tell);
                let _ = channels.free.try_send(candidate);
                result.map_err(|error| error.to_string())?;
            },
            default(TICK) => {}
        }
        let per_minute =
            60.0 * explainer.rate.per_second(shared.began.elapsed().as_secs_f64(), 60.0);
        let samples = explainer.samples(shared);
        let stage = explainer.stage.summary();
        shared.board.update(|status| {
            status.explanations_per_minute = per_minute;
            status.samples = samples;
            if let Some(time) = stage {
                put_stage(&mut status.stages, time);
            }
        });
        if shared.board.is_stopping() {
            break;
        }
    }
    while let Ok(visit) = channels.ends.try_recv() {
        let _ = channels.tell.send(Message::Ended(visit));
    }
    Ok(())
}

fn explain_candidate(
    shared: &Shared,
    explainer: &mut Explainer,
    candidate: &Candidate,
    tell: &Sender<Message>,
) -> Result<(), NetworkError> {
    let samples = explainer.samples(shared);
    let Some(first) = explainer.explain(shared, candidate, samples)? else { return Ok(()) };
    let (visit, expression) = (candidate.visit, candidate.expression);
    if let Some(place) = Expression::SIX.iter().position(|&six| six == expression) {
        if let Some(last) = explainer.last[place].take()
            && last.samples == samples
        {
            explainer.compare(Pair::OtherCrop, samples, &first.map, &last.map);
        }
        explainer.last[place] = Some(LastMap { samples, map: first.map.clone() });
    }
    let again = shared.options.samples == Samples::Chosen && explainer.choice.wants_repeat();
    let second = if again { explainer.explain(shared, candidate, samples)? } else { None };
    if let Some(second) = &second {
        explainer.compare(Pair::SameCrop, samples, &first.map, &second.map);
    }
    if shared.options.views {
        let last = LastExplanation {
            visit,
            expression,
            crop: candidate.face.crop.clone(),
            relevance: first.relevance.clone(),
        };
        *shared.last_explanation() = Some(Arc::new(last));
    }
    for explained in std::iter::once(first).chain(second) {
        shared.events.send(|| Event::Explained {
            visit,
            expression,
            samples,
            superpixels: explained.superpixels,
            r2: explained.r2,
            cpu_seconds: explained.seconds,
        });
        // Waits where sums cannot be written fast enough: an explanation is never lost.
        let _ = tell.send(Message::Explained { visit, expression, map: explained.map });
    }
    Ok(())
}

/// The session's file, when there is one.
#[derive(Default)]
struct Keeper {
    session: Option<Session>,
    later: Option<(std::path::PathBuf, Box<SessionConfiguration>)>,
    last_attempt: Option<Instant>,
    problem: Option<String>,
    committed: u64,
}

/// What the accumulate worker knows.
struct Accumulating {
    accumulator: Accumulator,
    keeper: Keeper,
    masks: EkmanMasks,
    commit: Stage,
    last_commit: Instant,
    last_board: Instant,
    /// Changed since the board was made new.
    unpublished: [bool; 6],
    committed_counts: Option<crate::store::SessionCounts>,
}

impl Accumulating {
    fn new(shared: &Shared) -> Self {
        Accumulating {
            accumulator: Accumulator::default(),
            keeper: Keeper::default(),
            masks: EkmanMasks::new(shared.options.masks, &StandardFace::default()),
            commit: Stage::new("commit"),
            last_commit: Instant::now(),
            last_board: Instant::now() - BOARD_PERIOD,
            unpublished: [true; 6],
            committed_counts: None,
        }
    }

    fn run(&mut self, shared: &Shared, messages: &Receiver<Message>) -> Result<(), String> {
        loop {
            shared.accumulate_beat.beat();
            match messages.recv_timeout(TICK) {
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.last_commit.elapsed() >= shared.options.commit_period {
                self.commit(shared, false);
            }
            if self.last_board.elapsed() >= BOARD_PERIOD {
                self.publish(shared);
            }
        }
        self.accumulator.visits_begun(shared.last_visit.load(Relaxed));
        self.commit(shared, true);
        self.publish(shared);
        // Who waits for the end of the frames learns it now.
        shared.board.stop();
        Ok(())
    }

    fn take(&mut self, message: Message) {
        let result = match message {
            Message::Explained { visit, expression, map } => {
                self.accumulator.add(visit, expression, &map)
            }
            Message::Ended(visit) => self.accumulator.end_visit(visit),
        };
        if let Err(error) = result {
            log::warn!("an explanation is not counted: {error}");
        }
        for expression in self.accumulator.changed() {
            self.unpublished[place_of(expression)] = true;
        }
    }

    /// Writes what changed. What cannot be written stays to be written.
    fn commit(&mut self, shared: &Shared, is_last: bool) {
        self.last_commit = Instant::now();
        self.accumulator.visits_begun(shared.last_visit.load(Relaxed));
        let counts = self.accumulator.counts();
        let waits = self.keeper.last_attempt.is_some_and(|last| last.elapsed() < WRITE_AGAIN);
        if self.committed_counts == Some(counts) || (waits && !is_last) {
            return;
        }
        if let Some((path, configuration)) = &self.keeper.later {
            match Session::open(path, configuration) {
                // A disk that came late may hold the session already: what it knows is added, not lost.
                Ok((session, content)) => match self.accumulator.absorb(&content) {
                    Ok(()) => {
                        self.keeper.session = Some(session);
                        self.keeper.later = None;
                    }
                    Err(error) => {
                        log::warn!("the session that came to light cannot be added: {error}");
                        self.keeper.last_attempt = Some(Instant::now());
                        return;
                    }
                },
                Err(error) => return self.failed(shared, &error),
            }
        }
        let counts = self.accumulator.counts();
        let Some(session) = &mut self.keeper.session else {
            return self.accumulator.forget_changes();
        };
        let start = Instant::now();
        let changed: Vec<_> = self
            .accumulator
            .changed()
            .map(|expression| (expression, self.accumulator.sums(expression)))
            .collect();
        let changed: Vec<_> =
            changed.iter().map(|(expression, sums)| (*expression, sums)).collect();
        match session.commit(counts, &changed) {
            Ok(()) => {
                self.accumulator.forget_changes();
                self.committed_counts = Some(counts);
                self.keeper.committed = counts.explanations;
                self.keeper.last_attempt = None;
                if self.keeper.problem.take().is_some() {
                    log::warn!("the session is written again");
                }
                self.commit.add(start.elapsed());
                shared.events.send(|| Event::Committed { explanations: counts.explanations });
            }
            Err(error) => self.failed(shared, &error),
        }
        self.publish_store(shared);
    }

    fn failed(&mut self, shared: &Shared, error: &StoreError) {
        if self.keeper.problem.is_none() {
            log::warn!("{error}: what is learnt stays in memory until it can be written");
        }
        self.keeper.problem = Some(error.to_string());
        self.keeper.last_attempt = Some(Instant::now());
        self.publish_store(shared);
    }

    fn publish_store(&self, shared: &Shared) {
        let keeper = &self.keeper;
        let has_file = keeper.session.is_some() || keeper.later.is_some();
        shared.board.update(|status| {
            status.store.state = match (&keeper.problem, has_file) {
                (_, false) => StoreState::Memory,
                (None, true) => StoreState::Kept,
                (Some(_), true) => StoreState::Failing,
            };
            status.store.problem = keeper.problem.clone();
            status.store.committed_explanations = keeper.committed;
        });
    }

    /// Makes the board new.
    fn publish(&mut self, shared: &Shared) {
        self.last_board = Instant::now();
        let uptime = shared.began.elapsed().as_secs_f64();
        for (place, expression) in Expression::SIX.into_iter().enumerate() {
            if !std::mem::take(&mut self.unpublished[place]) {
                continue;
            }
            let sums = self.accumulator.sums(expression);
            let meaning = Meaning::new(&sums, expression, &self.masks, shared.options.clipping);
            // First the heatmap: whoever sees new counts asks for it.
            if let Some(meaning) = &meaning {
                shared.board.set_heatmap(expression, meaning.heatmap.as_slice().into());
            }
            shared.board.update(|status| {
                let is_shown = sums.visits().explanations() >= status.min_visits;
                let shown = meaning.as_ref().filter(|_| is_shown);
                let row = &mut status.expressions[place];
                row.visits = sums.visits().explanations();
                row.explanations = sums.pooled().explanations();
                row.overlap = shown.map(|meaning| meaning.overlap);
                row.iou_interval = shown.and_then(|meaning| meaning.iou_interval);
            });
        }
        let counts = self.accumulator.counts();
        let visits = counts.visits.max(shared.last_visit.load(Relaxed));
        let source = shared.capture.status();
        let resident = resident_bytes();
        let commit = self.commit.summary();
        shared.board.update(|status| {
            status.uptime_seconds = uptime;
            status.visits = visits;
            status.explanations = counts.explanations;
            let frames_per_second = status.source.frames_per_second;
            status.source = super::board::SourceStatus { frames_per_second, ..source };
            status.resident_bytes = resident;
            if let Some(time) = commit {
                put_stage(&mut status.stages, time);
            }
        });
        shared.board.remember(uptime);
        shared.events.status(&shared.board);
    }
}

fn place_of(expression: Expression) -> usize {
    Expression::SIX.iter().position(|&six| six == expression).expect("only the six change")
}

/// Memory of the process, where Linux tells it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Opens a session to go on with, or tells that it can only be written later: on a disk that is full, read-only or not there yet.
///
/// # Errors
/// When the file is there, but is another session, foreign or damaged.
pub fn open_session(
    path: &std::path::Path,
    configuration: SessionConfiguration,
) -> Result<Kept, StoreError> {
    // What is there must be of the same kind, for its sums are added once it can be written.
    let is_the_same = || {
        read_session(path)
            .is_ok_and(|content| configuration.differences(&content.configuration).is_empty())
    };
    match Session::open(path, &configuration) {
        Ok(opened) => Ok(Kept::Session(Box::new(opened))),
        Err(error) => match error.problem {
            StoreProblem::Sqlite(_) | StoreProblem::File(_) if !path.exists() || is_the_same() => {
                Ok(Kept::Later(path.to_owned(), Box::new(configuration)))
            }
            _ => Err(error),
        },
    }
}
