//! What a session of the live appliance leaves: sums per expression in one SQLite file, whole after a power cut.
//!
//! Nothing in it belongs to one visit: a visit that goes on is counted in the sums as if it had ended.

mod content;
mod merge;
mod parts;
mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};

pub use content::{SessionConfiguration, SessionContent, SessionCounts};
pub use merge::merge_sessions;
pub use read::{is_session, read_session};

use parts::{Part, hash, held_parts, write_part};
use read::{connect, read_content, read_counts};

use super::lock::Lock;
use super::{
    Result, SESSION_FORM, StoreProblem, close, create_database, refuse, remove_database,
    rename_new, with_ending, write_ahead,
};
use crate::expression::Expression;
use crate::heatmap::VisitSums;

/// A session's file, open to be written.
pub struct Session {
    connection: Connection,
    path: PathBuf,
    id: String,
    /// Of the other sessions in the file, where it was merged from several.
    others: SessionCounts,
    /// What the file says of this session since our last look: anything else is another program's doing.
    kept: SessionCounts,
    /// What was tried to be written last: a disk that fails may have taken it all the same.
    tried: SessionCounts,
    /// Hashes of the parts that are in the file.
    written: BTreeMap<(Expression, Part), u64>,
    /// Behind the connection, to be dropped after it.
    lock: Lock,
}

impl Session {
    /// Goes on with the session at `path`, or begins one where there is none; hands on what it holds.
    ///
    /// # Errors
    /// When the file is of another configuration, which the error tells, foreign, damaged, open in another program, or cannot be written.
    pub fn open(
        path: &Path,
        configuration: &SessionConfiguration,
    ) -> Result<(Self, SessionContent)> {
        if !path.exists() {
            Self::create(
                path,
                configuration,
                &BTreeMap::from([(new_id(), SessionCounts::default())]),
            )?;
        }
        let lock = Lock::take(path)?;
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // SQLite would open it all the same, and fail with every commit.
        if connection.is_readonly("main").map_err(|error| refuse(path, error))? {
            let error = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
            return Err(refuse(path, error));
        }
        let content = read_content(&connection).map_err(|problem| refuse(path, problem))?;
        let differences = configuration.differences(&content.configuration);
        if !differences.is_empty() {
            let problem = format!("is a session of another kind ({})", differences.join("; "));
            return Err(refuse(path, StoreProblem::Different(problem)));
        }
        // Of a file that was merged from several, the counts go on in the first.
        let id = content.sessions.keys().next().cloned().unwrap_or_else(new_id);
        let mine = content.sessions.get(&id).copied().unwrap_or_default();
        let others = content.counts().minus(mine);
        let prepare = || -> std::result::Result<(), StoreProblem> {
            write_ahead(&connection)?;
            // A power cut takes nothing that was committed.
            connection.pragma_update(None, "synchronous", "full")?;
            Ok(())
        };
        prepare().map_err(|problem| refuse(path, problem))?;
        let (path, written) = (path.to_owned(), BTreeMap::new());
        let (kept, tried) = (mine, mine);
        Ok((Session { connection, path, id, others, kept, tried, written, lock }, content))
    }

    fn create(
        path: &Path,
        configuration: &SessionConfiguration,
        sessions: &BTreeMap<String, SessionCounts>,
    ) -> Result<()> {
        let partial = with_ending(path, ".partial");
        let create = || -> std::result::Result<(), StoreProblem> {
            remove_database(&partial)?;
            let connection = Self::fill(&partial, configuration, sessions)?;
            close(connection)?;
            std::fs::File::open(&partial)?.sync_all()?;
            rename_new(&partial, path)?;
            Ok(())
        };
        create().map_err(|problem| {
            // A full disk has better uses for it.
            let _ = remove_database(&partial);
            refuse(path, problem)
        })
    }

    fn fill(
        path: &Path,
        configuration: &SessionConfiguration,
        sessions: &BTreeMap<String, SessionCounts>,
    ) -> std::result::Result<Connection, StoreProblem> {
        let mut connection = create_database(path, SESSION_FORM)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("../session.sql"))?;
        for (name, value) in configuration.values() {
            transaction.execute("INSERT INTO configuration VALUES (?, ?)", params![name, value])?;
        }
        for (id, counts) in sessions {
            write_counts(&transaction, id, *counts)?;
        }
        transaction.commit()?;
        Ok(connection)
    }

    /// Keeps the counts of all that is in the file, and what has changed of the sums of the expressions in `changed`. Whole or not at all;
    /// what it returns from is safe from kills and power cuts.
    ///
    /// # Errors
    /// When the disk is full, read-only or the like, the file was taken away or replaced, or another program has written it; then the file is
    /// as it was.
    pub fn commit(
        &mut self,
        counts: SessionCounts,
        changed: &[(Expression, &VisitSums)],
    ) -> Result<()> {
        self.lock
            .require_in_place(&self.path)
            .and_then(|()| self.write(counts, changed))
            .map_err(|problem| refuse(&self.path, problem))
    }

    fn write(
        &mut self,
        counts: SessionCounts,
        changed: &[(Expression, &VisitSums)],
    ) -> std::result::Result<(), StoreProblem> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if ![self.kept, self.tried].contains(&read_counts(&transaction, &self.id)?) {
            return Err(StoreProblem::Shared);
        }
        let mine = counts.minus(self.others);
        self.tried = mine;
        write_counts(&transaction, &self.id, mine)?;
        let mut hashes = Vec::new();
        for &(expression, sums) in changed {
            for (part, bytes) in held_parts(sums) {
                // Most visits end in one group of eight; the other seven need not be packed and written again.
                let hash = hash(&bytes);
                if self.written.get(&(expression, part)) != Some(&hash) {
                    write_part(&transaction, expression, part, part.maps(sums), &bytes)?;
                    hashes.push(((expression, part), hash));
                }
            }
        }
        transaction.commit()?;
        self.kept = mine;
        self.written.extend(hashes);
        Ok(())
    }

    /// The id of this session.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl Drop for Session {
    /// At rest the file needs no other beside it: then it can be read on a read-only disk, and copied as it is.
    fn drop(&mut self) {
        let _ = self.connection.pragma_update(None, "journal_mode", "delete");
    }
}

/// 128 random bits, which name no machine and no moment.
fn new_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The standard library draws their keys from the system's random numbers.
    let bits = || RandomState::new().hash_one(0);
    format!("{:016x}{:016x}", bits(), bits())
}

fn write_counts(
    transaction: &Transaction,
    id: &str,
    counts: SessionCounts,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("INSERT OR REPLACE INTO session VALUES (?, ?, ?)")?
        .execute(params![id, counts.visits as i64, counts.explanations as i64])
        .map(|_| ())
}
