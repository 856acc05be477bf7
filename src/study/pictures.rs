//! The pictures of a study: what they show, whom, and where they lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::expression::Expression;
use crate::files;
use crate::source::list_pictures;
use crate::store::PictureRow;

/// The table that may describe the pictures of a folder.
const TABLE: &str = "faces.csv";

/// A picture of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As the store has it.
    pub row: PictureRow,
    /// The file.
    pub file: PathBuf,
    /// A picture of the same size that says how far each pixel truly moved (brightness, in any unit).
    pub moved: Option<PathBuf>,
}

/// Why pictures cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// A path that cannot be used, or a folder without pictures.
    #[error("{0}")]
    Source(String),
    /// The table cannot be used.
    #[error("{}: {problem}", path.display())]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Two pictures of one name.
    #[error("two pictures are called {0} here: give one of them another name")]
    Twice(String),
}

/// A line of the table.
struct Line {
    picture: String,
    expression: Option<String>,
    subject: Option<String>,
    fold: Option<u32>,
    moved: Option<String>,
}

/// The pictures of a folder or of a table of pictures, sorted by their path.
///
/// A table is a CSV file with a header; `picture` is the path from the table's folder; `expression`, `subject`, `fold` (the one whose held-out
/// picture it is) and `moved` (a picture of how far each pixel moved) may follow, and other columns. A folder with a `faces.csv` is described by it. In
/// any other folder the last folder on a picture's path that is called after an expression is its label, and the one above that its subject.
///
/// # Errors
/// When there is no picture, or the table is wrong; the message says in which line.
pub fn list(source: &Path) -> Result<Vec<Listed>, PicturesError> {
    let is_table =
        |path: &Path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let mut listed = if source.is_file() && is_table(source) {
        from_table(source)?
    } else if source.join(TABLE).is_file() {
        from_table(&source.join(TABLE))?
    } else {
        from_folder(source)?
    };
    listed.sort_by(|a, b| a.row.path.cmp(&b.row.path));
    match listed.windows(2).find(|pair| pair[0].row.path == pair[1].row.path) {
        Some(pair) => Err(PicturesError::Twice(pair[0].row.path.clone())),
        None => Ok(listed),
    }
}

fn from_folder(folder: &Path) -> Result<Vec<Listed>, PicturesError> {
    let (pictures, problems) = list_pictures(&[folder.to_owned()]);
    if let Some(problem) = problems.first() {
        return Err(PicturesError::Source(problem.to_string()));
    }
    let base = if folder.is_dir() { folder } else { folder.parent().unwrap_or(Path::new("")) };
    Ok(pictures.into_iter().map(|picture| of_path(base, picture.path)).collect())
}

fn of_path(base: &Path, file: PathBuf) -> Listed {
    let relative = file.strip_prefix(base).unwrap_or(&file);
    let parts: Vec<String> =
        relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    let folders = &parts[..parts.len().saturating_sub(1)];
    let labelled = folders
        .iter()
        .enumerate()
        .rev()
        .find_map(|(place, name)| name.parse::<Expression>().ok().map(|label| (place, label)));
    let subject = labelled
        .and_then(|(place, _)| place.checked_sub(1))
        .map(|place| folders[..=place].join("/"));
    let label = labelled.map(|(_, label)| label);
    let row = PictureRow { path: parts.join("/"), label, subject, ..PictureRow::default() };
    Listed { row, file, moved: None }
}

fn from_table(table: &Path) -> Result<Vec<Listed>, PicturesError> {
    let refuse = |problem: String| PicturesError::Table { path: table.to_owned(), problem };
    let text =
        files::read_text(table).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    let mut reader = csv::Reader::from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let header = reader.headers().map_err(|error| refuse(error.to_string()))?;
    if !header.iter().any(|column| column == "picture") {
        return Err(refuse("has no column `picture`: its first line names the columns".to_owned()));
    }
    let folder = table.parent().unwrap_or(Path::new(""));
    let mut listed = Vec::new();
    for (line, row) in (2..).zip(reader.deserialize::<BTreeMap<String, String>>()) {
        let at = |problem: String| refuse(format!("line {line}: {problem}"));
        let row = row.map_err(|error| at(error.to_string()))?;
        let line: Line = parse(row).map_err(at)?;
        let label = line.expression.as_deref().map(str::parse).transpose();
        let label =
            label.map_err(|error: crate::expression::UnknownExpression| at(error.to_string()))?;
        let file = folder.join(&line.picture);
        if !file.is_file() {
            return Err(at(format!("there is no picture {}", file.display())));
        }
        let moved = line.moved.map(|moved| folder.join(moved));
        if let Some(moved) = moved.as_ref().filter(|moved| !moved.is_file()) {
            return Err(at(format!("there is no picture of what moved {}", moved.display())));
        }
        let path = line.picture.replace('\\', "/");
        let row = PictureRow {
            path: path.trim_start_matches("./").to_owned(),
            label,
            subject: line.subject,
            fold: line.fold,
            ..PictureRow::default()
        };
        listed.push(Listed { row, file, moved });
    }
    if listed.is_empty() {
        return Err(refuse("names no picture".to_owned()));
    }
    Ok(listed)
}

/// Empty fields are absent ones.
fn parse(mut row: BTreeMap<String, String>) -> Result<Line, String> {
    let mut take = |column: &str| row.remove(column).filter(|field| !field.is_empty());
    let fold = take("fold")
        .map(|text| match text.parse() {
            Ok(fold) if fold > 0 => Ok(fold),
            _ => Err(format!("the fold `{text}` is no number from 1")),
        })
        .transpose()?;
    Ok(Line {
        picture: take("picture").ok_or("names no picture")?,
        expression: take("expression"),
        subject: take("subject"),
        fold,
        moved: take("moved"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(source: &Path) -> Vec<PictureRow> {
        list(source).unwrap().into_iter().map(|listed| listed.row).collect()
    }

    fn touch(folder: &Path, path: &str) {
        std::fs::create_dir_all(folder.join(path).parent().unwrap()).unwrap();
        std::fs::write(folder.join(path), b"").unwrap();
    }

    #[test]
    fn folders_say_what_a_picture_shows_and_whom() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/happiness/1.jpg", "a/Fear/1.jpg", "sadness/c.png", "d.png"] {
            touch(folder.path(), path);
        }
        let row = |path: &str, label, subject: Option<&str>| PictureRow {
            path: path.to_owned(),
            label,
            subject: subject.map(str::to_owned),
            ..PictureRow::default()
        };
        let expected = [
            row("a/Fear/1.jpg", Some(Expression::Fear), Some("a")),
            row("b/happiness/1.jpg", Some(Expression::Happiness), Some("b")),
            row("d.png", None, None),
            row("sadness/c.png", Some(Expression::Sadness), None),
        ];
        assert_eq!(rows(folder.path()), expected);
    }

    #[test]
    fn a_table_says_it_better_and_its_faults_are_named_with_their_line() {
        let folder = tempfile::tempdir().unwrap();
        touch(folder.path(), "pictures/1.jpg");
        touch(folder.path(), "m.png");
        let table = folder.path().join(TABLE);
        let write = |text: &str| std::fs::write(&table, text).unwrap();
        write("picture,moved,subject,expression,fold,age\npictures/1.jpg,m.png,007,fear,2,30\n");
        let listed = list(folder.path()).unwrap();
        assert_eq!(listed, list(&table).unwrap());
        assert_eq!(listed[0].moved, Some(folder.path().join("m.png")));
        let row = &listed[0].row;
        let found = (row.label, row.subject.as_deref(), row.fold);
        assert_eq!(found, (Some(Expression::Fear), Some("007"), Some(2)));
        for (text, problem) in [
            ("file\na\n", "column `picture`"),
            ("picture\nnone.jpg\n", "line 2: there is no picture"),
            ("picture,expression\npictures/1.jpg,joy\n", "line 2: `joy`"),
            ("picture,fold\npictures/1.jpg,x\n", "line 2: the fold `x`"),
            ("picture,fold\npictures/1.jpg,0\n", "line 2: the fold `0`"),
            ("picture,fold\npictures/1.jpg\n", "line 2"),
            ("picture,moved\npictures/1.jpg,n.png\n", "line 2: there is no picture of what moved"),
            ("picture\n", "names no picture"),
            ("picture\npictures/1.jpg\n./pictures/1.jpg\n", "two pictures are called"),
        ] {
            write(text);
            let error = list(folder.path()).unwrap_err().to_string();
            assert!(error.contains(problem), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_folder_without_pictures_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(list(folder.path()).unwrap_err().to_string().contains("no pictures"));
        assert!(list(&folder.path().join("none")).is_err());
    }
}
