//! Where pictures come from: files and folders, and ([`stream`]) cameras and other sources of live frames.

pub mod stream;

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, Seek};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

/// The longest side that is decoded, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// The shortest side in which a face can be looked for, in pixels.
pub const SHORTEST_SIDE: u32 = 16;
/// The most memory one picture may take while it is decoded, in bytes, and the most that its file may have.
const LARGEST_PICTURE: u64 = 768 << 20;

/// File name endings taken from a folder.
const PICTURE_ENDINGS: [&str; 10] =
    ["jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "pnm", "pgm", "ppm"];

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
    #[error("is not a picture that can be read (JPEG, PNG, BMP, TIFF, WebP, PNM): {0}")]
    Decode(image::ImageError),
    /// A JPEG without its end.
    #[error("has no end, so it is cut off: copy it again, or save it anew")]
    CutOff,
    /// Neither a file nor a folder: a pipe or a device could be waited for without end.
    #[error("is neither a file nor a folder")]
    Irregular,
    /// Decoding would take too much memory.
    #[error(
        "would take {} MiB to decode, at most {} are allowed: scale it first, or store it with 8 bits per channel",
        needed >> 20, LARGEST_PICTURE >> 20
    )]
    Memory {
        /// Bytes.
        needed: u64,
    },
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

impl PictureError {
    /// Whether it says nothing of the picture: its disk or folder is away, and may come back.
    pub fn is_away(&self) -> bool {
        use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
        let PictureProblem::Read(error) = &self.problem else { return false };
        match error.kind() {
            NotFound | NotADirectory => {
                let folder = self.path.parent().filter(|path| !path.as_os_str().is_empty());
                folder.is_some_and(|folder| !folder.is_dir())
            }
            PermissionDenied | IsADirectory => false,
            // What has no number is our own word, such as that a file is too large.
            _ => error.raw_os_error().is_some(),
        }
    }
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
    let mut listing = Listing::default();
    for path in paths {
        let before = (listing.found.len(), listing.problems.len());
        listing.add(path, true);
        if path.is_dir() && (listing.found.len(), listing.problems.len()) == before {
            listing.refuse(path, PictureProblem::EmptyFolder);
        }
    }
    let Listing { mut found, problems } = listing;
    let mut seen = HashSet::new();
    found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
    (name_pictures(found), problems)
}

#[derive(Default)]
struct Listing {
    found: Vec<PathBuf>,
    problems: Vec<PictureError>,
}

impl Listing {
    fn refuse(&mut self, path: &Path, problem: PictureProblem) {
        self.problems.push(PictureError { path: path.to_owned(), problem });
    }

    /// Adds a file, or all below a folder. What the user names must be usable; in a folder only what looks like a picture must.
    fn add(&mut self, path: &Path, named_by_user: bool) {
        let wanted = named_by_user || has_picture_ending(path);
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.add_folder(path),
            Ok(metadata) if wanted && metadata.is_file() => self.found.push(path.to_owned()),
            Ok(_) if wanted => self.refuse(path, PictureProblem::Irregular),
            Err(error) if wanted => self.refuse(path, error.into()),
            _ => {}
        }
    }

    fn add_folder(&mut self, folder: &Path) {
        let mut entries = Vec::new();
        match std::fs::read_dir(folder) {
            Err(error) => return self.refuse(folder, error.into()),
            Ok(listing) => {
                for entry in listing {
                    match entry {
                        Ok(entry) => entries.push(entry.path()),
                        Err(error) => self.refuse(folder, error.into()),
                    }
                }
            }
        }
        entries.sort();
        for entry in entries {
            // A link to a folder could lead back here.
            if !(entry.is_symlink() && entry.is_dir()) {
                self.add(&entry, false);
            }
        }
    }
}

fn has_picture_ending(path: &Path) -> bool {
    path.extension().is_some_and(|ending| {
        PICTURE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// The most bytes of a picture's name in results: file systems allow 255, and face number and endings follow.
const LONGEST_NAME: usize = 200;

/// Names each picture by the fewest trailing parts of its path that no other picture shares: `a`, else `a.jpg`, else
/// `folder-a.jpg`; where even that is no name of its own, with a number.
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
    let mut taken = HashSet::new();
    let mut unique = |name: String| {
        // A leading dot would hide a result, and what is too long for a file system would be none.
        let name = name.trim_start_matches('.');
        let name = &name[..name.floor_char_boundary(LONGEST_NAME)];
        let name = if name.is_empty() { "picture" } else { name };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        std::iter::once(name.to_owned())
            .chain(numbered)
            .find(|candidate| taken.insert(candidate.clone()))
            .expect("there is always another number")
    };
    paths
        .into_iter()
        .zip(names)
        .map(|(path, name)| PictureFile { name: unique(name), path })
        .collect()
}

/// Reads a picture upright (the camera's orientation note is obeyed), eight bits per channel.
///
/// # Errors
/// When the file cannot be read, is no picture, or is too large or too small. Memory is bounded before anything is decoded.
pub fn read_picture(path: &Path) -> Result<RgbImage, PictureError> {
    let read = || decode(&crate::files::read(path, LARGEST_PICTURE)?);
    read().map_err(|problem| PictureError { path: path.to_owned(), problem })
}

/// As [`read_picture`], with the checksum of the file (sha256, hexadecimal).
///
/// # Errors
/// As [`read_picture`]; the checksum too where the file could be read, but is no usable picture.
pub fn read_picture_and_checksum(path: &Path) -> (Result<RgbImage, PictureError>, Option<String>) {
    let (picture, checksum) = match crate::files::read(path, LARGEST_PICTURE) {
        Ok(bytes) => {
            let checksum = crate::files::sha256(&bytes, None).expect("no other is expected");
            (decode(&bytes), Some(checksum))
        }
        Err(error) => (Err(error.into()), None),
    };
    (picture.map_err(|problem| PictureError { path: path.to_owned(), problem }), checksum)
}

fn decode(encoded: &[u8]) -> Result<RgbImage, PictureProblem> {
    let mut picture = RgbImage::default();
    decode_file_into(encoded, &mut picture)?;
    Ok(picture)
}

/// As [`decode_into`], of a whole file.
fn decode_file_into(encoded: &[u8], picture: &mut RgbImage) -> Result<(), PictureProblem> {
    decode_into(std::io::Cursor::new(encoded), picture)?;
    // The decoder fills what is missing of a JPEG with grey.
    match is_cut_off(encoded) {
        true => Err(PictureProblem::CutOff),
        false => Ok(()),
    }
}

/// Whether a JPEG ends before its end marker. What stands before the first scan is stepped over, since it may hold a small picture of its own.
fn is_cut_off(encoded: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let Some(mut rest) = encoded.strip_prefix(&[0xff, 0xd8]) else { return false };
    while let [0xff, marker, high, low, ..] = *rest
        && marker != START_OF_SCAN
    {
        // Markers may be padded.
        let length = match marker {
            0xff => 1,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    // It is found at once where nothing stands behind it.
    !rest.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}

/// Decodes into the memory of `picture`, which holds anything after an error.
fn decode_into(encoded: impl BufRead + Seek, picture: &mut RgbImage) -> Result<(), PictureProblem> {
    let mut reader = ImageReader::new(encoded).with_guessed_format()?;
    reader.no_limits();
    let mut decoder = reader.into_decoder().map_err(PictureProblem::Decode)?;
    let (width, height) = decoder.dimensions();
    let allowed = SHORTEST_SIDE..=LONGEST_SIDE;
    if !allowed.contains(&width) || !allowed.contains(&height) {
        return Err(PictureProblem::Size { width, height });
    }
    // The decoded picture, and beside it at most what a decoder holds of it (a strip or a frame: as much again; the coefficients of a
    // progressive JPEG: three 16-bit numbers per pixel) or the same with 8 bits per channel or turned upright.
    let needed = 2 * decoder.total_bytes() + 6 * u64::from(width) * u64::from(height);
    if needed > LARGEST_PICTURE {
        return Err(PictureProblem::Memory { needed });
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(LARGEST_PICTURE);
    decoder.set_limits(limits).map_err(PictureProblem::Decode)?;
    let orientation = decoder.orientation().map_err(PictureProblem::Decode)?;
    if decoder.color_type() == ColorType::Rgb8 && orientation == Orientation::NoTransforms {
        resize(picture, width, height);
        return decoder.read_image(picture).map_err(PictureProblem::Decode);
    }
    let mut decoded = DynamicImage::from_decoder(decoder).map_err(PictureProblem::Decode)?;
    decoded.apply_orientation(orientation);
    *picture = decoded.into_rgb8();
    Ok(())
}

/// Gives `picture` another size, in the memory that it has where that is enough. Its pixels are anything.
fn resize(picture: &mut RgbImage, width: u32, height: u32) {
    if picture.dimensions() != (width, height) {
        let mut pixels = std::mem::take(picture).into_raw();
        pixels.resize(3 * width as usize * height as usize, 0);
        *picture = RgbImage::from_raw(width, height, pixels).expect("three bytes per pixel");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_whose_folder_is_gone_is_away_and_one_that_was_deleted_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("disk");
        std::fs::create_dir(&inside).unwrap();
        let picture = inside.join("face.jpg");
        let is_away = || read_picture(&picture).unwrap_err().is_away();
        std::fs::write(&picture, "no picture").unwrap();
        assert!(!is_away());
        std::fs::remove_file(&picture).unwrap();
        assert!(!is_away());
        std::fs::remove_dir(&inside).unwrap();
        assert!(is_away());
        let problem = PictureProblem::Read(std::io::Error::from_raw_os_error(5));
        assert!(PictureError { path: folder.path().join("x"), problem }.is_away());
    }

    #[test]
    fn a_jpeg_without_its_end_is_cut_off_whatever_stands_before() {
        let start: &[u8] = &[0xff, 0xd8];
        let thumbnail: &[u8] = &[0xff, 0xe1, 0, 6, 0xff, 0xd8, 0xff, 0xd9];
        let padding: &[u8] = &[0xff, 0xff, 0xfe, 0, 2];
        let stray: &[u8] = &[7];
        let scan: &[u8] = &[0xff, 0xda, 0, 2, 1, 2, 0xff, 0, 3, 0xff, 0xd0, 4];
        let end: &[u8] = &[0xff, 0xd9];
        for parts in [
            vec![start, scan],
            vec![start, thumbnail, scan],
            vec![start, padding, scan, scan],
            vec![start, padding, stray, scan],
            vec![start, &thumbnail[..5]],
        ] {
            let cut = parts.concat();
            assert!(is_cut_off(&cut), "{cut:?}");
            let behind: &[u8] = b"something behind it";
            assert!(!is_cut_off(&[&cut, end, behind].concat()) || cut.len() < 10, "{cut:?}");
        }
        assert!(!is_cut_off(b"PNG"));
    }

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
        assert_eq!(names(&["d/.a.jpg", "..b.jpg"]), ["a", "b"]);
        assert_eq!(
            names(&["d/a.jpg", "e/a.jpg", "d-a.jpg.png"]),
            ["d-a.jpg", "e-a.jpg", "d-a.jpg-2"]
        );
        let long = "\u{e9}".repeat(120);
        let [a, b] = ["a", "b"].map(|end| format!("{long}{end}.jpg"));
        let shortened = "\u{e9}".repeat(100);
        assert_eq!(names(&[&a, &b]), [shortened.clone(), shortened + "-2"]);
    }
}
