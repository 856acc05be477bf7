//! How many samples the next explanation should have, where explanations are averaged to a heatmap.
//!
//! Maps of two explanations differ because their faces do (variance `G`) and because their samples do (variance `a / n` with `n`
//! samples). An explanation takes `c0 + c n` seconds. After `T` seconds spent so, the heatmap's squared error is
//! `(G + a / n) (c0 + c n) / T`, whatever `T` is: least near `n = sqrt(a c0 / (G c))`, and flat around it.
//! `a` is learnt from crops that are explained twice, `G` from crops that are not the same. That holds for every estimator, and
//! where weights come out smaller with few samples both shrink alike.
//!
//! `benches/README.md`, "How many samples", tells what was measured.

/// The numbers of samples to choose from. Fewer than about two per superpixel leave an error that is the same for every face, which no
/// averaging takes away.
pub const LADDER: [usize; 7] = [64, 100, 150, 220, 300, 512, 1000];

/// Pairs of maps of each kind before anything but the first of the ladder is chosen.
const FEWEST_PAIRS: u32 = 4;
/// Means run over about so many of the last values: people and light change.
const MEMORY: u32 = 256;
/// A value counts as at most this many times the mean so far.
const LARGEST_OUTLIER: f64 = 8.0;
/// Costs are medians of so many last explanations, which a hiccup of the clock does not move.
const COSTS: usize = 15;
/// The least share of `G` in what two maps of other crops are apart, times the root of the number of repeats: the difference of two
/// means of so few values, of which chance could make 0 and the choice the end of the ladder.
const CAUTION: f64 = 0.5;

/// Which crops two compared maps explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    /// One and the same, with two designs drawn independently.
    SameCrop,
    /// Two that follow each other in one heatmap: of the same visit where it has several, else of two visits.
    OtherCrop,
}

/// Learns what explanations cost and how far they are apart, and chooses the number of samples.
///
/// One for each network. 0.3 KiB, however long it runs; the same history gives the same choices.
#[derive(Debug, Clone, Default)]
pub struct SampleChoice {
    /// Seconds per explanation, whatever its samples.
    fixed: Recent,
    /// Seconds per sample.
    evaluation: Recent,
    /// `a`: half the squared difference of maps of the same crop, times the samples.
    noise: Mean,
    /// Half the squared difference of maps of other crops.
    spread: Mean,
    /// One over the samples of those.
    per_sample: Mean,
    explanations: u64,
    repeats: u64,
}

impl SampleChoice {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells of an explanation of `samples` samples: the seconds that its evaluations of the network took together, and those of
    /// everything else that is done once for each (superpixels, surrogate, warp, adding up). Seconds that cannot be are passed over.
    pub fn add_cost(&mut self, samples: usize, fixed_seconds: f64, evaluation_seconds: f64) {
        self.explanations += 1;
        let evaluation = evaluation_seconds / samples.max(1) as f64;
        let possible = |seconds: f64| seconds.is_finite() && seconds >= 0.0;
        if possible(fixed_seconds) && possible(evaluation) {
            self.fixed.write(fixed_seconds);
            self.evaluation.write(evaluation);
        }
    }

    /// Tells of two explanations of the same number of samples and the same expression: the mean, over the pixels of the standard
    /// face, of the squared difference of their signed maps. Nothing but a finite, not negative number counts.
    pub fn add_pair(&mut self, pair: Pair, samples: usize, squared_difference: f64) {
        if !squared_difference.is_finite() || squared_difference < 0.0 || samples == 0 {
            return;
        }
        let half = squared_difference / 2.0;
        match pair {
            Pair::SameCrop => {
                self.repeats += 1;
                self.noise.add(half * samples as f64);
            }
            Pair::OtherCrop => {
                self.spread.add(half);
                self.per_sample.add(1.0 / samples as f64);
            }
        }
    }

    /// Whether the crop just explained should be explained once more, with another design: often at first, ever more rarely
    /// later. Both maps enter the heatmap.
    pub fn wants_repeat(&self) -> bool {
        self.repeats * self.repeats < self.explanations
    }

    /// The number of samples for the next explanation, one of [`LADDER`].
    pub fn samples(&self) -> usize {
        let known = self.noise.count.min(self.spread.count) >= FEWEST_PAIRS;
        let (Some(fixed), Some(evaluation), true) =
            (median(&self.fixed), median(&self.evaluation), known)
        else {
            return LADDER[0];
        };
        let (noise, spread) = (self.noise.value, self.spread.value);
        let least = CAUTION * spread / f64::from(self.noise.count).sqrt();
        let others = (spread - noise * self.per_sample.value).max(least);
        let error = |samples: usize| {
            (others + noise / samples as f64) * (fixed + evaluation * samples as f64)
        };
        LADDER
            .into_iter()
            .min_by(|&a, &b| error(a).total_cmp(&error(b)))
            .expect("the ladder has rungs")
    }
}

/// A mean that forgets.
#[derive(Debug, Clone, Default)]
struct Mean {
    value: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f64) {
        let value = match self.count {
            0..FEWEST_PAIRS => value,
            // Nothing is learnt from zeros about how far others may lie.
            _ if self.value == 0.0 => value,
            _ => value.min(LARGEST_OUTLIER * self.value),
        };
        self.count = (self.count + 1).min(MEMORY);
        self.value += (value - self.value) / f64::from(self.count);
    }
}

/// The last values.
type Recent = heapless::HistoryBuf<f64, COSTS>;

fn median(recent: &Recent) -> Option<f64> {
    let mut sorted: heapless::Vec<f64, COSTS> = recent.iter().copied().collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// A world in which maps differ by faces and samples as the model has it, with squared differences of few degrees of freedom,
    /// and a clock that hiccups.
    struct World {
        others: f64,
        noise: f64,
        fixed: f64,
        evaluation: f64,
        stream: Stream,
    }

    impl World {
        fn normal(&mut self) -> f64 {
            let uniform =
                |stream: &mut Stream| (stream.below(1 << 40) as f64 + 0.5) / 2f64.powi(40);
            let radius = (-2.0 * uniform(&mut self.stream).ln()).sqrt();
            radius * (std::f64::consts::TAU * uniform(&mut self.stream)).cos()
        }

        /// A squared difference of this mean.
        fn squared_difference(&mut self, mean: f64) -> f64 {
            (0..4).map(|_| self.normal().powi(2)).sum::<f64>() / 4.0 * mean
        }

        fn error(&self, samples: usize) -> f64 {
            let samples = samples as f64;
            (self.others + self.noise / samples) * (self.fixed + self.evaluation * samples)
        }

        /// Runs so many explanations; returns squared error times seconds, repeats and searching included.
        fn run(&mut self, choice: &mut SampleChoice, explanations: usize) -> f64 {
            let (mut seconds, mut error, mut count) = (0.0, 0.0, 0.0);
            let mut last = 0;
            while (count as usize) < explanations {
                let samples = choice.samples();
                let crops = if choice.wants_repeat() { 2 } else { 1 };
                for _ in 0..crops {
                    let hiccup = if self.stream.below(20) == 0 { 50.0 } else { 1.0 };
                    let evaluation = self.evaluation * samples as f64;
                    choice.add_cost(samples, self.fixed * hiccup, evaluation * hiccup);
                    seconds += self.fixed + evaluation;
                }
                let noise = self.noise / samples as f64;
                if crops == 2 {
                    let difference = self.squared_difference(2.0 * noise);
                    choice.add_pair(Pair::SameCrop, samples, difference);
                }
                if last == samples {
                    let difference = self.squared_difference(2.0 * (self.others + noise));
                    choice.add_pair(Pair::OtherCrop, samples, difference);
                }
                last = samples;
                let crops = f64::from(crops);
                error += crops * crops * self.others + crops * noise;
                count += crops;
            }
            error / count / count * seconds
        }
    }

    #[test]
    fn the_choice_is_within_a_tenth_of_the_best_fixed_number() {
        for (others, noise, fixed, evaluation) in [
            // About as measured; the same on hardware that evaluates fast; with noisier explanations; with a visitor who hardly moves.
            (1.0, 40.0, 0.004, 0.002),
            (1.0, 40.0, 0.1, 0.0001),
            (0.5, 130.0, 0.02, 0.0002),
            (0.02, 60.0, 0.004, 0.002),
            (0.02, 60.0, 0.01, 0.001),
            (3e-6, 4e-4, 1.0, 0.01),
        ] {
            let mut world = World {
                others,
                noise,
                fixed,
                evaluation,
                stream: Stream::new(1, "test", &format!("{others} {fixed}")),
            };
            let runs = 20;
            let chosen: f64 = (0..runs).map(|_| world.run(&mut SampleChoice::new(), 1000)).sum();
            let best =
                LADDER.map(|samples| world.error(samples)).into_iter().fold(f64::MAX, f64::min);
            let ratio = chosen / f64::from(runs) / best;
            println!(
                "G {others}, a {noise}, c0 {fixed}, c {evaluation}: {ratio:.3} of the best fixed"
            );
            assert!(ratio < 1.1, "{ratio}");
        }
    }

    #[test]
    fn the_first_of_the_ladder_is_chosen_before_anything_is_known() {
        let mut choice = SampleChoice::new();
        assert_eq!(choice.samples(), LADDER[0]);
        assert!(!choice.wants_repeat());
        choice.add_cost(64, 0.01, 0.1);
        assert!(choice.wants_repeat());
        for _ in 0..100 {
            choice.add_pair(Pair::OtherCrop, 64, 1.0);
        }
        assert_eq!(choice.samples(), LADDER[0]);
    }

    #[test]
    fn a_mean_of_zeros_learns_when_something_else_comes() {
        let mut mean = Mean::default();
        (0..2 * FEWEST_PAIRS).for_each(|_| mean.add(0.0));
        mean.add(0.9);
        assert_eq!(mean.value, 0.9 / f64::from(2 * FEWEST_PAIRS + 1));
    }

    #[test]
    fn what_cannot_be_is_passed_over() {
        let mut choice = SampleChoice::new();
        let tell = |choice: &mut SampleChoice| {
            for _ in 0..20 {
                choice.add_cost(64, 0.5, 0.064);
                choice.add_pair(Pair::SameCrop, 64, 0.5);
                choice.add_pair(Pair::OtherCrop, 64, 1.0);
            }
        };
        tell(&mut choice);
        let expected = choice.samples();
        assert!(LADDER[0] < expected && expected < LADDER[6]);
        for impossible in [f64::NAN, f64::INFINITY, -1.0] {
            choice.add_cost(64, impossible, 0.1);
            choice.add_cost(64, 0.1, impossible);
            choice.add_pair(Pair::SameCrop, 64, impossible);
            choice.add_pair(Pair::OtherCrop, 64, impossible);
        }
        choice.add_pair(Pair::SameCrop, 0, 1.0);
        choice.add_cost(0, 1e6, 0.0);
        choice.add_pair(Pair::OtherCrop, 64, 1e30);
        tell(&mut choice);
        assert_eq!(choice.samples(), expected);
        // Maps that never differ are no reason to despair.
        let mut same = SampleChoice::new();
        for _ in 0..20 {
            same.add_cost(64, 0.0, 0.0);
            same.add_pair(Pair::SameCrop, 64, 0.0);
            same.add_pair(Pair::OtherCrop, 64, 0.0);
        }
        assert_eq!(same.samples(), LADDER[0]);
    }
}
