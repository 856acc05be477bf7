//! How a user names a source.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where live frames come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A camera, by its number.
    Camera(u32),
    /// The demonstration: pictures of painted faces. See [`Source::with_demo_in`].
    Demo,
    /// A picture, a folder of pictures, or a video; which of them is seen when it is opened.
    File(PathBuf),
    /// An address that ffmpeg opens.
    Network(String),
    /// A shell command that writes MJPEG or Y4M to its standard output.
    Command(String),
    /// MJPEG or Y4M on standard input.
    StandardInput,
}

/// A text that names no source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}: {problem}")]
pub struct UnknownSource {
    /// As given, without a password.
    text: String,
    problem: String,
}

const KINDS: &str = "a source is camera:NUMBER, demo, the path of a picture, folder or video, rtsp://..., http://..., exec:COMMAND, \
                     or - for standard input";
const PROTOCOLS: [&str; 4] = ["rtsp", "rtsps", "http", "https"];

impl FromStr for Source {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let refuse = |problem: String| Err(UnknownSource { text: hide_passwords(text), problem });
        match text.split_once(':') {
            _ if text.is_empty() => refuse(KINDS.to_owned()),
            _ if text == "-" => Ok(Source::StandardInput),
            _ if text == "demo" => Ok(Source::Demo),
            _ if text == "camera" => {
                refuse("write camera: for the first camera, ./camera for a folder".to_owned())
            }
            Some(("camera", _)) if !cfg!(feature = "camera") => {
                refuse(super::camera::NOT_BUILT.to_owned())
            }
            Some(("camera", "")) => Ok(Source::Camera(0)),
            Some(("camera", number)) => number.parse().map(Source::Camera).or_else(|_| {
                refuse(
                    "a camera's number is wanted, as in camera:0; `ferscope doctor` lists cameras"
                        .to_owned(),
                )
            }),
            Some(("exec", command)) if command.trim().is_empty() => refuse(
                "a command is wanted, as in 'exec:rpicam-vid -t 0 --codec mjpeg -o -'".to_owned(),
            ),
            Some(("exec", command)) => Ok(Source::Command(command.to_owned())),
            Some((protocol, rest)) if rest.starts_with("//") && is_protocol(protocol) => {
                if PROTOCOLS.iter().any(|known| protocol.eq_ignore_ascii_case(known)) {
                    Ok(Source::Network(text.to_owned()))
                } else {
                    refuse(format!("addresses begin with {}; {KINDS}", PROTOCOLS.join(", ")))
                }
            }
            _ => Ok(Source::File(PathBuf::from(text))),
        }
    }
}

fn is_protocol(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

impl Source {
    /// The demonstration found in its folder; any other source as it is.
    pub fn with_demo_in(self, folder: &Path) -> Source {
        match self {
            Source::Demo => Source::File(folder.to_owned()),
            other => other,
        }
    }

    /// Whether it has an end at which it can begin again.
    pub fn is_file(&self) -> bool {
        matches!(self, Source::Demo | Source::File(_))
    }
}

impl fmt::Display for Source {
    /// As it is written, without passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Camera(number) => write!(f, "camera:{number}"),
            Source::Demo => f.write_str("demo"),
            Source::File(path) => path.display().fmt(f),
            Source::Network(address) => f.write_str(&hide_passwords(address)),
            Source::Command(command) => write!(f, "exec:{}", hide_passwords(command)),
            Source::StandardInput => f.write_str("-"),
        }
    }
}

/// `text` with `***` for what may be secret in the addresses in it: passwords, and parameters that are named like one.
pub fn hide_passwords(text: &str) -> String {
    let ends_address = |c: char| c.is_whitespace() || "\"'`<>".contains(c);
    let mut shown = String::new();
    let mut rest = text;
    while let Some(place) = rest.find("://") {
        let (before, address) = rest.split_at(place + 3);
        let (address, after) =
            address.split_at(address.find(ends_address).unwrap_or(address.len()));
        shown.push_str(before);
        shown.push_str(&hide_in_address(address));
        rest = after;
    }
    shown + rest
}

/// Of an address without its protocol.
fn hide_in_address(address: &str) -> String {
    const SECRET: [&str; 6] = ["pass", "pwd", "secret", "token", "key", "auth"];
    // A password may hold any sign but blanks, though it should not: the last @ ends it.
    let (user, place) = address.rsplit_once('@').map_or((None, address), |(u, p)| (Some(u), p));
    let user = user.map_or(String::new(), |user| match user.split_once(':') {
        Some((name, _)) => format!("{name}:***@"),
        None => format!("{user}@"),
    });
    let Some((path, query)) = place.split_once('?') else { return user + place };
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _))
            if SECRET.iter().any(|secret| name.to_ascii_lowercase().contains(secret)) =>
        {
            format!("{name}=***")
        }
        _ => parameter.to_owned(),
    });
    format!("{user}{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_as_they_are_written() {
        for (text, source) in [
            ("demo", Source::Demo),
            ("-", Source::StandardInput),
            ("./demo", Source::File("./demo".into())),
            ("C:\\video.mp4", Source::File("C:\\video.mp4".into())),
            ("at 12:30.mp4", Source::File("at 12:30.mp4".into())),
            ("rtsp://a/b", Source::Network("rtsp://a/b".into())),
            ("exec:cat a", Source::Command("cat a".into())),
        ] {
            assert_eq!(text.parse(), Ok(source.clone()));
            assert_eq!(source.to_string(), text);
        }
    }

    #[test]
    fn what_names_no_source_is_told_with_the_remedy() {
        let problem = |text: &str| text.parse::<Source>().unwrap_err().to_string();
        assert!(problem("").contains("exec:COMMAND"));
        assert!(problem("exec: ").contains("rpicam-vid"));
        assert!(problem("ftp://u:geheim@x").contains("rtsp, rtsps, http, https"));
        assert!(!problem("ftp://u:geheim@x").contains("geheim"));
        assert!(problem("camera").contains("camera:"));
        #[cfg(feature = "camera")]
        {
            assert_eq!("camera:".parse(), Ok(Source::Camera(0)));
            assert_eq!("camera:3".parse(), Ok(Source::Camera(3)));
            assert!(problem("camera:front").contains("doctor"));
        }
        #[cfg(not(feature = "camera"))]
        assert!(problem("camera:0").contains("--features camera"));
    }

    #[test]
    fn passwords_are_hidden() {
        for (text, shown) in [
            ("rtsp://admin:a/b@c@10.0.0.2:554/s?x=1", "rtsp://admin:***@10.0.0.2:554/s?x=1"),
            ("http://me@cam/v?user=a&Password=b&n=1", "http://me@cam/v?user=a&Password=***&n=1"),
            ("a 'rtsp://u:p@h' and http://h/x b", "a 'rtsp://u:***@h' and http://h/x b"),
            ("rtsp://u:p@h: Connection refused", "rtsp://u:***@h: Connection refused"),
            ("nothing here", "nothing here"),
        ] {
            assert_eq!(hide_passwords(text), shown);
        }
    }
}
