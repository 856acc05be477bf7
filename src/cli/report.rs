//! `ferscope report`: a study or a session as one page for people.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failure;
use super::output::{create_folder_of, print, refuse_existing, write_file};
use super::study::results;
use crate::session::{MIN_VISITS, SessionAgreement, SessionResults};
use crate::store::{is_session, read_session};
use crate::study::{Agreement, FEWEST_REPLICATES, REPLICATES};
use crate::view::report::session::{self, SessionReport};
use crate::view::report::{Report, page};

/// Write a study, or a session of `ferscope run`, as one HTML page: overlaps beside chance, heatmaps, intervals, limits
///
/// Of a study also likeness of networks and checks. The page holds everything in itself, fetches nothing, runs no script, and can be printed. A study that is not finished is
/// reported as far as it is, under a banner that says so; a session while it runs, as far as it is written. The same file gives the same bytes.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ferscope report study.sqlite
  ferscope report study.sqlite --compare-with study-of-seed-1.sqlite --out report.html
  ferscope report hall.sqlite --min-visits 50")]
pub struct Args {
    /// File of a study or a session
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write [default: the file's name, ending in .html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Of a study: replicates of the bootstrap over people, or pictures where people are not known; 0 for no intervals [default: 1000]
    #[arg(long, value_name = "N", value_parser = replicates, allow_negative_numbers = true)]
    bootstrap: Option<usize>,
    /// Of a session: heatmaps are shown from so many visits on [default: 20]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    min_visits: Option<u64>,
    /// Another file of the kind, such as the study with another seed or another week's session: how much do its overlaps differ?
    #[arg(long, value_name = "OTHER_FILE")]
    compare_with: Option<PathBuf>,
    /// Overwrite an existing page
    #[arg(long)]
    force: bool,
}

/// How many replicates a bootstrap may have.
pub fn replicates(text: &str) -> Result<usize, String> {
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
    let out = args.out.clone().unwrap_or_else(|| args.file.with_extension("html"));
    let same = |path: &Path| {
        path.canonicalize().is_ok_and(|path| out.canonicalize().is_ok_and(|out| out == path))
    };
    let other = args.compare_with.as_deref();
    let files = || [&*args.file].into_iter().chain(other);
    if let Some(file) = files().find(|file| same(file)) {
        let kind = if is_session(file).unwrap_or(false) { "session" } else { "study" };
        return Err(Failure::Usage(format!("{} is a {kind}: choose another --out", out.display())));
    }
    refuse_existing(&out, args.force)?;
    let page = match is_session(&args.file)? {
        true => session_page(args)?,
        false => study_page(args)?,
    };
    create_folder_of(&out)?;
    write_file(&out, page.as_bytes())?;
    print(&format!("Written: {}\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn study_page(args: &Args) -> Result<String, Failure> {
    refuse_option(args.min_visits.is_some(), "--min-visits", &args.file, "a study", "sessions")?;
    let other = args.compare_with.as_deref();
    let results_here = results(&args.file, args.bootstrap.unwrap_or(REPLICATES))?;
    let agreement = other
        .map(|other| {
            let there = results(other, 0)?;
            Agreement::new(&results_here, &there)
                .map_err(|error| incomparable(other, &args.file, &error))
        })
        .transpose()?;
    let (name, other_name) = (file_name(&args.file), other.map(file_name));
    Ok(page(&Report {
        name: &name,
        results: &results_here,
        other: other_name.as_deref().zip(agreement.as_ref()),
    }))
}

fn session_page(args: &Args) -> Result<String, Failure> {
    refuse_option(args.bootstrap.is_some(), "--bootstrap", &args.file, "a session", "studies")?;
    let other = args.compare_with.as_deref();
    let min_visits = args.min_visits.unwrap_or(MIN_VISITS);
    let results = |path: &Path| -> Result<SessionResults, Failure> {
        Ok(SessionResults::new(&read_session(path)?, min_visits))
    };
    let here = results(&args.file)?;
    let agreement = other
        .map(|other| {
            SessionAgreement::new(&here, &results(other)?)
                .map_err(|error| incomparable(other, &args.file, &error))
        })
        .transpose()?;
    let (name, other_name) = (file_name(&args.file), other.map(file_name));
    Ok(session::page(&SessionReport {
        name: &name,
        results: &here,
        other: other_name.as_deref().zip(agreement.as_ref()),
    }))
}

fn incomparable(other: &Path, file: &Path, error: &dyn std::fmt::Display) -> Failure {
    let (other, file) = (other.display(), file.display());
    Failure::Usage(format!("{other} cannot be compared with {file}: {error}"))
}

/// An option of the other kind of file is refused, rather than overheard.
pub fn refuse_option(
    is_given: bool,
    option: &str,
    file: &Path,
    kind: &str,
    others: &str,
) -> Result<(), Failure> {
    if !is_given {
        return Ok(());
    }
    let file = file.display();
    Err(Failure::Usage(format!("{option} is for {others}, and {file} is {kind}: leave it out")))
}

/// Without the folder, which names a machine's users.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
