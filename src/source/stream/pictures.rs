//! A picture, or the pictures of a folder in order.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;

use super::super::{LARGEST_PICTURE, PictureFile, decode_file_into, list_pictures};
use super::SourceError;
use super::feed::{Feed, Next};
use super::shared::Shared;

struct Pictures {
    files: std::vec::IntoIter<PictureFile>,
}

pub fn open(path: &Path, shared: &Arc<Shared>) -> Result<Box<dyn Feed>, SourceError> {
    let (files, problems) = list_pictures(&[path.to_owned()]);
    for problem in problems {
        if files.is_empty() {
            return Err(problem.into());
        }
        shared.tell(&problem.to_string());
    }
    Ok(Box::new(Pictures { files: files.into_iter() }))
}

impl Feed for Pictures {
    fn next(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError> {
        let Some(PictureFile { path, .. }) = self.files.next() else { return Ok(Next::End(None)) };
        let mut read = || decode_file_into(&crate::files::read(&path, LARGEST_PICTURE)?, picture);
        Ok(match read() {
            Ok(()) => Next::Picture(Instant::now()),
            Err(problem) => Next::Skipped(format!("{}: {problem}", path.display())),
        })
    }

    fn is_paced(&self) -> bool {
        true
    }
}
