//! Where pictures come from: files and folders.

use std::collections::HashMap;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

/// The longest side that is decoded, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// The shortest side in which a face can be looked for, in pixels.
pub const SHORTEST_SIDE: u32 = 16;
/// The most memory one picture may take while it is decoded, in bytes.
const LARGEST_PICTURE: u64 = 512 << 20;

/// File name endings taken from a folder.
const PICTURE_ENDINGS: [&str; 8] = ["jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pnm"];

/// Why a picture cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct PictureError {
    /// The picture.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: PictureProblem,
}

/// What can be wrong with a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The file is no picture in a known format, or is damaged.
    #[error("is not a picture that can be read (JPEG, PNG, BMP, TIFF, WebP): {0}")]
    Decode(image::ImageError),
    /// Too large or too small.
    #[error(
        "has {width} x {height} pixels; both sides must be from {SHORTEST_SIDE} to {LONGEST_SIDE} pixels: scale it first"
    )]
    Size {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
    },
    /// A folder without pictures.
    #[error("the folder holds no pictures ({})", PICTURE_ENDINGS.join(", "))]
    EmptyFolder,
}

/// A picture to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its name in results: the file's name without ending, made longer where two files share it.
    pub name: String,
}

/// All pictures of `paths`, folders with everything below them, in alphabetical order inside each folder.
///
/// Paths that cannot be used are returned beside them, so that the rest goes on. A file named twice is taken once.
pub fn list_pictures(paths: &[PathBuf]) -> (Vec<PictureFile>, Vec<PictureError>) {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        let before = found.len();
        if let Err(error) = collect(path, true, &mut found) {
            problems.push(PictureError { path: path.clone(), problem: error.into() });
        } else if path.is_dir() && found.len() == before {
            problems
                .push(PictureError { path: path.clone(), problem: PictureProblem::EmptyFolder });
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.retain(|path| seen.insert(path.clone()));
    (name_pictures(found), problems)
}

fn collect(path: &Path, named_by_user: bool, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if std::fs::metadata(path)?.is_dir() {
        let mut entries = std::fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<Vec<_>>>()?;
        entries.sort();
        for entry in entries {
            let is_link = entry.symlink_metadata()?.is_symlink();
            // A link to a folder could lead back here.
            if !(is_link && entry.is_dir()) {
                collect(&entry, false, found)?;
            }
        }
    } else if named_by_user || has_picture_ending(path) {
        found.push(path.to_owned());
    }
    Ok(())
}

fn has_picture_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        PICTURE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// Names each picture by the fewest trailing parts of its path that no other picture shares: `a`, else `a.jpg`, else `folder-a.jpg`.
fn name_pictures(paths: Vec<PathBuf>) -> Vec<PictureFile> {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let tail = |path: &Path, parts: usize| {
        let all: Vec<_> = path.components().map(|c| c.as_os_str().to_string_lossy()).collect();
        all[all.len().saturating_sub(parts)..].join("-").replace(['/', '\\'], "")
    };
    let deepest = paths.iter().map(|path| path.components().count()).max().unwrap_or(0);
    let mut names: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    for parts in 1..=deepest {
        let mut uses: HashMap<String, usize> = HashMap::new();
        for name in &names {
            *uses.entry(name.clone()).or_default() += 1;
        }
        for (name, path) in names.iter_mut().zip(&paths) {
            if uses[name] > 1 {
                *name = tail(path, parts);
            }
        }
    }
    paths.into_iter().zip(names).map(|(path, name)| PictureFile { path, name }).collect()
}

/// Reads a picture upright (the camera's orientation note is obeyed), eight bits per channel.
///
/// # Errors
/// When the file cannot be read, is no picture, or is too large or too small. Memory is bounded before anything is decoded.
pub fn read_picture(path: &Path) -> Result<RgbImage, PictureError> {
    decode(path).map_err(|problem| PictureError { path: path.to_owned(), problem })
}

fn decode(path: &Path) -> Result<RgbImage, PictureProblem> {
    let mut file = std::fs::File::open(path)?;
    // A folder opens like a file but cannot be read like one.
    file.read_exact(&mut [])?;
    let mut reader = ImageReader::new(BufReader::new(file)).with_guessed_format()?;
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(PictureProblem::Decode)?;
    let (width, height) = decoder.dimensions();
    let allowed = SHORTEST_SIDE..=LONGEST_SIDE;
    if !allowed.contains(&width) || !allowed.contains(&height) {
        return Err(PictureProblem::Size { width, height });
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST_PICTURE);
    decoder.set_limits(limits).map_err(PictureProblem::Decode)?;
    let orientation = decoder.orientation().map_err(PictureProblem::Decode)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(PictureProblem::Decode)?;
    picture.apply_orientation(orientation);
    Ok(picture.into_rgb8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_the_same_name_are_told_apart() {
        let names = |paths: &[&str]| -> Vec<String> {
            name_pictures(paths.iter().map(PathBuf::from).collect())
                .into_iter()
                .map(|picture| picture.name)
                .collect()
        };
        assert_eq!(names(&["d/a.jpg", "d/b.jpg"]), ["a", "b"]);
        assert_eq!(names(&["d/a.jpg", "d/a.png", "d/b.png"]), ["a.jpg", "a.png", "b"]);
        assert_eq!(names(&["d/a.jpg", "e/a.jpg"]), ["d-a.jpg", "e-a.jpg"]);
    }
}
