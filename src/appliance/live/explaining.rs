//! The explain worker: one face after the other, with the processor's time that it may take.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, select};

use super::super::events::Event;
use super::super::paced::{Paced, Step};
use super::super::perceive::Candidate;
use super::super::timing::{Rate, Stage};
use super::{Cores, LastExplanation, Message, Samples, Shared, TICK, put_stage};
use crate::explain::{self, COMPACTNESS, Design, Estimator, Pair, SEGMENTS, SampleChoice, slic};
use crate::network::{Network, NetworkError, NetworkProblem};
use crate::random::Stream;
use crate::standard_face::{FACE_PIXELS, StandardFace, WarpMap};

pub struct ExplainChannels {
    pub candidates: Receiver<Box<Candidate>>,
    pub free: Sender<Box<Candidate>>,
    pub ends: Receiver<u64>,
    pub tell: Sender<Message>,
}

/// Explains face after face.
pub struct Explainer {
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
    pub fn new(network: Network, lanes: usize) -> Self {
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
                    (lanes - f64::from(load)).max(0.25)
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

pub fn explain_faces(
    shared: &Shared,
    explainer: &mut Explainer,
    channels: &ExplainChannels,
) -> Result<(), String> {
    let never = crossbeam_channel::never();
    let mut ends = &channels.ends;
    loop {
        shared.explain_beat.beat();
        let Some(Work { candidate, ended }) = next_work(channels, &mut ends, &never) else { break };
        let result = match candidate {
            Some(candidate) => {
                let result = explain_candidate(shared, explainer, &candidate, &channels.tell);
                let _ = channels.free.try_send(candidate);
                result.map_err(|error| error.to_string())
            }
            None => Ok(()),
        };
        if let Some(visit) = ended {
            end_visit(shared, channels, visit);
        }
        result?;
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
        end_visit(shared, channels, visit);
    }
    Ok(())
}

/// What is to be done: a face to explain, then a visit that has ended.
struct Work {
    candidate: Option<Box<Candidate>>,
    ended: Option<u64>,
}

/// Waits a tick for something to do. Nothing when the perceive worker has ended, and so has every visit.
fn next_work<'a>(
    channels: &ExplainChannels,
    ends: &mut &'a Receiver<u64>,
    never: &'a Receiver<u64>,
) -> Option<Work> {
    let idle = Work { candidate: None, ended: None };
    select! {
        recv(ends) -> end => match end {
            // The face that waits was offered before that visit ended, and may be of it: no explanation comes after its visit's end.
            Ok(visit) => Some(Work { candidate: channels.candidates.try_recv().ok(), ended: Some(visit) }),
            Err(_) => {
                *ends = never;
                Some(idle)
            }
        },
        recv(channels.candidates) -> candidate => {
            candidate.ok().map(|candidate| Work { candidate: Some(candidate), ended: None })
        }
        default(TICK) => Some(idle),
    }
}

fn end_visit(shared: &Shared, channels: &ExplainChannels, visit: u64) {
    // It may have been explained since it ended.
    shared.forget_face(visit);
    let _ = channels.tell.send(Message::Ended(visit));
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
    if let Some(place) = expression.place() {
        if let Some(last) = explainer.last[place].take()
            && last.samples == samples
        {
            explainer.compare(Pair::OtherCrop, samples, &first.map, &last.map);
        }
        explainer.last[place] = Some(LastMap { samples, map: first.map.clone() });
    }
    let again = shared.options.samples == Samples::Chosen && explainer.choice.wants_repeat();
    // Where the second one fails, the first one counts all the same.
    let second = if again { explainer.explain(shared, candidate, samples) } else { Ok(None) };
    if let Ok(Some(second)) = &second {
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
    let (second, failure) = match second {
        Ok(second) => (second, Ok(())),
        Err(error) => (None, Err(error)),
    };
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
    failure
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::bounded;

    use super::*;

    #[test]
    fn no_face_is_explained_after_the_end_of_its_visit() {
        for _ in 0..100 {
            let (offer, candidates) = bounded(1);
            let (tell_end, ends) = bounded(2);
            let (free, _empty) = bounded(1);
            let (tell, _messages) = bounded(1);
            let channels = ExplainChannels { candidates, free, ends, tell };
            let never = crossbeam_channel::never();
            let mut ends = &channels.ends;
            let mut next = || next_work(&channels, &mut ends, &never);
            offer.send(Box::new(Candidate { visit: 1, ..Candidate::blank(8) })).unwrap();
            tell_end.send(1).unwrap();
            let first = next().unwrap();
            assert_eq!(first.candidate.unwrap().visit, 1);
            if first.ended.is_none() {
                let second = next().unwrap();
                assert_eq!((second.candidate.is_none(), second.ended), (true, Some(1)));
            }
            drop((offer, tell_end));
            // Both are closed: at most one look finds that out for either.
            assert!(next().is_none() || next().is_none());
        }
    }
}
