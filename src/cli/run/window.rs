//! The window: minifb shows what `LiveScreen` draws, and takes keys.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use minifb::{InputCallback, Key, ScaleMode, Window, WindowOptions};

use super::Settings;
use super::save::save_heatmaps;
use super::show::BoardPainter;
use crate::appliance::{Board, Live, LiveOptions, Status};
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::source::stream::SourceState;
use crate::standard_face::StandardFace;
use crate::view::live_overlay::LiveOverlay;
use crate::view::live_screen::{Heatmaps, LiveScreen};

/// Of a window on a screen that is larger; a smaller one is filled.
const SIZE: (usize, usize) = (1280, 720);
/// How often numbers and heatmaps are drawn anew, and all is shown again: the X server keeps nothing of what was covered.
const STATE_PERIOD: Duration = Duration::from_millis(500);
/// Where heatmaps are saved, unless said.
const DEFAULT_HEATMAPS: &str = "heatmaps";
/// Without a frame for so long, words tell why.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a message stands in place of the keys.
const MESSAGE_PERIOD: Duration = Duration::from_secs(4);

/// The open window.
pub struct LiveWindow {
    window: Window,
    keys: Rc<RefCell<Keys>>,
    screen: LiveScreen,
    overlay: LiveOverlay,
    buffer: Vec<u32>,
    heatmaps: PathBuf,
    masks: EkmanMasks,
    shows_masks: bool,
    shows_overlay: bool,
    message: Option<(String, Instant)>,
    last_state: Option<Instant>,
    last_frame: Option<Instant>,
    /// Instead of a frame.
    words: Option<[String; 2]>,
    painter: BoardPainter,
}

impl LiveWindow {
    /// Opens it.
    ///
    /// # Errors
    /// Why not: there is no screen, most of all.
    pub fn open(
        settings: &Settings,
        options: &LiveOptions,
        classes: &[Expression],
    ) -> Result<Self, String> {
        let screen = screen_size().unwrap_or((usize::MAX, usize::MAX));
        let fills = screen.0 <= SIZE.0 || screen.1 <= SIZE.1;
        let (width, height) = if fills { screen } else { SIZE };
        let window_options = WindowOptions {
            borderless: fills,
            resize: true,
            scale_mode: ScaleMode::UpperLeft,
            ..WindowOptions::default()
        };
        let mut window = Window::new("ferscope", width, height, window_options)
            .map_err(|error| error.to_string())?;
        // The main thread keeps time itself.
        window.set_target_fps(0);
        let keys = Rc::new(RefCell::new(Keys::default()));
        window.set_input_callback(Box::new(KeyListener(keys.clone())));
        let masks = EkmanMasks::new(options.masks, &StandardFace::default());
        let (size, notice) = ((width as u32, height as u32), settings.notice.clone());
        Ok(LiveWindow {
            window,
            keys,
            screen: LiveScreen::new(size, notice, masks.clone()),
            overlay: LiveOverlay::new(classes.to_vec()),
            buffer: Vec::new(),
            heatmaps: settings.heatmaps.clone().unwrap_or_else(|| DEFAULT_HEATMAPS.into()),
            masks,
            shows_masks: true,
            shows_overlay: true,
            message: None,
            last_state: None,
            last_frame: None,
            words: None,
            painter: BoardPainter::new(classes.to_vec()),
        })
    }

    /// Takes keys and shows what is new. A closed window ends the appliance.
    pub fn show(&mut self, board: &Board, live: &Live) {
        let mut is_new = self.take_keys(board);
        let size = self.window.get_size();
        let size = (size.0.max(1) as u32, size.1.max(1) as u32);
        if size != self.screen.canvas().dimensions() {
            self.screen.resize(size);
            self.words = None;
            is_new = true;
        }
        if is_new || self.last_state.is_none_or(|last| last.elapsed() >= STATE_PERIOD) {
            self.draw_state(board);
            is_new = true;
        }
        is_new |= self.draw_view(board, live);
        if is_new {
            let pixels = self.screen.canvas().pixels();
            self.buffer.clear();
            self.buffer.extend(pixels.map(|pixel| {
                let [red, green, blue] = pixel.0.map(u32::from);
                red << 16 | green << 8 | blue
            }));
            let (width, height) = (size.0 as usize, size.1 as usize);
            if let Err(error) = self.window.update_with_buffer(&self.buffer, width, height) {
                log::warn!("the window cannot be drawn: {error}");
            }
        } else {
            self.window.update();
        }
        if !self.window.is_open() {
            board.stop();
        }
    }

    /// Whether a key changed what is to be seen.
    fn take_keys(&mut self, board: &Board) -> bool {
        let pressed = std::mem::take(&mut *self.keys.borrow_mut()).pressed;
        for &key in &pressed {
            match key {
                Key::Space => board.set_paused(!board.is_paused()),
                Key::M => {
                    self.shows_masks = !self.shows_masks;
                    self.screen.show_masks(self.shows_masks);
                }
                Key::O => self.shows_overlay = !self.shows_overlay,
                Key::S => {
                    let saved = save_heatmaps(board, &self.masks, &self.heatmaps);
                    self.message = Some((saved.unwrap_or_else(|problem| problem), Instant::now()));
                }
                Key::Q | Key::Escape => board.stop(),
                _ => {}
            }
        }
        !pressed.is_empty()
    }

    fn draw_state(&mut self, board: &Board) {
        self.last_state = Some(Instant::now());
        let status = board.status();
        let heatmaps: Heatmaps = Expression::SIX.map(|expression| board.heatmap(expression));
        self.message.take_if(|(_, since)| since.elapsed() >= MESSAGE_PERIOD);
        let message = self.message.as_ref().map(|(message, _)| message.as_str());
        self.screen.draw_state(&status, &heatmaps, message);
        // The source's state is a second old.
        let is_fresh = self.last_frame.is_some_and(|last| last.elapsed() < PATIENCE);
        let words = words(&status).filter(|_| !is_fresh || status.paused);
        if words.is_some() && words != self.words {
            self.draw_words(words);
        }
    }

    fn draw_words(&mut self, words: Option<[String; 2]>) {
        if let Some([title, detail]) = &words {
            self.screen.draw_words(title, detail);
        }
        self.words = words;
    }

    /// Shows the newest frame, if there is one; whether anything changed.
    fn draw_view(&mut self, board: &Board, live: &Live) -> bool {
        let view = live.views().try_recv();
        // Asked after the view was taken: one from before the pause is not shown.
        if board.is_paused() {
            if let Ok(view) = view {
                live.recycle(view.frame);
            }
            let paused = Some(paused());
            let is_new = self.words != paused;
            if is_new {
                self.draw_words(paused);
            }
            return is_new;
        }
        let Ok(mut view) = view else { return false };
        let last = live.last_explanation();
        let (overlay, shows_overlay) = (&mut self.overlay, self.shows_overlay);
        self.screen.draw_frame(&view.frame.picture, |picture, scale| {
            if shows_overlay {
                overlay.draw(picture, scale, &view.seen, last.as_ref());
            }
        });
        self.words = None;
        self.last_frame = Some(Instant::now());
        if board.shows_picture() {
            self.painter.paint(board, &mut view, last.as_ref());
        }
        live.recycle(view.frame);
        true
    }
}

fn paused() -> [String; 2] {
    ["Paused".to_owned(), "Nobody is looked at. The space bar looks again.".to_owned()]
}

/// What stands instead of a frame, where none comes.
fn words(status: &Status) -> Option<[String; 2]> {
    let source = &status.source;
    match source.state {
        _ if status.paused => Some(paused()),
        SourceState::Running => None,
        SourceState::Waiting if source.uri.is_empty() => {
            Some(["Starting".to_owned(), String::new()])
        }
        SourceState::Waiting => {
            let detail = source.problem.clone().unwrap_or_default();
            Some([format!("Waiting for {}", source.uri), detail])
        }
        SourceState::Ended => Some(["No more frames".to_owned(), String::new()]),
    }
}

/// Keys as they are pressed: asking minifb which are down misses those that are up again.
#[derive(Default)]
struct Keys {
    pressed: Vec<Key>,
    released: Option<Key>,
}

struct KeyListener(Rc<RefCell<Keys>>);

impl InputCallback for KeyListener {
    fn add_char(&mut self, _: u32) {}

    fn set_key_state(&mut self, key: Key, is_down: bool) {
        let mut keys = self.0.borrow_mut();
        // A key that is held is released and pressed in one.
        let is_repeat = keys.released.take() == Some(key);
        match is_down {
            true if !is_repeat => keys.pressed.push(key),
            true => {}
            false => keys.released = Some(key),
        }
    }
}

/// Width and height of the screen, where X11 tells them.
#[cfg(all(unix, not(target_os = "macos")))]
fn screen_size() -> Option<(usize, usize)> {
    let library = x11_dl::xlib::Xlib::open().ok()?;
    // SAFETY: the display is used only while it is open, and only here.
    unsafe {
        let display = (library.XOpenDisplay)(std::ptr::null());
        if display.is_null() {
            return None;
        }
        let screen = (library.XDefaultScreen)(display);
        let size =
            [(library.XDisplayWidth)(display, screen), (library.XDisplayHeight)(display, screen)];
        (library.XCloseDisplay)(display);
        let [width, height] = size.map(|side| usize::try_from(side).ok().filter(|&side| side > 0));
        Some((width?, height?))
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn screen_size() -> Option<(usize, usize)> {
    None
}
