//! `ferscope merge`: adds parts of a study, studies of other pictures, or sessions of the appliance, exactly.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failure;
use super::output::{create_folder_of, print, refuse_existing};
use super::progress::Progress;
use crate::store::{self, is_session, merge, merge_sessions};
use crate::view::counted;

/// Add up parts of a study (`ferscope study --part I/N`), studies of other pictures by the same networks, or sessions of `ferscope run`
///
/// Sums and counts are added, not means; order and grouping do not change a byte. All must have the same networks, masks and so on (studies also
/// samples and seed); what differs is said. A session that is gone on with later is merged anew, from its own file.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ferscope merge part-*.sqlite --out study.sqlite
  ferscope merge hall.sqlite door.sqlite --out week.sqlite   (then `ferscope report week.sqlite`)")]
pub struct Args {
    /// Files of studies, or of sessions
    #[arg(required = true, value_name = "FILES")]
    parts: Vec<PathBuf>,
    /// Where the sum goes [default: study.sqlite, or session.sqlite]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Overwrite an existing study or session
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let sessions = are_sessions(&args.parts)?;
    let default = || PathBuf::from(if sessions { "session.sqlite" } else { "study.sqlite" });
    let out = args.out.clone().unwrap_or_else(default);
    for taken in [&out, &beside(&out)] {
        let is_same = |part: &PathBuf| {
            let (part, taken) = (part.canonicalize(), taken.canonicalize());
            part.is_ok_and(|part| taken.is_ok_and(|taken| taken == part))
        };
        if args.parts.iter().any(is_same) {
            let kind = if sessions { "sessions" } else { "studies" };
            let taken = taken.display();
            return Err(Failure::Usage(format!(
                "{taken} is one of the {kind} to merge and would be written over: choose another --out"
            )));
        }
    }
    refuse_existing(&out, args.force)?;
    create_folder_of(&out)?;
    // What stands there stays until there is something to replace it.
    let exists = out.symlink_metadata().is_ok();
    let target = if exists { beside(&out) } else { out.clone() };
    if exists {
        store::remove(&target)?;
    }
    let summary = add_up(&args.parts, sessions, &target)?;
    if exists {
        store::replace(&target, &out).inspect_err(|_| {
            let _ = store::remove(&target);
        })?;
    }
    print(&format!("{}: {summary}\n", out.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Merges, and says in plain words what came of it.
fn add_up(parts: &[PathBuf], sessions: bool, out: &Path) -> Result<String, Failure> {
    if !sessions {
        merge(parts, out)?;
        return Ok(format!("{} merged", counted(parts.len(), "study", "studies")));
    }
    let progress = Progress::new(parts.len(), "sessions added up");
    let merged = merge_sessions(parts, out, || progress.advance())?;
    progress.finish();
    let (count, counts) = (merged.sessions.len(), merged.counts());
    Ok(format!(
        "{}, {}, {}",
        counted(count, "session", "sessions"),
        counted(counts.visits, "visit", "visits"),
        counted(counts.explanations, "explanation", "explanations")
    ))
}

/// Whether all files are sessions, rather than studies.
fn are_sessions(parts: &[PathBuf]) -> Result<bool, Failure> {
    let are = parts.iter().map(|part| is_session(part)).collect::<Result<Vec<bool>, _>>()?;
    let first = |wanted: bool| are.iter().position(|&is| is == wanted).map(|at| &parts[at]);
    match (first(true), first(false)) {
        (Some(session), Some(study)) => Err(Failure::Usage(format!(
            "{} is a session of `ferscope run` and {} a study: they cannot be added up",
            session.display(),
            study.display()
        ))),
        (session, _) => Ok(session.is_some()),
    }
}

fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    out.with_file_name(name)
}
