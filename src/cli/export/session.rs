//! A session as files: of expressions with enough visits.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray_npy::NpzWriter;

use super::{
    ARRAYS, Args, Format, RESULTS, TABLES, add_arrays, begin, heatmap_file, refuse_existing_files,
    refuse_name, table_files, write_heatmap,
};
use crate::cli::Failure;
use crate::cli::output::{WholeFile, failed, print, write_file, write_json};
use crate::cli::report::refuse_option;
use crate::cli::table_file::TableFile;
use crate::expression::Expression;
use crate::session::{MIN_VISITS, SessionResults, table};
use crate::store::{SessionContent, read_session};
use crate::view::markdown;

const OVERLAPS: &str = "overlaps";

/// Writes it below `out`, and says what is left out.
pub fn export(args: &Args, out: &Path) -> Result<(), Failure> {
    refuse_option(args.bootstrap.is_some(), "--bootstrap", &args.file, "a session", "studies")?;
    let content = read_session(&args.file)?;
    let network = &content.configuration.network;
    refuse_name(&args.file, network)?;
    let results = SessionResults::new(&content, args.min_visits.unwrap_or(MIN_VISITS));
    let files = files(&args.format, network);
    refuse_existing_files(out, &files, args.force)?;
    begin(out, concat!("ferscope ", env!("CARGO_PKG_VERSION")), files)?;
    let mut tables = table_files(out, OVERLAPS, &table::overlap_columns(), &args.format)?;
    for row in table::overlap_rows(&results) {
        tables.iter_mut().try_for_each(|file| file.row(&row))?;
    }
    tables.into_iter().try_for_each(TableFile::finish)?;
    for format in Format::ALL.into_iter().filter(|format| args.format.contains(format)) {
        match format {
            Format::Csv | Format::Parquet => {}
            Format::Json => write_json(&out.join(RESULTS), &results)?,
            Format::Markdown => {
                write_file(&out.join(TABLES), markdown::session_tables(&results).as_bytes())?;
            }
            Format::Npz => arrays(&content, &results, &out.join(ARRAYS))?,
            Format::Png => pictures(&results, out)?,
            // A session has one network.
            Format::Svg => {}
        }
    }
    match results.left_out().as_slice() {
        [] => Ok(()),
        some => print(&format!("Left out: {}\n", some.join(", "))),
    }
}

/// All that an export may write, below its folder.
fn files(formats: &[Format], network: &str) -> BTreeSet<String> {
    let of_format = |format: &Format| match format {
        Format::Csv => vec![format!("{OVERLAPS}.csv")],
        Format::Parquet => vec![format!("{OVERLAPS}.parquet")],
        Format::Json => vec![RESULTS.to_owned()],
        Format::Markdown => vec![TABLES.to_owned()],
        Format::Npz => vec![ARRAYS.to_owned()],
        Format::Png => Expression::SIX.map(|each| heatmap_file(network, None, each)).to_vec(),
        Format::Svg => Vec::new(),
    };
    formats.iter().flat_map(of_format).collect()
}

/// Writes means and variances over visits, and over all explanations, as NumPy arrays.
fn arrays(content: &SessionContent, results: &SessionResults, path: &Path) -> Result<(), Failure> {
    let file = WholeFile::begin(path)?;
    let mut archive = NpzWriter::new(file.writer());
    let network = &content.configuration.network;
    for (row, sums) in results.expressions.iter().zip(&content.sums) {
        if row.heatmap.is_none() {
            continue;
        }
        for (what, sums) in [("visits", sums.visits()), ("pooled", sums.pooled())] {
            add_arrays(&mut archive, &format!("{network}_{}_{what}", row.expression), sums)
                .map_err(|error| failed(path, error))?;
        }
    }
    archive.finish().map_err(|error| failed(path, error))?;
    file.finish()
}

fn pictures(results: &SessionResults, out: &Path) -> Result<(), Failure> {
    for row in &results.expressions {
        if let Some(shown) = &row.heatmap {
            let file = heatmap_file(&results.configuration.network, None, row.expression);
            write_heatmap(&out.join(file), &shown.meaning.heatmap)?;
        }
    }
    Ok(())
}
