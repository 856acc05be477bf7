//! The perceive worker: every frame, as it comes.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::super::FaceFinder;
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
    let last_visit = shared.last_visit.load(Relaxed);
    let mut perceiver = Perceiver::new(finder, classifier, shared.options.gate, last_visit);
    let result = look_on(shared, &mut perceiver, channels);
    // The end of the frames is the end of it all, once the last face is explained. After a failure the next perceiver knows nobody.
    perceiver.forget(|visit| end_visit(shared, channels, visit));
    result
}

fn end_visit(shared: &Shared, channels: &PerceiveChannels, visit: u64) {
    // While hundreds of ends wait, the loop of explanations hangs, and is watched for that.
    let _ = channels.tell_end.try_send(visit);
    shared.forget_face(visit);
    shared.events.send(|| Event::VisitEnded { visit });
}

/// Looks at frame after frame until there are no more.
fn look_on(
    shared: &Shared,
    perceiver: &mut Perceiver,
    channels: &PerceiveChannels,
) -> Result<(), String> {
    let board = &shared.board;
    let mut seen = Seen::default();
    let mut stages = PerceiveStages::default();
    let mut turn = Turn::default();
    let mut last_frame = Instant::now();
    let end = |visit| end_visit(shared, channels, visit);
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
        let offer =
            candidate.map_or(Offer::Refused, |candidate| offer(channels, candidate, &mut turn));
        match offer {
            Offer::Refused => {}
            Offer::Taken => perceiver.taken(None),
            Offer::InPlaceOf(visit) => {
                board.update(|status| status.refusals.count(Refusal::Busy));
                perceiver.taken(Some(visit));
            }
        }
        seen.ended.iter().for_each(|&visit| end(visit));
        note(shared, &seen, offer != Offer::Refused, frame.number);
        stages.add(&seen, start.elapsed(), frame.captured.elapsed());
        stages.publish(shared);
        show(shared, channels, frame, &seen);
    }
    Ok(())
}

/// Whose turn it is to be explained.
#[derive(Debug, Clone, Copy, Default)]
struct Turn {
    visit: u64,
    /// How often that visit was explained before.
    explanations: u32,
}

/// What becomes of a face that is offered to be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offer {
    /// Another one waits.
    Refused,
    Taken,
    /// Of one of that visit, which waited.
    InPlaceOf(u64),
}

/// Hands a face on to be explained, in place of an older one that waits; unless that is of another visit, which was explained no more often:
/// who is seen well in one frame of ten has a turn beside who is seen well in all. `last` is the face that was handed on last.
fn offer(channels: &PerceiveChannels, candidate: &Candidate, last: &mut Turn) -> Offer {
    let other_comes_first =
        last.visit != candidate.visit && last.explanations <= candidate.explanations;
    if !channels.take_back.is_empty() && other_comes_first {
        return Offer::Refused;
    }
    // Never put back: an end of its visit may have been told meanwhile.
    let (mut room, offer) = match channels.take_back.try_recv() {
        Ok(waiting) => {
            let displaced = waiting.visit;
            (waiting, Offer::InPlaceOf(displaced))
        }
        // An explanation that panicked has kept its box.
        Err(_) => {
            let room = channels.empty.try_recv();
            (room.unwrap_or_else(|_| Box::new(candidate.clone())), Offer::Taken)
        }
    };
    room.copy_from(candidate);
    // The one of that visit which waited had counted already.
    let waited = u32::from(offer == Offer::InPlaceOf(candidate.visit));
    *last = Turn { visit: candidate.visit, explanations: candidate.explanations - waited };
    channels.offer.try_send(room).map_or(Offer::Refused, |()| offer)
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

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;

    /// The channels, where frees of boxes go, and what is to be explained.
    fn channels() -> (PerceiveChannels, Sender<Box<Candidate>>, Receiver<Box<Candidate>>) {
        let (offer, candidates) = bounded(1);
        let (free, empty) = bounded(2);
        (0..2).for_each(|_| free.send(Box::new(Candidate::blank(8))).unwrap());
        let (give_view, drop_view) = bounded(1);
        let (tell_end, _) = bounded(1);
        let take_back = candidates.clone();
        let channels = PerceiveChannels { offer, take_back, empty, tell_end, give_view, drop_view };
        (channels, free, candidates)
    }

    fn candidate(visit: u64, explanations: u32) -> Candidate {
        Candidate { visit, explanations, ..Candidate::blank(8) }
    }

    #[test]
    fn the_newest_face_of_the_visit_explained_least_waits() {
        let (channels, _free, candidates) = channels();
        let mut turn = Turn::default();
        let mut offer =
            |visit, explanations| offer(&channels, &candidate(visit, explanations), &mut turn);
        assert_eq!(offer(1, 0), Offer::Taken);
        assert_eq!(offer(2, 0), Offer::Refused, "it came later");
        // Its own newer face, which counts the one that waits.
        assert_eq!(offer(1, 1), Offer::InPlaceOf(1));
        assert_eq!(offer(2, 0), Offer::Refused);
        assert_eq!(candidates.recv().unwrap().visit, 1);
        // While it is explained.
        assert_eq!(offer(1, 1), Offer::Taken);
        assert_eq!(offer(2, 0), Offer::InPlaceOf(1));
        assert_eq!(offer(1, 1), Offer::Refused);
        assert_eq!(candidates.recv().unwrap().visit, 2);
    }

    #[test]
    fn boxes_that_panics_took_are_made_anew() {
        let (channels, _free, candidates) = channels();
        let mut turn = Turn::default();
        for visit in 1..=5 {
            assert_eq!(offer(&channels, &candidate(visit, 0), &mut turn), Offer::Taken);
            drop(candidates.recv().unwrap());
        }
    }
}
