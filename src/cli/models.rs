//! `ferscope models`: what networks there are, and whether they are sound.

use std::fmt::Write;
use std::process::ExitCode;

use clap::Subcommand;

use super::instrument::models_folder;
use super::output::{complain, print};
use super::{Failure, exit_code};
use crate::appliance;
use crate::network::{Manifest, Network};

/// List the networks, or check them: checksum, shapes, golden output
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS", global = true)]
    models: Option<std::path::PathBuf>,
}

#[derive(Subcommand)]
enum Action {
    /// List the networks of the manifest
    List,
    /// Check every network: file, checksum, shapes, and the answer to its golden input
    Verify,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let manifest = Manifest::read(&models_folder(args.models.as_deref()))
        .map_err(|error| Failure::Model(error.to_string()))?;
    match args.action {
        Action::List => {
            list(&manifest)?;
            Ok(ExitCode::SUCCESS)
        }
        Action::Verify => verify(&manifest),
    }
}

fn list(manifest: &Manifest) -> Result<(), Failure> {
    let mut text = String::new();
    for model in &manifest.models {
        let input = &model.input;
        let classes: Vec<_> = model.classes.iter().map(|class| class.name()).collect();
        let _ = writeln!(
            text,
            "{:<26} {:<10} {:>4} x {:<4} {:<18} {}",
            model.name,
            format!("{:?}", model.job).to_lowercase(),
            input.width,
            input.height,
            model.licence,
            classes.join(", ")
        );
    }
    for predictor in &manifest.predictors {
        let _ = writeln!(
            text,
            "{:<26} {:<10} {:>4}   {:<4} {:<18} regression trees, for --shape-predictor",
            predictor.name, "landmarks", "", "", predictor.licence
        );
    }
    print(&text)
}

fn verify(manifest: &Manifest) -> Result<ExitCode, Failure> {
    let mut unusable = 0;
    for model in &manifest.models {
        match Network::load(model.clone(), &manifest.folder, 1) {
            Ok(network) => print(&format!(
                "{:<26} good: sha256 {}..., {} outputs, golden output holds\n",
                model.name,
                &network.sha256()[..12],
                network.output_len()
            ))?,
            Err(error) => {
                unusable += 1;
                complain(&error);
            }
        }
    }
    for predictor in &manifest.predictors {
        match appliance::open_shipped_predictor(predictor, &manifest.folder) {
            Ok(_) => print(&format!(
                "{:<26} good: sha256 {}..., regression trees of 68 points\n",
                predictor.name,
                &predictor.sha256[..12]
            ))?,
            Err(error) => {
                unusable += 1;
                complain(&error);
            }
        }
    }
    match unusable {
        0 => Ok(exit_code(0)),
        _ => Err(Failure::Model(format!(
            "{unusable} of {} networks in {} are unusable",
            manifest.models.len() + manifest.predictors.len(),
            manifest.folder.display()
        ))),
    }
}
