//! Reading a session's file, also while it is written, and on a disk that is read-only.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::content::{SessionConfiguration, SessionContent, SessionCounts};
use super::parts::Part;
use crate::expression::Expression;
use crate::heatmap::{GROUPS, HeatmapError, HeatmapSums, SignedSums, VisitSums};
use crate::store::{
    Content, Result, StoreProblem, recognise, refuse, require_file, rows, why_not_opened,
    with_ending,
};

/// Whether the file at `path` is a session's, rather than a study's.
///
/// # Errors
/// When there is no such file, or it is no store.
pub fn is_session(path: &Path) -> Result<bool> {
    let (_, content) = connect_any(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    Ok(content == Content::Session)
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

fn connect_any(path: &Path, flags: OpenFlags) -> Result<(Connection, Content)> {
    require_file(path)?;
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let recognised = |connection: Connection| -> std::result::Result<_, StoreProblem> {
        let content = recognise(&connection)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        Ok((connection, content))
    };
    let open = || recognised(Connection::open_with_flags(path, flags)?);
    // SQLite reads a file with a write-ahead log only where it may write beside it. Where it may not, and there is no log, nobody else
    // writes either.
    let open_at_rest = || {
        let flags = flags | OpenFlags::SQLITE_OPEN_URI;
        recognised(Connection::open_with_flags(at_rest(path), flags)?)
    };
    let is_at_rest = || !with_ending(path, "-wal").exists();
    match open() {
        Err(StoreProblem::Sqlite(rusqlite::Error::SqliteFailure(error, _)))
            if flags.contains(OpenFlags::SQLITE_OPEN_READ_ONLY)
                && error.code == rusqlite::ErrorCode::CannotOpen
                && path.is_file()
                && is_at_rest() =>
        {
            open_at_rest()
        }
        other => other,
    }
    .map_err(|problem| match problem {
        StoreProblem::Sqlite(error) => refuse(path, why_not_opened(path, error)),
        other => refuse(path, other),
    })
}

/// The address under which SQLite reads a file that nobody writes.
fn at_rest(path: &Path) -> String {
    let mut address = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                address.push(byte.into());
            }
            other => address += &format!("%{other:02X}"),
        }
    }
    address + "?immutable=1"
}

/// Of a session; a study is refused.
pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let (connection, content) = connect_any(path, flags)?;
    match content {
        Content::Session => Ok(connection),
        Content::Study => {
            Err(refuse(path, StoreProblem::Kind("a study", "a session of `ferscope run`")))
        }
    }
}

fn count(row: &rusqlite::Row, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

/// Of one session; none where it is not in the file.
pub(super) fn read_counts(connection: &Connection, id: &str) -> rusqlite::Result<SessionCounts> {
    let query = "SELECT visits, explanations FROM session WHERE id = ?";
    let read = |row: &rusqlite::Row| {
        Ok(SessionCounts { visits: count(row, 0)?, explanations: count(row, 1)? })
    };
    Ok(connection.query_row(query, [id], read).optional()?.unwrap_or_default())
}

/// All that is in the file.
pub(super) fn read_content(
    connection: &Connection,
) -> std::result::Result<SessionContent, StoreProblem> {
    // The many parts are of one moment, also while another program commits.
    let connection = &connection.unchecked_transaction()?;
    let mut statement = connection.prepare("SELECT name, value FROM configuration")?;
    let values = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<BTreeMap<String, String>>>()?;
    let configuration = SessionConfiguration::from_values(&values)?;
    let mut statement = connection.prepare("SELECT id, visits, explanations FROM session")?;
    let sessions = statement
        .query_map([], |row| {
            let counts = SessionCounts { visits: count(row, 1)?, explanations: count(row, 2)? };
            Ok((row.get(0)?, counts))
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
