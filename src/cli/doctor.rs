//! `ferscope doctor`: what on this machine would keep the appliance from working, and the remedy.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use super::Failure;
use super::instrument::{available_threads, models_folder};
use super::output::print;
use crate::appliance;
use crate::network::{Manifest, Network};
use crate::source::stream::is_missing;

/// Check this machine: models, camera, videos, display, disk, processor; each finding comes with its remedy
///
/// Nothing is written. Ends with exit code 3 when a model is unusable, 1 when results cannot be written, else 0: a camera,
/// ffmpeg and a display are needed by some uses only.
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
    report("videos", &check_videos())?;
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
        Err(error) => return vec![Err(error.to_string())],
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

/// What is wrong with the rights is told before the camera's library is asked, which does not say it.
fn check_camera() -> Finding {
    #[cfg(target_os = "linux")]
    rights::check_cameras(Path::new("/dev"))?;
    list_cameras()
}

#[cfg(feature = "camera")]
fn list_cameras() -> Finding {
    match cameras()?.as_slice() {
        [] => Err("none found: connect one (that of a Raspberry Pi, at its ribbon cable, is read by --source \
                   'exec:rpicam-vid -n -t 0 --codec mjpeg --width 640 --height 480 -o -')"
            .to_owned()),
        cameras => Ok(cameras.join(", ")),
    }
}

#[cfg(all(feature = "camera", target_os = "linux"))]
fn cameras() -> Result<Vec<String>, String> {
    let mut numbers: Vec<usize> =
        v4l::context::enum_devices().iter().map(|node| node.index()).collect();
    numbers.sort_unstable();
    let camera = |number| {
        let device = v4l::Device::new(number).and_then(|device| device.query_caps()).ok()?;
        let flags = device.capabilities.bits();
        is_camera(flags, &device.driver).then(|| format!("{} (camera:{number})", device.card))
    };
    Ok(numbers.into_iter().filter_map(camera).collect())
}

#[cfg(all(feature = "camera", not(target_os = "linux")))]
fn cameras() -> Result<Vec<String>, String> {
    let cameras = nokhwa::query(nokhwa::utils::ApiBackend::Auto)
        .map_err(|error| format!("{error}: is a camera connected?"))?;
    let name = |camera: &nokhwa::utils::CameraInfo| {
        format!("{} (camera:{})", camera.human_name(), camera.index().as_string())
    };
    Ok(cameras.iter().map(name).collect())
}

/// Whether a video device of V4L2 gives pictures by itself: many are codecs, hold descriptions of pictures, or are parts of what the system's own
/// program makes pictures with, as those of a Raspberry Pi's camera are. `flags` are its `device_caps`.
#[cfg(all(any(feature = "camera", test), target_os = "linux"))]
fn is_camera(flags: u32, driver: &str) -> bool {
    const CAPTURES: u32 = 0x1;
    // VIDEO_OUTPUT, their planar forms, VIDEO_M2M_MPLANE, VIDEO_M2M.
    const TAKES_PICTURES_IN: u32 = 0x2 | 0x2000 | 0x4000 | 0x8000;
    const PARTS: [&str; 5] = ["unicam", "bcm2835-isp", "rp1-cfe", "pispbe", "rpi-hevc-dec"];
    flags & CAPTURES != 0
        && flags & TAKES_PICTURES_IN == 0
        && !PARTS.iter().any(|part| driver.starts_with(part))
}

#[cfg(not(feature = "camera"))]
fn list_cameras() -> Finding {
    Ok("not looked for: this program was built without the feature `camera`".to_owned())
}

/// Who may open a camera.
#[cfg(target_os = "linux")]
mod rights {
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use rustix::fs::{Access, access};
    use rustix::process::{getegid, getgroups};

    /// Whether all cameras in the folder of devices can be opened.
    pub fn check_cameras(devices: &Path) -> Result<(), String> {
        let mut cameras: Vec<_> = std::fs::read_dir(devices)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("video"))
            .map(|entry| entry.path())
            .collect();
        cameras.sort();
        for camera in cameras {
            let Err(error) = access(&camera, Access::READ_OK | Access::WRITE_OK) else { continue };
            // It may have been pulled out a moment ago.
            let Ok(data) = camera.metadata() else { continue };
            let is_member = getegid().as_raw() == data.gid()
                || getgroups()
                    .is_ok_and(|mine| mine.iter().any(|group| group.as_raw() == data.gid()));
            let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
            let group = group_name(&groups, data.gid());
            return Err(denied(&camera, &error, data.mode(), &group, is_member));
        }
        Ok(())
    }

    /// The name in a file in the form of /etc/group, else the number.
    pub fn group_name(groups: &str, number: u32) -> String {
        groups
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2).is_some_and(|field| *field == number.to_string()))
            .map_or_else(|| number.to_string(), |fields| fields[0].to_owned())
    }

    pub fn denied(
        camera: &Path,
        error: &dyn std::fmt::Display,
        mode: u32,
        group: &str,
        is_member: bool,
    ) -> String {
        let camera = camera.display();
        if is_member || mode & 0o060 != 0o060 {
            let mode = mode & 0o777;
            return format!(
                "{camera} cannot be opened ({error}): its rights are {mode:o} for the group `{group}`; usual are 660 for `video`"
            );
        }
        format!(
            "{camera} cannot be opened ({error}): you are not in the group `{group}`: \
             `sudo usermod -aG {group} $USER`, then log in again"
        )
    }
}

/// Decoders that cameras on a network and videos from them need.
const DECODERS: [&str; 3] = ["h264", "hevc", "mjpeg"];

fn check_videos() -> Finding {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-decoders"]).stdin(Stdio::null());
    let output = command.output().map_err(|error| match is_missing(&error) {
        true => "no ffmpeg, which reads videos and network streams: `sudo apt install ffmpeg`"
            .to_owned(),
        false => format!("ffmpeg cannot be started: {error}"),
    })?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.lines().next().unwrap_or("it does not say why");
        return Err(format!("ffmpeg fails ({}: {why}): install it anew", output.status));
    }
    match missing_decoders(&String::from_utf8_lossy(&output.stdout)) {
        missing if missing.is_empty() => Ok(format!("ffmpeg decodes {}", DECODERS.join(", "))),
        missing => Err(format!(
            "ffmpeg has no decoder for {}: install one that has, such as Debian's own",
            missing.join(", ")
        )),
    }
}

/// What is not among the lines ` V....D h264   H.264 / AVC ...` that ffmpeg prints.
fn missing_decoders(printed: &str) -> Vec<&'static str> {
    let is_there =
        |decoder| printed.lines().any(|line| line.split_whitespace().nth(1) == Some(decoder));
    DECODERS.into_iter().filter(|decoder| !is_there(decoder)).collect()
}

#[cfg(feature = "window")]
fn check_display() -> Finding {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(all(unix, not(target_os = "macos"))) && !is_set("DISPLAY") {
        return Err(match is_set("WAYLAND_DISPLAY") {
            true => "no X11 in this Wayland session: `sudo apt install xwayland`, then log in again",
            false => "the variable DISPLAY is not set: start from a desktop session; without one say --headless",
        }
        .to_owned());
    }
    match minifb::Window::new("ferscope doctor", 64, 64, minifb::WindowOptions::default()) {
        Ok(_) => Ok("a window opens".to_owned()),
        // It names every place where the library is not.
        Err(error) if error.to_string().contains("failed to load") => {
            Err("X11's libraries are missing: `sudo apt install libx11-6 libxcursor1`".to_owned())
        }
        Err(error) => Err(format!(
            "no window opens ({error}): start from a desktop session with X11; without one say --headless"
        )),
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
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let shown = there.display();
    access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| {
        format!("{shown} cannot be written ({error}): give --out a folder of yours")
    })?;
    let system = statvfs(there).map_err(|error| format!("{shown}: {error}"))?;
    room(system.f_bavail * system.f_frsize, there)
}

/// Whether so many free bytes are enough.
fn room(free: u64, folder: &Path) -> Finding {
    const LEAST_FREE: u64 = 100 << 20;
    let text = format!("{} MiB free in {}", free >> 20, folder.display());
    if free < LEAST_FREE { Err(text + ": free some, or give --out another disk") } else { Ok(text) }
}

#[cfg(not(unix))]
fn check_disk(_: &Path) -> Finding {
    Ok("not looked at on this system".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_camera_of_another_group_is_told_with_the_group() {
        use rights::{denied, group_name};
        let groups = "root:x:0:\nvideo:x:44:eve\nbroken\n";
        assert_eq!(group_name(groups, 44), "video");
        assert_eq!(group_name(groups, 4), "4");
        let told = |mode, is_member| {
            denied(Path::new("/dev/video0"), &"Permission denied", mode, "video", is_member)
        };
        assert!(
            told(0o020_660, false).contains("not in the group `video`: `sudo usermod -aG video")
        );
        // Joining the group would not help.
        assert!(told(0o020_600, false).contains("rights are 600"));
        assert!(told(0o020_640, true).contains("rights are 640"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_cameras_are_looked_at() {
        let devices = tempfile::tempdir().unwrap();
        std::fs::write(devices.path().join("null"), "").unwrap();
        rights::check_cameras(devices.path()).unwrap();
        rights::check_cameras(&devices.path().join("not there")).unwrap();
        std::fs::write(devices.path().join("video0"), "").unwrap();
        rights::check_cameras(devices.path()).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn codecs_and_parts_of_cameras_are_no_cameras() {
        // As their drivers tell it, beside what all video devices have.
        let other = 0x0420_0000;
        assert!(is_camera(other | 0x1, "uvcvideo"));
        assert!(is_camera(other | 0x0100_0001, "vivid"));
        // The descriptions of a webcam's pictures (META_CAPTURE).
        assert!(!is_camera(other | 0x0080_0000, "uvcvideo"));
        assert!(!is_camera(other | 0x4000, "bcm2835-codec"));
        assert!(!is_camera(other | 0x1, "bcm2835-isp"));
        assert!(!is_camera(other | 0x1, "unicam"));
    }

    #[test]
    fn missing_decoders_are_named() {
        let printed = " V..... = Video\n ------\n VFS..D h264                 H.264 (codec h264)\n V....D mjpeg_cuvid  x\n";
        assert_eq!(missing_decoders(printed), ["hevc", "mjpeg"]);
    }

    #[test]
    fn a_disk_that_is_almost_full_is_told() {
        let folder = Path::new("/data");
        assert_eq!(room(200 << 20, folder).unwrap(), "200 MiB free in /data");
        assert!(room(99 << 20, folder).unwrap_err().contains("99 MiB free in /data: free some"));
    }
}
