//! `--events`: what happens, as JSON lines.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::Failure;
use crate::appliance::{Events, TimedEvent};
use crate::cli::output::{complain, create_folder_of};

/// How long the last events may take when all ends: whoever reads them may have stopped reading.
const GOODBYE: Duration = Duration::from_secs(1);

/// Writes events until nothing makes any. Dropped, it waits for the last ones.
pub struct EventWriter(Option<Receiver<()>>);

impl Drop for EventWriter {
    fn drop(&mut self) {
        if let Some(ended) = &self.0 {
            let _ = ended.recv_timeout(GOODBYE);
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
    let dropped = events.dropped();
    let (end, ended) = bounded(0);
    std::thread::Builder::new()
        .name("events".to_owned())
        .spawn(move || {
            write_all(&take, writer, &name, &dropped);
            drop::<Sender<()>>(end);
        })
        .map_err(|error| Failure::Output(format!("events cannot be written: {error}")))?;
    Ok(EventWriter(Some(ended)))
}

fn write_all(
    take: &Receiver<Arc<TimedEvent>>,
    mut writer: impl Write,
    name: &str,
    dropped: &AtomicU64,
) {
    let mut is_failing = false;
    for event in take {
        // What was cut off in the middle of a line ends there.
        let mut line = if is_failing { b"\n".to_vec() } else { Vec::new() };
        serde_json::to_writer(&mut line, &*event).expect("events are plain data");
        line.push(b'\n');
        // Whoever reads along wants whole lines at once.
        match (writer.write_all(&line).and_then(|()| writer.flush()), is_failing) {
            (Ok(()), false) => {}
            (Ok(()), true) => {
                complain(&format!("{name}: events are written again"));
                is_failing = false;
            }
            (Err(error), was_failing) => {
                dropped.fetch_add(1, Relaxed);
                if !was_failing {
                    // The appliance goes on, and the next event is tried: there may be room again.
                    complain(&format!("{name}: events cannot be written: {error}"));
                }
                is_failing = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::appliance::Event;

    /// A disk that is full for a while, in the middle of a line.
    #[derive(Default)]
    struct Disk {
        written: Vec<u8>,
        is_full: bool,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.is_full {
                self.is_full = false;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let taken = if self.written.is_empty() { 3 } else { bytes.len() };
            self.is_full = self.written.is_empty();
            self.written.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn after_a_full_disk_events_go_on_in_a_new_line() {
        let mut events = Events::none();
        let take = events.listen(true);
        (1..=3).for_each(|visit| events.send(|| Event::VisitEnded { visit }));
        let dropped = events.dropped();
        drop(events);
        let mut disk = Disk::default();
        write_all(&take, &mut disk, "disk", &dropped);
        let text = String::from_utf8(disk.written).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!((lines.len(), lines[0].len(), dropped.load(Relaxed)), (3, 3, 1));
        for (line, visit) in lines[1..].iter().zip([2, 3]) {
            assert_eq!(serde_json::from_str::<serde_json::Value>(line).unwrap()["visit"], visit);
        }
    }
}
