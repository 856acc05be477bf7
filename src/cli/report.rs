//! `ferscope report`: a study as one page for people.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failure;
use super::output::{create_folder_of, print, refuse_existing, write_file};
use super::study::results;
use crate::study::{Agreement, REPLICATES};
use crate::view::report::{Report, page};

/// The fewest replicates whose central 95 % leave anything out.
const FEWEST_REPLICATES: usize = 40;

/// Write a study as one HTML page: overlaps beside chance, heatmaps, likeness of networks, checks, limits
///
/// The page holds everything in itself, fetches nothing, runs no script, and can be printed. A study that is not finished is
/// reported as far as it is, under a banner that says so. The same study gives the same bytes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ferscope report study.sqlite
  ferscope report study.sqlite --compare-with study-of-seed-1.sqlite --out report.html")]
pub struct Args {
    /// File of a study
    #[arg(value_name = "STUDY")]
    study: PathBuf,
    /// Where to write [default: the study's name, ending in .html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Replicates of the bootstrap over people, or pictures where people are not known; 0 for no intervals
    #[arg(long, value_name = "N", default_value_t = REPLICATES, value_parser = replicates)]
    bootstrap: usize,
    /// Another study, such as the same with another seed: how much do its overlaps differ?
    #[arg(long, value_name = "OTHER_STUDY")]
    compare_with: Option<PathBuf>,
    /// Overwrite an existing page
    #[arg(long)]
    force: bool,
}

fn replicates(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if number == 0 || (FEWEST_REPLICATES..=1_000_000).contains(&number) => {
            Ok(number)
        }
        _ => Err(format!(
            "needs 0 for no intervals, or from {FEWEST_REPLICATES} to 1000000: fewer leave nothing out of 95 %"
        )),
    }
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let out = args.out.clone().unwrap_or_else(|| args.study.with_extension("html"));
    let same = |path: &Path| {
        path.canonicalize().is_ok_and(|path| out.canonicalize().is_ok_and(|out| out == path))
    };
    let other = args.compare_with.as_deref();
    if same(&args.study) || other.is_some_and(same) {
        return Err(Failure::Usage(format!("{} is a study: choose another --out", out.display())));
    }
    refuse_existing(&out, args.force)?;
    let results_here = results(&args.study, args.bootstrap)?;
    let agreement = other
        .map(|other| {
            let there = results(other, 0)?;
            Agreement::new(&results_here, &there).map_err(|error| {
                let (other, study) = (other.display(), args.study.display());
                Failure::Usage(format!("{other} cannot be compared with {study}: {error}"))
            })
        })
        .transpose()?;
    let (name, other_name) = (file_name(&args.study), other.map(file_name));
    let page = page(&Report {
        name: &name,
        results: &results_here,
        other: other_name.as_deref().zip(agreement.as_ref()),
    });
    create_folder_of(&out)?;
    write_file(&out, page.as_bytes())?;
    print(&format!("Written: {}\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Without the folder, which names a machine's users.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
