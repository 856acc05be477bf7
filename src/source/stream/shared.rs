//! What the capturing thread and the one that takes frames both know.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::Source;
use super::{SourceState, SourceStatus};

/// Frames that the rate is measured over.
const RATE_FRAMES: usize = 32;

/// Between lines of the log about one stream.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// Why reading ends before the source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Impatience {
    /// Nobody wants frames any more.
    #[error("nobody wants frames any more")]
    Stopped,
    /// Nothing came for so long.
    #[error("no frame for {} s", .0.as_secs_f64())]
    Silent(Duration),
}

/// Status and patience.
#[derive(Debug)]
pub struct Shared {
    stopping: AtomicBool,
    content: Mutex<Content>,
    /// The source cannot be opened again, so that it is never given up.
    irreplaceable: bool,
    /// Each of its frames has a name of its own, so that each that is broken is logged.
    is_file: bool,
}

#[derive(Debug)]
struct Content {
    status: SourceStatus,
    taken: VecDeque<Instant>,
    patience: Duration,
    until: Instant,
    logged: Option<Instant>,
}

impl Shared {
    pub fn new(source: &Source, longest_gap: Duration) -> Self {
        Shared {
            stopping: AtomicBool::new(false),
            content: Mutex::new(Content {
                status: SourceStatus { uri: source.to_string(), longest_gap, ..Default::default() },
                taken: VecDeque::with_capacity(RATE_FRAMES),
                patience: Duration::ZERO,
                until: Instant::now(),
                logged: None,
            }),
            irreplaceable: *source == Source::StandardInput,
            is_file: source.is_file(),
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // Every change leaves the content whole.
        self.content.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    pub fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// From now on a frame is waited for so long.
    pub fn grant(&self, patience: Duration) {
        let mut content = self.content();
        content.patience = patience;
        content.until = Instant::now() + patience;
    }

    /// How much longer a frame is waited for.
    pub fn patience(&self) -> Result<Duration, Impatience> {
        if self.is_stopping() {
            return Err(Impatience::Stopped);
        }
        let content = self.content();
        let left = content.until.saturating_duration_since(Instant::now());
        let patience = content.patience;
        if !left.is_zero() {
            return Ok(left);
        }
        drop(content);
        if !self.irreplaceable {
            return Err(Impatience::Silent(patience));
        }
        self.wait_for(&format!("no frame for {} s", patience.as_secs_f64()));
        self.grant(patience);
        Ok(patience)
    }

    /// A frame was captured.
    pub fn captured(&self, (width, height): (u32, u32)) {
        let mut content = self.content();
        content.status.state = SourceState::Running;
        content.status.size = Some([width, height]);
        content.status.frames += 1;
    }

    /// A frame was captured for nobody.
    pub fn dropped(&self) {
        self.content().status.dropped += 1;
    }

    /// A frame was taken.
    pub fn taken(&self) {
        let mut content = self.content();
        if content.taken.len() == RATE_FRAMES {
            content.taken.pop_front();
        }
        content.taken.push_back(Instant::now());
    }

    /// Tells what went wrong. The same again is only logged for those who look for defects, and so is what comes too fast: a stream
    /// may be broken in every frame, each time otherwise.
    pub fn tell(&self, problem: &str) {
        let mut content = self.content();
        let is_new = content.status.problem.as_deref() != Some(problem);
        if is_new {
            content.status.problem = Some(problem.to_owned());
        }
        let is_due = self.is_file || content.logged.is_none_or(|last| last.elapsed() > LOG_PAUSE);
        let level = if is_new && is_due { log::Level::Warn } else { log::Level::Debug };
        if level == log::Level::Warn {
            content.logged = Some(Instant::now());
        }
        // Some problems name the source themselves.
        match &content.status.uri {
            uri if problem.starts_with(uri.as_str()) => log::log!(level, "{problem}"),
            uri => log::log!(level, "{uri}: {problem}"),
        }
    }

    /// There are no frames for now.
    pub fn wait_for(&self, problem: &str) {
        self.tell(problem);
        self.content().status.state = SourceState::Waiting;
    }

    /// It is opened once more.
    pub fn reopened(&self) {
        self.content().status.reopened += 1;
    }

    /// There will be no more frames.
    pub fn end(&self, problem: Option<String>) {
        if let Some(problem) = problem {
            self.tell(&problem);
        }
        self.content().status.state = SourceState::Ended;
    }

    pub fn status(&self) -> SourceStatus {
        let content = self.content();
        let frames_per_second = rate(&content.taken, Instant::now());
        SourceStatus { frames_per_second, ..content.status.clone() }
    }
}

/// Per second. The time since the last one counts where none has come for a second.
fn rate(times: &VecDeque<Instant>, now: Instant) -> f64 {
    let (Some(&first), Some(&last)) = (times.front(), times.back()) else { return 0.0 };
    let until = if now - last > Duration::from_secs(1) { now } else { last };
    let seconds = (until - first).as_secs_f64();
    if seconds > 0.0 { (times.len() - 1) as f64 / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_falls_while_nothing_comes() {
        let now = Instant::now();
        let times: VecDeque<Instant> =
            (0..11).map(|i| now + Duration::from_millis(100 * i)).collect();
        assert!((rate(&times, now + Duration::from_secs(1)) - 10.0).abs() < 1e-9);
        assert!((rate(&times, now + Duration::from_secs(10)) - 1.0).abs() < 1e-9);
        assert_eq!(rate(&VecDeque::new(), now), 0.0);
    }
}
