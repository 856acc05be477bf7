//! Named streams of random numbers.
//!
//! Every random draw of the program comes from a stream named by the user's seed, what the draw is for, and the pixels of the face
//! it concerns. So a face gets the same explanation alone, in a batch, on any number of threads, and on any processor.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `seed` for `purpose` (such as `"design"`) and `subject` (such as `"bench"`).
    pub fn new(seed: u64, purpose: &str, subject: &str) -> Self {
        Stream::of_crop(seed, purpose, subject.as_bytes())
    }

    /// The stream of `seed` for `purpose` and the face whose crop has these pixels, whatever its picture is called.
    pub fn of_crop(seed: u64, purpose: &str, pixels: &[u8]) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for name in [purpose.as_bytes(), pixels] {
            // The length keeps ("ab", "c") apart from ("a", "bc").
            hash.update((name.len() as u64).to_le_bytes());
            hash.update(name);
        }
        Stream(ChaCha8Rng::from_seed(hash.finalize().into()))
    }

    /// 64 fair bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A whole number in `0..bound`, each equally likely.
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "no number is below 0");
        let bound = bound as u64;
        // Rejecting the incomplete last round keeps every number equally likely.
        let fair = u64::MAX - u64::MAX % bound;
        loop {
            let draw = self.bits();
            if draw < fair {
                return (draw % bound) as usize;
            }
        }
    }

    /// Puts the items in a random order, each order equally likely.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_other_names_differ_and_of_the_same_name_agree() {
        let first = |seed, purpose, subject| Stream::new(seed, purpose, subject).bits();
        assert_eq!(first(1, "design", "a"), first(1, "design", "a"));
        assert_ne!(first(1, "design", "a"), first(2, "design", "a"));
        assert_ne!(first(1, "design", "a"), first(1, "visit", "a"));
        assert_ne!(first(1, "ab", "c"), first(1, "a", "bc"));
    }

    #[test]
    fn the_stream_never_changes_between_releases() {
        assert_eq!(Stream::new(0, "design", "face").bits(), 6_991_059_287_936_305_078);
    }

    #[test]
    fn below_reaches_every_number_about_equally_often() {
        let mut stream = Stream::new(3, "test", "below");
        let mut counts = [0usize; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
    }
}
