//! Merging: parts of one study, or studies of other pictures by the same networks and configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::params;

use super::{
    PictureRow, Result, Store, StoreError, StoreProblem, refuse, remove_database, rename_new,
    with_ending,
};

/// Merges studies into a new one at `out`: the same bytes whatever their order and grouping, and those of the undivided study where
/// they are its parts.
///
/// Pictures are the same where path, contents, label, subject and fold are; an explanation that several have must be the same in all. Studies that list the
/// same pictures, most of them the same files, are taken for parts of one: then none may be another file in some. Cost: linear in the
/// explanations; memory does not depend on them, but on the number of pictures.
///
/// # Errors
/// When one cannot be read, they differ in configuration or networks, contradict each other, or `out` exists or cannot be
/// written.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<()> {
    let (first, rest) = parts.split_first().expect("there is something to merge");
    let first = Store::read(first)?;
    require_finished(&first)?;
    let (configuration, networks) = (first.configuration()?, first.networks()?);
    let mut pictures: BTreeMap<Key, PictureRow> = BTreeMap::new();
    let mut lists = vec![first.pictures()?];
    for path in rest {
        let other = Store::read(path)?;
        require_finished(&other)?;
        let different = |what: String| {
            let problem = StoreProblem::Different(format!(
                "cannot be merged with {}: {what}",
                first.path().display()
            ));
            Err(refuse(path, problem))
        };
        let differences = other.configuration()?.differences(&configuration);
        if !differences.is_empty() {
            return different(differences.join("; "));
        }
        let theirs = other.networks()?;
        if theirs != networks {
            let names = |rows: &[super::NetworkRow]| {
                let named = rows.iter().map(|row| {
                    format!("{} {:.8} ({}, {:?})", row.name, row.sha256, row.input, row.classes)
                });
                named.collect::<Vec<_>>().join(", ")
            };
            return different(format!(
                "its networks are {}, the other's {}",
                names(&theirs),
                names(&networks)
            ));
        }
        let theirs = other.pictures()?;
        let is_same = |(one, other): &(&PictureRow, &PictureRow)| one.sha256 == other.sha256;
        // Parts of one study have most pictures in common; other devices may give theirs the same names.
        let undivided = lists.iter().find(|list| {
            let read: Vec<_> = list
                .iter()
                .zip(&theirs)
                .filter(|(one, other)| one.sha256.is_some() && other.sha256.is_some())
                .collect();
            let same = read.iter().filter(|pair| is_same(pair)).count();
            list.iter().map(described).eq(theirs.iter().map(described)) && 2 * same > read.len()
        });
        let Some(list) = undivided else {
            lists.push(theirs);
            continue;
        };
        if let Some((picture, _)) = list.iter().zip(&theirs).find(|pair| !is_same(pair)) {
            return different(format!(
                "it lists the same pictures, but {} is another file there",
                picture.path
            ));
        }
    }
    for row in lists.into_iter().flatten() {
        pictures.insert(key(&row), row);
    }
    // Numbered anew, in an order that depends on the pictures only.
    let mut numbers: BTreeMap<Key, i64> = BTreeMap::new();
    for (number, key) in (0_i64..).zip(pictures.keys()) {
        numbers.insert(key.clone(), number);
    }
    let rows: Vec<PictureRow> = pictures.into_values().collect();
    let partial = with_ending(out, ".merging");
    remove_database(&partial).map_err(|error| refuse(out, error))?;
    let merged = Store::fill(&partial, &configuration, &networks, &rows)
        .map_err(|problem| refuse(out, problem))?;
    let add_all = || {
        for path in parts {
            add(&merged, path, &numbers)?;
        }
        merged.finish()?;
        rename_new(&partial, out).map_err(|error| refuse(out, error))
    };
    let result = add_all();
    if result.is_err() {
        // What is left of it would only be in the way.
        let _ = remove_database(&partial);
    }
    result
}

fn require_finished(store: &Store) -> Result<()> {
    if store.is_finished()? {
        return Ok(());
    }
    let problem = "is not finished: give its `ferscope study` command again first".to_owned();
    Err(store.refuse(StoreProblem::Different(problem)))
}

/// What makes a picture the same in two studies.
type Key = (String, Option<String>, Option<String>, Option<String>, Option<u32>);

fn key(row: &PictureRow) -> Key {
    let label = row.label.map(|label| label.name().to_owned());
    (row.path.clone(), row.sha256.clone(), label, row.subject.clone(), row.fold)
}

/// What the list of a study says of a picture before it is read.
fn described(
    row: &PictureRow,
) -> (&str, Option<crate::expression::Expression>, Option<&str>, Option<u32>) {
    (&row.path, row.label, row.subject.as_deref(), row.fold)
}

/// Copies answers and explanations of a part, with the merged numbers of its pictures.
fn add(merged: &Store, path: &Path, numbers: &BTreeMap<Key, i64>) -> Result<()> {
    let store = Store::read(path)?;
    let copy = || -> std::result::Result<Vec<String>, StoreProblem> {
        let connection = &merged.connection;
        let text = path
            .to_str()
            .ok_or_else(|| StoreProblem::Different("SQLite needs a path in UTF-8".to_owned()))?;
        connection.execute("ATTACH ? AS part", [text])?;
        connection.execute_batch(
            "BEGIN; CREATE TEMP TABLE moved (old INTEGER PRIMARY KEY, new INTEGER NOT NULL);",
        )?;
        for (old, row) in (0_i64..).zip(store.pictures().map_err(|error| error.problem)?) {
            connection
                .prepare_cached("INSERT INTO moved VALUES (?, ?)")?
                .execute(params![old, numbers[&key(&row)]])?;
        }
        let contradictions = contradictions(connection)?;
        connection.execute_batch(COPY)?;
        connection.execute_batch("COMMIT; DROP TABLE moved; DETACH part;")?;
        Ok(contradictions)
    };
    let contradictions = copy().map_err(|problem| refuse(path, problem))?;
    if contradictions.is_empty() {
        return Ok(());
    }
    Err(StoreError {
        path: path.to_owned(),
        problem: StoreProblem::Different(format!(
            "contradicts another part: {}: they are not of one study",
            contradictions.join(", ")
        )),
    })
}

/// Faces that both sides have, but otherwise.
fn contradictions(connection: &rusqlite::Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT picture.path || ', face ' || mine.face
         FROM part.answer AS theirs JOIN moved ON moved.old = theirs.picture
         JOIN main.answer AS mine ON mine.network = theirs.network AND mine.picture = moved.new AND mine.face = theirs.face
         JOIN main.picture ON picture.number = moved.new
         WHERE mine.probabilities <> theirs.probabilities
         UNION
         SELECT picture.path || ', face ' || mine.face
         FROM part.explanation AS theirs JOIN moved ON moved.old = theirs.picture
         JOIN main.explanation AS mine ON mine.network = theirs.network AND mine.picture = moved.new AND mine.face = theirs.face
         JOIN main.picture ON picture.number = moved.new
         WHERE mine.weights <> theirs.weights OR mine.superpixels <> theirs.superpixels OR mine.expression <> theirs.expression
         LIMIT 3",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// What a part explained takes the place of what is only drawn.
const COPY: &str = "
    INSERT OR IGNORE INTO main.answer
        SELECT network, new, face, expression, probabilities FROM part.answer JOIN moved ON old = picture;
    INSERT OR IGNORE INTO main.classified SELECT network, new FROM part.classified JOIN moved ON old = picture;
    INSERT INTO main.explanation
        SELECT network, new, face, expression, place, weights, intercept, r2, superpixels, moved_mass, moved_rank,
            moved_chance, curves, repeat_correlation, shuffled_correlation, problem
        FROM part.explanation JOIN moved ON old = picture WHERE true
        ON CONFLICT DO UPDATE SET weights = excluded.weights, intercept = excluded.intercept, r2 = excluded.r2,
            superpixels = excluded.superpixels, moved_mass = excluded.moved_mass, moved_rank = excluded.moved_rank,
            moved_chance = excluded.moved_chance, curves = excluded.curves,
            repeat_correlation = excluded.repeat_correlation, shuffled_correlation = excluded.shuffled_correlation,
            problem = excluded.problem
        WHERE main.explanation.weights IS NULL AND main.explanation.problem IS NULL;
";
