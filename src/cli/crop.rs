//! `ferscope crop`: levelled face crops and where they lie. Training uses it, so that there is one implementation.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::batch::Batch;
use super::instrument::FinderArgs;
use super::output::{
    Table, create_folder, is_name, partial_name, print, refuse_existing, remove_file, write_grey,
};
use super::{Failure, exit_code};
use crate::appliance::Face;

/// Cut out every face, levelled by its eyes, square and grey: what an expression network sees
///
/// Writes DIR/<picture>_<face>.png and DIR/faces.csv with box, score, angle in degrees, the 68 landmarks in pixels of the
/// source picture (origin top left, x right, y down), and the crop's file. Training scripts use these crops, so training and run time agree.
#[derive(clap::Args)]
pub struct Args {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Side of the crops in pixels
    #[arg(long, default_value_t = 224, value_parser = clap::value_parser!(u32).range(8..=2048))]
    size: u32,
    /// Where to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Take each picture as one face, without looking for faces
    #[arg(long)]
    whole: bool,
    /// Overwrite an existing result
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    finder: FinderArgs,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let table_path = args.out.join(TABLE);
    refuse_existing(&table_path, args.force)?;
    let mut finder = args.finder.open()?;
    let mut batch = Batch::new(&args.paths, &args.finder);
    let pictures = batch.pictures.len();
    // Begun with the first face: without any nothing is written.
    let mut table = None;
    let mut count = 0;
    batch.for_each_face(&mut finder, args.size, args.whole, |file, number, face| {
        let table = match &mut table {
            Some(table) => table,
            None => table.insert(begin_result(&args.out)?),
        };
        let crop = format!("{}_{number}.png", file.name);
        let crop_path = args.out.join(&crop);
        if crop_path.exists() && !args.force {
            return Err(Failure::Input(format!(
                "{} exists already and was left alone: choose another --out, or say --force to overwrite",
                crop_path.display()
            )));
        }
        // First, so that --force later finds all that an interrupted run left.
        table.row(row(&file.path.display().to_string(), number, &face, crop))?;
        count += 1;
        write_grey(&crop_path, &face.levelled.crop)
    })?;
    let place = if count > 0 { format!(": {}", args.out.display()) } else { String::new() };
    print(&format!("{count} faces of {pictures} pictures{place}\n"))?;
    Ok(exit_code(batch.failures))
}

const TABLE: &str = "faces.csv";
/// The column with the crop's file.
const CROP: &str = "crop";

/// Takes away what an earlier run left (with `--force`; without, there is none), and begins the table of faces.
fn begin_result(out: &Path) -> Result<Table, Failure> {
    create_folder(out)?;
    remove_earlier_crops(out)?;
    let mut table = Table::in_file(&out.join(TABLE))?;
    table.row(header())?;
    Ok(table)
}

/// Removes the crops of an earlier run, which its table names; what ferscope did not write stays.
///
/// Otherwise who trains on all crops of the folder would train on these too.
fn remove_earlier_crops(out: &Path) -> Result<(), Failure> {
    let Ok(mut table) = csv::Reader::from_path(out.join(TABLE)) else { return Ok(()) };
    let Some(column) = table.headers().ok().and_then(|names| names.iter().position(|n| n == CROP))
    else {
        return Ok(());
    };
    for row in table.records().filter_map(Result::ok) {
        if let Some(crop) = row.get(column).filter(|name| is_name(name)) {
            remove_file(&out.join(crop))?;
            remove_file(&partial_name(&out.join(crop)))?;
        }
    }
    Ok(())
}

fn header() -> Vec<String> {
    let fixed = ["picture", "face", "x", "y", "width", "height", "score", "log10_nfa", "angle"];
    let landmarks = (1..=68).flat_map(|number| [format!("x{number}"), format!("y{number}")]);
    fixed.into_iter().map(str::to_owned).chain(landmarks).chain([CROP.to_owned()]).collect()
}

fn row(picture: &str, number: usize, face: &Face, crop: String) -> Vec<String> {
    let detection = &face.detection;
    let bounding_box = detection.bounding_box;
    let mut row = vec![picture.to_owned(), number.to_string()];
    for value in [bounding_box.x, bounding_box.y, bounding_box.width, bounding_box.height] {
        row.push(format!("{value:.2}"));
    }
    row.push(format!("{:.5}", detection.score));
    row.push(log10_nfa_text(detection.log10_nfa));
    row.push(format!("{:.3}", face.levelled.map.angle_degrees()));
    row.extend(face.landmarks.points().iter().flatten().map(|value| format!("{value:.2}")));
    row.push(crop);
    row
}

/// Empty where nothing was decided (`--whole`).
pub fn log10_nfa_text(log10_nfa: f64) -> String {
    if log10_nfa.is_nan() { String::new() } else { format!("{log10_nfa:.3}") }
}
