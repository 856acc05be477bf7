//! The thread that opens a source, hands its frames on, and opens it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, SendTimeoutError, Sender, TrySendError};
use image::RgbImage;

use super::feed::{self, Next};
use super::shared::Shared;
use super::{CaptureOptions, Frame, Source, SourceError};
use crate::panic;

/// How long is waited at a time where the end of the capture is not noticed otherwise.
pub const SLICE: Duration = Duration::from_millis(100);
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// A source that gave frames for so long is taken to be well.
const STEADY: Duration = Duration::from_secs(5);

/// With a film, between two frames.
const FILM_DEADLINE: Duration = Duration::from_secs(60);

/// The capturing thread's part.
pub struct Line {
    source: Source,
    options: CaptureOptions,
    /// With the source, between two frames.
    patience: Duration,
    shared: Arc<Shared>,
    give: Sender<Frame>,
    /// The other end of `give`: the oldest frame is taken back when there is no room.
    waiting: Receiver<Frame>,
    give_spare: Sender<RgbImage>,
    spare: Receiver<RgbImage>,
}

/// What came while the source was open once.
#[derive(Default)]
struct Opening {
    frames: u64,
    /// When the first frame and the last one were captured.
    span: Option<(Instant, Instant)>,
}

impl Opening {
    fn is_steady(&self) -> bool {
        self.span.is_some_and(|(first, last)| last - first >= STEADY)
    }
}

impl Line {
    pub fn new(
        source: Source,
        options: CaptureOptions,
        patience: Duration,
        shared: Arc<Shared>,
        (give, waiting): (Sender<Frame>, Receiver<Frame>),
        (give_spare, spare): (Sender<RgbImage>, Receiver<RgbImage>),
    ) -> Self {
        Line { source, options, patience, shared, give, waiting, give_spare, spare }
    }

    /// Captures until nobody wants frames any more, or there are none.
    pub fn run(self) {
        let mut delay = FIRST_DELAY;
        let mut number = 0;
        let mut pace = Pace::new(self.options.frames_per_second);
        loop {
            let mut opening = Opening::default();
            // What a decoder does to hostile bytes must not end the capture silently.
            let end = catch_unwind(AssertUnwindSafe(|| {
                self.open_and_capture(&mut opening, number, &mut pace)
            }));
            let end = end
                .unwrap_or_else(|it| Err(SourceError::Panicked(panic::message(&*it).to_owned())));
            number += opening.frames;
            if self.shared.is_stopping() {
                return self.shared.end(None);
            }
            let failure = match end {
                // A film that cannot be read any more would be seen twice if it were opened again.
                Err(failure)
                    if opening.frames > 0 && self.source.is_file() && !self.begins_again() =>
                {
                    return self.shared.end(Some(failure.to_string()));
                }
                Ok(failure) if !self.begins_again() => {
                    return self.shared.end(failure.map(|failure| failure.to_string()));
                }
                Ok(None) if opening.frames == 0 => "there are no frames in it".to_owned(),
                Ok(None) if self.source.is_file() => {
                    delay = FIRST_DELAY;
                    continue;
                }
                Ok(None) => "it ended".to_owned(),
                Ok(Some(failure)) | Err(failure) => failure.to_string(),
            };
            self.shared.wait_for(&failure);
            if opening.is_steady() {
                delay = FIRST_DELAY;
            }
            self.pause(delay);
            delay = (2 * delay).min(LONGEST_DELAY);
            self.shared.reopened();
        }
    }

    /// Whether there is anything after the end.
    fn begins_again(&self) -> bool {
        match self.source {
            Source::StandardInput => false,
            Source::Demo | Source::File(_) => self.options.repeat,
            Source::Camera(_) | Source::Network(_) | Source::Command(_) => true,
        }
    }

    /// Why the source ended, where that is not simply its end; or why it failed.
    fn open_and_capture(
        &self,
        opening: &mut Opening,
        first: u64,
        pace: &mut Pace,
    ) -> Result<Option<SourceError>, SourceError> {
        let deadline = self.options.opening_deadline;
        let is_file = self.source.is_file();
        self.shared.grant(if is_file { deadline.max(self.patience) } else { deadline });
        let mut feed = feed::open(&self.source, &self.options, &self.shared)?;
        loop {
            let mut picture = self.spare.try_recv().unwrap_or_default();
            if feed.is_paced() {
                pace.wait(&self.shared);
            }
            match feed.next(&mut picture)? {
                Next::End(failure) => return Ok(failure),
                Next::Skipped(problem) => {
                    self.shared.tell(&problem);
                    let _ = self.give_spare.try_send(picture);
                }
                Next::Picture(captured) => {
                    self.shared.captured(picture.dimensions());
                    let number = first + opening.frames;
                    opening.frames += 1;
                    let (begin, _) = opening.span.unwrap_or((captured, captured));
                    opening.span = Some((begin, captured));
                    self.hand_on(Frame { number, captured, picture });
                    self.shared.grant(self.patience);
                }
            }
            if self.shared.is_stopping() {
                return Ok(None);
            }
        }
    }

    fn hand_on(&self, mut frame: Frame) {
        if self.source.is_file() && self.options.frames_per_second.is_none() {
            while !self.shared.is_stopping() {
                match self.give.send_timeout(frame, SLICE) {
                    Err(SendTimeoutError::Timeout(back)) => frame = back,
                    _ => return,
                }
            }
            return;
        }
        while let Err(TrySendError::Full(back)) = self.give.try_send(frame) {
            frame = back;
            if let Ok(oldest) = self.waiting.try_recv() {
                self.shared.dropped();
                let _ = self.give_spare.try_send(oldest.picture);
            }
        }
    }

    /// Waits, unless nobody wants frames any more.
    fn pause(&self, time: Duration) {
        wait_until(Instant::now() + time, &self.shared);
    }
}

fn wait_until(time: Instant, shared: &Shared) {
    while !shared.is_stopping() {
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left.min(SLICE));
    }
}

/// How long there may be no frame. A film may have a gap and its disk a rest; a slow one is given time for three frames.
pub fn patience(source: &Source, options: &CaptureOptions) -> Duration {
    if !source.is_file() {
        return options.deadline;
    }
    let pace = Pace::new(options.frames_per_second);
    options.deadline.max(FILM_DEADLINE).max(3 * pace.period)
}

/// When pictures are due.
struct Pace {
    period: Duration,
    due: Instant,
}

impl Pace {
    fn new(frames_per_second: Option<f64>) -> Self {
        let period = frames_per_second.map_or(Duration::ZERO, |rate| {
            // Also where it is no number, or of no use.
            Duration::from_secs_f64(1.0 / rate.clamp(0.001, 1000.0).max(0.001))
        });
        Pace { period, due: Instant::now() }
    }

    /// Waits for the next; what is late is not made up for.
    fn wait(&mut self, shared: &Shared) {
        wait_until(self.due, shared);
        self.due = (self.due + self.period).max(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_steady_once_frames_have_come_for_a_while() {
        let now = Instant::now();
        let opening = |span| Opening { frames: 1, span };
        assert!(!opening(None).is_steady());
        assert!(!opening(Some((now, now))).is_steady());
        assert!(opening(Some((now, now + STEADY))).is_steady());
    }

    #[test]
    fn films_and_slow_pictures_are_waited_for_longer_than_cameras() {
        let options =
            |frames_per_second| CaptureOptions { frames_per_second, ..Default::default() };
        let film = Source::File("film.mp4".into());
        assert_eq!(patience(&Source::Camera(0), &options(Some(0.05))).as_secs(), 2);
        assert_eq!(patience(&film, &options(Some(30.0))).as_secs(), 60);
        assert_eq!(patience(&film, &options(Some(0.01))).as_secs(), 300);
    }

    #[test]
    fn a_pace_is_never_endless() {
        for (rate, seconds) in
            [(None, 0.0), (Some(4.0), 0.25), (Some(0.0), 1e3), (Some(f64::NAN), 1e3)]
        {
            assert_eq!(Pace::new(rate).period.as_secs_f64(), seconds, "{rate:?}");
        }
        assert_eq!(Pace::new(Some(f64::INFINITY)).period, Duration::from_millis(1));
    }
}
