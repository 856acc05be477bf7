//! How long the stages of the loop take, over the last of each.

use std::time::Duration;

use super::board::StageTime;

/// Times kept per stage: some seconds of frames.
const KEPT: usize = 128;

/// The last times of a stage, in a ring of fixed size.
#[derive(Debug, Clone)]
pub struct Stage {
    name: &'static str,
    milliseconds: heapless::HistoryBuf<f32, KEPT>,
}

impl Stage {
    /// No time yet.
    pub const fn new(name: &'static str) -> Self {
        Stage { name, milliseconds: heapless::HistoryBuf::new() }
    }

    /// Takes one more.
    pub fn add(&mut self, duration: Duration) {
        self.milliseconds.write(duration.as_secs_f32() * 1e3);
    }

    /// Median and 95th percentile of those kept; none before the first.
    pub fn summary(&self) -> Option<StageTime> {
        let mut sorted: heapless::Vec<f32, KEPT> = self.milliseconds.iter().copied().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        let quantile = |share: f64| f64::from(sorted[(last as f64 * share).round() as usize]);
        Some(StageTime { stage: self.name, median_ms: quantile(0.5), p95_ms: quantile(0.95) })
    }
}

/// A rate, from the times of the last events.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    seconds: heapless::HistoryBuf<f64, KEPT>,
}

impl Rate {
    /// An event at that time.
    pub fn add(&mut self, seconds: f64) {
        self.seconds.write(seconds);
    }

    /// Events per second over the last `span` seconds before `now`, or over those kept where they are fewer.
    pub fn per_second(&self, now: f64, span: f64) -> f64 {
        let recent = self.seconds.iter().filter(|&&at| now - at <= span);
        let (count, earliest) =
            recent.fold((0, now), |(count, earliest), &at| (count + 1, at.min(earliest)));
        // A full ring may not reach back so far.
        let covered = if count == KEPT { now - earliest } else { span.min(now).max(1.0) };
        count as f64 / covered.max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_last_times() {
        let mut stage = Stage::new("detect");
        assert_eq!(stage.summary(), None);
        (0..1000).for_each(|_| stage.add(Duration::from_secs(9)));
        (1..=KEPT as u64).for_each(|ms| stage.add(Duration::from_millis(ms)));
        let summary = stage.summary().unwrap();
        assert!((summary.median_ms - 65.0).abs() <= 1.0 && (summary.p95_ms - 122.0).abs() <= 1.0);
    }

    #[test]
    fn rates_fall_when_nothing_happens() {
        let mut rate = Rate::default();
        (0..300).for_each(|event| rate.add(f64::from(event) / 30.0));
        assert!((rate.per_second(10.0, 3.0) - 30.0).abs() < 1.0);
        assert!((rate.per_second(10.0, 60.0) - 30.0).abs() < 1.0);
        assert_eq!(rate.per_second(100.0, 3.0), 0.0);
    }
}
