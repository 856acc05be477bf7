//! A study as files.

use std::collections::BTreeSet;
use std::path::Path;

use ndarray_npy::NpzWriter;

use super::{
    ARRAYS, Args, Format, GRID, RESULTS, TABLES, add_arrays, begin, heatmap_file,
    refuse_existing_files, refuse_name, table_files, write_heatmap,
};
use crate::cli::Failure;
use crate::cli::output::{WholeFile, failed, write_file, write_json, write_rgb};
use crate::cli::report::refuse_option;
use crate::cli::study::results;
use crate::cli::table_file::TableFile;
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::standard_face::StandardFace;
use crate::store::Store;
use crate::study::tables::{Table, Tables};
use crate::study::{ALL_NETWORKS, REPLICATES, Results, cells, heatmap_sums};
use crate::view::correlation_matrix::{self, DISTANCES};
use crate::view::curves;
use crate::view::heatmap_grid::{self, HeatmapCell, HeatmapRow};
use crate::view::markdown;

/// Writes it below `out`.
pub fn export(args: &Args, out: &Path) -> Result<(), Failure> {
    refuse_option(args.min_visits.is_some(), "--min-visits", &args.file, "a study", "sessions")?;
    let store = Store::read(&args.file)?;
    for network in store.networks()? {
        refuse_name(&args.file, &network.architecture)?;
    }
    let files = files(&args.format, &store)?;
    refuse_existing_files(out, &files, args.force)?;
    // A minute or more: before anything is taken away.
    let with_intervals =
        args.format.iter().any(|format| !matches!(format, Format::Npz | Format::Png));
    let replicates = if with_intervals { args.bootstrap.unwrap_or(REPLICATES) } else { 0 };
    let results = results(&args.file, replicates)?;
    begin(out, &results.configuration.software, files)?;
    let export = Export { store: &store, results: &results, out };
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
            Format::Svg => export.drawings()?,
        }
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
            Format::Svg => {
                for [centred, equation_4] in Expression::SIX.map(drawing_files) {
                    files.extend([centred, equation_4]);
                }
                files.insert(CURVES.to_owned());
            }
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

/// Deletion and insertion of every checked network.
const CURVES: &str = "curves.svg";

/// How alike networks are by the mean-centred coefficient and by equation 4.
fn drawing_files(expression: Expression) -> [String; 2] {
    ["correlations", "correlations_equation_4"].map(|name| format!("{name}_{expression}.svg"))
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
            let mut files = table_files(self.out, table.name(), &columns, formats)?;
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
            write_heatmap(&path, &row.map)?;
        }
        let mut rows: Vec<HeatmapRow> = Vec::new();
        for row in heatmaps.iter().filter(|row| row.overlap.fold.is_none()).chain(all_networks) {
            let name = &row.overlap.network;
            if rows.last().is_none_or(|last| last.name != *name) {
                rows.push(HeatmapRow { name: name.clone(), cells: Default::default() });
            }
            let place = row.overlap.expression.place();
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

    /// Draws how alike the networks are, as the report does, but nothing for an expression that one network alone has read; and the curves of the
    /// networks that were checked, if any was.
    fn drawings(&self) -> Result<(), Failure> {
        let checked = self.results.checked();
        if !checked.is_empty() {
            let drawing = curves::svg(&checked);
            write_file(&self.out.join(CURVES), drawing.as_bytes())?;
        }
        let Results { dendrograms, dendrograms_equation_4, .. } = self.results;
        for (which, all) in [dendrograms, dendrograms_equation_4].into_iter().enumerate() {
            for each in all {
                let title = each.expression.title();
                let drawing = correlation_matrix::svg(
                    &title,
                    DISTANCES[which],
                    &each.labels,
                    &each.distances,
                    &each.linkage,
                );
                let path = self.out.join(&drawing_files(each.expression)[which]);
                write_file(&path, drawing.as_bytes())?;
            }
        }
        Ok(())
    }
}
