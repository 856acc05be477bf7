//! `ferscope merge`: adds parts of a study, or studies of other pictures, exactly.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::output::{create_folder_of, print, refuse_existing, remove_file};
use super::study::store_failure;
use crate::store::merge;

/// Add up parts of a study (`ferscope study --part I/N`), or studies of other pictures by the same networks
///
/// Sums and counts are added, not means; order and grouping do not change a byte. All must have the same networks, masks, samples, seed and
/// so on; what differs is said.
#[derive(clap::Args)]
pub struct Args {
    /// Files of studies
    #[arg(required = true, value_name = "STUDIES")]
    studies: Vec<PathBuf>,
    /// Where the sum goes
    #[arg(long, value_name = "FILE", default_value = "study.sqlite")]
    out: PathBuf,
    /// Overwrite an existing study
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    refuse_existing(&args.out, args.force)?;
    let same = |path: &PathBuf| {
        path.canonicalize().is_ok_and(|path| args.out.canonicalize().is_ok_and(|out| out == path))
    };
    if args.studies.iter().any(same) {
        return Err(Failure::Usage(format!(
            "{} is one of the studies to merge: choose another --out",
            args.out.display()
        )));
    }
    create_folder_of(&args.out)?;
    remove_file(&args.out)?;
    merge(&args.studies, &args.out).map_err(store_failure)?;
    print(&format!("{}: {} studies merged\n", args.out.display(), args.studies.len()))?;
    Ok(ExitCode::SUCCESS)
}
