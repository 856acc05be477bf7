//! Frames from a pipe: of a child process, or standard input. Nothing here waits longer than the patience granted.

use std::cell::RefCell;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{ChildStderr, Command};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::SourceError;
use super::decoder::Decoder;
use super::feed::{Feed, Next};
use super::line::SLICE;
use super::process::Process;
use super::shared::{Impatience, Shared};
use super::uri::hide_passwords;

/// How long the last messages of a child that has closed its output are waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// The most of a message's line that is kept, in bytes.
const LONGEST_LINE: usize = 400;

/// A pipe and what is decoded from it.
pub struct PipeFeed {
    process: Option<Process>,
    /// Made once the first bytes are there.
    decoder: Option<Decoder<PipeRead>>,
    pipe: Option<PipeRead>,
    told: Rc<RefCell<LastLine>>,
    gave_frames: bool,
}

impl PipeFeed {
    pub fn of_child(command: Command, shared: &Arc<Shared>) -> Result<Self, SourceError> {
        let (process, output, messages) = Process::start(command)?;
        Ok(Self::new(Some(process), File::from(OwnedFd::from(output)), Some(messages), shared))
    }

    pub fn of_standard_input(shared: &Arc<Shared>) -> Result<Self, SourceError> {
        let input = std::io::stdin();
        if input.is_terminal() {
            return Err(SourceError::Ended {
                how: "standard input is a terminal: pipe MJPEG or Y4M into it".to_owned(),
                told: None,
            });
        }
        // Past the standard library's own buffer, whose bytes cannot be polled for.
        Ok(Self::new(None, File::from(input.as_fd().try_clone_to_owned()?), None, shared))
    }

    fn new(
        process: Option<Process>,
        output: File,
        messages: Option<ChildStderr>,
        shared: &Arc<Shared>,
    ) -> Self {
        let told = Rc::new(RefCell::new(LastLine::default()));
        let pipe = PipeRead { output, messages, told: told.clone(), shared: shared.clone() };
        PipeFeed { process, decoder: None, pipe: Some(pipe), told, gave_frames: false }
    }

    fn decode(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError> {
        if let Some(pipe) = self.pipe.take() {
            self.decoder = Some(Decoder::new(pipe)?);
        }
        match &mut self.decoder {
            Some(decoder) => decoder.next(picture),
            None => Ok(Next::End(None)),
        }
    }

    fn told(&self) -> Option<String> {
        self.told.borrow().text()
    }
}

impl Feed for PipeFeed {
    fn next(&mut self, picture: &mut RgbImage) -> Result<Next, SourceError> {
        match self.decode(picture) {
            Ok(Next::End(None)) => {
                let Some(process) = self.process.take() else { return Ok(Next::End(None)) };
                let how = match process.end() {
                    Some(status) if status.success() && self.gave_frames => {
                        return Ok(Next::End(None));
                    }
                    Some(status) if status.success() => {
                        "its program ended without a frame".to_owned()
                    }
                    Some(status) => format!("its program ended ({status})"),
                    None => "its program closed its output".to_owned(),
                };
                Ok(Next::End(Some(SourceError::Ended { how, told: self.told() })))
            }
            Err(SourceError::Read(error)) => Err(match impatience(&error) {
                Some(Impatience::Silent(after)) => SourceError::Silent { after, told: self.told() },
                _ => SourceError::Read(error),
            }),
            Ok(Next::Picture(captured)) => {
                self.gave_frames = true;
                Ok(Next::Picture(captured))
            }
            other => other,
        }
    }
}

/// What [`PipeRead`] wrapped, if it did.
fn impatience(error: &std::io::Error) -> Option<Impatience> {
    error.get_ref()?.downcast_ref().copied()
}

/// Reads what a child writes, and takes in its messages meanwhile, so that it is never kept waiting for a reader of those.
struct PipeRead {
    output: File,
    messages: Option<ChildStderr>,
    told: Rc<RefCell<LastLine>>,
    shared: Arc<Shared>,
}

impl Read for PipeRead {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let left = self.shared.patience().map_err(std::io::Error::other)?;
            let ready = self.wait(left.min(SLICE))?;
            if ready.messages {
                self.read_messages();
            }
            if ready.output {
                let read = self.output.read(buffer)?;
                if read == 0 {
                    self.read_last_messages();
                }
                return Ok(read);
            }
        }
    }
}

struct Ready {
    output: bool,
    messages: bool,
}

impl PipeRead {
    fn wait(&self, time: Duration) -> std::io::Result<Ready> {
        let mut pipes = vec![PollFd::new(&self.output, PollFlags::IN)];
        pipes.extend(self.messages.iter().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let time = Timespec::try_from(time).expect("less than a second");
        match poll(&mut pipes, Some(&time)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Ready { output: false, messages: false }),
            Err(error) => return Err(error.into()),
        }
        let is_ready = |place: usize| pipes.get(place).is_some_and(|p| !p.revents().is_empty());
        Ok(Ready { output: is_ready(0), messages: is_ready(1) })
    }

    fn read_messages(&mut self) {
        let mut bytes = [0; 4096];
        let read = self.messages.as_mut().map_or(Ok(0), |messages| messages.read(&mut bytes));
        match read {
            Ok(read) if read > 0 => self.told.borrow_mut().add(&bytes[..read]),
            _ => self.messages = None,
        }
    }

    fn read_last_messages(&mut self) {
        let began = std::time::Instant::now();
        while self.messages.is_some() && began.elapsed() < LAST_WORDS {
            let Some(messages) = &self.messages else { return };
            let mut pipes = [PollFd::new(messages, PollFlags::IN)];
            let time = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            if poll(&mut pipes, Some(&time)).is_ok_and(|ready| ready > 0) {
                self.read_messages();
            }
        }
    }
}

/// The last line of a child's messages that says something.
#[derive(Default)]
struct LastLine {
    whole: Vec<u8>,
    begun: Vec<u8>,
}

impl LastLine {
    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte != b'\n' && byte != b'\r' {
                if self.begun.len() < LONGEST_LINE {
                    self.begun.push(byte);
                }
            } else {
                if !self.begun.trim_ascii().is_empty() {
                    std::mem::swap(&mut self.whole, &mut self.begun);
                }
                self.begun.clear();
            }
        }
    }

    fn text(&self) -> Option<String> {
        let line = [&self.begun, &self.whole].map(|line| line.trim_ascii());
        let line = line.into_iter().find(|line| !line.is_empty())?;
        Some(hide_passwords(&String::from_utf8_lossy(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_kept_without_passwords() {
        let mut line = LastLine::default();
        assert_eq!(line.text(), None);
        for part in ["one\ntw", "o rtsp://u:geheim@h\n", " \r\n"] {
            line.add(part.as_bytes());
        }
        assert_eq!(line.text().unwrap(), "two rtsp://u:***@h");
        line.add(&[b'x'; 10_000]);
        assert_eq!(line.text().unwrap().len(), LONGEST_LINE);
    }
}
