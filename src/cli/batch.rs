//! Going through the faces of many pictures: one bad picture gets a line and the rest goes on.

use std::path::PathBuf;

use super::Failure;
use super::instrument::FinderArgs;
use super::progress::Progress;
use crate::appliance::{Face, FaceFinder};
use crate::source::{PictureFile, list_pictures, read_picture};

/// The pictures to go through, and what went wrong on the way.
pub struct Batch {
    pub pictures: Vec<PictureFile>,
    /// How many pictures or faces failed; each was told.
    pub failures: usize,
    progress: Progress,
}

impl Batch {
    /// Lists the pictures; paths that cannot be used are told and counted. `demo` is the bundled one, where nothing else is called so.
    pub fn new(paths: &[PathBuf], finder: &FinderArgs) -> Self {
        let paths: Vec<PathBuf> = paths.iter().map(|path| finder.path_or_demo(path)).collect();
        let (pictures, problems) = list_pictures(&paths);
        let progress = Progress::new(pictures.len(), "pictures");
        let mut batch = Batch { pictures, failures: 0, progress };
        for problem in &problems {
            batch.report_failure(problem);
        }
        batch
    }

    /// Tells what is wrong with one input and counts it.
    fn report_failure(&mut self, problem: &dyn std::fmt::Display) {
        self.failures += 1;
        self.progress.print_line(&format!("ferscope: {problem}"));
    }

    /// Tells and counts what concerns one input; hands on what ends the whole batch.
    fn go_on_after(
        &mut self,
        file: &PictureFile,
        face: Option<usize>,
        result: Result<(), Failure>,
    ) -> Result<(), Failure> {
        match result {
            Err(Failure::Input(problem) | Failure::Model(problem)) => {
                let path = file.path.display();
                match face {
                    Some(number) => {
                        self.report_failure(&format!("{path}, face {number}: {problem}"))
                    }
                    None => self.report_failure(&format!("{path}: {problem}")),
                }
                Ok(())
            }
            other => other,
        }
    }

    /// Reads every picture in turn and hands each of what `find` finds in it on to `work`, with its number, from 1.
    ///
    /// Pictures that cannot be read, pictures without a face and faces that fail are told and counted.
    pub fn for_each<Found>(
        &mut self,
        mut find: impl FnMut(&image::RgbImage) -> Result<Vec<Found>, Failure>,
        mut work: impl FnMut(&PictureFile, usize, Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for file in std::mem::take(&mut self.pictures) {
            match read_picture(&file.path) {
                Err(problem) => self.report_failure(&problem),
                Ok(picture) => match find(&picture) {
                    Err(failure) => self.go_on_after(&file, None, Err(failure))?,
                    Ok(found) if found.is_empty() => {
                        let none = Failure::Input("no face found".to_owned());
                        self.go_on_after(&file, None, Err(none))?;
                    }
                    Ok(found) => {
                        for (number, found) in (1..).zip(found) {
                            let result = work(&file, number, found);
                            self.go_on_after(&file, Some(number), result)?;
                        }
                    }
                },
            }
            self.progress.advance();
        }
        self.progress.finish();
        Ok(())
    }

    /// Hands on every face, placed and levelled. With `whole`, each picture is one face.
    pub fn for_each_face(
        &mut self,
        finder: &mut FaceFinder,
        size: u32,
        whole: bool,
        work: impl FnMut(&PictureFile, usize, Face) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.for_each(
            |picture| {
                Ok(match whole {
                    true => finder.whole(picture, size)?.into_iter().collect(),
                    false => finder.faces(picture, size)?,
                })
            },
            work,
        )
    }
}
