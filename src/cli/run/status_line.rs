//! What a terminal or a log is told while the appliance runs.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::appliance::{Board, Status};
use crate::cli::output::without_control;
use crate::source::stream::SourceState;
use crate::view::counted;

/// Between lines, where nothing can be rewritten.
const PLAIN_PERIOD: Duration = Duration::from_secs(30);
/// Between states of the line in a terminal.
const TERMINAL_PERIOD: Duration = Duration::from_millis(500);

/// One line that is written anew in a terminal; elsewhere plain lines now and then, and when the source's state changes.
pub struct StatusLine {
    is_terminal: bool,
    last: Option<Instant>,
    last_look: Option<Instant>,
    state: (SourceState, bool),
}

impl StatusLine {
    /// On standard error, so that events may go to standard output.
    pub fn new() -> Self {
        StatusLine {
            is_terminal: std::io::stderr().is_terminal(),
            last: None,
            last_look: None,
            state: (SourceState::Waiting, false),
        }
    }

    /// Tells the state, when it is time to.
    pub fn show(&mut self, board: &Board) {
        let period = if self.is_terminal { TERMINAL_PERIOD } else { PLAIN_PERIOD };
        let is_due = self.last.is_none_or(|last| last.elapsed() >= period);
        // Asking for the whole state is not for every tick.
        if !is_due && self.last_look.is_some_and(|last| last.elapsed() < TERMINAL_PERIOD) {
            return;
        }
        self.last_look = Some(Instant::now());
        let status = board.status();
        let state = (status.source.state, status.paused);
        if !is_due && state == self.state {
            return;
        }
        self.state = state;
        self.last = Some(Instant::now());
        let text = without_control(&line(&status));
        let mut error = std::io::stderr();
        // Whoever does not read it any more does not miss it.
        let _ = match self.is_terminal {
            true => {
                write!(error, "\r\x1b[K{}", text.chars().take(columns() - 1).collect::<String>())
            }
            false => writeln!(error, "ferscope: {text}"),
        };
        let _ = error.flush();
    }

    /// Leaves the line as it is.
    pub fn finish(&self) {
        if self.is_terminal && self.last.is_some() {
            let _ = writeln!(std::io::stderr());
        }
    }
}

/// Width of the terminal.
fn columns() -> usize {
    console_width().unwrap_or(80).max(20)
}

fn console_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

fn line(status: &Status) -> String {
    let source = &status.source;
    let looking = match (status.paused, source.state) {
        (true, _) => "paused".to_owned(),
        (false, SourceState::Waiting) if source.uri.is_empty() => "starting".to_owned(),
        (false, SourceState::Waiting) => {
            let why = source.problem.as_deref().map_or_else(String::new, |why| format!(" ({why})"));
            format!("waiting for {}{why}", source.uri)
        }
        (false, SourceState::Ended) => "no more frames".to_owned(),
        (false, SourceState::Running) => {
            let faces = counted(status.faces, "face", "faces");
            format!("{faces}, {:.0} frames/s", source.frames_per_second)
        }
    };
    let mut text = format!(
        "{looking} | {} | {}, {:.0} a minute, {} samples",
        counted(status.visits, "visit", "visits"),
        counted(status.explanations, "explanation", "explanations"),
        status.explanations_per_minute,
        status.samples
    );
    for row in &status.expressions {
        if let Some(overlap) = &row.overlap {
            let chance = overlap.chance();
            text += &format!(" | {} {:.2} (chance {chance:.2})", row.expression, overlap.iou);
        }
    }
    if let Some(problem) = &status.store.problem {
        text += &format!(" | NOT WRITTEN: {problem}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::MaskSet;

    #[test]
    fn it_tells_why_nothing_happens() {
        let mut status = Status::new("net", MaskSet::default(), 20);
        assert!(line(&status).starts_with("starting | 0 visits"));
        status.source.uri = "rtsp://camera".to_owned();
        status.source.problem = Some("no route".to_owned());
        assert!(line(&status).starts_with("waiting for rtsp://camera (no route)"));
        status.paused = true;
        assert!(line(&status).starts_with("paused"));
        status.store.problem = Some("disk full".to_owned());
        assert!(line(&status).ends_with("NOT WRITTEN: disk full"));
    }
}
