//! Going through the faces of many pictures: one bad picture gets a line and the rest goes on.

use std::path::{Path, PathBuf};

use super::Failure;
use super::progress::Progress;
use crate::appliance::{Face, FaceFinder};
use crate::source::{PictureError, PictureFile, list_pictures, read_picture};

/// The pictures to go through, and what went wrong on the way.
pub struct Batch {
    pub pictures: Vec<PictureFile>,
    pub failures: usize,
    progress: Progress,
}

impl Batch {
    /// Lists the pictures; paths that cannot be used are told and counted.
    pub fn new(paths: &[PathBuf]) -> Self {
        let (pictures, problems) = list_pictures(paths);
        let progress = Progress::new(pictures.len(), "pictures");
        let mut batch = Batch { pictures: Vec::new(), failures: 0, progress };
        for problem in &problems {
            batch.tell(problem);
        }
        batch.pictures = pictures;
        batch
    }

    /// Says what is wrong with one input and counts it.
    pub fn tell(&mut self, problem: &dyn std::fmt::Display) {
        self.failures += 1;
        self.progress.say(&format!("ferscope: {problem}"));
    }

    /// Says that a picture shows no face and counts it.
    pub fn tell_no_face(&mut self, path: &Path) {
        self.tell(&format!("{}: no face found", path.display()));
    }

    /// Reads every picture in turn and hands it on; pictures that cannot be read are told and counted.
    pub fn for_each_picture(
        &mut self,
        mut act: impl FnMut(&mut Self, &PictureFile, image::RgbImage) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for file in std::mem::take(&mut self.pictures) {
            let read: Result<_, PictureError> = read_picture(&file.path);
            match read {
                Ok(picture) => act(self, &file, picture)?,
                Err(problem) => self.tell(&problem),
            }
            self.progress.advance();
        }
        self.progress.finish();
        Ok(())
    }

    /// Hands on every face with its number, from 1. With `whole`, each picture is one face.
    pub fn for_each_face(
        &mut self,
        finder: &mut FaceFinder,
        size: u32,
        whole: bool,
        mut act: impl FnMut(&PictureFile, usize, &Face) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.for_each_picture(|batch, file, picture| {
            let faces: Vec<Face> = if whole {
                finder.whole(&picture, size)?.into_iter().collect()
            } else {
                finder.faces(&picture, size)?
            };
            if faces.is_empty() {
                batch.tell_no_face(&file.path);
            }
            (1..).zip(&faces).try_for_each(|(number, face)| act(file, number, face))
        })
    }
}
