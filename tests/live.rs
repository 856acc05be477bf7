//! The appliance as a process: killed, resumed, paused, ended, and looked through for what it must not keep.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ferscope::store::read_session;
use serde_json::Value;

/// The appliance on the demo, played faster than people move so that a second has many visits.
fn appliance(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferscope"));
    command
        .current_dir(folder)
        .env("FERSCOPE_MODELS", common::repository().join("models"))
        .args(["run", "--source", "demo", "--headless", "--listen", "none", "--samples", "8"])
        .args(["--frames-per-second", "12", "--session", "session.sqlite"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Events of the running appliance.
struct Running {
    child: Child,
    events: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Running {
    fn start(folder: &Path, options: &[&str]) -> Self {
        let mut child = appliance(folder, options).args(["--events", "-"]).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, events }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// The next event of that kind.
    fn wait_for(&mut self, kind: &str) -> Value {
        self.events
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .find(|event| event["event"] == kind)
            .unwrap_or_else(|| panic!("no event `{kind}`"))
    }
}

/// A test that fails leaves nothing running.
impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn explanations(folder: &Path) -> u64 {
    read_session(&folder.join("session.sqlite")).unwrap().counts().explanations
}

/// After a kill at any moment the file opens, and holds every explanation that was told to be committed. FERSCOPE_KILLS sets how often.
#[test]
fn kills_lose_no_committed_explanation() {
    let kills = std::env::var("FERSCOPE_KILLS").map_or(6, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut stream = ferscope::random::Stream::new(0, "kills", "tests/live");
    let mut before = 0;
    for kill in 0..kills {
        let mut running = Running::start(folder.path(), &["--commit-period", "20 ms"]);
        let first = running.wait_for("committed")["explanations"].as_u64().unwrap();
        assert!(first >= before, "kill {kill}: it goes on where it was");
        let moment = Duration::from_millis(stream.below(700) as u64);
        std::thread::sleep(moment);
        running.signal("KILL");
        running.child.wait().unwrap();
        // What it still had told.
        let told = running
            .events
            .by_ref()
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
            .filter(|event| event["event"] == "committed")
            .last()
            .map_or(first, |event| event["explanations"].as_u64().unwrap());
        let kept = explanations(folder.path());
        assert!(kept >= told, "kill {kill}: {told} were committed, {kept} are there");
        before = kept;
    }
    assert!(before > 0);
    let content = read_session(&folder.path().join("session.sqlite")).unwrap();
    let pooled: u64 = content.sums.iter().map(|sums| sums.pooled().explanations()).sum();
    assert_eq!(pooled, content.counts().explanations, "sums and counts are of one moment");
}

#[test]
fn it_ends_within_a_second_with_everything_committed() {
    let folder = tempfile::tempdir().unwrap();
    // Explanations that rest most of the time do not hold the end up either.
    let options = ["--commit-period", "1 h", "--explain-cores", "0.02"];
    let mut running = Running::start(folder.path(), &options);
    for _ in 0..3 {
        running.wait_for("explained");
    }
    let start = Instant::now();
    running.signal("TERM");
    let status = running.child.wait().unwrap();
    assert!(status.success(), "{status}");
    // Twice the promise, for busy machines.
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(explanations(folder.path()) >= 3);
}

/// A signal, as from a button at a GPIO pin, stops looking at once; another one looks again.
#[test]
fn a_pause_stops_looking() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    running.wait_for("explained");
    running.signal("USR1");
    std::thread::sleep(Duration::from_millis(700));
    let start = Instant::now();
    let pause = Duration::from_secs(2);
    running.signal("USR1");
    running.wait_for("explained");
    running.signal("USR1");
    std::thread::sleep(Duration::from_millis(700));
    let before = explanations_told(&mut running, pause);
    assert_eq!(before, 0, "nobody is looked at while paused, {:?} after it began", start.elapsed());
    running.signal("TERM");
    assert!(running.child.wait().unwrap().success());
}

/// How many faces were told, or explanations made, within `span` from the end of the 700 ms in which what was at work ends.
fn explanations_told(running: &mut Running, span: Duration) -> usize {
    let began = now();
    std::thread::sleep(span);
    running.signal("TERM");
    running
        .events
        .by_ref()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<Value>(&line).ok())
        .filter(|event| event["event"] == "explained" || event["event"] == "face")
        .filter(|event| event["unix_seconds"].as_f64().unwrap() > began)
        .count()
}

fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

/// A session goes on only with the same network, masks and gate; the difference is said.
#[test]
fn another_configuration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    running.wait_for("committed");
    running.signal("TERM");
    assert!(running.child.wait().unwrap().success());
    for (options, word) in [
        (["--masks", "au-centres"], "masks is"),
        (["--network", "weinet-7"], "network is"),
        (["--least-eye-distance", "60"], "least_eye_distance is"),
        (["--detector", "256"], "detector is"),
    ] {
        let output = appliance(folder.path(), &options).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(word) && told.contains("session.sqlite"), "{told}");
    }
}

/// Nothing but the session's file is written, and in it are sums and settings alone.
#[test]
fn a_run_keeps_nothing_of_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    let face = running.wait_for("face");
    for _ in 0..5 {
        running.wait_for("committed");
    }
    // While it runs, and what a kill leaves, are looked through too.
    running.signal("KILL");
    running.child.wait().unwrap();
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| name.starts_with("session.sqlite")), "{names:?}");
    for name in &names {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
        for picture in [&b"\xff\xd8\xff\xe0\x00\x10JFIF"[..], b"\x89PNG\r\n\x1a\n"] {
            assert!(!contains(picture), "{name} holds a picture");
        }
        // Numbers of one person that were told as events are nowhere in it: two that follow each other, since one may be anything.
        for key in ["probabilities", "bounding_box"] {
            let values = face[key].as_array().unwrap().iter();
            let values: Vec<f32> = values.map(|value| value.as_f64().unwrap() as f32).collect();
            for pair in values.windows(2) {
                let singles: Vec<u8> = pair.iter().flat_map(|v| v.to_le_bytes()).collect();
                let doubles: Vec<u8> =
                    pair.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect();
                assert!(!contains(&singles) && !contains(&doubles), "{name} holds {key}");
            }
        }
    }
    let database = rusqlite::Connection::open(folder.path().join("session.sqlite")).unwrap();
    let columns: Vec<String> = database
        .prepare(
            "SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
             WHERE t.type = 'table' ORDER BY 1",
        )
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        columns,
        [
            "configuration.name",
            "configuration.value",
            "session.explanations",
            "session.id",
            "session.visits",
            "sums.expression",
            "sums.maps",
            "sums.part",
            "sums.sums"
        ]
    );
    let others: i64 = database
        .query_row(
            "SELECT count(*) FROM sums WHERE part NOT IN ('visits', 'pooled') AND part NOT LIKE 'group-_'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(others, 0);
}

/// A source that is not there is waited for, and the appliance begins when it comes.
#[test]
fn a_missing_source_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let film = common::repository().join("demo");
    let late = folder.path().join("film");
    let mut child = Command::new(env!("CARGO_BIN_EXE_ferscope"))
        .current_dir(folder.path())
        .env("FERSCOPE_MODELS", common::repository().join("models"))
        .args(["run", "--source", "film", "--repeat", "--headless", "--listen", "none"])
        .args(["--frames-per-second", "4", "--samples", "8", "--events", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let events = BufReader::new(child.stdout.take().unwrap()).lines();
    std::thread::sleep(Duration::from_millis(1200));
    assert!(child.try_wait().unwrap().is_none(), "it waits");
    std::os::unix::fs::symlink(film, late).unwrap();
    let mut running = Running { child, events };
    running.wait_for("face");
    running.signal("TERM");
    assert!(running.child.wait().unwrap().success());
}

/// systemd is told when it is ready, that it lives, and that it ends.
#[test]
fn systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut child = appliance(folder.path(), &[])
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "600000")
        .spawn()
        .unwrap();
    let mut buffer = [0; 256];
    let mut told = || {
        let length = socket.recv(&mut buffer).expect("something is told");
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(told(), "READY=1");
    for _ in 0..3 {
        assert_eq!(told(), "WATCHDOG=1");
    }
    let pid = child.id().to_string();
    Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap();
    while told() != "STOPPING=1" {}
    assert!(child.wait().unwrap().success());
}

/// Pictures come to an end, and so does the run, after the last face is explained and committed.
#[test]
fn a_film_ends() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        appliance(folder.path(), &["--repeat", "false", "--min-visits", "1"]).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("visits") && told.contains("overlap with the Ekman mask"), "{told}");
    assert!(explanations(folder.path()) > 5, "{told}");
}

#[test]
fn settings_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ferscope.toml");
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_ferscope"))
            .args(["config", "check"])
            .arg(&file)
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let default = Command::new(env!("CARGO_BIN_EXE_ferscope")).args(["config", "default"]).output();
    let default = String::from_utf8(default.unwrap().stdout).unwrap();
    assert_eq!(check(&default).0, Some(0));
    for (text, word) in [
        ("seed = 1\nsesion = 'x'", "line 2, column 1"),
        ("commit_period = '1 fortnight'", "needs a unit"),
        ("samples = 1.5", "whole number"),
        ("detector = '300'", "192"),
        ("epsilon = -1", "above 0"),
        ("min_visits = 0", "from 1"),
        ("least_probability = 3", "0 to 1"),
        ("notice = ", "line 1"),
    ] {
        let (code, told) = check(text);
        assert_eq!(code, Some(2), "{text}: {told}");
        assert!(told.contains(word) && told.contains("ferscope.toml"), "{text}: {told}");
    }
}
