//! What survives: one SQLite file per study or session, whole after a kill at any moment, and the same bytes for the same study.
//!
//! While a study runs, the file is in write-ahead mode and holds what is done so far. [`Store::finish`] writes it anew: then
//! its bytes depend on its contents only, not on how often the study was interrupted or from how many parts it was merged.

mod lock;
mod merge;
mod rows;
mod session;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};

pub use merge::merge;
pub use rows::{
    Answer, Checks, Configuration, Drawn, Explanation, NetworkRow, PictureRow, Progress,
};

pub use session::{
    Session, SessionConfiguration, SessionContent, SessionCounts, is_session, merge_sessions,
    read_session,
};

use crate::expression::Expression;
use crate::heatmap::HeatmapSums;
use lock::Lock;

/// Marks the file as ours: "fers".
const APPLICATION: i32 = 0x6665_7273;
/// Of a study's schema; form 1 lacks the curves of the checks.
const STUDY_FORM: i32 = 2;
/// Of a session's schema.
const SESSION_FORM: i32 = 1;

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct StoreError {
    /// The store.
    pub path: PathBuf,
    /// What is wrong.
    pub problem: StoreProblem,
}

/// What can be wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreProblem {
    /// SQLite's word: disk full, no permission, ...
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The file system's word.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// No such file.
    #[error("there is no such file")]
    Missing,
    /// A folder, a pipe or the like.
    #[error("is no file: name one")]
    NoFile,
    /// Not ours.
    #[error("is no study or session of ferscope: name another file")]
    Foreign,
    /// Ours, but of the other kind: what it is, and what it should be.
    #[error("is {0}, not {1}")]
    Kind(&'static str, &'static str),
    /// Of a newer program.
    #[error("was written by a newer ferscope (form {0}): use that")]
    Newer(i32),
    /// Of an older program.
    #[error(
        "was written by an older ferscope (form {0}): read it with that, or do the study anew in another file"
    )]
    Older(i32),
    /// The file is damaged.
    #[error("is damaged: {0}: begin again in another file")]
    Damaged(String),
    /// Another program writes it too.
    #[error("is written by another program too: only one may")]
    Shared,
    /// It was removed while it was written, and another one lies there.
    #[error("was replaced by another file while it was written")]
    Replaced,
    /// Two stores, or a store and a command, do not belong together.
    #[error("{0}")]
    Different(String),
}

type Result<T> = std::result::Result<T, StoreError>;

/// One study on disk.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// Of who writes it. Behind the connection, to be dropped after it.
    lock: Option<Lock>,
}

impl Store {
    /// Begins a study in a new file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn create(
        path: &Path,
        configuration: &Configuration,
        networks: &[NetworkRow],
        pictures: &[PictureRow],
    ) -> Result<Self> {
        // Under another name until it is complete: whatever happens, a file of this name is a store.
        let partial = with_ending(path, ".partial");
        remove_database(&partial).map_err(|error| refuse(path, error))?;
        Self::fill(&partial, configuration, networks, pictures)
            .and_then(|store| close(store.connection))
            .and_then(|()| rename_new(&partial, path).map_err(StoreProblem::File))
            .map_err(|problem| {
                // What is left of it would only be in the way.
                let _ = remove_database(&partial);
                refuse(path, problem)
            })?;
        Self::open(path)
    }

    fn fill(
        path: &Path,
        configuration: &Configuration,
        networks: &[NetworkRow],
        pictures: &[PictureRow],
    ) -> std::result::Result<Self, StoreProblem> {
        let mut connection = create_database(path, STUDY_FORM)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(include_str!("schema.sql"))?;
        for (name, value) in configuration.values() {
            let row = params![name, value.to_string()];
            transaction.execute("INSERT INTO configuration VALUES (?, ?)", row)?;
        }
        for (number, network) in networks.iter().enumerate() {
            network.insert(&transaction, number as i64)?;
        }
        for (number, picture) in pictures.iter().enumerate() {
            picture.insert(&transaction, number as i64)?;
        }
        transaction.commit()?;
        Ok(Store { connection, path: path.to_owned(), lock: None })
    }

    /// Opens a study to go on with it.
    ///
    /// # Errors
    /// When there is none, or the file is foreign, newer, older, damaged, not writable, or open in another program that goes on with it.
    pub fn open(path: &Path) -> Result<Self> {
        let lock = Lock::take(path)?;
        let mut store = Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Who finished it meanwhile has put another file here.
        lock.require_in_place(path).map_err(|problem| refuse(path, problem))?;
        store.lock = Some(lock);
        // A finished one keeps its bytes until there is more to do.
        if !store.is_finished()? {
            write_ahead(&store.connection).map_err(|problem| store.refuse(problem))?;
        }
        Ok(store)
    }

    /// Opens a study to read it.
    ///
    /// # Errors
    /// When there is none, or the file is foreign, newer, older or damaged.
    pub fn read(path: &Path) -> Result<Self> {
        let store = Self::open_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let check = |row: &rusqlite::Row| row.get::<_, String>(0);
        let verdict = store
            .connection
            .query_row("PRAGMA quick_check(1)", [], check)
            .map_err(|error| store.refuse(error))?;
        if verdict != "ok" {
            return Err(store.refuse(StoreProblem::Damaged(verdict)));
        }
        if !store.is_finished()? {
            // All that is read is of one moment, while the study goes on.
            store.connection.execute_batch("BEGIN").map_err(|error| store.refuse(error))?;
        }
        Ok(store)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Self> {
        require_file(path)?;
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)
            .map_err(|error| refuse(path, why_not_opened(path, error)))?;
        let store = Store { connection, path: path.to_owned(), lock: None };
        let require_study = || -> std::result::Result<(), StoreProblem> {
            match recognise(&store.connection)? {
                Content::Session => {
                    Err(StoreProblem::Kind("a session of `ferscope run`", "a study"))
                }
                Content::Study => Ok(()),
            }
        };
        require_study().map_err(|problem| store.refuse(problem))?;
        store
            .connection
            .busy_timeout(Duration::from_secs(5))
            .map_err(|error| store.refuse(error))?;
        Ok(store)
    }

    fn refuse(&self, problem: impl Into<StoreProblem>) -> StoreError {
        refuse(&self.path, problem)
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the sums of every network and expression and the whole file anew, in a form that depends on its contents only.
    ///
    /// # Errors
    /// When the disk is full or the like; then the store is as it was.
    pub fn finish(self) -> Result<()> {
        self.write_sums()?;
        self.set_finished(true)?;
        self.rewrite()
    }

    /// Whether [`Self::finish`] was the last word, and came to its end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_finished(&self) -> Result<bool> {
        let finished = || -> rusqlite::Result<bool> {
            let journal: String =
                self.connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            // On a full disk a store is marked, and then cannot be written anew.
            let is_written_anew = journal != "wal";
            let is_marked =
                self.connection.query_row("SELECT finished FROM state", [], |row| row.get(0))?;
            Ok(is_written_anew && is_marked)
        };
        finished().map_err(|error| self.refuse(error))
    }

    /// Says that there is more to do.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn go_on(&self) -> Result<()> {
        write_ahead(&self.connection).map_err(|problem| self.refuse(problem))?;
        self.set_finished(false)
    }

    fn set_finished(&self, finished: bool) -> Result<()> {
        let set = self.connection.execute("UPDATE state SET finished = ?", [finished]);
        set.map(|_| ()).map_err(|error| self.refuse(error))
    }

    /// Writes the file anew.
    fn rewrite(self) -> Result<()> {
        // The lock is held until the new file has the old one's place.
        let Store { connection, path, lock: _lock } = self;
        let partial = with_ending(&path, ".partial");
        let write = || -> std::result::Result<(), StoreProblem> {
            remove_database(&partial)?;
            // It counts how often the file was written anew.
            connection.pragma_update(None, "schema_version", 1)?;
            write_anew(&connection, &partial)?;
            // Should the power fail before the new file has its place, the old one is finished once more.
            connection.execute("UPDATE state SET finished = 0", [])?;
            // Whoever has it open, even idle, keeps its log alive, which would be taken for the new file's.
            let set =
                connection.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()));
            set.map_err(|error| match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    let problem =
                        "is read by another program: give the same command again, to finish it";
                    StoreProblem::Different(problem.to_owned())
                }
                _ => error.into(),
            })?;
            close(connection)?;
            std::fs::rename(&partial, &path)?;
            Ok(())
        };
        write().map_err(|problem| {
            let _ = remove_database(&partial);
            refuse(&path, problem)
        })
    }

    /// What the results depend on.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn configuration(&self) -> Result<Configuration> {
        let read = || -> std::result::Result<Configuration, StoreProblem> {
            let mut statement = self.connection.prepare("SELECT name, value FROM configuration")?;
            let rows = statement
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, String)>>>()?;
            Configuration::from_values(&rows).map_err(StoreProblem::Damaged)
        };
        read().map_err(|problem| self.refuse(problem))
    }

    /// The networks, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn networks(&self) -> Result<Vec<NetworkRow>> {
        self.all("SELECT * FROM network ORDER BY number", NetworkRow::read)
    }

    /// Adds networks, numbered from `first` on, that have still to classify and to explain everything.
    ///
    /// # Errors
    /// When the file cannot be written; then none is added.
    pub fn add_networks(&mut self, first: usize, networks: &[NetworkRow]) -> Result<()> {
        self.go_on()?;
        self.change(|transaction| {
            let mut numbered = (first as i64..).zip(networks);
            numbered.try_for_each(|(number, network)| network.insert(transaction, number))
        })
    }

    /// The pictures, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pictures(&self) -> Result<Vec<PictureRow>> {
        self.all("SELECT * FROM picture ORDER BY number", PictureRow::read)
    }

    /// All rows of a query without parameters.
    fn all<T>(
        &self,
        query: &str,
        read: impl FnMut(&rusqlite::Row) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let rows = || {
            self.connection
                .prepare_cached(query)?
                .query_map([], read)?
                .collect::<rusqlite::Result<Vec<T>>>()
        };
        rows().map_err(|error| self.refuse(error))
    }

    /// Runs a change that is kept whole or not at all.
    fn change(
        &mut self,
        change: impl FnOnce(&rusqlite::Transaction) -> rusqlite::Result<()>,
    ) -> Result<()> {
        let run = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            change(&transaction)?;
            transaction.commit()
        };
        run(&mut self.connection).map_err(|error| match error.sqlite_error_code() {
            // A row that was not there when we looked.
            Some(ErrorCode::ConstraintViolation) => refuse(&self.path, StoreProblem::Shared),
            _ => refuse(&self.path, error),
        })
    }

    /// Whether a network has classified a picture.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_classified(&self, network: usize, picture: usize) -> Result<bool> {
        let query = "SELECT 1 FROM classified WHERE network = ? AND picture = ?";
        let found =
            || self.connection.prepare_cached(query)?.exists([network as i64, picture as i64]);
        found().map_err(|error| self.refuse(error))
    }

    /// Keeps what a network says of the faces of a picture, the largest first; `problem` says why there are none. Of a picture whose file was read before,
    /// checksum and problem stay.
    ///
    /// # Errors
    /// When the file cannot be written; then nothing of it is kept.
    pub fn add_answers(
        &mut self,
        network: usize,
        picture: usize,
        sha256: Option<&str>,
        problem: Option<&str>,
        answers: &[Answer],
    ) -> Result<()> {
        let (network, picture) = (network as i64, picture as i64);
        self.change(|transaction| {
            transaction
                .prepare_cached("UPDATE picture SET sha256 = ?, problem = ? WHERE number = ? AND sha256 IS NULL")?
                .execute(params![sha256, problem, picture])?;
            for (face, answer) in (1_i64..).zip(answers) {
                transaction.prepare_cached("INSERT INTO answer VALUES (?, ?, ?, ?, ?)")?.execute(
                    params![
                        network,
                        picture,
                        face,
                        answer.expression.name(),
                        rows::join(&answer.probabilities)
                    ],
                )?;
            }
            transaction
                .prepare_cached("INSERT INTO classified VALUES (?, ?)")?
                .execute([network, picture])
                .map(|_| ())
        })
    }

    /// Hands on every answer of a network: picture, face, expression and probabilities, in the order of pictures and faces.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_answer(
        &self,
        network: usize,
        mut work: impl FnMut(usize, usize, Answer),
    ) -> Result<()> {
        let query = "SELECT picture, face, expression, probabilities FROM answer WHERE network = ?
                     ORDER BY picture, face";
        let mut run = || -> rusqlite::Result<()> {
            let mut statement = self.connection.prepare_cached(query)?;
            let mut rows = statement.query([network as i64])?;
            while let Some(row) = rows.next()? {
                let answer = Answer {
                    expression: rows::expression(row, 2)?,
                    probabilities: rows::split(row, 3)?,
                };
                work(row.get::<_, i64>(0)? as usize, row.get::<_, i64>(1)? as usize, answer);
            }
            Ok(())
        };
        run().map_err(|error| self.refuse(error))
    }

    /// The checksum that a picture's file had when it was classified.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn checksum(&self, picture: usize) -> Result<Option<String>> {
        let query = "SELECT sha256 FROM picture WHERE number = ?";
        let found = self.connection.query_row(query, [picture as i64], |row| row.get(0));
        found.map_err(|error| self.refuse(error))
    }

    /// Keeps which faces are drawn to be explained by a network.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_drawn(&mut self, network: usize, drawn: &[Drawn]) -> Result<()> {
        let query = "INSERT INTO explanation (network, picture, face, expression, place)
                     VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        self.change(|transaction| {
            for face in drawn {
                transaction.prepare_cached(query)?.execute(params![
                    network as i64,
                    face.picture as i64,
                    face.face as i64,
                    face.expression.name(),
                    face.place as i64
                ])?;
            }
            Ok(())
        })
    }

    /// The faces drawn for a network that are neither explained nor known to fail, in the order of pictures.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unexplained(&self, network: usize) -> Result<Vec<Drawn>> {
        let query = "SELECT * FROM explanation
                     WHERE network = ? AND weights IS NULL AND problem IS NULL ORDER BY picture, face";
        let rows = || {
            let mut statement = self.connection.prepare_cached(query)?;
            statement
                .query_map([network as i64], Drawn::read)?
                .collect::<rusqlite::Result<Vec<Drawn>>>()
        };
        rows().map_err(|error| self.refuse(error))
    }

    /// Keeps an explanation, or why there is none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_explanation(
        &mut self,
        network: usize,
        drawn: &Drawn,
        result: std::result::Result<&Explanation, &str>,
    ) -> Result<()> {
        let key = [network as i64, drawn.picture as i64, drawn.face as i64];
        self.change(|transaction| match result {
            Ok(explanation) => explanation.update(transaction, key),
            Err(problem) => transaction
                .execute(
                    "UPDATE explanation SET problem = ?4 WHERE network = ?1 AND picture = ?2 AND face = ?3",
                    params![key[0], key[1], key[2], problem],
                )
                .map(|_| ()),
        })
    }

    /// Hands on every explanation of some networks and an expression with its picture, in the order of networks, pictures and faces.
    ///
    /// # Errors
    /// When the file cannot be read, or `work` fails.
    pub fn for_each_explanation(
        &self,
        networks: &[usize],
        expression: Expression,
        mut work: impl FnMut(usize, usize, Explanation),
    ) -> Result<()> {
        let query = "SELECT * FROM explanation
                     WHERE network = ? AND expression = ? AND weights IS NOT NULL ORDER BY picture, face";
        let mut run = || -> std::result::Result<(), StoreProblem> {
            for &network in networks {
                let mut statement = self.connection.prepare_cached(query)?;
                let mut rows = statement.query(params![network as i64, expression.name()])?;
                while let Some(row) = rows.next()? {
                    let picture = row.get::<_, i64>("picture")? as usize;
                    let explanation = Explanation::read(row)?.map_err(StoreProblem::Damaged)?;
                    work(network, picture, explanation);
                }
            }
            Ok(())
        };
        run().map_err(|problem| self.refuse(problem))
    }

    /// The pictures that show a face explained by some networks as an expression, each once.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn explained_pictures(
        &self,
        networks: &[usize],
        expression: Expression,
    ) -> Result<BTreeSet<usize>> {
        let query = "SELECT picture FROM explanation
                     WHERE network = ? AND expression = ? AND weights IS NOT NULL";
        let read = || -> rusqlite::Result<BTreeSet<usize>> {
            let mut pictures = BTreeSet::new();
            for &network in networks {
                let mut statement = self.connection.prepare_cached(query)?;
                let mut rows = statement.query(params![network as i64, expression.name()])?;
                while let Some(row) = rows.next()? {
                    pictures.insert(row.get::<_, i64>(0)? as usize);
                }
            }
            Ok(pictures)
        };
        read().map_err(|error| self.refuse(error))
    }

    /// Hands on every face drawn for a network in the order of pictures and faces, with its explanation; where there is none, why it cannot
    /// be explained, if that is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn for_each_drawn(
        &self,
        network: usize,
        mut work: impl FnMut(Drawn, std::result::Result<Explanation, Option<String>>),
    ) -> Result<()> {
        let query = "SELECT * FROM explanation WHERE network = ? ORDER BY picture, face";
        let mut run = || -> std::result::Result<(), StoreProblem> {
            let mut statement = self.connection.prepare_cached(query)?;
            let mut rows = statement.query([network as i64])?;
            while let Some(row) = rows.next()? {
                let is_explained = row.get_ref("weights")? != rusqlite::types::ValueRef::Null;
                let result = match is_explained {
                    true => Ok(Explanation::read(row)?.map_err(StoreProblem::Damaged)?),
                    false => Err(row.get("problem")?),
                };
                work(Drawn::read(row)?, result);
            }
            Ok(())
        };
        run().map_err(|problem| self.refuse(problem))
    }

    /// How far the study is.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn progress(&self) -> Result<Progress> {
        let count = |query: &str| -> rusqlite::Result<usize> {
            self.connection.query_row(query, [], |row| row.get::<_, i64>(0)).map(|n| n as usize)
        };
        let finished = self.is_finished()?;
        let read = || -> rusqlite::Result<Progress> {
            Ok(Progress {
                finished,
                classified: count("SELECT count(*) FROM classified")?,
                drawn: count("SELECT count(*) FROM explanation")?,
                explained: count("SELECT count(*) FROM explanation WHERE weights IS NOT NULL")?,
                failed: count("SELECT count(*) FROM explanation WHERE problem IS NOT NULL")?,
            })
        };
        read().map_err(|error| self.refuse(error))
    }

    /// How many pictures and explanations failed, whenever that was.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn failures(&self) -> Result<usize> {
        let query = "SELECT (SELECT count(*) FROM classified JOIN picture ON picture.number = classified.picture WHERE problem IS NOT NULL)
            + (SELECT count(*) FROM explanation WHERE problem IS NOT NULL)";
        let count = self.connection.query_row(query, [], |row| row.get::<_, i64>(0));
        count.map(|count| count as usize).map_err(|error| self.refuse(error))
    }

    /// Adds up the explanations of every network and expression.
    fn write_sums(&self) -> Result<()> {
        let write = |network: usize, expression: Expression, sums: &HeatmapSums| {
            self.connection.execute(
                "INSERT OR REPLACE INTO heatmap VALUES (?, ?, ?, ?)",
                params![
                    network as i64,
                    expression.name(),
                    sums.explanations() as i64,
                    rows::compress(&sums.to_bytes())
                ],
            )
        };
        for network in 0..self.networks()?.len() {
            for expression in Expression::SIX {
                let sums = self.add_up(&[network], expression)?;
                if sums.explanations() > 0 {
                    write(network, expression, &sums).map_err(|error| self.refuse(error))?;
                }
            }
        }
        Ok(())
    }

    /// The exact sums over the explanations of some networks and an expression, added up from its records.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn add_up(&self, networks: &[usize], expression: Expression) -> Result<HeatmapSums> {
        let mut sums = HeatmapSums::new();
        let mut problem = None;
        self.for_each_explanation(networks, expression, |_, _, explanation| {
            problem = problem.take().or(sums.add(&explanation.standardised()).err());
        })?;
        match problem {
            Some(problem) => Err(self.refuse(StoreProblem::Damaged(problem.to_string()))),
            None => Ok(sums),
        }
    }

    /// The sums that [`Self::finish`] left; none where a network explained no face of that expression.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else there.
    pub fn sums(&self, network: usize, expression: Expression) -> Result<Option<HeatmapSums>> {
        let query = "SELECT sums FROM heatmap WHERE network = ? AND expression = ?";
        let key = params![network as i64, expression.name()];
        let read = || -> std::result::Result<Option<HeatmapSums>, StoreProblem> {
            let bytes: Option<Vec<u8>> =
                self.connection.query_row(query, key, |row| row.get(0)).optional()?;
            let Some(bytes) = bytes else { return Ok(None) };
            let bytes = rows::decompress(&bytes, HeatmapSums::STORED_BYTES)
                .map_err(StoreProblem::Damaged)?;
            HeatmapSums::from_bytes(&bytes)
                .map(Some)
                .map_err(|error| StoreProblem::Damaged(error.to_string()))
        };
        read().map_err(|problem| self.refuse(problem))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Study,
    Session,
}

/// What a database of ours holds, if it is of the form that is known here.
fn recognise(connection: &Connection) -> std::result::Result<Content, StoreProblem> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get(0));
    let application: i32 = number("application_id").map_err(|error| match error {
        rusqlite::Error::SqliteFailure(code, _)
            if code.code == rusqlite::ErrorCode::NotADatabase =>
        {
            StoreProblem::Foreign
        }
        other => other.into(),
    })?;
    if application != APPLICATION {
        return Err(StoreProblem::Foreign);
    }
    let has_sessions = connection
        .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'session'")?
        .exists([])?;
    let (content, known) = match has_sessions {
        true => (Content::Session, SESSION_FORM),
        false => (Content::Study, STUDY_FORM),
    };
    match number("user_version")? {
        form if form == known => Ok(content),
        form if form < known => Err(StoreProblem::Older(form)),
        form => Err(StoreProblem::Newer(form)),
    }
}

fn refuse(path: &Path, problem: impl Into<StoreProblem>) -> StoreError {
    use rusqlite::{Error, ErrorCode};
    let problem = match problem.into() {
        StoreProblem::Sqlite(Error::SqliteFailure(error, text))
            if error.code == ErrorCode::DatabaseCorrupt
                // A table that must be there is not: all the commands are ours.
                || text.as_ref().is_some_and(|text| text.starts_with("no such ")) =>
        {
            StoreProblem::Damaged(text.unwrap_or_else(|| error.to_string()))
        }
        StoreProblem::Sqlite(
            error @ (Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)),
        ) => StoreProblem::Damaged(error.to_string()),
        other => other,
    };
    StoreError { path: path.to_owned(), problem }
}

/// Takes a study or session away, and what SQLite keeps beside it.
///
/// # Errors
/// When the disk is read-only or the like; that it is not there is none.
pub fn remove(path: &Path) -> Result<()> {
    remove_database(path).map_err(|error| refuse(path, error))
}

/// Gives a file that was just written the place of an older one, and takes away what SQLite keeps beside that: its log would be taken
/// for the new one's.
///
/// # Errors
/// When a program writes the older one, or the disk is read-only or the like.
pub fn replace(new: &Path, old: &Path) -> Result<()> {
    let _lock = old.is_file().then(|| Lock::take(old)).transpose()?;
    let replace = || remove_database(old).and_then(|()| std::fs::rename(new, old));
    replace().map_err(|error| refuse(old, error))
}

/// Closes a database; the last to close it takes the write-ahead log away.
/// From here on a killed process leaves whole transactions. A power cut may take the last few, no more.
fn write_ahead(connection: &Connection) -> std::result::Result<(), StoreProblem> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    match mode.as_str() {
        "wal" => Ok(()),
        _ => Err(StoreProblem::Damaged(format!("its journal stays {mode}"))),
    }
}

fn close(connection: Connection) -> std::result::Result<(), StoreProblem> {
    connection.close().map_err(|(_, error)| error.into())
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

/// Writes a database to a new file, in a form that depends on its contents only, and waits until the disk has it.
fn write_anew(connection: &Connection, path: &Path) -> std::result::Result<(), StoreProblem> {
    let target = path
        .to_str()
        .ok_or_else(|| StoreProblem::Different("SQLite needs a path in UTF-8".to_owned()))?;
    connection.execute("VACUUM INTO ?", [target])?;
    Ok(std::fs::File::open(path)?.sync_all()?)
}

fn require_file(path: &Path) -> Result<()> {
    // Not opened: closing any handle of a file takes SQLite's own locks.
    crate::files::require_file(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refuse(path, StoreProblem::Missing),
        std::io::ErrorKind::InvalidInput => refuse(path, StoreProblem::NoFile),
        _ => refuse(path, error),
    })
}

/// An empty store in a new file. The file system tells better than SQLite why it cannot be made.
fn create_database(path: &Path, form: i32) -> std::result::Result<Connection, StoreProblem> {
    std::fs::File::create_new(path)?;
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "application_id", APPLICATION)?;
    connection.pragma_update(None, "user_version", form)?;
    Ok(connection)
}

/// The file system's word on a file that SQLite could not open, if it has one.
fn why_not_opened(path: &Path, error: rusqlite::Error) -> StoreProblem {
    match error.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => {
            std::fs::File::open(path).err().map_or(StoreProblem::Sqlite(error), StoreProblem::File)
        }
        _ => StoreProblem::Sqlite(error),
    }
}

/// Takes away a database that was not completed, and what SQLite keeps beside it.
fn remove_database(path: &Path) -> std::io::Result<()> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        match std::fs::remove_file(with_ending(path, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Gives a file its name, unless something of that name is there.
fn rename_new(from: &Path, to: &Path) -> std::io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(std::io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}
