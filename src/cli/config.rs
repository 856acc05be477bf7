//! `ferscope config`: the configuration file of `ferscope run`.

use std::path::PathBuf;
use std::process::ExitCode;

use super::Failure;
use super::output::print;
use super::run::{DEFAULT_FILE, Settings};

/// Print or check the configuration file of `ferscope run`
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print a file with every key, its default and what it means
    Default,
    /// Check a file: unknown keys and wrong values are told with line and column
    Check {
        /// The file
        #[arg(value_name = "FILE.toml")]
        file: PathBuf,
    },
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::Default => print(DEFAULT_FILE)?,
        Command::Check { file } => {
            let settings = Settings::read(file)?;
            settings
                .check_together()
                .map_err(|problem| Failure::Usage(format!("{}: {problem}", file.display())))?;
            print(&format!("{}: sound\n", file.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
