//! `ferscope export`: a study or a session as files that pandas, NumPy and people open.

mod session;
mod study;

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use image::GrayImage;
use ndarray::{Array2, arr0};
use ndarray_npy::{NpzWriter, WriteNpzError};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::output::{
    create_folder, create_folder_of, partial_name, print, refuse_existing, remove_file, write_grey,
    write_json,
};
use super::report::replicates;
use super::table_file::TableFile;
use crate::compare::stretch;
use crate::expression::Expression;
use crate::files;
use crate::heatmap::{Clipping, HeatmapSums};
use crate::network::check_name;
use crate::standard_face::{FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH};
use crate::store::is_session;
use crate::table::Column;

/// Write a study, or a session of `ferscope run`, as files for pandas, NumPy, R and people
///
/// csv and parquet: overlaps (a row per heatmap, with chance levels and intervals), means (both published aggregations), answers (a row per network and face),
/// explanations (a row per explained face, with weights and checks), checks (their means, and how much relevance lies where it should), curves (of deletion and insertion),
/// correlations and linkages (of the networks; SciPy's form). json: results.json, everything that is said of the study. markdown: tables.md. npz: heatmaps.npz, the mean
/// relevance and its variance per network and expression as NumPy arrays. png: heatmaps/, grey pictures for `ferscope compare`, and heatmaps.png. svg: per expression, how alike the networks are, with the tree over them; curves.svg.
///
/// Of a session: overlaps, results.json, tables.md, heatmaps.npz (over visits and pooled, with their variance), heatmaps/; only of expressions with
/// --min-visits visits.
///
/// No picture and no landmark is written; pictures and people are named as the study has them.
#[derive(clap::Args)]
pub struct Args {
    /// The file of a study or a session, finished or not
    file: PathBuf,
    /// Which files
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Format::ALL)]
    format: Vec<Format>,
    /// Where to write [default: beside the study, its name without ending and with -export]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Of a study: replicates of the bootstrap that gives the intervals; 0: no intervals [default: 1000]
    #[arg(long, value_name = "N", value_parser = replicates, allow_negative_numbers = true)]
    bootstrap: Option<usize>,
    /// Of a session: expressions of fewer visits are left out [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    min_visits: Option<u64>,
    /// Take away an earlier export there, and write this one
    #[arg(long)]
    force: bool,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Json,
    Markdown,
    Parquet,
    Npz,
    Png,
    Svg,
}

impl Format {
    const ALL: [Self; 7] =
        [Self::Csv, Self::Json, Self::Markdown, Self::Parquet, Self::Npz, Self::Png, Self::Svg];
}

/// What an export left, so that a later one can take it away: its own files and no others.
const LIST: &str = "export.json";
const RESULTS: &str = "results.json";
const TABLES: &str = "tables.md";
const ARRAYS: &str = "heatmaps.npz";
const GRID: &str = "heatmaps.png";
const HEATMAPS: &str = "heatmaps";

/// `export.json`.
#[derive(Serialize, Deserialize)]
struct List {
    software: String,
    files: BTreeSet<String>,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let out = args.out.clone().unwrap_or_else(|| beside(&args.file));
    match is_session(&args.file)? {
        true => session::export(args, &out)?,
        false => study::export(args, &out)?,
    }
    print(&format!("Written: {}\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses to write over what is there, unless forced to.
fn refuse_existing_files(out: &Path, files: &BTreeSet<String>, force: bool) -> Result<(), Failure> {
    let all = || files.iter().map(String::as_str).chain([LIST]);
    all().try_for_each(|file| refuse_existing(&out.join(file), force))
}

/// Takes an earlier export away, and begins this one with the list of its files.
fn begin(out: &Path, software: &str, files: BTreeSet<String>) -> Result<(), Failure> {
    remove_earlier_export(out)?;
    create_folder(out)?;
    write_json(&out.join(LIST), &List { software: software.to_owned(), files })
}

/// Begins the files of a table in all forms asked for.
fn table_files(
    out: &Path,
    name: &str,
    columns: &[Column],
    formats: &[Format],
) -> Result<Vec<TableFile>, Failure> {
    let path = |ending: &str| out.join(format!("{name}.{ending}"));
    let mut files = Vec::new();
    if formats.contains(&Format::Csv) {
        files.push(TableFile::csv(&path("csv"), columns)?);
    }
    if formats.contains(&Format::Parquet) {
        files.push(TableFile::parquet(&path("parquet"), columns)?);
    }
    Ok(files)
}

/// Writes a heatmap as `ferscope compare` reads it.
fn write_heatmap(path: &Path, map: &[f32]) -> Result<(), Failure> {
    create_folder_of(path)?;
    let picture = GrayImage::from_raw(FACE_WIDTH as u32, FACE_HEIGHT as u32, stretch(map))
        .expect("one value per pixel");
    write_grey(path, &picture)
}

/// Names become part of names of files, and a store may come from anyone.
fn refuse_name(file: &Path, network: &str) -> Result<(), Failure> {
    check_name(network).map_err(|problem| {
        let file = file.display();
        Failure::Input(format!("{file}: has a network that cannot be exported: {problem}"))
    })
}

/// `faces.sqlite` becomes `faces-export`.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push("-export");
    file.with_file_name(name)
}

/// As `ferscope compare` reads it.
fn heatmap_file(network: &str, fold: Option<u32>, expression: Expression) -> String {
    let fold = fold.map_or_else(String::new, |fold| format!("_CV{fold}"));
    format!("{HEATMAPS}/{network}{fold}_{}_heatmap.png", expression.title())
}

/// Removes what an earlier export lists as its own; what ferscope did not write stays.
fn remove_earlier_export(out: &Path) -> Result<(), Failure> {
    let Ok(text) = files::read_text(&out.join(LIST)) else { return Ok(()) };
    let Ok(list) = serde_json::from_str::<List>(&text) else { return Ok(()) };
    for file in &list.files {
        let path = Path::new(file);
        // Nothing outside, whatever stands in the list.
        if path.components().all(|part| matches!(part, Component::Normal(_))) {
            remove_file(&out.join(path))?;
            remove_file(&partial_name(&out.join(path)))?;
        }
    }
    // Stays when the user keeps something of his own in it.
    let _ = std::fs::remove_dir(out.join(HEATMAPS));
    remove_file(&out.join(LIST))
}

/// Adds what the sums of one heatmap say; only the number of faces where there are none.
fn add_arrays<W: std::io::Write + std::io::Seek>(
    archive: &mut NpzWriter<W>,
    name: &str,
    sums: &HeatmapSums,
) -> Result<(), WriteNpzError> {
    archive.add_array(format!("{name}_n"), &arr0(sums.explanations() as i64))?;
    let maps = [
        ("signed", sums.mean_signed()),
        ("clipped_last", sums.mean(Clipping::Last)),
        ("clipped_first", sums.mean(Clipping::First)),
        // Of a single face it is unknown, which NumPy says so.
        (
            "variance",
            sums.variance().or((sums.explanations() == 1).then(|| vec![f32::NAN; FACE_PIXELS])),
        ),
    ];
    for (what, map) in maps {
        if let Some(map) = map {
            let map = Array2::from_shape_vec((FACE_HEIGHT, FACE_WIDTH), map)
                .expect("one value per pixel");
            archive.add_array(format!("{name}_{what}"), &map)?;
        }
    }
    Ok(())
}
