//! Writing results: only below `--out`, and never over an existing result unless forced; telling what went wrong.

use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use super::Failure;

/// Refuses to go on when a result stands where one will be written.
pub fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    // A link to nowhere stands there too: what is written through it would land elsewhere.
    if force || path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} exists already: choose another --out, or say --force to overwrite",
        path.display()
    )))
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| {
        let file = path.ancestors().find(|path| path.is_file());
        let problem = "it is a file, and a folder is to be made here: choose another place";
        file.map_or_else(|| failed(path, error), |file| failed(file, problem))
    })
}

/// Makes the folder that a file is to lie in.
pub fn create_folder_of(path: &Path) -> Result<(), Failure> {
    path.parent().map_or(Ok(()), create_folder)
}

/// Whether a name that a table holds is that of a file or folder beside it, and leads nowhere else.
pub fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// Writes a whole file: under another name first, so that a power cut leaves the old file or the new one.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = WholeFile::begin(path)?;
    file.writer().write_all(bytes).map_err(|error| failed(path, error))?;
    file.finish()
}

/// A file that is written piece by piece, and has its name once it is whole.
pub struct WholeFile {
    file: Arc<File>,
    path: PathBuf,
}

impl WholeFile {
    /// Begins it, under another name.
    pub fn begin(path: &Path) -> Result<Self, Failure> {
        let partial = partial_name(path);
        remove_file(&partial)?;
        let file = File::create_new(&partial).map_err(|error| failed(path, error))?;
        Ok(WholeFile { file: Arc::new(file), path: path.to_owned() })
    }

    /// What takes its bytes.
    pub fn writer(&self) -> Arc<File> {
        self.file.clone()
    }

    /// The name it will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name.
    pub fn finish(self) -> Result<(), Failure> {
        let rename = || std::fs::rename(partial_name(&self.path), &self.path);
        self.file.sync_data().and_then(|()| rename()).map_err(|error| failed(&self.path, error))
    }
}

impl Drop for WholeFile {
    /// What is not complete goes: on a full disk it would only be in the way.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(partial_name(&self.path));
    }
}

/// The name that a file has while it is written.
pub fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// Removes a file that ferscope wrote earlier, if it is there.
pub fn remove_file(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::Output(format!("{}: cannot be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Writes something as indented JSON.
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| failed(path, error))?;
    text.push(b'\n');
    write_file(path, &text)
}

/// Writes an array of numbers that NumPy opens.
pub fn write_npy(path: &Path, height: u32, width: u32, values: Vec<f32>) -> Result<(), Failure> {
    use ndarray_npy::WriteNpyExt;
    let array = ndarray::Array2::from_shape_vec((height as usize, width as usize), values)
        .expect("one value per pixel");
    let mut bytes = Vec::new();
    array.write_npy(&mut bytes).map_err(|error| failed(path, error))?;
    write_file(path, &bytes)
}

/// Writes a grey PNG.
pub fn write_grey(path: &Path, picture: &image::GrayImage) -> Result<(), Failure> {
    write_png(path, picture, picture.dimensions(), image::ExtendedColorType::L8)
}

/// Writes a colour PNG.
pub fn write_rgb(path: &Path, picture: &image::RgbImage) -> Result<(), Failure> {
    write_png(path, picture, picture.dimensions(), image::ExtendedColorType::Rgb8)
}

/// Writes labels as a 16-bit grey PNG.
pub fn write_labels(path: &Path, labels: &[u16], size: (u32, u32)) -> Result<(), Failure> {
    // The encoder takes native byte order.
    let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_ne_bytes()).collect();
    write_png(path, &bytes, size, image::ExtendedColorType::L16)
}

fn write_png(
    path: &Path,
    pixels: &[u8],
    (width, height): (u32, u32),
    colour: image::ExtendedColorType,
) -> Result<(), Failure> {
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, colour)
        .map_err(|error| failed(path, error))?;
    write_file(path, &bytes)
}

/// Prints to standard output.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).map_err(|error| {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Failure::ReaderGone
        } else {
            failed(Path::new("standard output"), error)
        }
    })
}

/// Says what is wrong on standard error. Where even that is closed, nobody can be told.
pub fn complain(problem: &dyn std::fmt::Display) {
    print_error(&format!("ferscope: {problem}"));
}

/// Prints a line to standard error, as [`complain`] does.
pub fn print_error(line: &str) {
    let _ = writeln!(std::io::stderr(), "{}", without_control(line));
}

/// The text with its control characters written out: names of files may hold what a terminal takes as a command.
pub fn without_control(text: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\n';
    text.chars()
        .flat_map(|c| if is_plain(c) { vec![c] } else { c.escape_default().collect() })
        .collect()
}

/// A failure to write `path`.
pub fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Output(format!("{}: cannot be written: {error}", path.display()))
}

/// A CSV table whose rows reach disk or reader as they are made, so that a batch that is killed loses none.
pub struct Table {
    writer: csv::Writer<Box<dyn Write>>,
    target: PathBuf,
}

impl Table {
    /// A table on standard output.
    pub fn on_standard_output() -> Self {
        Table {
            writer: csv::Writer::from_writer(Box::new(std::io::stdout())),
            target: PathBuf::from("standard output"),
        }
    }

    /// A table at `target`, in place of what is there.
    pub fn in_file(target: &Path) -> Result<Self, Failure> {
        remove_file(target)?;
        let file = File::create_new(target).map_err(|error| failed(target, error))?;
        Ok(Table { writer: csv::Writer::from_writer(Box::new(file)), target: target.to_owned() })
    }

    /// Writes a row.
    pub fn row<Field: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = Field>,
    ) -> Result<(), Failure> {
        let written = self.writer.write_record(fields).map_err(std::io::Error::from);
        written.and_then(|()| self.writer.flush()).map_err(|error| match error.kind() {
            std::io::ErrorKind::BrokenPipe => Failure::ReaderGone,
            _ => failed(&self.target, error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_on_disk_as_they_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut table = Table::in_file(&path).unwrap();
        table.row(["1", "2"]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1,2\n");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let [elsewhere, link] = ["elsewhere", "link"].map(|name| folder.path().join(name));
        let point = |link: &Path| std::os::unix::fs::symlink(&elsewhere, link).unwrap();
        point(&link);
        assert!(refuse_existing(&link, false).is_err());
        Table::in_file(&link).unwrap().row(["1"]).unwrap();
        std::fs::remove_file(&link).unwrap();
        point(&partial_name(&link));
        write_file(&link, b"1").unwrap();
        assert!(!elsewhere.exists());
        assert_eq!(std::fs::read(&link).unwrap(), b"1");
    }
}
