//! The command line: one file per subcommand.

mod batch;
mod bench;
mod classify;
mod compare;
mod config;
mod crop;
mod doctor;
mod explain;
mod export;
mod instrument;
mod masks;
mod merge;
mod models;
mod output;
mod progress;
mod report;
mod run;
mod study;
mod table_file;
mod tune;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::appliance::InstrumentError;
use crate::face::DetectorError;
use crate::network::{ManifestError, NetworkError};
use crate::store::{StoreError, StoreProblem};
use output::complain;

/// Why a command stopped. What went wrong with single inputs is told as it happens and ends in exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command was given something it cannot work with: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// A model or calibration is unusable: exit code 3.
    #[error("{0}")]
    Model(String),
    /// An input failed: exit code 1. In a batch it is told and counted, and the rest goes on.
    #[error("{0}")]
    Input(String),
    /// A result cannot be written or served: exit code 1. Nothing goes on.
    #[error("{0}")]
    Output(String),
    /// Whoever read standard output went away (`| head`): no fault, and no reason to go on.
    #[error("nobody reads the output")]
    ReaderGone,
}

impl From<NetworkError> for Failure {
    fn from(error: NetworkError) -> Self {
        Failure::Model(error.to_string())
    }
}

/// A wrong or damaged store is the user's, a full disk is not.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.problem {
            StoreProblem::Sqlite(_) | StoreProblem::File(_) => Failure::Output(error.to_string()),
            StoreProblem::Damaged(_) => Failure::Input(error.to_string()),
            _ => Failure::Usage(error.to_string()),
        }
    }
}

/// What the user named wrongly, or what is unusable.
impl From<InstrumentError> for Failure {
    fn from(error: InstrumentError) -> Self {
        match error {
            InstrumentError::Manifest(
                ManifestError::Unknown { .. }
                | ManifestError::NoNetwork { .. }
                | ManifestError::Undescribed { .. },
            )
            | InstrumentError::Predictor { .. }
            | InstrumentError::UnknownPredictor { .. }
            | InstrumentError::Detector(DetectorError::Epsilon { .. }) => {
                Failure::Usage(error.to_string())
            }
            other => Failure::Model(other.to_string()),
        }
    }
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::ReaderGone => 0,
            Failure::Input(_) | Failure::Output(_) => 1,
            Failure::Usage(_) => 2,
            Failure::Model(_) => 3,
        })
    }
}

/// Recognises facial expressions and shows which part of the face the network looks at.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "\
Exit codes: 0 done; 1 some inputs failed (each named, the rest done); 2 wrong usage; 3 a model or calibration is unusable.

Try it on the bundled pictures:  ferscope explain demo --design hadamard --samples 150"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    // Has far more options than the others.
    Run(Box<run::Args>),
    Explain(explain::Args),
    Classify(classify::Args),
    Crop(crop::Args),
    Compare(compare::Args),
    Study(study::Args),
    Merge(merge::Args),
    Report(report::Args),
    Export(export::Args),
    Masks(masks::Args),
    Models(models::Args),
    Bench(bench::Args),
    Tune(tune::Args),
    Doctor(doctor::Args),
    Config(config::Args),
}

/// The definition of the command line, from which man pages and completions are made.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the command line and tells how it ended.
pub fn main() -> ExitCode {
    env_logger::Builder::from_env(
        env_logger::Env::default().default_filter_or("error,ferscope=warn"),
    )
    .format(|to, record| {
        let text = output::without_control(&record.args().to_string());
        writeln!(to, "[{:<5}] {text}", record.level())
    })
    .init();
    // A hostile model file can make a library panic; that is caught and told as an error, without the panic's own noise.
    std::panic::set_hook(Box::new(|panic| log::debug!("{panic}")));
    let result = std::panic::catch_unwind(|| match Arguments::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Classify(args) => classify::run(&args),
        Command::Crop(args) => crop::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Study(args) => study::run(&args),
        Command::Merge(args) => merge::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Masks(args) => masks::run(&args),
        Command::Models(args) => models::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Config(args) => config::run(&args),
    });
    match result {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => {
            if !matches!(failure, Failure::ReaderGone) {
                complain(&failure);
            }
            failure.exit_code()
        }
        Err(_) => {
            complain(&"a fault of this program; please report it (RUST_LOG=debug tells more)");
            ExitCode::from(101)
        }
    }
}

/// Exit code 0, or 1 when some inputs failed.
fn exit_code(failed: usize) -> ExitCode {
    ExitCode::from(u8::from(failed > 0))
}
