//! The perceive worker: every frame, as it comes.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::super::FaceFinder;
use super::super::board::Board;
use super::super::events::Event;
use super::super::gate::Refusal;
use super::super::perceive::{Candidate, Perceiver, Seen};
use super::super::timing::Stage;
use super::{BOARD_PERIOD, Shared, TICK, View, put_stage};
use crate::network::Network;
use crate::source::stream::{Frame, NextFrame};

/// Visits end when no frame has come for so long.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct PerceiveChannels {
    pub offer: Sender<Box<Candidate>>,
    pub take_back: Receiver<Box<Candidate>>,
    pub empty: Receiver<Box<Candidate>>,
    pub free: Sender<Box<Candidate>>,
    pub tell_end: Sender<u64>,
    pub give_view: Sender<View>,
    pub drop_view: Receiver<View>,
}

pub fn perceive_frames(
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
        stages.add(&seen, start.elapsed(), frame.captured.elapsed());
        stages.publish(shared);
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
            worked: Duration::ZERO,
            last_publication: Instant::now(),
        }
    }
}

impl PerceiveStages {
    /// `worked`: on the frame; `latency`: since it was captured.
    fn add(&mut self, seen: &Seen, worked: Duration, latency: Duration) {
        if let Some(detecting) = seen.detecting {
            self.detect.add(detecting);
        }
        if !seen.faces.is_empty() {
            self.place.add(seen.placing);
            self.classify.add(seen.classifying);
        }
        self.perceive.add(worked);
        self.latency.add(latency);
        self.worked += worked;
    }

    fn publish(&mut self, shared: &Shared) {
        let elapsed = self.last_publication.elapsed();
        if elapsed < BOARD_PERIOD {
            return;
        }
        let load = self.worked.as_secs_f32() / elapsed.as_secs_f32();
        shared.perceive_load.store(load.to_bits(), Relaxed);
        self.worked = Duration::ZERO;
        self.last_publication = Instant::now();
        let stages = [&self.detect, &self.place, &self.classify, &self.perceive, &self.latency];
        shared.board.update(|status| {
            for time in stages.iter().filter_map(|stage| stage.summary()) {
                put_stage(&mut status.stages, time);
            }
        });
    }
}
