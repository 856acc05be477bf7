//! MJPEG: JPEGs one after another, with anything between them.

use std::io::{BufRead, ErrorKind};

use super::SourceError;

/// The most that one JPEG may take, in bytes.
pub const LARGEST_JPEG: usize = 16 << 20;
/// The most that is read without finding a whole JPEG's beginning, in bytes.
pub const MOST_GARBAGE: usize = 1 << 20;

/// Where in a JPEG the next byte is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Before its first three bytes are whole.
    Beginning,
    /// Where a marker is due.
    Marker,
    /// The code of a marker, after its 0xff; within a scan or not.
    Code { in_scan: bool },
    /// The length of a segment, of which so many bytes are known.
    Length { is_scan: bool, known: usize },
    /// Before so many bytes of a segment; a scan follows or not.
    Segment { is_scan: bool, left: usize },
    /// In the coded picture.
    Scan,
    /// After its last byte.
    End,
}

/// Splits a stream into JPEGs.
pub struct Mjpeg<R> {
    reader: R,
    jpeg: Vec<u8>,
    place: Place,
    skipped: usize,
}

impl<R: BufRead> Mjpeg<R> {
    pub fn new(reader: R) -> Self {
        Mjpeg { reader, jpeg: Vec::new(), place: Place::Beginning, skipped: 0 }
    }

    /// The next JPEG from its first to its last byte; none at the end of the stream. One that is cut off by the next is left out.
    ///
    /// # Errors
    /// When reading fails, and for more than [`MOST_GARBAGE`] or [`LARGEST_JPEG`] bytes of what is no JPEG.
    pub fn next(&mut self) -> Result<Option<&[u8]>, SourceError> {
        self.jpeg.clear();
        self.place = Place::Beginning;
        while self.place != Place::End {
            let bytes = match self.reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                return Ok(None);
            }
            let used = take(&mut self.jpeg, &mut self.place, &mut self.skipped, bytes);
            self.reader.consume(used);
            if self.skipped > MOST_GARBAGE {
                return Err(SourceError::Garbage { bytes: self.skipped });
            }
            if self.jpeg.len() > LARGEST_JPEG {
                return Err(SourceError::EndlessJpeg);
            }
        }
        self.skipped = 0;
        Ok(Some(&self.jpeg))
    }
}

/// Takes bytes, up to the end of a JPEG; how many.
fn take(jpeg: &mut Vec<u8>, place: &mut Place, skipped: &mut usize, bytes: &[u8]) -> usize {
    let mut used = 0;
    while used < bytes.len() && *place != Place::End {
        let rest = &bytes[used..];
        // What is long is copied in one piece.
        let run = match *place {
            Place::Scan => rest.iter().position(|&byte| byte == 0xff).unwrap_or(rest.len()),
            Place::Segment { left, .. } => left.min(rest.len()),
            _ => 0,
        };
        jpeg.extend_from_slice(&rest[..run]);
        used += run;
        match *place {
            Place::Segment { is_scan, left } => {
                *place = match left - run {
                    0 if is_scan => Place::Scan,
                    0 => Place::Marker,
                    left => Place::Segment { is_scan, left },
                };
            }
            Place::Scan if run == rest.len() => {}
            _ => {
                *place = step(jpeg, *place, skipped, bytes[used]);
                used += 1;
            }
        }
    }
    used
}

/// Takes one byte; where the next one is.
fn step(jpeg: &mut Vec<u8>, place: Place, skipped: &mut usize, byte: u8) -> Place {
    match (place, byte) {
        (Place::Beginning, _) => return begin(jpeg, skipped, byte),
        // Another picture begins: this one was cut off.
        (Place::Code { .. }, 0xd8) => {
            jpeg.clear();
            jpeg.extend([0xff, 0xd8]);
            return Place::Beginning;
        }
        _ => jpeg.push(byte),
    }
    match (place, byte) {
        (Place::Marker, 0xff) => Place::Code { in_scan: false },
        (Place::Scan, _) => Place::Code { in_scan: true },
        (Place::Code { .. }, 0xff) => place,
        (Place::Code { .. }, 0xd9) => Place::End,
        (Place::Code { in_scan: true }, 0x00 | 0xd0..=0xd7) => Place::Scan,
        (Place::Code { .. }, 0x02..=0xcf | 0xda..=0xfe) => {
            Place::Length { is_scan: byte == 0xda, known: 0 }
        }
        (Place::Length { is_scan, known: 0 }, _) => Place::Length { is_scan, known: 1 },
        (Place::Length { is_scan, .. }, _) => {
            let high = jpeg[jpeg.len() - 2];
            match usize::from(u16::from_be_bytes([high, byte])) {
                0 | 1 => broken(jpeg),
                2 if is_scan => Place::Scan,
                2 => Place::Marker,
                length => Place::Segment { is_scan, left: length - 2 },
            }
        }
        _ => broken(jpeg),
    }
}

/// Looks for the first three bytes.
fn begin(jpeg: &mut Vec<u8>, skipped: &mut usize, byte: u8) -> Place {
    const FIRST: [u8; 3] = [0xff, 0xd8, 0xff];
    if byte != FIRST[jpeg.len()] {
        *skipped += jpeg.len() + 1;
        jpeg.clear();
        if byte != FIRST[0] {
            return Place::Beginning;
        }
        *skipped -= 1;
    }
    jpeg.push(byte);
    if jpeg.len() == FIRST.len() { Place::Code { in_scan: false } } else { Place::Beginning }
}

fn broken(jpeg: &mut Vec<u8>) -> Place {
    jpeg.clear();
    Place::Beginning
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    /// A JPEG in form: a segment that holds another one (as thumbnails do), a scan with stuffed and restart markers.
    fn jpeg(mark: u8) -> Vec<u8> {
        let mut bytes =
            vec![0xff, 0xd8, 0xff, 0xe1, 0, 9, 0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9, mark];
        bytes.extend([0xff, 0xff, 0xda, 0, 3, 1, 5, 0xff, 0, 6, 0xff, 0xd3, mark, 0xff, 0xd9]);
        bytes
    }

    /// What is found, the stream coming in pieces of each of several sizes.
    fn split(stream: &[u8]) -> Vec<Vec<u8>> {
        let split = |piece: usize| {
            let mut mjpeg = Mjpeg::new(BufReader::with_capacity(piece, stream));
            let mut found = Vec::new();
            while let Some(jpeg) = mjpeg.next().unwrap() {
                found.push(jpeg.to_owned());
            }
            found
        };
        let found = split(1);
        for piece in [2, 3, 7, 1000] {
            assert_eq!(split(piece), found);
        }
        found
    }

    #[test]
    fn jpegs_are_found_among_anything() {
        let [one, two] = [jpeg(1), jpeg(2)];
        assert_eq!(split(&[&one[..], &two].concat()), [one.clone(), two.clone()]);
        let header: &[u8] = b"--part\r\nContent-Type: image/jpeg\r\n\r\n";
        let stream = [header, &one, b"\r\n", &[0xff, 0xff, 0xd8, 0, 0xff], header, &two].concat();
        assert_eq!(split(&stream), [one, two]);
    }

    #[test]
    fn a_jpeg_that_is_cut_off_is_left_out() {
        let [one, two] = [jpeg(1), jpeg(2)];
        for cut in [19, 22, one.len() - 1] {
            assert_eq!(split(&[&one[..cut], &two, &two].concat()).last(), Some(&two), "{cut}");
            assert!(split(&one[..cut]).is_empty());
        }
        // In the scan: the next one is not lost.
        assert_eq!(split(&[&one[..22], &two].concat()), [two]);
    }

    #[test]
    fn what_does_not_end_is_given_up() {
        let garbage = Mjpeg::new(BufReader::new(std::io::repeat(0xff))).next().err();
        assert!(
            matches!(garbage, Some(SourceError::Garbage { bytes }) if bytes < 2 * MOST_GARBAGE)
        );
        let one = jpeg(1);
        let endless = std::io::Read::chain(&one[..20], std::io::repeat(0));
        let error = Mjpeg::new(BufReader::new(endless)).next().err();
        assert!(matches!(error, Some(SourceError::EndlessJpeg)));
    }
}
