//! Adding sessions up.

use std::path::{Path, PathBuf};

use super::content::SessionContent;
use super::parts::{held_parts, write_part};
use super::{Session, read_session};
use crate::expression::Expression;
use crate::store::{
    Result, StoreProblem, refuse, remove_database, rename_new, with_ending, write_anew,
};

/// Adds sessions, of one device or many, up into a new file at `out`: the same bytes whatever their order and grouping. `added` is called
/// after each; returns what the new file holds.
///
/// # Errors
/// When one cannot be read, is of another configuration than the first or in it already, or `out` exists or cannot be written.
pub fn merge_sessions(
    parts: &[PathBuf],
    out: &Path,
    mut added: impl FnMut(),
) -> Result<SessionContent> {
    let (first, rest) = parts.split_first().expect("there is something to merge");
    let mut merged = read_session(first)?;
    added();
    for path in rest {
        let other = read_session(path)?;
        let different = |what: String| refuse(path, StoreProblem::Different(what));
        let differences = other.configuration.differences(&merged.configuration);
        if !differences.is_empty() {
            let (first, what) = (first.display(), differences.join("; "));
            return Err(different(format!("cannot be merged with {first}: {what}")));
        }
        for (id, counts) in other.sessions {
            if merged.sessions.insert(id, counts).is_some() {
                let what = "holds a session that another of these files holds too: give each once";
                return Err(different(what.to_owned()));
            }
        }
        for (mine, theirs) in merged.sums.iter_mut().zip(&other.sums) {
            mine.merge(theirs).map_err(|error| different(error.to_string()))?;
        }
        added();
    }
    let (filling, partial) = (with_ending(out, ".merging"), with_ending(out, ".partial"));
    let write = || -> std::result::Result<(), StoreProblem> {
        remove_database(&filling)?;
        remove_database(&partial)?;
        let mut connection = Session::fill(&filling, &merged.configuration, &merged.sessions)?;
        let transaction = connection.transaction()?;
        for (expression, sums) in Expression::SIX.into_iter().zip(&merged.sums) {
            for (part, bytes) in held_parts(sums) {
                write_part(&transaction, expression, part, part.maps(sums), &bytes)?;
            }
        }
        transaction.commit()?;
        write_anew(&connection, &partial)?;
        rename_new(&partial, out)?;
        Ok(())
    };
    let result = write().map_err(|problem| refuse(out, problem));
    let _ = remove_database(&filling);
    if result.is_err() {
        let _ = remove_database(&partial);
    }
    result.map(|()| merged)
}
