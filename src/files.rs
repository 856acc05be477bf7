//! Reading files that a user names: whole, and only what is a file, so that a pipe is not waited for and a device does not fill memory.

use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Read, Result};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The most a description, a design, labels or a heatmap may take, in bytes.
pub const LARGEST_SMALL_FILE: u64 = 256 << 20;

/// Opens what is a file, following links; a folder, pipe or device is refused.
///
/// # Errors
/// As [`File::open`], and [`ErrorKind::InvalidInput`] for what is no file.
pub fn open(path: &Path) -> Result<File> {
    // Asked before opening: opening a pipe waits for its writer.
    require_file(path)?;
    File::open(path)
}

/// Refuses what [`open`] would refuse as no file, without opening it.
///
/// # Errors
/// As [`std::fs::metadata`], and [`ErrorKind::InvalidInput`] for what is no file.
pub fn require_file(path: &Path) -> Result<()> {
    match std::fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::InvalidInput, "it is not a file")),
    }
}

/// Reads a whole file of at most `most` bytes.
///
/// # Errors
/// As [`open`], and [`ErrorKind::InvalidData`] for a file that is longer.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::new(
            ErrorKind::InvalidData,
            format!("it is longer than {most} bytes, the most that is read"),
        ));
    }
    Ok(bytes)
}

/// A file that is not the one described.
#[derive(Debug, thiserror::Error)]
#[error(
    "has sha256 {found}, its description says {expected}: fetch the file again, or correct the description"
)]
pub struct OtherFile {
    /// As described, hexadecimal.
    pub expected: String,
    /// As found, hexadecimal.
    pub found: String,
}

/// The checksum of a file's bytes, hexadecimal in small letters.
///
/// # Errors
/// When it is not the one that is expected; the case of its letters does not matter.
pub fn sha256(bytes: &[u8], expected: Option<&str>) -> std::result::Result<String, OtherFile> {
    let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    match expected {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            Err(OtherFile { expected: expected.to_owned(), found })
        }
        _ => Ok(found),
    }
}

/// Reads a whole file of text.
///
/// # Errors
/// As [`read`], and [`ErrorKind::InvalidData`] where it is not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path, LARGEST_SMALL_FILE)?)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "it is not text in UTF-8"))
}

/// Decodes labels, a heatmap or a golden picture exactly as stored. Photographs go through [`crate::source`].
///
/// # Errors
/// What is wrong with the file, in words.
pub fn decode_picture(path: &Path) -> std::result::Result<image::DynamicImage, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    image::ImageReader::new(BufReader::new(file))
        .with_guessed_format()
        .map_err(image::ImageError::IoError)
        .and_then(image::ImageReader::decode)
        .map_err(|error| error.to_string())
}

/// Reads a `.npy` array of numbers.
///
/// # Errors
/// What is wrong with the file, in words.
pub fn read_npy<T, D>(bytes: &[u8]) -> std::result::Result<ndarray::Array<T, D>, String>
where
    T: ndarray_npy::ReadableElement,
    D: ndarray::Dimension,
{
    use ndarray_npy::ReadNpyExt;
    // The reader makes room for what the header claims before it looks for it.
    match npy_elements(bytes) {
        Some(elements) if elements <= bytes.len() as u64 => {
            ndarray::Array::read_npy(bytes).map_err(|error| error.to_string())
        }
        Some(elements) => Err(format!(
            "its header claims {elements} numbers, but the file has {} bytes: truncated?",
            bytes.len()
        )),
        None => Err("it is no .npy file".to_owned()),
    }
}

/// How many elements the header of a `.npy` file claims; each takes a byte at least.
fn npy_elements(bytes: &[u8]) -> Option<u64> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, header) = match rest {
        [1, _, a, b, header @ ..] => (u32::from(u16::from_le_bytes([*a, *b])), header),
        [2 | 3, _, a, b, c, d, header @ ..] => (u32::from_le_bytes([*a, *b, *c, *d]), header),
        _ => return None,
    };
    let header = std::str::from_utf8(header.get(..length as usize)?).ok()?;
    let (_, after) = header.split_once("shape")?;
    let (_, after) = after.split_once('(')?;
    let (shape, _) = after.split_once(')')?;
    let mut sizes = shape.split(',').map(str::trim).filter(|size| !size.is_empty());
    sizes.try_fold(1, |product: u64, size| Some(product.saturating_mul(size.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(shape: &str) -> Vec<u8> {
        let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend([1; 6]);
        bytes
    }

    #[test]
    fn an_array_is_read_and_one_that_claims_more_than_it_holds_is_not() {
        let read = |bytes: &[u8]| read_npy::<u8, ndarray::Ix2>(bytes);
        assert_eq!(read(&npy("(2, 3)")).unwrap().dim(), (2, 3));
        for shape in ["(200000, 1000000000)", "(18446744073709551615, 18446744073709551615)"] {
            assert!(read(&npy(shape)).unwrap_err().contains("claims"), "{shape}");
        }
        assert!(read(&npy("(6,)")).is_err(), "one dimension");
        assert!(read(b"P5 1 1").is_err() && read(b"").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            assert!(read(path, 10).unwrap_err().to_string().contains("not a file"));
        }
        let file = folder.path().join("file");
        std::fs::write(&file, [7; 11]).unwrap();
        assert!(read(&file, 10).unwrap_err().to_string().contains("longer than 10"));
        assert_eq!(read(&file, 11).unwrap(), [7; 11]);
    }
}
