//! The program as users run it.

use std::path::Path;
use std::process::{Command, Output};

/// The program with these arguments, and the repository's networks.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferscope"));
    command.args(arguments).env("FERSCOPE_MODELS", super::repository().join("models"));
    command
}

/// Runs it to its end.
pub fn ferscope(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// Runs it, which must succeed, and tells what it printed.
pub fn succeed(arguments: &[&str]) -> String {
    let output = ferscope(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What it printed on standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
