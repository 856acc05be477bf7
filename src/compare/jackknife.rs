//! How far chance moves a figure, from the sums of a few groups of observations.
//!
//! Where every observation is at hand a bootstrap tells it (`study::bootstrap`); the live appliance keeps no visit's map, only the sums of
//! groups of visits. Leaving one group out at a time shows how much the figure hangs on whom it was measured on.

/// Student's t for a 95 % interval, by degrees of freedom from 1 (Abramowitz and Stegun, table 26.10).
const STUDENT_95: [f64; 9] = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/// A 95 % interval of `figure` from the same figure without each of the groups: the delete-a-group jackknife (Shao and Wu 1989; Kott
/// 2001) with Student's t for so many groups, kept within `0..1`, where shares lie. None of fewer than three groups or more
/// than ten.
///
/// Groups are taken as equally large. Groups of one observation make it the ordinary jackknife, which is too narrow for figures behind a
/// threshold; with several in each it is sound.
pub fn jackknife_interval(figure: f64, without_a_group: &[f64]) -> Option<[f64; 2]> {
    let groups = without_a_group.len();
    if groups < 3 {
        return None;
    }
    let student = STUDENT_95.get(groups - 2)?;
    let mean = without_a_group.iter().sum::<f64>() / groups as f64;
    let squares: f64 = without_a_group.iter().map(|value| (value - mean).powi(2)).sum();
    let error = ((groups - 1) as f64 / groups as f64 * squares).sqrt();
    let reach = student * error;
    Some([(figure - reach).max(0.0), (figure + reach).min(1.0)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    /// Of a mean it must cover the truth in about 95 of 100 experiments.
    #[test]
    fn it_covers_a_mean_as_often_as_it_says() {
        let mut stream = Stream::new(0, "jackknife", "test");
        let experiments = 2000;
        let covered = (0..experiments)
            .filter(|_| {
                let groups: Vec<f64> = (0..8)
                    .map(|_| (0..5).map(|_| stream.below(1000) as f64 / 999.0).sum::<f64>() / 5.0)
                    .collect();
                let mean = groups.iter().sum::<f64>() / 8.0;
                let without: Vec<f64> =
                    groups.iter().map(|group| (8.0 * mean - group) / 7.0).collect();
                let [low, high] = jackknife_interval(mean, &without).unwrap();
                (low..=high).contains(&0.5)
            })
            .count();
        assert!((1860..=1940).contains(&covered), "{covered} of {experiments}");
    }

    #[test]
    fn of_few_groups_nothing_is_said() {
        assert_eq!(jackknife_interval(0.5, &[0.4, 0.6]), None);
    }
}
