//! Where an MQTT broker is: `mqtt://[user@]host[:port]/topic-prefix`.

use std::str::FromStr;

/// Of MQTT without TLS.
const DEFAULT_PORT: u16 = 1883;

/// `--mqtt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// None: the broker is not told who comes.
    pub user: Option<String>,
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// Of TCP.
    pub port: u16,
    /// What all topics begin with, without a stroke at its ends.
    pub prefix: String,
}

impl FromStr for BrokerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORM: &str = "mqtt://[user@]host[:port]/topic-prefix";
        // The address is not repeated: a password may stand in it.
        let wrong = |what: &str| format!("{what}: the form is {FORM}");
        if text.starts_with("mqtts://") {
            return Err(wrong("TLS is not spoken: use a broker or bridge on this machine"));
        }
        let rest =
            text.strip_prefix("mqtt://").ok_or_else(|| wrong("this is no mqtt:// address"))?;
        let (place, prefix) =
            rest.split_once('/').ok_or_else(|| wrong("a topic prefix is missing"))?;
        let prefix = prefix.trim_matches('/');
        if prefix.is_empty() {
            return Err(wrong("a topic prefix is missing"));
        }
        // Wildcards name no topic, and those with a dollar are the broker's own.
        if prefix.contains(['+', '#', '\0', '?']) || prefix.starts_with('$') || prefix.len() > 1000
        {
            return Err(wrong("the topic prefix may not hold +, #, ? nor begin with $"));
        }
        let (user, place) = match place.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, place),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(wrong("others could read a password here: give --mqtt-password-file"));
        }
        if user == Some("") {
            return Err(wrong("the user before @ is missing"));
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(place) => {
                place.split_once(']').ok_or_else(|| wrong("the bracket of the address is open"))?
            }
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port {
            "" => DEFAULT_PORT,
            port => port
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .filter(|&port| port > 0)
                .ok_or_else(|| wrong("the port is no number from 1 to 65535"))?,
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(wrong("the host is missing"));
        }
        Ok(BrokerAddress {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
            prefix: prefix.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let read = |text: &str| {
            let address: BrokerAddress = text.parse().unwrap();
            (address.user, address.host, address.port, address.prefix)
        };
        let owned = str::to_owned;
        assert_eq!(read("mqtt://hub/hall"), (None, owned("hub"), 1883, owned("hall")));
        assert_eq!(
            read("mqtt://eve@10.0.0.7:18830/museum/hall/"),
            (Some(owned("eve")), owned("10.0.0.7"), 18830, owned("museum/hall"))
        );
        assert_eq!(read("mqtt://[::1]:1/a"), (None, owned("::1"), 1, owned("a")));
        assert_eq!(read("mqtt://[::1]/a").2, 1883);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, word) in [
            ("http://hub/a", "no mqtt"),
            ("mqtts://hub/a", "TLS"),
            ("mqtt://hub", "prefix"),
            ("mqtt://hub//", "prefix"),
            ("mqtt://hub/a/#", "may not hold"),
            ("mqtt://hub/$SYS", "may not hold"),
            ("mqtt:///a", "host"),
            ("mqtt://@hub/a", "user"),
            ("mqtt://hub:0/a", "port"),
            ("mqtt://hub:x/a", "port"),
            ("mqtt://[::1/a", "bracket"),
            ("mqtt://eve:secret@hub/a", "--mqtt-password-file"),
        ] {
            let problem = text.parse::<BrokerAddress>().unwrap_err();
            assert!(problem.contains(word) && !problem.contains("secret"), "{text}: {problem}");
        }
    }
}
