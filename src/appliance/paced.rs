//! A network that takes only its share of the processor, and stops when it is told to.

use std::time::{Duration, Instant};

use crate::expression::Expression;
use crate::network::{Classifier, Network, NetworkError};

/// Samples evaluated per lane before the first look at the clock.
const FIRST_STEP: usize = 4;
/// How long a step is to take: each waits for its slowest lane, which the loop may hold up for a frame, so short ones waste time; long ones keep
/// a pause waiting.
const STEP_TIME: Duration = Duration::from_millis(80);

/// Samples per lane in a step, learnt from one explanation to the next.
#[derive(Debug, Clone, Copy)]
pub struct Step(usize);

impl Default for Step {
    fn default() -> Self {
        Step(FIRST_STEP)
    }
}

impl Step {
    /// Learns from one that took so long.
    fn learn(&mut self, samples_per_lane: usize, took: Duration) {
        let wanted =
            samples_per_lane as f64 * STEP_TIME.as_secs_f64() / took.as_secs_f64().max(1e-6);
        // Half the way, since one measurement is no rule; never more than twice as many at once.
        let next = (self.0 as f64 + wanted.min(3.0 * self.0 as f64)) / 2.0;
        self.0 = (next.round() as usize).clamp(1, 1024);
    }
}

/// A network that is evaluated in small steps, with rests between them.
pub struct Paced<'a> {
    network: &'a mut Network,
    lanes: usize,
    step: &'a mut Step,
    /// Asked before each step: rest per time of work (0: none), or none when there is no point in going on.
    rest: &'a mut dyn FnMut() -> Option<f64>,
    /// Spent in evaluations, without rests.
    pub evaluating: Duration,
    /// Spent resting.
    pub resting: Duration,
}

impl<'a> Paced<'a> {
    /// Of a network loaded for `lanes` threads.
    pub fn new(
        network: &'a mut Network,
        lanes: usize,
        step: &'a mut Step,
        rest: &'a mut dyn FnMut() -> Option<f64>,
    ) -> Self {
        Paced { network, lanes, step, rest, evaluating: Duration::ZERO, resting: Duration::ZERO }
    }
}

/// The longest sleep: who ends the appliance does not want to wait for more.
const NAP: Duration = Duration::from_millis(20);

impl Paced<'_> {
    fn rest_for(&mut self, time: Duration) -> Result<(), NetworkError> {
        let start = Instant::now();
        while let Some(left) = time.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) {
            std::thread::sleep(left.min(NAP));
            if (self.rest)().is_none() {
                return Err(self.network.stopped());
            }
        }
        self.resting += start.elapsed();
        Ok(())
    }
}

impl Classifier for Paced<'_> {
    fn classes(&self) -> &[Expression] {
        self.network.classes()
    }

    fn crop_size(&self) -> (u32, u32) {
        self.network.crop_size()
    }

    fn evaluate(
        &mut self,
        count: usize,
        write_crop: &(dyn Fn(usize, &mut [u8]) + Sync),
        probabilities: &mut [f32],
    ) -> Result<(), NetworkError> {
        let classes = self.network.classes().len();
        let mut done = 0;
        while done < count {
            let Some(rest) = (self.rest)() else { return Err(self.network.stopped()) };
            let step = (self.step.0 * self.lanes).min(count - done);
            let rows = &mut probabilities[done * classes..(done + step) * classes];
            let write = |index: usize, pixels: &mut [u8]| write_crop(done + index, pixels);
            let start = Instant::now();
            Classifier::evaluate(self.network, step, &write, rows)?;
            let worked = start.elapsed();
            self.evaluating += worked;
            self.step.learn(step.div_ceil(self.lanes), worked);
            done += step;
            self.rest_for(worked.mul_f64(rest.min(100.0)))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_take_as_long_as_they_should_whatever_the_network() {
        for milliseconds in [0.05, 2.0, 30.0, 500.0] {
            let mut step = Step::default();
            for _ in 0..20 {
                let took = Duration::from_secs_f64(step.0 as f64 * milliseconds / 1e3);
                step.learn(step.0, took);
            }
            let took = step.0 as f64 * milliseconds;
            assert!(step.0 == 1 || step.0 == 1024 || (60.0..100.0).contains(&took), "{took} ms");
        }
    }
}
