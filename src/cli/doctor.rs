//! `ferscope doctor`: what on this machine would keep the appliance from working, and the remedy.

use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use super::instrument::models_folder;
use super::output::print;
use crate::network::{Manifest, Network};

/// Check this machine: models, camera, display, processor; each finding comes with its remedy
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS")]
    models: Option<std::path::PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let models = check_models(&models_folder(args.models.as_deref()));
    report("models", &models);
    report("camera", &check_camera());
    report("display", &check_display());
    report("disk", &check_disk());
    report("processor", &Ok(format!("{} cores", super::instrument::available_threads())));
    match models {
        Ok(_) => Ok(ExitCode::SUCCESS),
        Err(_) => Err(Failure::Model("without models nothing works".to_owned())),
    }
}

/// What was found, or what is missing with its remedy.
type Finding = Result<String, String>;

fn report(subject: &str, finding: &Finding) {
    let (mark, text) = match finding {
        Ok(text) => ("good", text),
        Err(text) => ("LOOK", text),
    };
    print(&format!("{mark}  {subject:<10} {text}\n"));
}

fn check_models(folder: &Path) -> Finding {
    let manifest = Manifest::read(folder).map_err(|error| {
        format!("{error}: name the folder with --models or the variable FERSCOPE_MODELS")
    })?;
    for model in &manifest.models {
        Network::load(model.clone(), folder, 1).map_err(|error| error.to_string())?;
    }
    Ok(format!("{} networks in {} verified", manifest.models.len(), folder.display()))
}

fn check_camera() -> Finding {
    if !cfg!(feature = "camera") {
        return Err(
            "this program was built without camera: cargo build --release --features camera"
                .to_owned(),
        );
    }
    let devices: Vec<_> = (0..10)
        .map(|number| format!("/dev/video{number}"))
        .filter(|device| Path::new(device).exists())
        .collect();
    let Some(first) = devices.first() else {
        return Err("no /dev/video* device: connect a camera".to_owned());
    };
    match std::fs::File::open(first) {
        Ok(_) => Ok(devices.join(", ")),
        Err(error) => Err(format!(
            "{first} cannot be opened ({error}): sudo usermod -aG video $USER, then log in again"
        )),
    }
}

fn check_display() -> Finding {
    if !cfg!(feature = "window") {
        return Err(
            "this program was built without window: cargo build --release --features window"
                .to_owned(),
        );
    }
    match std::env::var("DISPLAY") {
        Ok(display) => Ok(format!("DISPLAY is {display}")),
        Err(_) => Err("DISPLAY is not set: start from a desktop session".to_owned()),
    }
}

/// Whether results can be written here.
fn check_disk() -> Finding {
    let folder = std::env::current_dir().map_err(|error| error.to_string())?;
    let probe = folder.join(format!(".ferscope-doctor-{}", std::process::id()));
    let written = std::fs::write(&probe, vec![0u8; 1 << 20]);
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => Ok(format!("{} can be written", folder.display())),
        Err(error) => Err(format!(
            "{} cannot take a megabyte ({error}): free some space or give --out another folder",
            folder.display()
        )),
    }
}
