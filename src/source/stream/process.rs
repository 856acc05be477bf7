//! A child process with all that it starts: killed and reaped, frozen or not.

use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::SourceError;

/// How long a child that has closed its output may take to end.
const LONGEST_FAREWELL: Duration = Duration::from_millis(500);

/// A process group that ends with this.
pub struct Process {
    child: std::process::Child,
    /// Its number may be another's.
    is_reaped: bool,
}

impl Process {
    /// Starts it, in a group of its own and with nothing to read.
    pub fn start(mut command: Command) -> Result<(Self, ChildStdout, ChildStderr), SourceError> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().map_err(|error| SourceError::Start {
            program: command.get_program().display().to_string(),
            error,
        })?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let process = Process { child, is_reaped: false };
        Ok((process, output.expect("piped"), errors.expect("piped")))
    }

    /// How it ended by itself, if it did so within a moment; kills what is left of it.
    pub fn end(mut self) -> Option<ExitStatus> {
        let began = Instant::now();
        while !self.has_ended() {
            if began.elapsed() > LONGEST_FAREWELL {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.kill_and_reap()
    }

    /// Looks without reaping: the group's number must not be given to another before the group is killed.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
    }

    fn kill_and_reap(&mut self) -> Option<ExitStatus> {
        if self.is_reaped {
            return None;
        }
        self.is_reaped = true;
        // Also what is frozen obeys this.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        self.child.wait().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_and_reap();
    }
}
