//! `ferscope run --mqtt` with a real Mosquitto on loopback, which comes late, goes and comes back.

mod common;

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest that anything here takes, on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(90);

/// A process with its lines, killed at the end.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command, reads_errors: bool) -> Self {
        let (give, lines) = channel();
        let (output, errors) = match reads_errors {
            true => (Stdio::null(), Stdio::piped()),
            false => (Stdio::piped(), Stdio::inherit()),
        };
        let mut child = command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().unwrap();
        let mut read: Box<dyn std::io::Read + Send> = match reads_errors {
            true => Box::new(child.stderr.take().unwrap()),
            false => Box::new(child.stdout.take().unwrap()),
        };
        std::thread::spawn(move || {
            for line in BufReader::new(&mut read).lines().map_while(Result::ok) {
                let _ = give.send(line);
            }
        });
        Running { child, lines }
    }

    /// The first line for which it is so, and those before it.
    fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) -> (String, Vec<String>) {
        let until = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            if is_it(&line) {
                return (line, before);
            }
            before.push(line);
        }
        panic!("no {what} came, but {before:#?}");
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    fn end(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let folders =
        ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/sbin"];
    let found =
        folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists());
    if found.is_none() {
        common::skip(&format!("{name} is not installed (mosquitto, mosquitto-clients)"));
    }
    found
}

struct Broker {
    program: PathBuf,
    subscriber: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Broker {
    fn new() -> Option<Self> {
        let (program, subscriber) = (program("mosquitto")?, program("mosquitto_sub")?);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Some(Broker { program, subscriber, folder: tempfile::tempdir().unwrap(), port })
    }

    fn start(&self, access: &str) -> Running {
        let file = self.folder.path().join("mosquitto.conf");
        let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let text =
            format!("listener {} 127.0.0.1\nuser {user}\npersistence false\n{access}\n", self.port);
        std::fs::write(&file, text).unwrap();
        let running = Running::start(Command::new(&self.program).arg("-c").arg(&file), true);
        let until = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "the broker does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }

    /// Lines: whether retained, topic, content.
    fn subscribe(&self, login: &[&str]) -> Running {
        let port = self.port.to_string();
        let mut command = Command::new(&self.subscriber);
        command.args(["-h", "127.0.0.1", "-p", &port, "-t", "museum/hall/#", "-F", "%r %t %p"]);
        Running::start(command.args(login), false)
    }
}

fn ferscope(address: &str, more: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferscope"));
    command.current_dir(common::repository());
    command.args(["run", "--source", "demo", "--headless", "--listen", "none", "--samples", "32"]);
    Running::start(command.args(["--mqtt", address]).args(more), true)
}

fn content(line: &str) -> Value {
    serde_json::from_str(line.splitn(3, ' ').nth(2).unwrap()).unwrap()
}

fn is(topic: &'static str) -> impl Fn(&str) -> bool {
    move |line| line.split(' ').nth(1) == Some(&format!("museum/hall/{topic}"))
}

#[test]
fn the_appliance_does_not_mind_that_the_broker_goes() {
    let Some(broker) = Broker::new() else { return };
    let run = ferscope(&format!("mqtt://127.0.0.1:{}/museum/hall", broker.port), &[]);
    run.wait_for("complaint", |line| line.contains("tried again and again"));

    let mosquitto = broker.start("allow_anonymous true");
    let reader = broker.subscribe(&[]);
    let (line, _) = reader.wait_for("online", is("online"));
    assert_eq!(content(&line)["online"], true, "{line}");
    let (line, _) = reader.wait_for("status", is("status"));
    assert_eq!(content(&line)["status"]["expressions"][0]["expression"], "anger", "{line}");
    let (line, before) = reader.wait_for("explanation", is("explained"));
    let explained = content(&line);
    assert!(explained["samples"] == 32 && explained["r2"].is_number(), "{line}");
    assert!(explained.get("visit").is_none(), "numbers of persons stay on the device: {line}");
    assert!(!before.iter().any(|line| is("face")(line)), "{before:#?}");

    drop(mosquitto);
    run.wait_for("complaint", |line| line.contains("tried again and again"));
    std::thread::sleep(Duration::from_secs(3));
    let _mosquitto = broker.start("allow_anonymous true");
    run.wait_for("good news", |line| line.contains("published again"));
    let reader = broker.subscribe(&[]);
    reader.wait_for("explanation", is("explained"));
    reader.wait_for("status that counts what was lost", |line| {
        is("status")(line) && content(line)["dropped_events"].as_u64().unwrap() > 0
    });

    run.signal("TERM");
    assert!(run.end().success());
    let late = broker.subscribe(&[]);
    let (line, _) = late.wait_for("retained goodbye", is("online"));
    assert_eq!(line, r#"1 museum/hall/online {"online":false}"#);
}

#[test]
fn a_broker_may_want_a_password_and_tells_when_the_appliance_was_killed() {
    let (Some(broker), Some(passwords)) = (Broker::new(), program("mosquitto_passwd")) else {
        return;
    };
    let (file, password) =
        (broker.folder.path().join("users"), broker.folder.path().join("password"));
    let made =
        Command::new(passwords).arg("-b").arg("-c").arg(&file).args(["eve", "a secret"]).status();
    assert!(made.unwrap().success());
    let _mosquitto =
        broker.start(&format!("allow_anonymous false\npassword_file {}", file.display()));
    let address = format!("mqtt://eve@127.0.0.1:{}/museum/hall", broker.port);
    let more = ["--mqtt-faces", "--mqtt-password-file", password.to_str().unwrap()];

    std::fs::write(&password, "wrong\n").unwrap();
    let mut refused = ferscope(&address, &more);
    let (line, _) = refused.wait_for("complaint", |line| line.contains("tried again and again"));
    assert!(!line.contains("wrong"), "{line}");
    assert!(refused.child.try_wait().unwrap().is_none(), "all else goes on");
    drop(refused);

    std::fs::write(&password, "a secret\n").unwrap();
    let reader = broker.subscribe(&["-u", "eve", "-P", "a secret"]);
    let mut run = ferscope(&address, &more);
    let (line, _) = reader.wait_for("face", is("face"));
    assert!(content(&line)["visit"].is_number(), "{line}");
    let (line, _) = reader.wait_for("explanation", is("explained"));
    assert!(content(&line)["visit"].is_number(), "{line}");
    run.child.kill().unwrap();
    let (line, _) = reader.wait_for("last will", is("online"));
    assert_eq!(content(&line)["online"], false, "{line}");
}

#[test]
fn a_broker_that_never_answers_holds_nothing_up() {
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("mqtt://{}/a", deaf.local_addr().unwrap());
    let events = tempfile::NamedTempFile::new().unwrap();
    let run = ferscope(&address, &["--events", events.path().to_str().unwrap()]);
    let until = Instant::now() + PATIENCE;
    let said = || std::fs::read_to_string(events.path()).unwrap();
    while !said().contains(r#""event":"explained""#) {
        assert!(Instant::now() < until, "nothing is explained");
        std::thread::sleep(Duration::from_millis(100));
    }
    run.signal("TERM");
    let asked = Instant::now();
    assert!(run.end().success());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
}

#[test]
fn what_is_wrong_with_an_address_is_told() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferscope"));
    command.args(["run", "--mqtt", "mqtt://eve:secret@hub/a"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("--mqtt-password-file"), "{said}");
}
