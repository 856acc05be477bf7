//! What `ferscope run` is told: by its options, else by a configuration file, else by defaults.
//!
//! Options and keys are the same structure, so that no key can be missing on either side.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::super::Failure;
use super::broker::BrokerAddress;
use super::dashboard::Listen;
use crate::appliance::{Cores, Gate, Samples};
use crate::compare::MaskSet;
use crate::dashboard::{DashboardError, is_local};
use crate::files;
use crate::heatmap::Clipping;
use crate::source::stream::Source;

/// The configuration file as `ferscope config default` prints it: every key with its default.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// All that can be set. What is none was not said.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where frames come from: camera:NUMBER, demo, a picture, folder or video, rtsp://..., http://..., exec:COMMAND (MJPEG or Y4M), or
    /// - for standard input [default: the first camera, or the demo where there is none]
    #[arg(long, value_name = "URI")]
    pub source: Option<String>,
    /// Begin pictures and videos again at their end [default: only the demo]
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub repeat: Option<bool>,
    /// Frames per second of pictures and videos [default: 30, of the demo 4]; 0: as fast as it goes
    #[arg(long, value_name = "N")]
    pub frames_per_second: Option<f64>,
    /// Expression network: a name from `ferscope models list`, or an ONNX file with a TOML file beside it [default: face-api-expression]
    #[arg(long, value_name = "NAME|FILE.onnx")]
    pub network: Option<String>,
    /// Folder of the networks and their manifest models.toml [default: `models` near the program or here]
    #[arg(long, value_name = "DIR", env = "FERSCOPE_MODELS")]
    pub models: Option<PathBuf>,
    /// Input of the face detector in pixels: 192 is fast, 256 finds smaller faces [default: 192]
    #[arg(long, value_name = "192|256", value_parser = ["192", "256"])]
    #[serde(deserialize_with = "parsed")]
    pub detector: Option<String>,
    /// Place landmarks with regression trees instead of the landmark network: a name from `ferscope models list`, or a file
    #[arg(long, value_name = "NAME|FILE.dat")]
    pub shape_predictor: Option<PathBuf>,
    /// Expected number of false faces per frame that the detector looks at [default: 0.01]
    #[arg(long, allow_negative_numbers = true)]
    pub epsilon: Option<f64>,
    /// File that keeps the heatmaps: gone on with where it is there [default: none, they end with the program]
    #[arg(long, value_name = "FILE")]
    pub session: Option<PathBuf>,
    /// The longest that an explanation waits to be written [default: 1 s]
    #[arg(long, value_name = "TIME")]
    #[serde(deserialize_with = "parsed")]
    pub commit_period: Option<Period>,
    /// Samples per explanation, or auto: what lets the heatmap's error fall fastest [default: auto]
    #[arg(long, value_name = "N|auto", allow_negative_numbers = true)]
    #[serde(deserialize_with = "parsed")]
    pub samples: Option<SamplesSetting>,
    /// Processor cores that explanations may take, such as 0.5, or auto: what the loop leaves [default: auto]
    #[arg(long, value_name = "N|auto")]
    #[serde(deserialize_with = "parsed")]
    pub explain_cores: Option<CoresSetting>,
    /// Seed of all random draws [default: 0]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Which Ekman masks to compare with [default: published]
    #[arg(long, value_enum)]
    pub masks: Option<MaskSet>,
    /// When relevance against the class is set to 0 on the way to a heatmap [default: last]
    #[arg(long, value_enum)]
    pub clip: Option<Clipping>,
    /// Heatmaps are shown from so many visits on [default: 20]
    #[arg(long, value_name = "N")]
    pub min_visits: Option<u64>,
    /// What people in front of the camera are told, in window and dashboard
    #[arg(long, value_name = "TEXT")]
    pub notice: Option<String>,
    /// No window, also where there is a display
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub headless: Option<bool>,
    /// Where the dashboard is served [default: 127.0.0.1:7373]; other than loopback addresses need --token-file; none: not at all
    #[arg(long, value_name = "ADDR:PORT|none")]
    #[serde(deserialize_with = "parsed")]
    pub listen: Option<Listen>,
    /// File with the token that the dashboard asks for
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Show the camera's picture in the dashboard too
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub show_camera: Option<bool>,
    /// Write what happens as JSON lines to a file, which grows, or - for standard output. Tells of single faces
    #[arg(long, value_name = "FILE|-")]
    pub events: Option<String>,
    /// Folder for the heatmaps that the window's key s saves [default: heatmaps]
    #[arg(long, value_name = "DIR")]
    pub heatmaps: Option<PathBuf>,
    /// Publish state and explanations to an MQTT broker: mqtt://[user@]host[:port]/topic-prefix (feature `mqtt`)
    #[arg(long, value_name = "URI")]
    #[serde(deserialize_with = "parsed")]
    pub mqtt: Option<BrokerAddress>,
    /// File with the password for the broker in its first line
    #[arg(long, value_name = "FILE")]
    pub mqtt_password_file: Option<PathBuf>,
    /// Publish single faces too
    #[arg(long, value_name = "YES", num_args = 0..=1, default_missing_value = "true")]
    pub mqtt_faces: Option<bool>,
    /// The least distance of the eyes of an explained face, in pixels [default: 24]
    #[arg(long, value_name = "PIXELS")]
    pub least_eye_distance: Option<f32>,
    /// How far an explained face may be turned; 0.15 is about 25 degrees [default: 0.15]
    #[arg(long, value_name = "N")]
    pub most_turn: Option<f32>,
    /// The least sharpness of an explained face [default: 0.004]
    #[arg(long, value_name = "N")]
    pub least_sharpness: Option<f32>,
    /// The least probability of an explained expression [default: 0.5]
    #[arg(long, value_name = "0..1")]
    pub least_probability: Option<f32>,
}

/// A time with its unit, such as `500 ms`, `2 s` or `5 min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period(pub Duration);

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unit_at = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let seconds = match unit.trim() {
            "ms" => 1e-3,
            "s" => 1.0,
            "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(format!("`{text}` needs a unit: ms, s, min or h, as in `500 ms`")),
        };
        match number.trim().parse::<f64>() {
            Ok(number) if number > 0.0 && number * seconds <= 86_400.0 => {
                Ok(Period(Duration::from_secs_f64(number * seconds)))
            }
            _ => Err(format!("`{text}` is no time above 0 and up to 24 h, such as `500 ms`")),
        }
    }
}

/// What stands in a configuration file for a value that the command line takes as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrWord {
    Number(f64),
    Word(String),
}

impl Display for NumberOrWord {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NumberOrWord::Number(number) => number.fmt(formatter),
            NumberOrWord::Word(word) => word.fmt(formatter),
        }
    }
}

/// Reads a value of the file as the command line reads it.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    let text = NumberOrWord::deserialize(deserializer)?.to_string();
    text.parse().map(Some).map_err(D::Error::custom)
}

/// `--samples`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SamplesSetting(pub Samples);

impl FromStr for SamplesSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("auto", _) => Ok(SamplesSetting(Samples::Chosen)),
            (_, Ok(samples)) if (2..=100_000).contains(&samples) => {
                Ok(SamplesSetting(Samples::Fixed(samples)))
            }
            _ => Err(format!("`{text}` is neither auto nor a whole number from 2 to 100000")),
        }
    }
}

/// `--explain-cores`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoresSetting(pub Cores);

impl FromStr for CoresSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse::<f64>()) {
            ("auto", _) => Ok(CoresSetting(Cores::Auto)),
            (_, Ok(cores)) if (0.01..=1024.0).contains(&cores) => {
                Ok(CoresSetting(Cores::Fixed(cores)))
            }
            _ => Err(format!("`{text}` is neither auto nor a number from 0.01 to 1024")),
        }
    }
}

fn wrong(path: &Path, what: impl Display) -> Failure {
    Failure::Usage(format!("{}: {what}", path.display()))
}

/// What `mine` does not say, `file` says.
macro_rules! fill_from {
    ($mine:ident, $file:ident, $($key:ident),* $(,)?) => {{
        // Taken apart by name, so that a key cannot be forgotten here.
        let Settings { $($key),* } = $file;
        Settings { $($key: $mine.$key.or($key)),* }
    }};
}

impl Settings {
    /// Reads a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, or a key or value is wrong: the message tells line and column.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let bytes =
            files::read(path, files::LARGEST_SMALL_FILE).map_err(|error| wrong(path, error))?;
        Self::parse(path, &String::from_utf8(bytes).map_err(|error| wrong(path, error))?)
    }

    /// The settings in the text of the file at `path`.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Failure> {
        let settings: Settings = toml::from_str(text).map_err(|error| {
            let error = error.to_string();
            wrong(path, format!("{}\n`ferscope config default` prints every key", error.trim_end()))
        })?;
        settings.check().map_err(|problem| wrong(path, problem))?;
        Ok(settings)
    }

    /// These settings, and what they do not say from `file`.
    pub fn or(self, file: Settings) -> Settings {
        let mine = self;
        fill_from!(
            mine,
            file,
            source,
            repeat,
            frames_per_second,
            network,
            models,
            detector,
            shape_predictor,
            epsilon,
            session,
            commit_period,
            samples,
            explain_cores,
            seed,
            masks,
            clip,
            min_visits,
            notice,
            headless,
            listen,
            token_file,
            show_camera,
            events,
            heatmaps,
            mqtt,
            mqtt_password_file,
            mqtt_faces,
            least_eye_distance,
            most_turn,
            least_sharpness,
            least_probability,
        )
    }

    /// What the types alone do not say.
    ///
    /// # Errors
    /// Which value is wrong, and what is allowed.
    pub fn check(&self) -> Result<(), String> {
        let is_positive = |value: f64| value > 0.0 && value.is_finite();
        if let Some(source) = &self.source {
            source.parse::<Source>().map_err(|error| format!("source {error}"))?;
        }
        if let Some(detector) = &self.detector
            && !["192", "256"].contains(&detector.as_str())
        {
            return Err(format!("detector is \"{detector}\": use \"192\" or \"256\""));
        }
        if self.epsilon.is_some_and(|value| !is_positive(value)) {
            return Err("epsilon needs a number above 0, such as 0.01".to_owned());
        }
        if self.frames_per_second.is_some_and(|value| !(0.0..=1000.0).contains(&value)) {
            return Err(
                "frames_per_second needs a number from 0 (as fast as it goes) to 1000".to_owned()
            );
        }
        if self.least_probability.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
            return Err("least_probability needs a number from 0 to 1".to_owned());
        }
        let lengths = [
            ("least_eye_distance", self.least_eye_distance),
            ("most_turn", self.most_turn),
            ("least_sharpness", self.least_sharpness),
        ];
        for (name, value) in lengths {
            if value.is_some_and(|value| !(0.0..=100_000.0).contains(&value)) {
                return Err(format!("{name} needs a number from 0 on"));
            }
        }
        if self.min_visits == Some(0) {
            return Err("min_visits needs a number from 1 on".to_owned());
        }
        Ok(())
    }

    /// What is wrong with settings only once all are known.
    ///
    /// # Errors
    /// What is missing.
    pub fn check_together(&self) -> Result<(), String> {
        match self.listen {
            Some(Listen(Some(address))) if self.token_file.is_none() && !is_local(address) => {
                Err(DashboardError::TokenNeeded(address).to_string())
            }
            _ => Ok(()),
        }
    }

    /// What a face must have to be explained.
    pub fn gate(&self) -> Gate {
        let default = Gate::default();
        Gate {
            least_eye_distance: self.least_eye_distance.unwrap_or(default.least_eye_distance),
            most_turn: self.most_turn.unwrap_or(default.most_turn),
            least_sharpness: self.least_sharpness.unwrap_or(default.least_sharpness),
            least_probability: self.least_probability.unwrap_or(default.least_probability),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_file_says_what_no_file_says() {
        let settings: Settings = toml::from_str(DEFAULT_FILE).unwrap();
        settings.check().unwrap();
        // Every key stands in it, commented out where its default is not to have it.
        let fields = format!("{settings:#?}");
        for line in
            fields.lines().filter(|line| line.starts_with("    ") && !line.starts_with("     "))
        {
            if let Some((name, _)) = line.trim().split_once(':') {
                let is_there = DEFAULT_FILE
                    .lines()
                    .any(|line| line.trim_start_matches("# ").starts_with(&format!("{name} = ")));
                assert!(is_there, "{name}");
            }
        }
        assert_eq!(settings.gate(), Gate::default());
        assert_eq!(settings.samples, Some(SamplesSetting(Samples::Chosen)));
        assert_eq!(settings.commit_period, Some(Period(Duration::from_secs(1))));
    }

    #[test]
    fn wrong_keys_and_units_are_told_with_their_place() {
        let problem = |text: &str| toml::from_str::<Settings>(text).unwrap_err().to_string();
        assert!(problem("seed = 1\nsorce = \"demo\"").contains("line 2, column 1"));
        assert!(problem("commit_period = \"3 parsecs\"").contains("needs a unit"));
        assert!(problem("commit_period = 3").contains("line 1, column 17"));
        assert!(problem("samples = \"many\"").contains("neither auto nor"));
        assert!(problem("explain_cores = -1").contains("neither auto nor"));
        assert!(Settings { min_visits: Some(0), ..Settings::default() }.check().is_err());
    }

    #[test]
    fn options_come_before_the_file() {
        let file = Settings { seed: Some(1), min_visits: Some(5), ..Settings::default() };
        let options = Settings { seed: Some(2), ..Settings::default() };
        let both = options.or(file);
        assert_eq!((both.seed, both.min_visits), (Some(2), Some(5)));
    }

    #[test]
    fn times_have_units() {
        let period = |text: &str| text.parse::<Period>();
        assert_eq!(period("500 ms"), Ok(Period(Duration::from_millis(500))));
        assert_eq!(period("2min"), Ok(Period(Duration::from_secs(120))));
        for wrong in ["5", "s", "-1 s", "0 s", "2 days", "nan s", "1e9 h"] {
            assert!(period(wrong).is_err(), "{wrong}");
        }
    }
}
