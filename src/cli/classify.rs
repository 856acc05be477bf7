//! `ferscope classify`: the expression of every face, as CSV.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::batch::Batch;
use super::crop::log10_nfa_text;
use super::instrument::{ClassifierArgs, FinderArgs};
use super::output::{Table, create_folder_of, refuse_existing};
use super::{Failure, exit_code};
use crate::appliance;
use crate::network::Classifier;

/// Tell the expression of every face: a CSV line per face with a probability per class
///
/// Columns: picture, face (from 1, the largest first), x, y, width, height (pixels), log10_nfa (decimal logarithm of the expected
/// number of false faces per picture), class, and one probability column per class.
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Take each picture as one face without looking for faces (landmarks are still placed and the crop levelled)
    #[arg(long)]
    whole: bool,
    /// Write here instead of printing; - prints
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Overwrite an existing result
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    classifier: ClassifierArgs,
    #[command(flatten)]
    finder: FinderArgs,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let out = args.out.as_deref().filter(|out| *out != Path::new("-"));
    if let Some(path) = out {
        refuse_existing(path, args.force)?;
    }
    let mut finder = args.finder.open()?;
    let mut classifier = args.classifier.open(&args.finder)?;
    let size = classifier.crop_size().0;
    let mut batch = Batch::new(&args.paths, &args.finder);

    let mut table = match out {
        Some(path) => {
            create_folder_of(path)?;
            Table::in_file(path)?
        }
        None => Table::on_standard_output(),
    };
    let fixed = ["picture", "face", "x", "y", "width", "height", "log10_nfa", "class"];
    let classes = classifier.classes().iter().map(|class| class.name());
    table.row(fixed.into_iter().chain(classes))?;
    batch.for_each_face(&mut finder, size, args.whole, |file, number, face| {
        let prediction = appliance::classify(&mut classifier, &face.levelled.crop)?;
        let bounding_box = face.detection.bounding_box;
        let mut row = vec![file.path.display().to_string(), number.to_string()];
        for value in [bounding_box.x, bounding_box.y, bounding_box.width, bounding_box.height] {
            row.push(format!("{value:.2}"));
        }
        row.push(log10_nfa_text(face.detection.log10_nfa));
        row.push(prediction.expression.to_string());
        row.extend(prediction.probabilities.iter().map(|value| format!("{value:.6}")));
        table.row(row)
    })?;
    Ok(exit_code(batch.failures))
}
