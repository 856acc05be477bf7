//! What the running appliance shows: a board that the loop writes and window, dashboard, status line and events read.
//!
//! Nothing on it tells one person from another but the picture, which is only there when it was asked for.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use image::RgbImage;
use serde::Serialize;

use crate::compare::{MaskSet, Overlap};
use crate::expression::Expression;
use crate::source::stream::SourceStatus;

/// The most points of the history; when it is full, every second one goes and the steps become twice as long.
const LONGEST_HISTORY: usize = 512;

/// The state of the appliance at one moment, in plain numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Name and version of the program.
    pub software: String,
    /// Since the loop began, on a clock that is never set.
    pub uptime_seconds: f64,
    /// Nobody is looked at.
    pub paused: bool,
    /// What people in front of the camera are to be told.
    pub notice: Option<String>,
    /// Name of the expression network.
    pub network: String,
    /// The Ekman masks.
    pub masks: MaskSet,
    /// Heatmaps of fewer visits are not shown.
    pub min_visits: u64,
    /// Faces in the last frame.
    pub faces: usize,
    /// One per expression with a mask, in the order of `Expression::SIX`.
    pub expressions: Vec<ExpressionStatus>,
    /// Visits begun: one while a face is followed.
    pub visits: u64,
    /// Faces explained.
    pub explanations: u64,
    /// Explanations in the last minute.
    pub explanations_per_minute: f64,
    /// Samples per explanation, as chosen at the moment.
    pub samples: usize,
    /// Faces that were looked at but not explained.
    pub refusals: Refusals,
    /// Where frames come from.
    pub source: SourceStatus,
    /// Milliseconds of the stages of the loop, over the last frames.
    pub stages: Vec<StageTime>,
    /// Where sums are kept.
    pub store: StoreStatus,
    /// Workers that failed and were started again.
    pub restarts: u64,
    /// Of the process, where the system tells it.
    pub resident_bytes: Option<u64>,
}

/// One expression's heatmap in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpressionStatus {
    /// Which.
    pub expression: Expression,
    /// Visits with at least one explanation of it: votes in its heatmap.
    pub visits: u64,
    /// Explanations of it.
    pub explanations: u64,
    /// Overlap with its Ekman mask beside chance; none below `min_visits`.
    pub overlap: Option<Overlap>,
    /// 95 % interval of the intersection over union over visits; none below `min_visits`.
    pub iou_interval: Option<[f64; 2]>,
}

/// Why faces were not explained, each face of each frame counted once, by the first reason in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// Too few pixels between the eyes.
    pub small: u64,
    /// Turned away from the camera.
    pub turned: u64,
    /// Out of focus or moving.
    pub blurred: u64,
    /// No expression probable enough.
    pub doubtful: u64,
    /// Read as neutral, for which there is no mask.
    pub neutral: u64,
    /// Fit to be explained, but explanations before it were not done.
    pub busy: u64,
}

/// How long a stage of the loop takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageTime {
    /// `detect`, `place`, `classify`, `perceive` (all of a frame), `latency` (from capture to answer), `explain`, `commit`.
    pub stage: &'static str,
    /// Half of them take less.
    pub median_ms: f64,
    /// 95 of 100 take less.
    pub p95_ms: f64,
}

/// Where sums are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StoreStatus {
    /// The session's file, if there is one.
    pub path: Option<String>,
    /// How it goes.
    pub state: StoreState,
    /// Explanations that a power cut does not take any more.
    pub committed_explanations: u64,
    /// Why it cannot be written, when it cannot.
    pub problem: Option<String>,
}

/// How a session's file is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreState {
    /// No file was asked for: sums end with the process.
    #[default]
    Memory,
    /// Sums are written.
    Kept,
    /// Sums cannot be written; they are kept in memory and written when that is possible again.
    Failing,
}

/// A moment of the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryPoint {
    /// Since the loop began.
    pub uptime_seconds: f64,
    /// Per expression, in the order of `Expression::SIX`: intersection over union, its interval's ends, and the highest
    /// chance level; none below `min_visits`.
    pub iou: Vec<Option<[f64; 4]>>,
}

/// What the loop shows and what it is told, shared by all its threads.
#[derive(Debug)]
pub struct Board {
    content: Mutex<Content>,
    paused: AtomicBool,
    stopping: AtomicBool,
    shows_picture: bool,
}

#[derive(Debug)]
struct Content {
    status: Status,
    heatmaps: [Option<Arc<[f32]>>; 6],
    history: Vec<HistoryPoint>,
    history_step: f64,
    picture: Option<Arc<RgbImage>>,
    framed_at: Instant,
}

impl Board {
    /// A board that shows `status` at first. The camera's picture is only ever kept when `shows_picture`.
    pub fn new(status: Status, shows_picture: bool) -> Self {
        Board {
            paused: AtomicBool::new(status.paused),
            content: Mutex::new(Content {
                status,
                heatmaps: Default::default(),
                history: Vec::new(),
                history_step: 1.0,
                picture: None,
                framed_at: Instant::now(),
            }),
            stopping: AtomicBool::new(false),
            shows_picture,
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Every change leaves the content whole.
        self.content.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// The state now.
    pub fn status(&self) -> Status {
        Status { paused: self.is_paused(), ..self.content().status.clone() }
    }

    /// Changes the state.
    pub fn update(&self, change: impl FnOnce(&mut Status)) {
        let mut content = self.content();
        let frames = content.status.source.frames;
        change(&mut content.status);
        if content.status.source.frames != frames {
            content.framed_at = Instant::now();
        }
    }

    /// How long ago the number of captured frames last grew (at first: since the board was made), whatever the loop does meanwhile.
    pub fn frame_age(&self) -> Duration {
        self.content().framed_at.elapsed()
    }

    /// The heatmap of an expression: mean relevance, not negative, 224 x 275, row by row; none below `min_visits`, nor of neutral.
    pub fn heatmap(&self, expression: Expression) -> Option<Arc<[f32]>> {
        let place = expression.place()?;
        let content = self.content();
        let enough = content.status.expressions[place].visits >= content.status.min_visits;
        content.heatmaps[place].clone().filter(|_| enough)
    }

    /// Shows another heatmap, from its visits on.
    pub fn set_heatmap(&self, expression: Expression, heatmap: Arc<[f32]>) {
        if let Some(place) = expression.place() {
            self.content().heatmaps[place] = Some(heatmap);
        }
    }

    /// How the overlaps came to be, the oldest first; at most 512 points whose steps grow with the time.
    pub fn history(&self) -> Vec<HistoryPoint> {
        self.content().history.clone()
    }

    /// Adds the present overlaps to the history, when it is time for another point.
    pub fn remember(&self, uptime_seconds: f64) {
        let mut content = self.content();
        let due =
            content.history.last().map_or(0.0, |last| last.uptime_seconds + content.history_step);
        if uptime_seconds < due {
            return;
        }
        let iou = content.status.expressions.iter().map(|status| {
            let overlap = status.overlap?;
            let [low, high] = status.iou_interval.unwrap_or([overlap.iou; 2]);
            Some([overlap.iou, low, high, overlap.chance()])
        });
        let point = HistoryPoint { uptime_seconds, iou: iou.collect() };
        content.history.push(point);
        if content.history.len() == LONGEST_HISTORY {
            let mut place = 0;
            content.history.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            content.history_step *= 2.0;
        }
    }

    /// Whether [`Self::picture`] is ever anything.
    pub fn shows_picture(&self) -> bool {
        self.shows_picture
    }

    /// The last frame with what was found on it, when pictures are shown and nobody has paused.
    pub fn picture(&self) -> Option<Arc<RgbImage>> {
        self.content().picture.clone().filter(|_| !self.is_paused())
    }

    /// Shows another frame; forgotten at once unless pictures are shown.
    pub fn set_picture(&self, picture: Option<Arc<RgbImage>>) {
        self.content().picture = picture.filter(|_| self.shows_picture);
    }

    /// Whether nobody is looked at.
    pub fn is_paused(&self) -> bool {
        self.paused.load(Relaxed)
    }

    /// Stops looking, or looks again.
    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Relaxed);
        if paused {
            self.set_picture(None);
        }
    }

    /// Whether the appliance is to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Ends the appliance, everything committed.
    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }
}

impl Status {
    /// The state before the first frame.
    pub fn new(network: &str, masks: MaskSet, min_visits: u64) -> Self {
        Status {
            software: concat!("ferscope ", env!("CARGO_PKG_VERSION")).to_owned(),
            uptime_seconds: 0.0,
            paused: false,
            notice: None,
            network: network.to_owned(),
            masks,
            min_visits,
            faces: 0,
            expressions: Expression::SIX
                .iter()
                .map(|&expression| ExpressionStatus::new(expression))
                .collect(),
            visits: 0,
            explanations: 0,
            explanations_per_minute: 0.0,
            samples: 0,
            refusals: Refusals::default(),
            source: SourceStatus::default(),
            stages: Vec::new(),
            store: StoreStatus::default(),
            restarts: 0,
            resident_bytes: None,
        }
    }
}

impl ExpressionStatus {
    fn new(expression: Expression) -> Self {
        ExpressionStatus {
            expression,
            visits: 0,
            explanations: 0,
            overlap: None,
            iou_interval: None,
        }
    }
}
