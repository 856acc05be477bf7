//! `--events`: what happens, as JSON lines.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Receiver;

use super::Failure;
use crate::appliance::{Events, TimedEvent};
use crate::cli::output::{complain, create_folder_of};

/// Writes events until nothing makes any.
pub struct EventWriter(Option<JoinHandle<()>>);

impl Drop for EventWriter {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // What it could say it has said.
            let _ = thread.join();
        }
    }
}

/// Opens what events are written to: a file, which grows, or `-` for standard output.
pub fn start(target: Option<&str>, events: &mut Events) -> Result<EventWriter, Failure> {
    let Some(target) = target else { return Ok(EventWriter(None)) };
    let writer: Box<dyn Write + Send> = match target {
        "-" => Box::new(std::io::stdout()),
        path => {
            let path = Path::new(path);
            create_folder_of(path)?;
            let file = File::options().create(true).append(true).open(path).map_err(|error| {
                Failure::Usage(format!("{}: cannot be written: {error}", path.display()))
            })?;
            Box::new(file)
        }
    };
    let name = target.to_owned();
    let take = events.listen(true);
    let thread = std::thread::Builder::new()
        .name("events".to_owned())
        .spawn(move || write_all(&take, writer, &name))
        .map_err(|error| Failure::Output(format!("events cannot be written: {error}")))?;
    Ok(EventWriter(Some(thread)))
}

fn write_all(take: &Receiver<Arc<TimedEvent>>, writer: Box<dyn Write + Send>, name: &str) {
    let mut writer = BufWriter::new(writer);
    for event in take {
        let mut write = || -> std::io::Result<()> {
            serde_json::to_writer(&mut writer, &*event)?;
            writer.write_all(b"\n")?;
            // Whoever reads along wants whole lines at once.
            if take.is_empty() { writer.flush() } else { Ok(()) }
        };
        if let Err(error) = write() {
            // The appliance goes on: events are dropped, and counted, from here on.
            complain(&format!("{name}: events cannot be written any more: {error}"));
            return;
        }
    }
}
