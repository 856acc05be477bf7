//! A network that takes only its share of the processor, and stops when it is told to.

use std::time::{Duration, Instant};

use crate::expression::Expression;
use crate::network::{Classifier, Network, NetworkError};

/// Samples evaluated per lane before the next look at the clock.
const STEP: usize = 4;

/// A network that is evaluated in small steps, with rests between them.
pub struct Paced<'a> {
    network: &'a mut Network,
    lanes: usize,
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
        rest: &'a mut dyn FnMut() -> Option<f64>,
    ) -> Self {
        Paced { network, lanes, rest, evaluating: Duration::ZERO, resting: Duration::ZERO }
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
        let step = STEP * self.lanes;
        for (number, rows) in
            probabilities[..count * classes].chunks_mut(step * classes).enumerate()
        {
            let Some(rest) = (self.rest)() else { return Err(self.network.stopped()) };
            let start = Instant::now();
            let write = |index: usize, pixels: &mut [u8]| write_crop(number * step + index, pixels);
            Classifier::evaluate(self.network, rows.len() / classes, &write, rows)?;
            let worked = start.elapsed();
            self.evaluating += worked;
            if rest > 0.0 {
                let pause = worked.mul_f64(rest.min(100.0));
                std::thread::sleep(pause);
                self.resting += pause;
            }
        }
        Ok(())
    }
}
