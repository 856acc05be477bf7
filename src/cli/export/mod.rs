//! `ferscope export`: a study as files that pandas, NumPy and people open.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::process::ExitCode;

use image::GrayImage;
use ndarray::{Array2, arr0};
use ndarray_npy::{NpzWriter, WriteNpzError};
use serde::{Deserialize, Serialize};

use super::Failure;
use super::output::{
    WholeFile, create_folder, create_folder_of, failed, partial_name, print, refuse_existing,
    remove_file, write_file, write_grey, write_json, write_rgb,
};
use super::study::results;
use super::table_file::TableFile;
use crate::compare::{EkmanMasks, stretch};
use crate::expression::Expression;
use crate::files;
use crate::heatmap::{Clipping, HeatmapSums};
use crate::network::check_name;
use crate::standard_face::{FACE_HEIGHT, FACE_PIXELS, FACE_WIDTH, StandardFace};
use crate::store::Store;
use crate::study::tables::{Table, Tables};
use crate::study::{ALL_NETWORKS, REPLICATES, Results, cells, heatmap_sums};
use crate::view::heatmap_grid::{self, HeatmapCell, HeatmapRow};
use crate::view::markdown;

/// Write a study as files for pandas, NumPy, R and people
///
/// csv and parquet: overlaps (a row per heatmap, with chance levels and intervals), means (both published aggregations), answers (a row per network and face),
/// explanations (a row per explained face, with weights and checks), correlations and linkages (of the networks; SciPy's form). json: results.json, everything that is said
/// of the study. markdown: tables.md. npz: heatmaps.npz, the mean relevance and its variance per network and expression as NumPy arrays. png: heatmaps/, grey
/// pictures for `ferscope compare`, and heatmaps.png.
///
/// No picture and no landmark is written; pictures and people are named as the study has them.
#[derive(clap::Args)]
pub struct Args {
    /// The file of a study, finished or not
    study: PathBuf,
    /// Which files
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Format::ALL)]
    format: Vec<Format>,
    /// Where to write [default: beside the study, its name without ending and with -export]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replicates of the bootstrap that gives the intervals; 0: no intervals
    #[arg(long, value_name = "N", default_value_t = REPLICATES, value_parser = replicates)]
    bootstrap: usize,
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
}

impl Format {
    const ALL: [Self; 6] =
        [Self::Csv, Self::Json, Self::Markdown, Self::Parquet, Self::Npz, Self::Png];
}

fn replicates(text: &str) -> Result<usize, String> {
    const MOST: usize = 1_000_000;
    match text.parse() {
        Ok(number) if number <= MOST => Ok(number),
        _ => Err(format!("needs a number from 0 to {MOST}")),
    }
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
    let out = args.out.clone().unwrap_or_else(|| beside(&args.study));
    let store = Store::read(&args.study)?;
    check_names(&store)?;
    let files = files(&args.format, &store)?;
    for file in files.iter().map(String::as_str).chain([LIST]) {
        refuse_existing(&out.join(file), args.force)?;
    }
    // A minute or more: before anything is taken away.
    let with_intervals =
        args.format.iter().any(|format| !matches!(format, Format::Npz | Format::Png));
    let replicates = if with_intervals { args.bootstrap } else { 0 };
    let results = results(&args.study, replicates)?;
    remove_earlier_export(&out)?;
    create_folder(&out)?;
    write_json(&out.join(LIST), &List { software: results.configuration.software.clone(), files })?;
    let export = Export { store: &store, results: &results, out: &out };
    export.tables(&args.format)?;
    for format in Format::ALL.into_iter().filter(|format| args.format.contains(format)) {
        match format {
            Format::Csv | Format::Parquet => {}
            Format::Json => write_json(&out.join(RESULTS), &results)?,
            Format::Markdown => {
                write_file(&out.join(TABLES), markdown::overlap_tables(&results).as_bytes())?;
            }
            Format::Npz => export.arrays()?,
            Format::Png => export.pictures()?,
        }
    }
    print(&format!("Written: {}\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// `faces.sqlite` becomes `faces-export`.
fn beside(study: &Path) -> PathBuf {
    let mut name = study.file_stem().unwrap_or_default().to_owned();
    name.push("-export");
    study.with_file_name(name)
}

/// Names become part of names of files, and a store may come from anyone.
fn check_names(store: &Store) -> Result<(), Failure> {
    for network in store.networks()? {
        check_name(&network.architecture).map_err(|problem| {
            Failure::Input(format!(
                "{}: has a network that cannot be exported: {problem}",
                store.path().display()
            ))
        })?;
    }
    Ok(())
}

/// All that an export may write, below its folder.
fn files(formats: &[Format], store: &Store) -> Result<BTreeSet<String>, Failure> {
    let mut files = BTreeSet::new();
    for format in formats {
        let tables = |ending: &str| Table::ALL.map(|table| format!("{}.{ending}", table.name()));
        match format {
            Format::Csv => files.extend(tables("csv")),
            Format::Parquet => files.extend(tables("parquet")),
            Format::Json => files.extend([RESULTS.to_owned()]),
            Format::Markdown => files.extend([TABLES.to_owned()]),
            Format::Npz => files.extend([ARRAYS.to_owned()]),
            Format::Png => {
                files.insert(GRID.to_owned());
                for cell in cells(&store.networks()?) {
                    // Not those of all networks together: to `ferscope compare` they would be another network.
                    if cell.name != ALL_NETWORKS {
                        let file = |expression| heatmap_file(&cell.name, cell.fold, expression);
                        files.extend(Expression::SIX.map(file));
                    }
                }
            }
        }
    }
    Ok(files)
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

struct Export<'a> {
    store: &'a Store,
    results: &'a Results,
    out: &'a Path,
}

impl Export<'_> {
    /// Writes every table in all forms asked for at once, row by row.
    fn tables(&self, formats: &[Format]) -> Result<(), Failure> {
        let tables = Tables::new(self.store, self.results)?;
        for table in Table::ALL {
            let columns = tables.columns(table);
            let path = |ending: &str| self.out.join(format!("{}.{ending}", table.name()));
            let mut files = Vec::new();
            if formats.contains(&Format::Csv) {
                files.push(TableFile::csv(&path("csv"), &columns)?);
            }
            if formats.contains(&Format::Parquet) {
                files.push(TableFile::parquet(&path("parquet"), &columns)?);
            }
            if files.is_empty() {
                return Ok(());
            }
            tables
                .for_each_row(table, |row| files.iter_mut().try_for_each(|file| file.row(&row)))?;
            files.into_iter().try_for_each(TableFile::finish)?;
        }
        Ok(())
    }

    /// Writes the sums of every heatmap as NumPy arrays, one heatmap in memory at a time.
    fn arrays(&self) -> Result<(), Failure> {
        let path = self.out.join(ARRAYS);
        let file = WholeFile::begin(&path)?;
        let mut archive = NpzWriter::new(file.writer());
        for cell in cells(&self.store.networks()?) {
            let fold = cell.fold.map_or_else(String::new, |fold| format!("_fold{fold}"));
            let network = if cell.name == ALL_NETWORKS { "all_networks" } else { &cell.name };
            for expression in Expression::SIX {
                let sums = heatmap_sums(self.store, &cell.networks, expression)?;
                add_arrays(&mut archive, &format!("{network}{fold}_{expression}"), &sums)
                    .map_err(|error| failed(&path, error))?;
            }
        }
        archive.finish().map_err(|error| failed(&path, error))?;
        file.finish()
    }

    /// Writes the heatmaps as `ferscope compare` reads them, and all of them in one picture.
    fn pictures(&self) -> Result<(), Failure> {
        let Results { heatmaps, all_networks, configuration, .. } = self.results;
        for row in heatmaps {
            let overlap = &row.overlap;
            let path =
                self.out.join(heatmap_file(&overlap.network, overlap.fold, overlap.expression));
            create_folder_of(&path)?;
            let picture =
                GrayImage::from_raw(FACE_WIDTH as u32, FACE_HEIGHT as u32, stretch(&row.map))
                    .expect("one value per pixel");
            write_grey(&path, &picture)?;
        }
        let mut rows: Vec<HeatmapRow> = Vec::new();
        for row in heatmaps.iter().filter(|row| row.overlap.fold.is_none()).chain(all_networks) {
            let name = &row.overlap.network;
            if rows.last().is_none_or(|last| last.name != *name) {
                rows.push(HeatmapRow { name: name.clone(), cells: Default::default() });
            }
            let place = Expression::SIX.iter().position(|&each| each == row.overlap.expression);
            let (Some(last), Some(place)) = (rows.last_mut(), place) else { continue };
            last.cells[place] = HeatmapCell { map: Some(&row.map), n: row.explanations };
        }
        let face = StandardFace::default();
        let masks = EkmanMasks::new(configuration.masks, &face);
        write_rgb(
            &self.out.join(GRID),
            &heatmap_grid::picture("Mean relevance", &rows, &masks, &face),
        )
    }
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
