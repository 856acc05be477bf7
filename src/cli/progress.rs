//! Progress of long work: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::output::print_error;

/// Progress over `total` items.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    what: String,
}

impl Progress {
    /// Progress over `total` of `what` (such as "pictures"); silent for a single one.
    pub fn new(total: usize, what: &str) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal && total > 1 {
            ProgressBar::new(total as u64)
        } else {
            ProgressBar::hidden()
        };
        bar.set_length(total as u64);
        let style =
            ProgressStyle::with_template("{bar:32} {pos}/{len} {msg}  {elapsed} gone, {eta} left")
                .expect("the template is well-formed");
        bar.set_style(style);
        bar.set_message(what.to_owned());
        Progress { bar, plain: !terminal && total > 1, what: what.to_owned() }
    }

    /// One item more is done.
    pub fn advance(&self) {
        self.bar.inc(1);
        let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
        let tenth = (total / 10).max(1);
        if self.plain && (done % tenth == 0 || done == total) {
            print_error(&format!("{done} of {total} {} done", self.what));
        }
    }

    /// Prints a line above the bar, on standard error.
    pub fn print_line(&self, line: &str) {
        self.bar.suspend(|| print_error(line));
    }

    /// Ends the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
