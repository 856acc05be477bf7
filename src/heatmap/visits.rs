//! One visit, one vote: explanations are averaged inside a visit first, then over visits.
//!
//! A person who stays an hour is explained a thousand times, one who passes by once. In the plain mean over explanations
//! the first would drown the others; here both count once. The plain mean is kept beside it.

use super::{HeatmapError, HeatmapSums, SCALE, add_each, steps_of, total};
use crate::standard_face::FACE_PIXELS;

/// Visits are dealt to so many groups, whose means tell how far chance moves the heatmap: see
/// [`crate::compare::jackknife_interval`].
pub const GROUPS: usize = 8;

/// Sums of signed maps alone: a quarter of the memory of [`HeatmapSums`], exact and mergeable as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignedSums {
    maps: u64,
    /// Empty before the first map.
    signed: Vec<i64>,
}

impl SignedSums {
    /// Length of what [`Self::to_bytes`] gives.
    pub const STORED_BYTES: usize = 8 + 8 * FACE_PIXELS;

    /// The number of maps, then the sum of each pixel, little-endian; [`Self::from_bytes`] reads them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::STORED_BYTES);
        bytes.extend(self.maps.to_le_bytes());
        bytes.extend(self.signed.iter().flat_map(|sum| sum.to_le_bytes()));
        bytes.resize(Self::STORED_BYTES, 0);
        bytes
    }

    /// Sums stored by [`Self::to_bytes`].
    ///
    /// # Errors
    /// Another length, or sums that so many maps cannot have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, HeatmapError> {
        if bytes.len() != Self::STORED_BYTES {
            return Err(HeatmapError::Stored("another length"));
        }
        let mut numbers = bytes.as_chunks().0.iter().map(|&chunk| i64::from_le_bytes(chunk));
        let maps = numbers.next().expect("the length was looked at") as u64;
        let signed: Vec<i64> = numbers.collect();
        let most = i128::from(maps) << 32;
        let is_possible = signed.iter().all(|&sum| (-most..=most).contains(&i128::from(sum)));
        match maps <= super::MOST_EXPLANATIONS && is_possible {
            true if maps == 0 => Ok(Self::default()),
            true => Ok(Self { maps, signed }),
            false => Err(HeatmapError::Stored("its sums do not fit its number of maps")),
        }
    }

    /// How many maps were added.
    pub fn maps(&self) -> u64 {
        self.maps
    }

    /// Adds one standardised map of signed relevance (224 x 275, row after row).
    ///
    /// # Errors
    /// As [`HeatmapSums::add`]; then nothing is added.
    pub fn add(&mut self, map: &[f32]) -> Result<(), HeatmapError> {
        super::check(map)?;
        self.maps = total(self.maps, 1)?;
        self.signed.resize(FACE_PIXELS, 0);
        for (sum, &value) in self.signed.iter_mut().zip(map) {
            *sum += steps_of(value);
        }
        Ok(())
    }

    /// Adds all that `other` holds.
    ///
    /// # Errors
    /// Too many maps; then nothing is added.
    pub fn merge(&mut self, other: &Self) -> Result<(), HeatmapError> {
        self.maps = total(self.maps, other.maps)?;
        if !other.signed.is_empty() {
            self.signed.resize(FACE_PIXELS, 0);
            add_each(&mut self.signed, &other.signed);
        }
        Ok(())
    }

    /// Mean relevance per pixel, negative ones included; none before the first map.
    pub fn mean(&self) -> Option<Vec<f32>> {
        (self.maps > 0).then(|| {
            let divisor = self.maps as f64 * SCALE;
            self.signed.iter().map(|&sum| (sum as f64 / divisor) as f32).collect()
        })
    }
}

/// The sums of one expression over visits and over explanations.
///
/// Memory: 3.8 MiB, and half a MiB for each group that has a visit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VisitSums {
    visits: HeatmapSums,
    pooled: HeatmapSums,
    groups: [SignedSums; GROUPS],
}

impl VisitSums {
    /// Sums that were stored.
    ///
    /// # Errors
    /// When the groups do not hold as many visits as there are.
    pub fn from_parts(
        visits: HeatmapSums,
        pooled: HeatmapSums,
        groups: [SignedSums; GROUPS],
    ) -> Result<Self, HeatmapError> {
        let grouped: u64 = groups.iter().map(SignedSums::maps).sum();
        match grouped == visits.explanations() && grouped <= pooled.explanations() {
            true => Ok(VisitSums { visits, pooled, groups }),
            false => Err(HeatmapError::Stored("its groups of visits do not add up")),
        }
    }

    /// A map per visit: the mean of its explanations.
    pub fn visits(&self) -> &HeatmapSums {
        &self.visits
    }

    /// A map per explanation.
    pub fn pooled(&self) -> &HeatmapSums {
        &self.pooled
    }

    /// The visits' signed maps, group by group.
    pub fn groups(&self) -> &[SignedSums; GROUPS] {
        &self.groups
    }

    /// Adds an explanation to the plain mean. The visit it belongs to votes with [`Self::add_visit`].
    ///
    /// # Errors
    /// As [`HeatmapSums::add`].
    pub fn add_explanation(&mut self, map: &[f32]) -> Result<(), HeatmapError> {
        self.pooled.add(map)
    }

    /// Adds the vote of a visit: the mean of its explanations. `number` deals it to a group: visits are numbered in the order in
    /// which they began.
    ///
    /// # Errors
    /// As [`HeatmapSums::add`].
    pub fn add_visit(
        &mut self,
        number: u64,
        explanations: &SignedSums,
    ) -> Result<(), HeatmapError> {
        let Some(mean) = explanations.mean() else { return Ok(()) };
        self.visits.add(&mean)?;
        self.groups[group_of(number)].add(&mean)
    }

    /// Adds all that `other` holds.
    ///
    /// # Errors
    /// Too many explanations.
    pub fn merge(&mut self, other: &Self) -> Result<(), HeatmapError> {
        self.visits.merge(&other.visits)?;
        self.pooled.merge(&other.pooled)?;
        self.groups.iter_mut().zip(&other.groups).try_for_each(|(mine, theirs)| mine.merge(theirs))
    }

    /// For each group that has visits: the mean signed map of all visits but its own. Nothing unless two groups have visits.
    pub fn means_without_a_group(&self) -> impl Iterator<Item = Vec<f32>> + '_ {
        let all = self.visits.explanations();
        let others = move |group: &SignedSums| {
            let divisor = (all - group.maps) as f64 * SCALE;
            let pairs = self.visits.signed.iter().zip(&group.signed);
            pairs.map(|(&all, &own)| ((all - own) as f64 / divisor) as f32).collect()
        };
        self.groups.iter().filter(move |group| (1..all).contains(&group.maps)).map(others)
    }
}

/// Multiples of the golden ratio fill the groups evenly, and do so too when an expression only comes with every second or eighth visit.
fn group_of(number: u64) -> usize {
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    ((u128::from(number.wrapping_mul(GOLDEN)) * GROUPS as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heatmap::Clipping;

    fn visit(explanations: &[f32]) -> SignedSums {
        let mut visit = SignedSums::default();
        for &value in explanations {
            visit.add(&vec![value; FACE_PIXELS]).unwrap();
        }
        visit
    }

    #[test]
    fn who_stays_long_counts_once() {
        let mut sums = VisitSums::default();
        for (number, values) in [(1, vec![1.0; 99]), (2, vec![0.0])] {
            values.iter().for_each(|&value| {
                sums.add_explanation(&vec![value; FACE_PIXELS]).unwrap();
            });
            sums.add_visit(number, &visit(&values)).unwrap();
        }
        assert_eq!(sums.visits().mean_signed().unwrap()[7], 0.5);
        assert_eq!(sums.pooled().mean_signed().unwrap()[7], 0.99);
        assert_eq!(sums.visits().explanations(), 2);
    }

    #[test]
    fn a_visit_that_speaks_against_is_clipped_after_its_mean() {
        let mut sums = VisitSums::default();
        sums.add_visit(1, &visit(&[1.0, -2.0])).unwrap();
        sums.add_visit(2, &visit(&[1.0])).unwrap();
        assert_eq!(sums.visits().mean(Clipping::First).unwrap()[0], 0.5);
        assert_eq!(sums.visits().mean(Clipping::Last).unwrap()[0], 0.25);
    }

    #[test]
    fn merging_is_exact_whatever_the_order() {
        let part = |from: u64| {
            let mut sums = VisitSums::default();
            for number in from..from + 5 {
                let values = [0.1 * number as f32, -0.3];
                values.iter().for_each(|&v| sums.add_explanation(&vec![v; FACE_PIXELS]).unwrap());
                sums.add_visit(number, &visit(&values)).unwrap();
            }
            sums
        };
        let (mut ab, mut ba) = (part(1), part(6));
        ab.merge(&part(6)).unwrap();
        ba.merge(&part(1)).unwrap();
        assert_eq!(ab, ba);
        let mut whole = part(1);
        for number in 6..11 {
            let values = [0.1 * number as f32, -0.3];
            values.iter().for_each(|&v| whole.add_explanation(&vec![v; FACE_PIXELS]).unwrap());
            whole.add_visit(number, &visit(&values)).unwrap();
        }
        assert_eq!(ab, whole);
    }

    #[test]
    fn leaving_a_group_out_leaves_its_visits_out() {
        let mut sums = VisitSums::default();
        assert_eq!(sums.means_without_a_group().count(), 0);
        for number in 0..4 {
            sums.add_explanation(&vec![number as f32; FACE_PIXELS]).unwrap();
            sums.add_visit(number, &visit(&[number as f32])).unwrap();
        }
        let without: Vec<f32> = sums.means_without_a_group().map(|mean| mean[0]).collect();
        // Visits 0 to 3 are dealt to the groups 0, 4, 1 and 6.
        assert_eq!(without, [2.0, 4.0 / 3.0, 5.0 / 3.0, 1.0]);
    }

    #[test]
    fn groups_are_filled_evenly_when_visits_have_a_rhythm() {
        for stride in 1..=23 {
            let mut counts = [0; GROUPS];
            (1..=80).for_each(|visit| counts[group_of(visit * stride)] += 1);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(*least >= 5 && *most <= 15, "every {stride}: {counts:?}");
        }
    }
}
