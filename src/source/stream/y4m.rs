//! YUV4MPEG2 (Y4M): a header, then frames of brightness and colour as they are.

use std::io::{BufRead, ErrorKind, Read};

use image::RgbImage;

use super::super::{LONGEST_SIDE, SHORTEST_SIDE, resize};
use super::SourceError;
use super::colour::{Colours, Range};

/// What a stream begins with.
pub const MAGIC: &[u8] = b"YUV4MPEG2";
/// The longest line of a header, in bytes.
const LONGEST_LINE: u64 = 1024;
/// The most pixels of a frame: 8K.
const MOST_PIXELS: u64 = 7680 * 4320;

/// How many pixels share a colour, to the right and down; none: grey.
type Sharing = Option<(usize, usize)>;

/// Reads frames.
#[derive(Debug)]
pub struct Y4m<R> {
    reader: R,
    width: usize,
    height: usize,
    sharing: Sharing,
    range: Range,
    /// Brightness, then both colours, row by row.
    planes: Vec<u8>,
    line: Vec<u8>,
}

impl<R: BufRead> Y4m<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// For a header that is none, samples of more than 8 bits, and pictures too large or too small.
    pub fn new(mut reader: R) -> Result<Self, SourceError> {
        let mut line = Vec::new();
        read_line(&mut reader, &mut line)?;
        let text = String::from_utf8_lossy(&line);
        let mut words = text.split_ascii_whitespace();
        if words.next().map(str::as_bytes) != Some(MAGIC) {
            return Err(refuse("it does not begin with YUV4MPEG2"));
        }
        let (mut width, mut height, mut sharing, mut range) = (0, 0, Some((2, 2)), Range::Limited);
        for word in words {
            match word.split_at_checked(1) {
                Some(("W", number)) => width = number.parse().unwrap_or(0),
                Some(("H", number)) => height = number.parse().unwrap_or(0),
                Some(("C", layout)) => sharing = read_layout(layout)?,
                _ if word == "XCOLORRANGE=FULL" => range = Range::Full,
                _ => {}
            }
        }
        let allowed = SHORTEST_SIDE..=LONGEST_SIDE;
        let fits = allowed.contains(&width) && allowed.contains(&height);
        if !fits || u64::from(width) * u64::from(height) > MOST_PIXELS {
            return Err(refuse(&format!(
                "frames of {width} x {height} pixels; sides from {SHORTEST_SIDE} to {LONGEST_SIDE} and at most {MOST_PIXELS} pixels are read: scale them first"
            )));
        }
        let (width, height) = (width as usize, height as usize);
        let mut y4m = Y4m { reader, width, height, sharing, range, planes: Vec::new(), line };
        y4m.planes = vec![0; width * height + 2 * y4m.colour_plane()];
        Ok(y4m)
    }

    /// Reads a frame into `picture`, in the memory that it has; false at the end of the stream, where a part of a frame is left out.
    ///
    /// # Errors
    /// When reading fails, and when something else stands where a frame is due.
    pub fn next(&mut self, picture: &mut RgbImage) -> Result<bool, SourceError> {
        read_line(&mut self.reader, &mut self.line)?;
        if self.line.last() != Some(&b'\n') && self.line.len() < LONGEST_LINE as usize {
            return Ok(false);
        }
        if self.line.trim_ascii_end().split(|&byte| byte == b' ').next() != Some(b"FRAME") {
            return Err(refuse("something else stands where a frame is due"));
        }
        match self.reader.read_exact(&mut self.planes) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        resize(picture, self.width as u32, self.height as u32);
        self.convert(picture);
        Ok(true)
    }

    /// Samples of one colour.
    fn colour_plane(&self) -> usize {
        self.sharing
            .map_or(0, |(right, down)| self.width.div_ceil(right) * self.height.div_ceil(down))
    }

    fn convert(&self, rgb: &mut [u8]) {
        let colours = Colours::new(self.range);
        let (y, uv) = self.planes.split_at(self.width * self.height);
        let (u, v) = uv.split_at(self.colour_plane());
        let rows = y.chunks_exact(self.width).zip(rgb.chunks_exact_mut(3 * self.width));
        let Some((right, down)) = self.sharing else {
            return rows.for_each(|(y, rgb)| colours.grey_row(y, rgb));
        };
        let shared = self.width.div_ceil(right);
        for (row, (y, rgb)) in rows.enumerate() {
            let begin = row / down * shared;
            let [u, v] = [u, v].map(|plane| &plane[begin..begin + shared]);
            match right {
                1 => colours.row(y, u, v, rgb),
                _ => colours.shared_row(y, u, v, rgb),
            }
        }
    }
}

fn refuse(problem: &str) -> SourceError {
    SourceError::Y4m(problem.to_owned())
}

/// Reads a line with its end, unless the stream ends before, or it is too long.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), SourceError> {
    line.clear();
    reader.take(LONGEST_LINE).read_until(b'\n', line)?;
    Ok(())
}

fn read_layout(layout: &str) -> Result<Sharing, SourceError> {
    match layout {
        // They differ in where colours are measured, by half a pixel.
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(Some((2, 2))),
        "422" => Ok(Some((2, 1))),
        "444" => Ok(Some((1, 1))),
        "mono" => Ok(None),
        other => Err(refuse(&format!(
            "layout C{other} is not read: write C420jpeg, C422, C444 or Cmono with 8 bits (for ffmpeg: -pix_fmt yuv420p)"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first_frame(header: &str, samples: &[u8]) -> Result<RgbImage, SourceError> {
        let bytes = [format!("YUV4MPEG2 {header}\nFRAME Ip\n").as_bytes(), samples].concat();
        let mut y4m = Y4m::new(&bytes[..])?;
        let mut picture = RgbImage::default();
        assert!(y4m.next(&mut picture)?);
        assert!(!y4m.next(&mut picture)?, "one frame");
        Ok(picture)
    }

    /// Grey but for one sample of each plane that is white, red.
    fn samples(luma: usize, chroma: usize) -> Vec<u8> {
        let mut y = vec![81; luma];
        y[0] = 235;
        [y, vec![90; chroma], vec![240; chroma]].concat()
    }

    #[test]
    fn every_layout_is_read_with_odd_sides_too() {
        let red = |picture: &RgbImage, x, y| {
            let [r, g, b] = picture.get_pixel(x, y).0;
            assert!(r >= 253 && g <= 2 && b <= 2, "{r} {g} {b}");
        };
        for (layout, chroma) in
            [("", 9 * 9), (" C420jpeg", 9 * 9), (" C422", 9 * 17), (" C444", 17 * 17)]
        {
            let picture = first_frame(&format!("W17 H17{layout}"), &samples(289, chroma)).unwrap();
            for (x, y) in [(1, 0), (16, 16), (0, 16), (16, 0)] {
                red(&picture, x, y);
            }
        }
        let grey = first_frame("W16 H16 Cmono", &samples(256, 0)).unwrap();
        assert_eq!(grey.get_pixel(0, 0).0, [255; 3]);
        assert_eq!(grey.get_pixel(15, 15).0, [76; 3]);
        let full = first_frame("W16 H16 Cmono XCOLORRANGE=FULL", &samples(256, 0)).unwrap();
        assert_eq!(full.get_pixel(0, 0).0, [235; 3]);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (header, words) in [
            ("W16 H16 C420p10", "yuv420p"),
            ("W8 H16", "8 x 16"),
            ("W16384 H16384", "scale"),
            ("H16", "0 x 16"),
        ] {
            let error = first_frame(header, &[]).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let mut y4m = Y4m::new(&b"YUV4MPEG2 W16 H16\nGRAME\n"[..]).unwrap();
        assert!(y4m.next(&mut RgbImage::default()).is_err());
    }

    #[test]
    fn a_cut_frame_is_left_out() {
        for cut in [0, 3, 6, 20] {
            let whole = [b"FRAME\n", &[0; 384][..]].concat();
            let bytes = [b"YUV4MPEG2 W16 H16\n", &whole[..], &whole[..cut]].concat();
            let mut y4m = Y4m::new(&bytes[..]).unwrap();
            let mut picture = RgbImage::default();
            assert!(y4m.next(&mut picture).unwrap());
            let memory = picture.as_ptr();
            assert!(!y4m.next(&mut picture).unwrap());
            assert_eq!(picture.as_ptr(), memory, "its memory is used again");
        }
    }
}
