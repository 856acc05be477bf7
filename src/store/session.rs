//! What a session of the live appliance leaves: sums per expression in one SQLite file, whole after a power cut.
//!
//! Nothing in it belongs to one visit: a visit that goes on is counted in the sums as if it had ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{
    APPLICATION, Result, StoreError, StoreProblem, VERSION, refuse, remove_database, rename_new,
    rows, with_ending,
};
use crate::compare::MaskSet;
use crate::expression::Expression;
use crate::heatmap::{GROUPS, HeatmapError, HeatmapSums, SignedSums, VisitSums};

/// What the sums of a session depend on; sessions can be gone on with and added up where it is the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionConfiguration {
    /// Name of the expression network.
    pub network: String,
    /// Of its file.
    pub network_sha256: String,
    /// The Ekman masks.
    pub masks: MaskSet,
    /// Name of the face detector.
    pub detector: String,
    /// Name of the landmark model, or sha256 of the user's.
    pub landmark_model: String,
    /// Expected false faces per frame.
    pub epsilon: f64,
    /// How weights are estimated.
    pub estimator: String,
    /// The least eye distance of an explained face, in pixels.
    pub least_eye_distance: f32,
    /// The most it may be turned.
    pub most_turn: f32,
    /// The least sharpness.
    pub least_sharpness: f32,
    /// The least probability of its expression.
    pub least_probability: f32,
}

impl SessionConfiguration {
    fn values(&self) -> BTreeMap<String, String> {
        let value = serde_json::to_value(self).expect("plain data");
        let object = value.as_object().expect("a structure with named fields becomes an object");
        object.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
    }

    fn from_values(values: &BTreeMap<String, String>) -> std::result::Result<Self, StoreProblem> {
        let object = values
            .iter()
            .map(|(name, value)| Ok((name.clone(), serde_json::from_str(value)?)))
            .collect::<serde_json::Result<serde_json::Map<_, _>>>();
        object.and_then(|object| serde_json::from_value(object.into())).map_err(|error| {
            StoreProblem::Damaged(format!("its configuration cannot be read ({error})"))
        })
    }

    /// What differs from `other`, as `masks is "paper" here and "standard" there`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let (mine, theirs) = (self.values(), other.values());
        let differs = |(name, value): &(&String, &String)| theirs[*name] != **value;
        mine.iter()
            .filter(differs)
            .map(|(name, value)| format!("{name} is {value} here and {} there", theirs[name]))
            .collect()
    }
}

/// One of the sessions in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Faces followed, explained or not.
    pub visits: u64,
    /// Faces explained.
    pub explanations: u64,
}

/// All that a file holds.
#[derive(Debug, Clone)]
pub struct SessionContent {
    /// What the sums depend on.
    pub configuration: SessionConfiguration,
    /// The sessions in it, by their ids.
    pub sessions: BTreeMap<String, SessionCounts>,
    /// Per expression, in the order of [`Expression::SIX`].
    pub sums: [VisitSums; 6],
}

impl SessionContent {
    /// Of all sessions together.
    pub fn counts(&self) -> SessionCounts {
        let sum = |count: fn(&SessionCounts) -> u64| self.sessions.values().map(count).sum();
        SessionCounts { visits: sum(|c| c.visits), explanations: sum(|c| c.explanations) }
    }
}

/// A part of an expression's sums, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Visits,
    Pooled,
    Group(usize),
}

impl Part {
    const ALL: [Part; 2 + GROUPS] = {
        let mut all = [Part::Visits; 2 + GROUPS];
        all[1] = Part::Pooled;
        let mut group = 0;
        while group < GROUPS {
            all[2 + group] = Part::Group(group);
            group += 1;
        }
        all
    };

    fn name(self) -> String {
        match self {
            Part::Visits => "visits".to_owned(),
            Part::Pooled => "pooled".to_owned(),
            Part::Group(group) => format!("group-{group}"),
        }
    }

    /// How many maps it holds: what tells whether it has changed.
    fn maps(self, sums: &VisitSums) -> u64 {
        match self {
            Part::Visits => sums.visits().explanations(),
            Part::Pooled => sums.pooled().explanations(),
            Part::Group(group) => sums.groups()[group].maps(),
        }
    }

    fn bytes(self, sums: &VisitSums) -> Vec<u8> {
        match self {
            Part::Visits => sums.visits().to_bytes(),
            Part::Pooled => sums.pooled().to_bytes(),
            Part::Group(group) => sums.groups()[group].to_bytes(),
        }
    }

    fn stored_bytes(self) -> usize {
        match self {
            Part::Group(_) => SignedSums::STORED_BYTES,
            _ => HeatmapSums::STORED_BYTES,
        }
    }
}

/// A session's file, open to be written.
pub struct Session {
    connection: Connection,
    path: PathBuf,
    id: String,
}

impl Session {
    /// Goes on with the session at `path`, or begins one where there is none; hands on what it holds.
    ///
    /// # Errors
    /// When the file is of another configuration, which the error tells, foreign, damaged, or cannot be written.
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
        let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let content = read_content(&connection).map_err(|problem| refuse(path, problem))?;
        let differences = configuration.differences(&content.configuration);
        if !differences.is_empty() {
            let problem = format!("is a session of another kind ({})", differences.join("; "));
            return Err(refuse(path, StoreProblem::Different(problem)));
        }
        // Of a file that was merged from several, the counts go on in the first.
        let id = content.sessions.keys().next().cloned().unwrap_or_else(new_id);
        let prepare = || -> std::result::Result<(), StoreProblem> {
            let mode: String =
                connection
                    .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
            if mode != "wal" {
                return Err(StoreProblem::Damaged(format!("its journal stays {mode}")));
            }
            // A power cut takes nothing that was committed.
            connection.pragma_update(None, "synchronous", "full")?;
            Ok(())
        };
        prepare().map_err(|problem| refuse(path, problem))?;
        Ok((Session { connection, path: path.to_owned(), id }, content))
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
            connection.close().map_err(|(_, error)| error)?;
            std::fs::File::open(&partial)?.sync_all()?;
            rename_new(&partial, path)?;
            Ok(())
        };
        create().map_err(|problem| refuse(path, problem))
    }

    fn fill(
        path: &Path,
        configuration: &SessionConfiguration,
        sessions: &BTreeMap<String, SessionCounts>,
    ) -> std::result::Result<Connection, StoreProblem> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "application_id", APPLICATION)?;
        connection.pragma_update(None, "user_version", VERSION)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("session.sql"))?;
        for (name, value) in configuration.values() {
            transaction.execute("INSERT INTO configuration VALUES (?, ?)", params![name, value])?;
        }
        for (id, counts) in sessions {
            write_counts(&transaction, id, *counts)?;
        }
        transaction.commit()?;
        Ok(connection)
    }

    /// Keeps the counts of this session and what has changed of the sums: parts whose number of maps is another than in the file, and all
    /// of the expressions in `changed`, whose last visit may have another mean by now. Whole or not at all; what it returns from is
    /// safe from kills and power cuts.
    ///
    /// # Errors
    /// When the disk is full, read-only or the like; then the file is as it was.
    pub fn commit(
        &mut self,
        counts: SessionCounts,
        changed: &[(Expression, &VisitSums)],
    ) -> Result<()> {
        let id = self.id.clone();
        let write = |connection: &mut Connection| -> rusqlite::Result<()> {
            let transaction = connection.transaction()?;
            write_counts(&transaction, &id, counts)?;
            for (expression, sums) in changed {
                write_sums(&transaction, *expression, sums)?;
            }
            transaction.commit()
        };
        write(&mut self.connection).map_err(|error| refuse(&self.path, error))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The id of this session.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Whether the file at `path` is a session's, rather than a study's.
///
/// # Errors
/// When there is no such file, or it is no store.
pub fn is_session(path: &Path) -> Result<bool> {
    let connection = connect_any(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    has_table(&connection, "session").map_err(|error| refuse(path, error))
}

pub(super) fn has_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?")?
        .exists([name])
}

/// Reads a session's file.
///
/// # Errors
/// When there is none, or it is foreign, a study's, or damaged.
pub fn read_session(path: &Path) -> Result<SessionContent> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check.map_err(|error| refuse(path, error))?.as_str() {
        "ok" => read_content(&connection).map_err(|problem| refuse(path, problem)),
        verdict => Err(refuse(path, StoreProblem::Damaged(verdict.to_owned()))),
    }
}

/// Adds sessions, of one device or many, up into a new file at `out`: the same bytes whatever their order and grouping.
///
/// # Errors
/// When one cannot be read, is of another configuration than the first or in it already, or `out` exists or cannot be written.
pub fn merge_sessions(parts: &[PathBuf], out: &Path) -> Result<()> {
    let (first, rest) = parts.split_first().expect("there is something to merge");
    let mut merged = read_session(first)?;
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
    }
    let (filling, partial) = (with_ending(out, ".merging"), with_ending(out, ".partial"));
    let write = || -> std::result::Result<(), StoreProblem> {
        remove_database(&filling)?;
        remove_database(&partial)?;
        let mut connection = Session::fill(&filling, &merged.configuration, &merged.sessions)?;
        let transaction = connection.transaction()?;
        for (expression, sums) in Expression::SIX.into_iter().zip(&merged.sums) {
            write_sums(&transaction, expression, sums)?;
        }
        transaction.commit()?;
        let target = partial
            .to_str()
            .ok_or_else(|| StoreProblem::Different("SQLite needs a path in UTF-8".to_owned()))?;
        connection.execute("VACUUM INTO ?", [target])?;
        std::fs::File::open(&partial)?.sync_all()?;
        rename_new(&partial, out)?;
        Ok(())
    };
    let result = write().map_err(|problem| refuse(out, problem));
    let _ = remove_database(&filling);
    if result.is_err() {
        let _ = remove_database(&partial);
    }
    result
}

fn connect_any(path: &Path, flags: OpenFlags) -> Result<Connection> {
    if !path.exists() {
        return Err(refuse(path, StoreProblem::Missing));
    }
    let open = || -> std::result::Result<Connection, StoreProblem> {
        let connection =
            Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        super::recognise(&connection)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok(connection)
    };
    open().map_err(|problem| refuse(path, problem))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let connection = connect_any(path, flags)?;
    match has_table(&connection, "session") {
        Ok(true) => Ok(connection),
        Ok(false) => {
            Err(refuse(path, StoreProblem::Kind("a study", "a session of `ferscope run`")))
        }
        Err(error) => Err(refuse(path, error)),
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

fn write_sums(
    transaction: &Transaction,
    expression: Expression,
    sums: &VisitSums,
) -> rusqlite::Result<()> {
    for part in Part::ALL {
        let maps = part.maps(sums);
        if maps > 0 {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO sums VALUES (?, ?, ?, ?)")?
                .execute(params![
                    expression.name(),
                    part.name(),
                    maps as i64,
                    rows::compress_fast(&part.bytes(sums))
                ])?;
        }
    }
    Ok(())
}

fn read_content(connection: &Connection) -> std::result::Result<SessionContent, StoreProblem> {
    let mut statement = connection.prepare("SELECT name, value FROM configuration")?;
    let values = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeMap<String, String>>>()?;
    let configuration = SessionConfiguration::from_values(&values)?;
    let mut statement = connection.prepare("SELECT id, visits, explanations FROM session")?;
    let sessions = statement
        .query_map([], |row| {
            let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
            Ok((row.get(0)?, SessionCounts { visits: number(1)?, explanations: number(2)? }))
        })?
        .collect::<rusqlite::Result<BTreeMap<String, SessionCounts>>>()?;
    let mut sums: [VisitSums; 6] = Default::default();
    for (sums, expression) in sums.iter_mut().zip(Expression::SIX) {
        *sums = read_sums(connection, expression)?;
    }
    Ok(SessionContent { configuration, sessions, sums })
}

fn read_sums(
    connection: &Connection,
    expression: Expression,
) -> std::result::Result<VisitSums, StoreProblem> {
    let damaged = |error: HeatmapError| StoreProblem::Damaged(error.to_string());
    let stored = |part: Part| -> std::result::Result<Option<Vec<u8>>, StoreProblem> {
        let query = "SELECT sums FROM sums WHERE expression = ? AND part = ?";
        let key = params![expression.name(), part.name()];
        let bytes: Option<Vec<u8>> =
            connection.query_row(query, key, |row| row.get(0)).optional()?;
        bytes
            .map(|bytes| rows::decompress(&bytes, part.stored_bytes()))
            .transpose()
            .map_err(StoreProblem::Damaged)
    };
    let full = |part| match stored(part)? {
        Some(bytes) => HeatmapSums::from_bytes(&bytes).map_err(damaged),
        None => Ok(HeatmapSums::new()),
    };
    let mut groups: [SignedSums; GROUPS] = Default::default();
    for (number, group) in groups.iter_mut().enumerate() {
        if let Some(bytes) = stored(Part::Group(number))? {
            *group = SignedSums::from_bytes(&bytes).map_err(damaged)?;
        }
    }
    VisitSums::from_parts(full(Part::Visits)?, full(Part::Pooled)?, groups).map_err(damaged)
}

impl From<StoreError> for StoreProblem {
    fn from(error: StoreError) -> Self {
        error.problem
    }
}
