//! Workers that fail are started again, but not for ever.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::board::Board;
use crate::panic;

/// The most restarts, of all workers together, in [`RESTART_PERIOD`].
const MOST_RESTARTS: usize = 5;
/// In which so many are too many.
const RESTART_PERIOD: Duration = Duration::from_secs(60);

/// Counts what fails, and gives the appliance up when it fails too often.
#[derive(Debug, Default)]
pub struct Supervisor {
    restarts: Mutex<VecDeque<Instant>>,
    failure: Mutex<Option<String>>,
}

impl Supervisor {
    /// Runs `work` until it ends well or the board says stop; when it panics or fails it is run again, from whatever state it left. After
    /// more than five restarts in a minute the board is told to stop and [`Self::failure`] tells why.
    pub fn run(&self, name: &str, board: &Board, mut work: impl FnMut() -> Result<(), String>) {
        loop {
            let problem = match catch_unwind(AssertUnwindSafe(&mut work)) {
                Ok(Ok(())) => return,
                Ok(Err(problem)) => problem,
                Err(panic) => panic::message(&*panic).to_owned(),
            };
            if board.is_stopping() {
                return;
            }
            log::error!("{name} failed and is started again: {problem}");
            board.update(|status| status.restarts += 1);
            if self.is_too_often() {
                let text = format!(
                    "{name} failed, and workers failed more than {MOST_RESTARTS} times in a minute: {problem}"
                );
                self.lock(&self.failure).get_or_insert(text);
                board.stop();
                return;
            }
        }
    }

    fn is_too_often(&self) -> bool {
        let now = Instant::now();
        let mut restarts = self.lock(&self.restarts);
        restarts.push_back(now);
        while restarts.front().is_some_and(|&first| now - first > RESTART_PERIOD) {
            restarts.pop_front();
        }
        restarts.len() > MOST_RESTARTS
    }

    /// Why the appliance was given up, if it was.
    pub fn failure(&self) -> Option<String> {
        self.lock(&self.failure).clone()
    }

    fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> std::sync::MutexGuard<'a, T> {
        mutex.lock().unwrap_or_else(|poison| poison.into_inner())
    }
}

/// A sign of life that a worker gives again and again.
#[derive(Debug)]
pub struct Heartbeat {
    began: Instant,
    /// Milliseconds after `began`.
    last: AtomicU64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Heartbeat { began: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Heartbeat {
    /// Alive.
    pub fn beat(&self) {
        self.last.store(self.began.elapsed().as_millis() as u64, Relaxed);
    }

    /// How long ago the last beat was.
    pub fn age(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.last.load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::Status;
    use crate::compare::MaskSet;

    fn board() -> Board {
        Board::new(Status::new("test", MaskSet::default(), 20), false)
    }

    #[test]
    fn a_worker_that_panics_goes_on_and_one_that_always_does_is_given_up() {
        let (supervisor, board) = (Supervisor::default(), board());
        let mut runs = 0;
        supervisor.run("explain", &board, || {
            runs += 1;
            assert!(runs > 3, "a fault");
            Ok(())
        });
        assert_eq!((runs, board.status().restarts, board.is_stopping()), (4, 3, false));
        supervisor.run("perceive", &board, || Err("no".to_owned()));
        assert!(board.is_stopping());
        assert!(supervisor.failure().unwrap().contains("perceive"));
        assert_eq!(board.status().restarts, 6);
    }

    #[test]
    fn when_all_ends_nothing_is_started_again() {
        let (supervisor, board) = (Supervisor::default(), board());
        board.stop();
        supervisor.run("explain", &board, || Err("interrupted".to_owned()));
        assert_eq!((board.status().restarts, supervisor.failure()), (0, None));
    }
}
