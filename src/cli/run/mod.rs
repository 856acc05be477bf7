//! `ferscope run`: the live appliance.

mod broker;
mod dashboard;
mod events;
#[cfg_attr(not(feature = "mqtt"), path = "no_mqtt.rs")]
mod mqtt;
#[cfg(feature = "window")]
mod save;
mod settings;
mod show;
mod status_line;
#[cfg_attr(not(feature = "window"), path = "no_window.rs")]
mod window;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

pub use settings::{DEFAULT_FILE, Settings};
use show::BoardPainter;
use window::LiveWindow;

use super::Failure;
use super::instrument::{LIVE_DETECTOR, demo_folder, landmark_model, models_folder};
use super::output::{complain, create_folder_of, print, print_error};
use crate::appliance::{
    Board, Cores, DEFAULT_EPSILON, DEFAULT_NETWORK, Events, FaceFinder, Kept, Live, LiveOptions,
    Options, Samples, Status, StoreState, find_classifier, open_session,
};
use crate::expression::Expression;
use crate::network::{ModelSpec, Network};
use crate::session::MIN_VISITS;
use crate::source::stream::{Capture, CaptureOptions, Source, SourceState};
use crate::store::{SessionConfiguration, StoreProblem};
use crate::view::counted;

/// How often the main thread looks after everything; and with a window, which it draws.
const TICK: Duration = Duration::from_millis(50);
const WINDOW_TICK: Duration = Duration::from_millis(33);
/// The least rest between two looks, however long drawing takes.
const LEAST_REST: Duration = Duration::from_millis(3);
/// The longest that ending takes: everything is committed by then, or the disk does not answer. systemd kills after 10 s.
const LONGEST_GOODBYE: Duration = Duration::from_secs(8);
/// Of pictures and videos, unless said; the demo is a film of 4 frames a second.
const FRAMES_PER_SECOND: f64 = 30.0;
const DEMO_FRAMES_PER_SECOND: f64 = 4.0;

/// Run the appliance: watch a camera, classify and explain the faces it sees, and build a heatmap per expression, for days
///
/// Faces are found and followed at frame rate; as many as the processor allows are explained. One visit, one vote: a person who
/// stays long weighs as one who passes by. No picture, no landmark and nothing of one person is kept, and heatmaps are shown from
/// --min-visits visits on. The dashboard tells how it goes: http://127.0.0.1:7373.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  ferscope run                                              (the first camera, or the demo where there is none)
  ferscope run --source camera:0 --session hall.sqlite      (goes on where it was; then `ferscope report hall.sqlite`)
  ferscope run --source 'exec:rpicam-vid -t 0 --codec mjpeg --width 640 --height 480 -o -'    (CSI camera of a Raspberry Pi)
  ferscope run --source rtsp://10.0.0.7/stream --events events.jsonl
  ferscope run --headless --mqtt mqtt://eve@hub/museum/hall --mqtt-password-file hub.password
  ferscope run --config ferscope.toml                       (see `ferscope config default`)

Signals: SIGTERM and Ctrl-C end it, everything committed; SIGUSR1 stops looking, and looks again.
Exit codes: 0 ended; 1 no frame came, something learnt is lost, or workers failed again and again; 2 wrong usage;
3 a model or calibration is unusable.")]
pub struct Args {
    /// Take settings from this file; options given here come before it
    #[arg(long, value_name = "FILE.toml", env = "FERSCOPE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let file = args.config.as_deref().map(Settings::read).transpose()?.unwrap_or_default();
    let settings = args.settings.clone().or(file);
    settings.check().and_then(|()| settings.check_together()).map_err(Failure::Usage)?;
    let instrument = instrument(&settings);
    let source = source(&settings, &instrument.models)?;
    let is_demo = source == Source::Demo;
    let source = source.with_demo_in(&demo_folder(&instrument.models));
    let mut options = options(&settings, instrument);
    // What is wrong with options, networks and files is told before a session is made or a camera is opened.
    let finder = FaceFinder::open(&options.instrument)?;
    let (network, kept) = session(&settings, &options)?;
    let board = Arc::new(board(&settings, &options, &network.name));
    let signals = Signals::watch()?;
    let _dashboard = dashboard::start(&settings, &board)?;
    let mut events = Events::none();
    let event_writer = events::start(settings.events.as_deref(), &mut events)?;
    let publisher = mqtt::start(&settings, &mut events)?;
    let window = open_window(&settings, &options, &network.classes);
    options.views = window.is_some() || board.shows_picture();
    let capture = Capture::start(
        source,
        CaptureOptions {
            repeat: settings.repeat.unwrap_or(is_demo),
            frames_per_second: match settings.frames_per_second {
                None if is_demo => Some(DEMO_FRAMES_PER_SECOND),
                None => Some(FRAMES_PER_SECOND),
                Some(frames) => (frames > 0.0).then_some(frames),
            },
            ..CaptureOptions::default()
        },
    );
    let live = Live::start(finder, capture, options, board.clone(), kept, events)?;
    notify(&[sd_notify::NotifyState::Ready]);
    std::thread::scope(|scope| {
        if window.is_none() && board.shows_picture() {
            scope.spawn(|| BoardPainter::new(network.classes.clone()).run(&board, &live));
        }
        watch(&board, &live, &signals, window);
    });
    notify(&[sd_notify::NotifyState::Stopping]);
    let result = live.finish(LONGEST_GOODBYE);
    drop(event_writer);
    if let Some(publisher) = publisher {
        publisher.finish();
    }
    let status = board.status();
    let session = settings.session.as_deref().filter(|_| result.is_ok());
    let text = summary(&status, session);
    // Standard output may be for events alone.
    let printed = match settings.events.as_deref() {
        Some("-") => {
            print_error(text.trim_end());
            Ok(())
        }
        _ => print(&text),
    };
    // What went wrong is told also where nobody reads the summary.
    result.map_err(Failure::Output)?;
    if let (Some(_), Some(problem)) = (session, &status.store.problem) {
        return Err(Failure::Output(format!("{problem}: what was learnt since is lost")));
    }
    if status.source.state == SourceState::Ended && status.source.frames == 0 {
        let why = status.source.problem.unwrap_or_else(|| "it gave no frames".to_owned());
        return Err(Failure::Input(match why.starts_with(&status.source.uri) {
            true => why,
            false => format!("{}: {why}", status.source.uri),
        }));
    }
    printed.map(|()| ExitCode::SUCCESS)
}

/// Looks after everything until it ends.
fn watch(board: &Board, live: &Live, signals: &Signals, mut window: Option<LiveWindow>) {
    let tick = if window.is_some() { WINDOW_TICK } else { TICK };
    let mut line = status_line::StatusLine::new();
    let watchdog = sd_notify::watchdog_enabled();
    let mut last_sign = Instant::now();
    while !live.has_ended() && !board.is_stopping() {
        let start = Instant::now();
        if signals.end.load(Relaxed) {
            board.stop();
            break;
        }
        let pauses = signals.pauses.swap(0, Relaxed);
        if pauses % 2 == 1 {
            board.set_paused(!board.is_paused());
        }
        if let Some(period) = watchdog
            && last_sign.elapsed() >= period / 3
            && live.is_alive()
        {
            notify(&[sd_notify::NotifyState::Watchdog]);
            last_sign = Instant::now();
        }
        if let Some(window) = &mut window {
            window.show(board, live);
        }
        line.show(board);
        std::thread::sleep(tick.saturating_sub(start.elapsed()).max(LEAST_REST));
    }
    line.finish();
}

/// The window, where there is a display and one is wanted. Without it everything else goes on.
fn open_window(
    settings: &Settings,
    options: &LiveOptions,
    classes: &[Expression],
) -> Option<LiveWindow> {
    if settings.headless.unwrap_or(false) {
        return None;
    }
    let needs_display = cfg!(all(unix, not(target_os = "macos")));
    if needs_display && std::env::var_os("DISPLAY").is_none_or(|display| display.is_empty()) {
        if cfg!(feature = "window") {
            complain(
                &"no window: the variable DISPLAY is not set; all else goes on (--headless wants none)",
            );
        }
        return None;
    }
    match LiveWindow::open(settings, options, classes) {
        Ok(window) => Some(window),
        Err(why) => {
            complain(&format!("no window: {why}; all else goes on (--headless wants none)"));
            None
        }
    }
}

/// Tells systemd, where it listens.
fn notify(states: &[sd_notify::NotifyState]) {
    if let Err(error) = sd_notify::notify(states) {
        log::warn!("systemd cannot be told: {error}");
    }
}

/// What the system wants of the process.
struct Signals {
    end: Arc<AtomicBool>,
    pauses: Arc<AtomicUsize>,
}

impl Signals {
    fn watch() -> Result<Self, Failure> {
        use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
        let signals = Signals { end: Arc::default(), pauses: Arc::default() };
        let watch = || -> std::io::Result<()> {
            // Not SIGHUP, which `nohup` ignores: a handler would undo that.
            for signal in [SIGTERM, SIGINT] {
                // A second one ends the process at once, whatever it is at.
                signal_hook::flag::register_conditional_shutdown(signal, 1, signals.end.clone())?;
                signal_hook::flag::register(signal, signals.end.clone())?;
            }
            let pauses = signals.pauses.clone();
            // SAFETY: adding to an atomic number is allowed in a signal handler.
            unsafe {
                signal_hook::low_level::register(SIGUSR1, move || {
                    pauses.fetch_add(1, Relaxed);
                })?;
            }
            Ok(())
        };
        watch().map_err(|error| Failure::Output(format!("signals cannot be watched: {error}")))?;
        Ok(signals)
    }
}

fn instrument(settings: &Settings) -> Options {
    let detector = settings.detector.as_deref().unwrap_or(LIVE_DETECTOR);
    Options {
        models: models_folder(settings.models.as_deref()),
        network: settings.network.clone().unwrap_or_else(|| DEFAULT_NETWORK.to_owned()),
        detector_size: detector.parse().expect("only numbers are admitted"),
        shape_predictor: settings.shape_predictor.clone(),
        epsilon: settings.epsilon.unwrap_or(DEFAULT_EPSILON),
        threads: 1,
    }
}

/// The source asked for; else the first camera, or the demo where there is none. Its painted faces get into a session only when asked for.
fn source(settings: &Settings, models: &Path) -> Result<Source, Failure> {
    let text = match &settings.source {
        Some(text) => text.as_str(),
        None if cfg!(feature = "camera") && Path::new("/dev/video0").exists() => "camera:0",
        None if settings.session.is_some() => {
            let what = "there is no camera that this program can open, and the demo's painted faces do not belong into a session \
                unless you say so: name a --source (--source demo for a try)";
            return Err(Failure::Usage(what.to_owned()));
        }
        None => "demo",
    };
    let source: Source = text.parse().map_err(|error| Failure::Usage(format!("source {error}")))?;
    if source == Source::Demo && !demo_folder(models).is_dir() {
        let what = "the demo is not here: name a camera, video or folder with --source";
        return Err(Failure::Usage(what.to_owned()));
    }
    Ok(source)
}

fn options(settings: &Settings, instrument: Options) -> LiveOptions {
    LiveOptions {
        instrument,
        gate: settings.gate(),
        samples: settings.samples.map_or(Samples::Chosen, |setting| setting.0),
        cores: settings.explain_cores.map_or(Cores::Auto, |setting| setting.0),
        seed: settings.seed.unwrap_or(0),
        masks: settings.masks.unwrap_or_default(),
        clipping: settings.clip.unwrap_or_default(),
        commit_period: settings.commit_period.map_or(Duration::from_secs(1), |period| period.0),
        views: false,
    }
}

/// The network, and where sums go.
fn session(settings: &Settings, options: &LiveOptions) -> Result<(ModelSpec, Kept), Failure> {
    let (spec, folder) = find_classifier(&options.instrument)?;
    let Some(path) = &settings.session else { return Ok((spec, Kept::Memory)) };
    create_folder_of(path)?;
    let configuration = session_configuration(options, &spec, &folder)?;
    let kept = open_session(path, configuration).map_err(|error| {
        let remedy = match error.problem {
            StoreProblem::Different(_) => ": choose another --session, or the same settings",
            StoreProblem::Kind(..) | StoreProblem::Foreign => ": choose another --session",
            // The other one may end: a service tries again.
            StoreProblem::Shared => return Failure::Output(error.to_string()),
            _ => "",
        };
        Failure::Usage(format!("{error}{remedy}"))
    })?;
    Ok((spec, kept))
}

/// What the sums of a session with these options and this network depend on.
pub fn session_configuration(
    options: &LiveOptions,
    spec: &ModelSpec,
    folder: &Path,
) -> Result<SessionConfiguration, Failure> {
    let (gate, instrument) = (options.gate, &options.instrument);
    Ok(SessionConfiguration {
        network: spec.name.clone(),
        network_sha256: Network::checksum(&folder.join(&spec.file))?,
        masks: options.masks,
        detector: format!("blazeface-back-{}", instrument.detector_size),
        landmark_model: landmark_model(instrument.shape_predictor.as_deref())?,
        epsilon: instrument.epsilon,
        estimator: options.samples.estimator().name().to_owned(),
        least_eye_distance: gate.least_eye_distance,
        most_turn: gate.most_turn,
        least_sharpness: gate.least_sharpness,
        least_probability: gate.least_probability,
    })
}

fn board(settings: &Settings, options: &LiveOptions, network: &str) -> Board {
    let min_visits = settings.min_visits.unwrap_or(MIN_VISITS);
    let mut status = Status::new(network, options.masks, min_visits);
    status.notice = settings.notice.clone();
    if let Some(path) = &settings.session {
        status.store.state = StoreState::Kept;
        status.store.path = Some(path.display().to_string());
    }
    Board::new(status, settings.show_camera.unwrap_or(false))
}

/// How it ended, in a few lines.
fn summary(status: &Status, session: Option<&Path>) -> String {
    let mut text = format!(
        "{}, {}{} {:.0} s\n",
        counted(status.visits, "visit", "visits"),
        counted(status.explanations, "explanation", "explanations"),
        // A session may have begun long before.
        if session.is_some() { " in the session; this run took" } else { " in" },
        status.uptime_seconds
    );
    for row in status.expressions.iter().filter(|row| row.visits > 0) {
        let noun = if row.visits == 1 { "visit" } else { "visits" };
        text += &format!("  {:<10} {:>5} {noun}", row.expression, row.visits);
        text += &match (&row.overlap, row.iou_interval) {
            (Some(overlap), interval) => {
                let interval = interval.map_or_else(String::new, |[low, high]| {
                    format!(" (95 %: {low:.2} to {high:.2})")
                });
                let chance = overlap.chance();
                format!(
                    ", overlap with the Ekman mask {:.2}{interval}, by chance {chance:.2}\n",
                    overlap.iou
                )
            }
            (None, _) => format!(", fewer than {}: not shown\n", status.min_visits),
        };
    }
    if let (Some(path), None) = (session, &status.store.problem) {
        text += &format!("Kept in {0}. Now: ferscope report {0}\n", path.display());
    }
    text
}
