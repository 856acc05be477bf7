//! `ferscope doctor`: what on this machine would keep the appliance from working, and the remedy.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Failure;
use super::instrument::{available_threads, models_folder};
use super::output::print;
use crate::appliance;
use crate::network::{Manifest, Network};

/// Check this machine: models, camera, display, disk, processor; each finding comes with its remedy
///
/// Nothing is written. Ends with exit code 3 when a model is unusable, 1 when results cannot be written, else 0: a camera
/// and a display are needed by some uses only.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS")]
    models: Option<PathBuf>,
    /// Where results shall be written
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let mut models_are_usable = true;
    for finding in check_models(&models_folder(args.models.as_deref())) {
        models_are_usable &= finding.is_ok();
        report("models", &finding)?;
    }
    report("camera", &check_camera())?;
    report("display", &check_display())?;
    let disk = check_disk(&args.out);
    report("disk", &disk)?;
    report("processor", &Ok(format!("{} cores", available_threads())))?;
    match (models_are_usable, disk) {
        (false, _) => Err(Failure::Model("some models are unusable: see above".to_owned())),
        (true, Err(_)) => Err(Failure::Input("results cannot be written: see above".to_owned())),
        (true, Ok(_)) => Ok(ExitCode::SUCCESS),
    }
}

/// What was found, or what is missing with its remedy.
type Finding = Result<String, String>;

fn report(subject: &str, finding: &Finding) -> Result<(), Failure> {
    let (mark, text) = match finding {
        Ok(text) => ("good", text),
        Err(text) => ("LOOK", text),
    };
    print(&format!("{mark}  {subject:<10} {text}\n"))
}

fn check_models(folder: &Path) -> Vec<Finding> {
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => manifest,
        Err(error) => {
            let remedy = "name the folder with --models or the variable FERSCOPE_MODELS";
            return vec![Err(format!("{error}: {remedy}"))];
        }
    };
    let check = |model| match Network::load(model, folder, 1) {
        Ok(network) => Ok(format!("{} verified", network.spec().name)),
        Err(error) => Err(error.to_string()),
    };
    let predictors = manifest.predictors.iter().map(|predictor| {
        appliance::open_shipped_predictor(predictor, folder)
            .map(|_| format!("{} verified", predictor.name))
            .map_err(|error| error.to_string())
    });
    manifest.models.into_iter().map(check).chain(predictors).collect()
}

#[cfg(feature = "camera")]
fn check_camera() -> Finding {
    let cameras = nokhwa::query(nokhwa::utils::ApiBackend::Auto).map_err(|error| {
        format!("{error}: is a camera connected, and are you in the group `video`?")
    })?;
    match cameras.as_slice() {
        [] => Err("none found: connect one".to_owned()),
        cameras => {
            let names = cameras.iter().map(|camera| {
                format!("{} (camera:{})", camera.human_name(), camera.index().as_string())
            });
            Ok(names.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(not(feature = "camera"))]
fn check_camera() -> Finding {
    Ok("not looked for: this program was built without the feature `camera`".to_owned())
}

#[cfg(feature = "window")]
fn check_display() -> Finding {
    match minifb::Window::new("ferscope doctor", 64, 64, minifb::WindowOptions::default()) {
        Ok(_) => Ok("a window opens".to_owned()),
        Err(error) => {
            Err(format!("no window opens ({error}): start from a desktop session with X11"))
        }
    }
}

#[cfg(not(feature = "window"))]
fn check_display() -> Finding {
    Ok("not looked for: this program was built without the feature `window`".to_owned())
}

/// Whether results can be written to the folder, or to where it would be made, and how much fits.
#[cfg(unix)]
fn check_disk(folder: &Path) -> Finding {
    use rustix::fs::{Access, access, statvfs};
    const LEAST_FREE: u64 = 100 << 20;
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let shown = there.display();
    access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        format!("{shown} cannot be written ({error}): give --out a folder of yours")
    })?;
    let system = statvfs(there).map_err(|error| format!("{shown}: {error}"))?;
    let free = system.f_bavail * system.f_frsize;
    let text = format!("{} MiB free in {shown}", free >> 20);
    if free < LEAST_FREE { Err(text + ": free some, or give --out another disk") } else { Ok(text) }
}

#[cfg(not(unix))]
fn check_disk(_: &Path) -> Finding {
    Ok("not looked at on this system".to_owned())
}
