//! What several test files need.
#![allow(dead_code, reason = "each test file uses its own part")]

pub mod program;
pub mod session;

use std::io::Write;
use std::path::{Path, PathBuf};

use ferscope::appliance::{self, FaceFinder, Options};
use ferscope::network::Network;

/// The folder of Cargo.toml.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Data that may not be published, where a developer has them; tests that need them skip with a message elsewhere.
pub fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("FERSCOPE_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from);
    let path = root.join(path);
    if !path.exists() {
        skip(&path.display().to_string());
        return None;
    }
    Some(path)
}

/// Says what a test leaves out for want of `what`, past the test runner's capture, and notes it for scripts/test.
pub fn skip(what: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let line = format!("{test}: {what}\n");
    let _ = write!(std::io::stderr(), "skipped: {line}");
    if let Some(list) = std::env::var_os("FERSCOPE_SKIPPED") {
        let list = std::fs::OpenOptions::new().create(true).append(true).open(list);
        list.and_then(|mut list| list.write_all(line.as_bytes())).unwrap();
    }
}

pub fn options() -> Options {
    Options {
        models: repository().join("models"),
        network: appliance::DEFAULT_NETWORK.to_owned(),
        detector_size: 256,
        shape_predictor: None,
        epsilon: appliance::DEFAULT_EPSILON,
        threads: 1,
    }
}

pub fn classifier(threads: usize) -> Network {
    appliance::open_classifier(&Options { threads, ..options() }).unwrap()
}

/// Writes the live default, which is quick, as a network of one's own with a description beside it; returns its file.
pub fn own_network(folder: &Path, name: &str) -> PathBuf {
    copied_network(folder, name, "[0.0, 255.0]")
}

/// One that takes every crop for a brighter one, so that its answers are others.
pub fn brightening_network(folder: &Path, name: &str) -> PathBuf {
    copied_network(folder, name, "[60.0, 315.0]")
}

fn copied_network(folder: &Path, name: &str, range: &str) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let file = folder.join(format!("{name}.onnx"));
    std::fs::copy(repository().join("models/face-api-expression.onnx"), &file).unwrap();
    let description = format!(
        "classes = [\"neutral\", \"happiness\", \"sadness\", \"anger\", \"fear\", \"disgust\", \"surprise\"]\n\
        [input]\nwidth = 112\nheight = 112\ncolour = \"grey\"\nrange = {range}\nlayout = \"nchw\"\n"
    );
    std::fs::write(file.with_extension("toml"), description).unwrap();
    file
}

pub fn finder() -> FaceFinder {
    FaceFinder::open(&options()).unwrap()
}

/// All pictures of a folder, in order.
pub fn pictures(folder: &Path) -> Vec<PathBuf> {
    let (pictures, problems) = ferscope::source::list_pictures(&[folder.to_owned()]);
    assert!(problems.is_empty(), "{problems:?}");
    pictures.into_iter().map(|picture| picture.path).collect()
}
