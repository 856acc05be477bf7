//! `--mqtt`: what happens, for a broker.
//!
//! Two threads: one turns events into messages and drops them where the broker is away or slow; one keeps the connection.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rumqttc::{Client, Connection, LastWill, MqttOptions, Outgoing, Packet, QoS, Request};

use super::broker::BrokerAddress;
use super::{Failure, Settings};
use crate::appliance::{Event, Events, TimedEvent};
use crate::cli::output::complain;
use crate::files;

/// Messages that wait for the broker.
const WAITING: usize = 256;
/// Between attempts to reach the broker: the first pause, and the longest.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A broker that does not answer for so long is given up.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const CONNECTION_TIMEOUT_SECONDS: u64 = 5;
/// The longest that saying goodbye takes.
const GOODBYE: Duration = Duration::from_millis(300);

/// Publishes events until nothing makes any.
pub struct Publisher {
    /// Closed when the connection's thread has ended.
    ended: Receiver<()>,
}

impl Publisher {
    /// Says goodbye to the broker, once nothing makes events any more.
    pub fn finish(self) {
        // A broker that does not take the goodbye sends the will in its place.
        let _ = self.ended.recv_timeout(GOODBYE);
    }
}

/// Begins to publish, where that is asked for.
pub fn start(settings: &Settings, events: &mut Events) -> Result<Option<Publisher>, Failure> {
    let Some(address) = &settings.mqtt else { return Ok(None) };
    let wants_faces = settings.mqtt_faces.unwrap_or(false);
    let (client, mut connection) = Client::new(options(address, settings)?, WAITING);
    connection.eventloop.network_options.set_connection_timeout(CONNECTION_TIMEOUT_SECONDS);
    let link = Arc::new(Link {
        client,
        prefix: address.prefix.clone(),
        name: format!("mqtt {}:{}", address.host, address.port),
        is_connected: AtomicBool::new(false),
        last_status: Mutex::new(None),
        dropped: events.dropped(),
    });
    let take = events.listen(wants_faces);
    let (finish, finished) = bounded(0);
    let (end, ended) = bounded(0);
    let publishing = link.clone();
    let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(work)
            .map_err(|error| Failure::Output(format!("events cannot be published: {error}")))
    };
    spawn("publish", Box::new(move || publishing.publish_all(&take, wants_faces, finish)))?;
    spawn(
        "mqtt",
        Box::new(move || {
            link.stay_connected(&mut connection, &finished);
            drop::<Sender<()>>(end);
        }),
    )?;
    Ok(Some(Publisher { ended }))
}

fn options(address: &BrokerAddress, settings: &Settings) -> Result<MqttOptions, Failure> {
    // No two clients of a broker may have one name; longer ones need not be taken.
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let name = format!("ferscope{:x}{:x}", std::process::id(), since.subsec_nanos());
    let mut options = MqttOptions::new(name, &address.host, address.port);
    options.set_keep_alive(KEEP_ALIVE);
    // A status is some kilobytes.
    options.set_max_packet_size(64 << 10, 1 << 20);
    let online = format!("{}/online", address.prefix);
    options.set_last_will(LastWill::new(online, online_payload(false), QoS::AtLeastOnce, true));
    let password = match &settings.mqtt_password_file {
        None => String::new(),
        Some(path) => {
            let wrong = |what: &dyn std::fmt::Display| {
                Failure::Usage(format!("--mqtt-password-file {}: {what}", path.display()))
            };
            let bytes =
                files::read(path, files::LARGEST_SMALL_FILE).map_err(|error| wrong(&error))?;
            let text = String::from_utf8(bytes).map_err(|error| wrong(&error))?;
            text.lines().next().unwrap_or_default().to_owned()
        }
    };
    match &address.user {
        Some(user) => drop(options.set_credentials(user, password)),
        None if !password.is_empty() => {
            let what = "--mqtt-password-file needs a user: mqtt://user@host/topic-prefix";
            return Err(Failure::Usage(what.to_owned()));
        }
        None => {}
    }
    Ok(options)
}

fn online_payload(is_online: bool) -> String {
    serde_json::json!({ "online": is_online }).to_string()
}

/// What both threads know.
struct Link {
    client: Client,
    prefix: String,
    /// Of the broker, for messages.
    name: String,
    is_connected: AtomicBool,
    /// For a broker that comes back: the state is told at once.
    last_status: Mutex<Option<String>>,
    dropped: Arc<AtomicU64>,
}

impl Link {
    /// `finish` is closed at the end.
    fn publish_all(&self, take: &Receiver<Arc<TimedEvent>>, wants_faces: bool, finish: Sender<()>) {
        for event in take {
            let Some((topic, payload)) = message(&event, wants_faces) else { continue };
            let is_status = topic == "status";
            if is_status {
                *self.last_status() = Some(payload.clone());
            }
            // A status that waits is replaced by the next, so that none is lost.
            let is_sent = self.is_connected.load(Relaxed) && self.send(topic, payload);
            if !is_sent && !is_status {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
        if self.is_connected.load(Relaxed) {
            self.send("online", online_payload(false));
            let _ = self.client.try_disconnect();
        }
        drop(finish);
    }

    fn last_status(&self) -> MutexGuard<'_, Option<String>> {
        self.last_status.lock().unwrap_or_else(|poison| poison.into_inner())
    }

    /// Never waits.
    fn send(&self, topic: &str, payload: String) -> bool {
        let is_retained = matches!(topic, "status" | "online");
        let qos = if topic == "face" { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let topic = format!("{}/{topic}", self.prefix);
        self.client.try_publish(topic, qos, is_retained, payload).is_ok()
    }

    fn stay_connected(&self, connection: &mut Connection, finished: &Receiver<()>) {
        let mut pause = SHORTEST_PAUSE;
        let mut is_told = false;
        loop {
            match connection.recv() {
                Ok(Ok(rumqttc::Event::Incoming(Packet::ConnAck(_)))) => {
                    self.send("online", online_payload(true));
                    if let Some(status) = self.last_status().clone() {
                        self.send("status", status);
                    }
                    self.is_connected.store(true, Relaxed);
                    pause = SHORTEST_PAUSE;
                    if std::mem::take(&mut is_told) {
                        complain(&format!("{}: events are published again", self.name));
                    }
                }
                Ok(Ok(rumqttc::Event::Outgoing(Outgoing::Disconnect))) | Err(_) => return,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => {
                    self.is_connected.store(false, Relaxed);
                    // What was under way is old when the broker is back.
                    let lost = connection.eventloop.pending.drain(..);
                    let lost =
                        lost.filter(|request| matches!(request, Request::Publish(_))).count();
                    self.dropped.fetch_add(lost as u64, Relaxed);
                    if !std::mem::replace(&mut is_told, true) {
                        let what = "events are dropped, and the broker is tried again and again";
                        complain(&format!("{}: {error}: {what}", self.name));
                    }
                    if finished.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                        return;
                    }
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
            }
        }
    }
}

/// Topic and content of an event; none for those that only the device needs. What belongs to one person, even the number of a visit,
/// leaves the device only when asked for.
fn message(event: &TimedEvent, wants_faces: bool) -> Option<(&'static str, String)> {
    let topic = match event.event {
        Event::Status { .. } => "status",
        Event::Explained { .. } => "explained",
        Event::Face { .. } if wants_faces => "face",
        _ => return None,
    };
    let mut value = serde_json::to_value(event).ok()?;
    if !wants_faces {
        value.as_object_mut()?.remove("visit");
    }
    Some((topic, value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::Expression;

    #[test]
    fn visits_leave_the_device_only_when_asked_for() {
        let event = TimedEvent {
            uptime_seconds: 1.0,
            unix_seconds: 2.0,
            event: Event::Explained {
                visit: 8,
                expression: Expression::Fear,
                samples: 96,
                superpixels: 29,
                r2: 0.75,
                cpu_seconds: 0.5,
            },
        };
        let (topic, payload) = message(&event, false).unwrap();
        assert!(topic == "explained" && !payload.contains("visit"), "{payload}");
        assert!(message(&event, true).unwrap().1.contains(r#""visit":8"#));
        let ended = TimedEvent { event: Event::VisitEnded { visit: 8 }, ..event };
        assert_eq!(message(&ended, true), None);
    }
}
