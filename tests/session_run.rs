//! `ferscope run --session` where the disk fills up and empties again.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use common::session::SmallDisk;
use ferscope::store::{SessionContent, read_session};

/// The longest that anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

struct Appliance {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Appliance {
    /// Looks at the demo at many times its pace.
    fn start(session: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ferscope"))
            .args(["run", "--source", "demo", "--frames-per-second", "20", "--samples", "4"])
            .args(["--headless", "--listen", "none", "--commit-period", "100 ms", "--session"])
            .arg(session)
            .env("FERSCOPE_MODELS", common::repository().join("models"))
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = listen(child.stderr.take().unwrap());
        Appliance { child, lines, heard: Vec::new() }
    }

    /// Waits until it says that.
    fn expect(&mut self, words: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.heard.last().is_some_and(|line| line.contains(words)) {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.heard.push(line),
                Err(_) => panic!("never said: {words}\n{}", self.heard.join("\n")),
            }
        }
    }

    /// Ends it; all that it said.
    fn end(mut self) -> Vec<String> {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.child.wait().unwrap();
        self.heard.extend(self.lines.iter());
        std::mem::take(&mut self.heard)
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn listen(stderr: ChildStderr) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            let _ = tell.send(line);
        }
    });
    lines
}

fn wait_for(path: &Path, is_enough: impl Fn(&SessionContent) -> bool) -> SessionContent {
    let until = Instant::now() + PATIENCE;
    loop {
        match read_session(path) {
            Ok(content) if is_enough(&content) => return content,
            result => assert!(Instant::now() < until, "{result:?}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn count(heard: &[String], words: &str) -> usize {
    heard.iter().filter(|line| line.contains(words)).count()
}

const KEPT_IN_MEMORY: &str = "what is learnt stays in memory until it can be written";
const WRITTEN_AGAIN: &str = "the session is written again";

#[test]
fn a_disk_that_fills_up_costs_nothing_but_one_warning() {
    let Some(disk) = SmallDisk::new(24 * 1024) else { return };
    let path = disk.path().join("hall.sqlite");
    let mut appliance = Appliance::start(&path);
    let before = wait_for(&path, |content| content.counts().explanations > 2).counts();
    disk.fill();
    appliance.expect(KEPT_IN_MEMORY);
    // Long enough for another attempt.
    std::thread::sleep(Duration::from_secs(6));
    disk.make_room();
    appliance.expect(WRITTEN_AGAIN);
    let after = wait_for(&path, |content| content.counts().explanations > before.explanations);
    let heard = appliance.end();
    assert_eq!(count(&heard, KEPT_IN_MEMORY), 1, "{heard:?}");
    let pooled: u64 = after.sums.iter().map(|sums| sums.pooled().explanations()).sum();
    assert_eq!(pooled, after.counts().explanations, "none was lost");

    // Started on a full disk, it goes on all the same.
    let old = read_session(&path).unwrap().counts();
    disk.fill();
    let mut appliance = Appliance::start(&path);
    appliance.expect(KEPT_IN_MEMORY);
    disk.make_room();
    appliance.expect(WRITTEN_AGAIN);
    wait_for(&path, |content| content.counts().explanations > old.explanations);
    let heard = appliance.end();
    assert_eq!(count(&heard, KEPT_IN_MEMORY), 1, "{heard:?}");
}

#[test]
fn a_session_that_comes_to_light_later_is_added_to() {
    let Some(disk) = SmallDisk::new(24 * 1024) else { return };
    let path = disk.path().join("hall.sqlite");
    let elsewhere = tempfile::tempdir().unwrap();
    let first: PathBuf = elsewhere.path().join("first.sqlite");
    let appliance = Appliance::start(&first);
    wait_for(&first, |content| content.counts().explanations > 2);
    appliance.end();
    let before = read_session(&first).unwrap();
    // The disk is full when the appliance starts; then there is room, and on it an older session.
    disk.fill();
    let mut appliance = Appliance::start(&path);
    appliance.expect(KEPT_IN_MEMORY);
    disk.make_room();
    std::fs::copy(&first, &path).unwrap();
    let old = before.counts();
    wait_for(&path, |content| content.counts().explanations > old.explanations);
    appliance.end();
    let after = read_session(&path).unwrap();
    assert_eq!(after.sessions.len(), 1);
    assert!(after.counts().visits >= old.visits);
    let pooled: u64 = after.sums.iter().map(|sums| sums.pooled().explanations()).sum();
    assert_eq!(pooled, after.counts().explanations);
    for (mine, theirs) in after.sums.iter().zip(&before.sums) {
        assert!(mine.pooled().explanations() >= theirs.pooled().explanations());
    }
}
