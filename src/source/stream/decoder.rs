//! Which kind of stream bytes are, and its frames.

use std::io::{BufReader, Chain, Cursor, Read};
use std::time::Instant;

use image::RgbImage;

use super::super::decode_into;
use super::SourceError;
use super::feed::Next;
use super::mjpeg::Mjpeg;
use super::y4m::{self, Y4m};

type Whole<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// MJPEG or Y4M.
pub enum Decoder<R> {
    Mjpeg(Mjpeg<Whole<R>>),
    Y4m(Y4m<Whole<R>>),
}

impl<R: Read> Decoder<R> {
    /// Looks at the first bytes.
    pub fn new(mut reader: R) -> Result<Self, SourceError> {
        let mut head = Vec::new();
        reader.by_ref().take(y4m::MAGIC.len() as u64).read_to_end(&mut head)?;
        let is_y4m = head == y4m::MAGIC;
        let whole = BufReader::with_capacity(1 << 16, Cursor::new(head).chain(reader));
        Ok(if is_y4m { Decoder::Y4m(Y4m::new(whole)?) } else { Decoder::Mjpeg(Mjpeg::new(whole)) })
    }

    /// The next frame.
    pub fn next(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError> {
        match self {
            Decoder::Y4m(y4m) => {
                let there_is_one = y4m.next(picture)?;
                Ok(if there_is_one { Next::Picture(Instant::now()) } else { Next::End(None) })
            }
            Decoder::Mjpeg(mjpeg) => {
                let Some(jpeg) = mjpeg.next()? else { return Ok(Next::End(None)) };
                let captured = Instant::now();
                Ok(match decode_into(Cursor::new(jpeg), picture) {
                    Ok(()) => Next::Picture(captured),
                    Err(problem) => Next::Skipped(format!("a frame {problem}")),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All that can be decoded, and how it ended.
    fn decode_all(bytes: &[u8]) -> Result<usize, SourceError> {
        let mut decoder = Decoder::new(bytes)?;
        let mut picture = RgbImage::default();
        let mut pictures = 0;
        loop {
            match decoder.next(&mut picture)? {
                Next::Picture(_) => pictures += 1,
                Next::Skipped(_) => {}
                Next::End(_) => return Ok(pictures),
            }
        }
    }

    fn jpeg() -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbImage::from_fn(32, 24, |x, y| image::Rgb([x as u8 * 8, y as u8 * 8, 99]));
        picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Jpeg).unwrap();
        bytes
    }

    fn y4m() -> Vec<u8> {
        let mut bytes = b"YUV4MPEG2 W32 H24 F30:1 C420jpeg\n".to_vec();
        for _ in 0..2 {
            bytes.extend(b"FRAME\n");
            bytes.extend([128; 32 * 24 * 3 / 2]);
        }
        bytes
    }

    #[test]
    fn the_kind_is_seen_from_the_first_bytes() {
        assert_eq!(decode_all(&y4m()).unwrap(), 2);
        assert_eq!(decode_all(&[jpeg(), jpeg(), jpeg()].concat()).unwrap(), 3);
        for nothing in [&b""[..], b"YUV4", b"\xff\xd8"] {
            assert_eq!(decode_all(nothing).unwrap(), 0);
        }
        assert!(matches!(decode_all(&[7; 2 << 20]), Err(SourceError::Garbage { .. })));
    }

    #[test]
    fn a_jpeg_that_cannot_be_decoded_is_skipped() {
        let mut broken = jpeg();
        // The height in its frame header.
        let place = broken.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        broken[place + 5..place + 7].fill(0);
        assert_eq!(decode_all(&[broken, jpeg()].concat()).unwrap(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
            let _ = decode_all(&bytes);
            let _ = decode_all(&[y4m::MAGIC, &bytes].concat());
        }

        #[test]
        fn no_damage_does_harm(
            place in any::<prop::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 1..9),
            cut in any::<prop::sample::Index>(),
        ) {
            for whole in [y4m(), [jpeg(), jpeg()].concat()] {
                let mut damaged = whole.clone();
                let place = place.index(damaged.len() - bytes.len());
                damaged[place..place + bytes.len()].copy_from_slice(&bytes);
                damaged.truncate(cut.index(damaged.len()) + 1);
                let _ = decode_all(&damaged);
            }
        }
    }
}
