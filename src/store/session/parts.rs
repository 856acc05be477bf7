//! The parts of an expression's sums, as they are stored: what did not change need not be written again.

use rusqlite::{Transaction, params};

use crate::expression::Expression;
use crate::heatmap::{GROUPS, HeatmapSums, SignedSums, VisitSums};
use crate::store::rows;

/// A part of an expression's sums, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Visits,
    Pooled,
    Group(usize),
}

impl Part {
    pub(super) const ALL: [Part; 2 + GROUPS] = {
        let mut all = [Part::Visits; 2 + GROUPS];
        all[1] = Part::Pooled;
        let mut group = 0;
        while group < GROUPS {
            all[2 + group] = Part::Group(group);
            group += 1;
        }
        all
    };

    pub(super) fn name(self) -> String {
        match self {
            Part::Visits => "visits".to_owned(),
            Part::Pooled => "pooled".to_owned(),
            Part::Group(group) => format!("group-{group}"),
        }
    }

    /// How many maps it holds.
    pub(super) fn maps(self, sums: &VisitSums) -> u64 {
        match self {
            Part::Visits => sums.visits().explanations(),
            Part::Pooled => sums.pooled().explanations(),
            Part::Group(group) => sums.groups()[group].maps(),
        }
    }

    pub(super) fn bytes(self, sums: &VisitSums) -> Vec<u8> {
        match self {
            Part::Visits => sums.visits().to_bytes(),
            Part::Pooled => sums.pooled().to_bytes(),
            Part::Group(group) => sums.groups()[group].to_bytes(),
        }
    }

    pub(super) fn stored_bytes(self) -> usize {
        match self {
            Part::Group(_) => SignedSums::STORED_BYTES,
            _ => HeatmapSums::STORED_BYTES,
        }
    }
}

/// The parts that hold anything, as bytes.
pub(super) fn held_parts(sums: &VisitSums) -> impl Iterator<Item = (Part, Vec<u8>)> + '_ {
    let held = Part::ALL.into_iter().filter(|part| part.maps(sums) > 0);
    held.map(|part| (part, part.bytes(sums)))
}

/// Tells whether they have changed.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    use std::hash::Hasher;
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// Writes it in place of what was there.
pub(super) fn write_part(
    transaction: &Transaction,
    expression: Expression,
    part: Part,
    maps: u64,
    bytes: &[u8],
) -> rusqlite::Result<()> {
    let row = params![expression.name(), part.name(), maps as i64, rows::compress_fast(bytes)];
    transaction
        .prepare_cached("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?)")?
        .execute(row)
        .map(|_| ())
}
