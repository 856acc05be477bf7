//! The accumulate worker: sums over visits, kept in a session's file and shown on the board.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::super::accumulate::Accumulator;
use super::super::board::StoreState;
use super::super::events::Event;
use super::super::timing::Stage;
use super::{BOARD_PERIOD, LiveOptions, Message, Shared, TICK, put_stage};
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::session::Meaning;
use crate::standard_face::StandardFace;
use crate::store::{
    Session, SessionConfiguration, SessionContent, SessionCounts, StoreError, StoreProblem,
    read_session,
};

/// Between attempts to write a session that cannot be written.
const WRITE_AGAIN: Duration = Duration::from_secs(5);

/// Where sums go.
pub enum Kept {
    /// Nowhere: they end with the process.
    Memory,
    /// Into a session's file, from what it holds on.
    Session(Box<(Session, SessionContent)>),
    /// Into a file that cannot be made yet (a full or read-only disk): it is tried again and again.
    Later(PathBuf, Box<SessionConfiguration>),
}

/// Opens a session to go on with, or tells that it can only be written later: on a disk that is full, read-only or not there yet.
///
/// # Errors
/// When the file is there, but is another session, foreign or damaged.
pub fn open_session(path: &Path, configuration: SessionConfiguration) -> Result<Kept, StoreError> {
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

/// The session's file, when there is one.
#[derive(Default)]
struct Keeper {
    session: Option<Session>,
    later: Option<(PathBuf, Box<SessionConfiguration>)>,
    last_attempt: Option<Instant>,
    problem: Option<String>,
    committed: u64,
}

/// What the accumulate worker knows.
pub struct Accumulating {
    accumulator: Accumulator,
    keeper: Keeper,
    masks: EkmanMasks,
    commit: Stage,
    last_commit: Instant,
    last_board: Option<Instant>,
    /// Changed since the board was made new.
    unpublished: [bool; 6],
    committed_counts: Option<SessionCounts>,
}

impl Accumulating {
    /// Goes on from what is kept.
    pub fn new(options: &LiveOptions, kept: Kept) -> Self {
        let (keeper, accumulator) = match kept {
            Kept::Memory => (Keeper::default(), Accumulator::default()),
            Kept::Session(opened) => {
                let (session, content) = *opened;
                let counts = content.counts();
                let committed = counts.explanations;
                let keeper = Keeper { session: Some(session), committed, ..Keeper::default() };
                (keeper, Accumulator::new(content.sums, counts))
            }
            Kept::Later(path, configuration) => {
                let keeper = Keeper { later: Some((path, configuration)), ..Keeper::default() };
                (keeper, Accumulator::default())
            }
        };
        Accumulating {
            accumulator,
            keeper,
            masks: EkmanMasks::new(options.masks, &StandardFace::default()),
            commit: Stage::new("commit"),
            last_commit: Instant::now(),
            last_board: None,
            unpublished: [true; 6],
            committed_counts: None,
        }
    }

    /// Of the last visit before.
    pub fn last_visit(&self) -> u64 {
        self.accumulator.counts().visits
    }

    /// Works until nobody hands anything on any more.
    pub fn run(&mut self, shared: &Shared, messages: &Receiver<Message>) -> Result<(), String> {
        self.publish_store(shared);
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
            if self.last_board.is_none_or(|last| last.elapsed() >= BOARD_PERIOD) {
                self.publish(shared);
            }
        }
        self.commit(shared, true);
        self.publish(shared);
        shared.has_committed.store(true, Relaxed);
        // Who waits for the end of the frames learns it now.
        shared.board.stop();
        Ok(())
    }

    fn take(&mut self, message: Message) {
        let result = match message {
            Message::Explained { visit, expression, map } => {
                if let Some(place) = expression.place() {
                    self.unpublished[place] = true;
                }
                self.accumulator.add(visit, expression, &map)
            }
            // Was counted as if it had ended already.
            Message::Ended(visit) => self.accumulator.end_visit(visit),
        };
        if let Err(error) = result {
            log::warn!("an explanation is not counted: {error}");
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
                        self.unpublished = [true; 6];
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
        self.last_board = Some(Instant::now());
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
            status.source = source;
            status.resident_bytes = resident;
            if let Some(time) = commit {
                put_stage(&mut status.stages, time);
            }
        });
        shared.board.remember(uptime);
        shared.events.status(&shared.board);
    }
}

/// Memory of the process, where Linux tells it.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes << 10)
}
