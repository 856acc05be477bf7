//! Writing results: only below `--out`, and never over an existing result unless forced.

use std::io::Write;
use std::path::{Path, PathBuf};

use image::ImageEncoder;
use image::codecs::png::PngEncoder;

use super::Failure;

/// Refuses to go on when a result stands where one will be written.
pub fn refuse_existing(path: &Path, force: bool) -> Result<(), Failure> {
    if force || !path.exists() {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "{} exists already: choose another --out, or say --force to overwrite",
        path.display()
    )))
}

/// Makes a folder and those above it.
pub fn create_folder(path: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(|error| failed(path, error))
}

/// Writes a whole file: under another name first, so that a power cut leaves the old file or the new one.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let partial = partial_name(path);
    let write = || {
        let mut file = std::fs::File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(&partial, path)
    };
    write().map_err(|error| failed(path, error))
}

fn partial_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
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

/// Prints to standard output. A reader that went away (`| head`) is no fault.
pub fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// A failure to write `path`.
pub fn failed(path: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::Input(format!("{}: cannot be written: {error}", path.display()))
}
