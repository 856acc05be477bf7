//! What the window shows: the camera's picture, six heatmaps with what they mean, and how the appliance does.
//!
//! Drawn on one picture of any size, without a clock; parts are only drawn anew when they change.

use std::sync::Arc;

use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::{draw_filled_rect_mut, draw_hollow_rect_mut};

use super::heatmap_panel::heatmap_panel;
use super::screen_layout::{Layout, Place};
use super::svg::wrap;
use super::{counted, text};
use crate::appliance::{ExpressionStatus, Status, StoreState};
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::source::stream::SourceState;
use crate::standard_face::StandardFace;

const GROUND: Rgb<u8> = Rgb([20, 22, 26]);
const DARK: Rgb<u8> = Rgb([8, 9, 11]);
const INK: Rgb<u8> = Rgb([240, 240, 236]);
const FAINT: Rgb<u8> = Rgb([172, 177, 186]);
const LINE: Rgb<u8> = Rgb([86, 91, 101]);
const WARNING: Rgb<u8> = Rgb([255, 170, 120]);
/// Ground and ink of the notice: it is to be seen.
const NOTICE: [Rgb<u8>; 2] = [Rgb([255, 214, 102]), Rgb([30, 22, 0])];
/// What the keys do.
pub const KEYS: [(&str, &str); 5] =
    [("space", "pause"), ("m", "masks"), ("o", "overlay"), ("s", "save heatmaps"), ("q", "quit")];

/// A heatmap per expression, in the order of [`Expression::SIX`], as the board gives them.
pub type Heatmaps = [Option<Arc<[f32]>>; 6];

/// The screen.
#[derive(Debug)]
pub struct LiveScreen {
    canvas: RgbImage,
    layout: Layout,
    notice: Option<String>,
    /// The camera's picture, as large as it is shown.
    view: RgbImage,
    scaler: Scaler,
    standard_face: StandardFace,
    masks: EkmanMasks,
    shows_masks: bool,
    drawn: [Option<(Arc<[f32]>, RgbImage)>; 6],
}

impl LiveScreen {
    /// A screen of that size in pixels.
    pub fn new(size: (u32, u32), notice: Option<String>, masks: EkmanMasks) -> Self {
        let mut screen = LiveScreen {
            canvas: RgbImage::new(1, 1),
            layout: Layout::new((1, 1), None),
            notice,
            view: RgbImage::new(0, 0),
            scaler: Scaler::default(),
            standard_face: StandardFace::default(),
            masks,
            shows_masks: true,
            drawn: Default::default(),
        };
        screen.resize(size);
        screen
    }

    /// Takes another size; all is to be drawn again.
    pub fn resize(&mut self, size: (u32, u32)) {
        self.layout = Layout::new(size, self.notice.as_deref());
        self.canvas = RgbImage::from_pixel(size.0.max(1), size.1.max(1), GROUND);
        self.view = RgbImage::new(0, 0);
        self.drawn = Default::default();
        self.draw_notice();
    }

    /// What is to be seen.
    pub fn canvas(&self) -> &RgbImage {
        &self.canvas
    }

    /// Outlines the Ekman masks, or not.
    pub fn show_masks(&mut self, shows_masks: bool) {
        self.shows_masks = shows_masks;
        self.drawn = Default::default();
    }

    fn draw_notice(&mut self) {
        let Some(notice) = &self.layout.notice else { return };
        fill(&mut self.canvas, notice.area, NOTICE[0]);
        let (middle, mut y) = (notice.area.middle(), notice.area.y + notice.size as i32 / 3);
        for line in &notice.lines {
            text::write_centred(&mut self.canvas, middle, y, notice.size, NOTICE[1], line);
            y += (notice.size * 1.25) as i32;
        }
    }

    /// Shows a frame as large as it fits; `draw_on` draws over it, given how many times as large it is.
    pub fn draw_frame(&mut self, frame: &RgbImage, draw_on: impl FnOnce(&mut RgbImage, f32)) {
        let area = self.layout.picture;
        if frame.width() == 0 || frame.height() == 0 {
            return;
        }
        let scale = (area.width as f32 / frame.width() as f32)
            .min(area.height as f32 / frame.height() as f32);
        let size =
            [frame.width(), frame.height()].map(|side| ((side as f32 * scale) as u32).max(1));
        if self.view.dimensions() != (size[0], size[1]) {
            self.view = RgbImage::new(size[0], size[1]);
            fill(&mut self.canvas, area, GROUND);
        }
        self.scaler.scale(frame, &mut self.view);
        draw_on(&mut self.view, scale);
        let x = area.x + (area.width - size[0] as i32) / 2;
        let y = area.y + (area.height - size[1] as i32) / 2;
        imageops::replace(&mut self.canvas, &self.view, x.into(), y.into());
    }

    /// Shows words instead of a frame; nothing is left of the last one.
    pub fn draw_words(&mut self, title: &str, words: &str) {
        let area = self.layout.picture;
        self.view = RgbImage::new(0, 0);
        fill(&mut self.canvas, area, DARK);
        let size = (2.2 * self.layout.text).min(area.height as f32 / 4.0);
        let mut y = area.y + area.height / 2 - size as i32;
        text::write_centred(&mut self.canvas, area.middle(), y, size, INK, title);
        y += (1.4 * size) as i32;
        for line in lines(words, area.width - 16, self.layout.text) {
            text::write_centred(&mut self.canvas, area.middle(), y, self.layout.text, FAINT, &line);
            y += (1.25 * self.layout.text) as i32;
        }
    }

    /// Shows heatmaps and numbers, and in the last line the keys and `message`.
    pub fn draw_state(&mut self, status: &Status, heatmaps: &Heatmaps, message: Option<&str>) {
        for (place, expression) in Expression::SIX.into_iter().enumerate() {
            let row = &status.expressions[place];
            self.draw_cell(place, expression, row, heatmaps[place].as_ref(), status.min_visits);
        }
        self.draw_caption(status);
        self.draw_numbers(status);
        self.draw_keys(status.paused, message);
    }

    fn draw_cell(
        &mut self,
        place: usize,
        expression: Expression,
        row: &ExpressionStatus,
        heatmap: Option<&Arc<[f32]>>,
        min_visits: u64,
    ) {
        let (cell, size) = (self.layout.cells[place], self.layout.small);
        let map = self.layout.map_in(cell);
        if map.width < 8 || map.height < 8 {
            return;
        }
        fill(&mut self.canvas, cell, GROUND);
        let name = self.layout.small * 1.15;
        text::write_centred(&mut self.canvas, cell.middle(), cell.y, name, INK, expression.name());
        let Some(heatmap) = heatmap else {
            self.drawn[place] = None;
            draw_hollow_rect_mut(&mut self.canvas, map.rect(), LINE);
            let least = counted(min_visits, "visit", "visits");
            let words = format!("needs {least}, has {}", row.visits);
            let words = lines(&words, map.width - 6, size);
            let mut y = map.y + (map.height - words.len() as i32 * (1.25 * size) as i32) / 2;
            for line in words {
                text::write_centred(&mut self.canvas, map.middle(), y, size, FAINT, &line);
                y += (1.25 * size) as i32;
            }
            return;
        };
        let is_same = |drawn: &&(Arc<[f32]>, RgbImage)| Arc::ptr_eq(&drawn.0, heatmap);
        if self.drawn[place].as_ref().filter(is_same).is_none() {
            let mask = self.masks.get(expression).filter(|_| self.shows_masks);
            let size = (map.width as u32, map.height as u32);
            let picture = heatmap_panel(heatmap, mask, &self.standard_face, size, 1);
            self.drawn[place] = Some((heatmap.clone(), picture));
        }
        let (_, picture) = self.drawn[place].as_ref().expect("it was just drawn");
        imageops::replace(&mut self.canvas, picture, map.x.into(), map.y.into());
        let mut y = map.y + map.height + 2;
        for (number, line) in notes(row).iter().enumerate() {
            let size = fitting(size, line, cell.width);
            let ink = if number == 0 { INK } else { FAINT };
            text::write_centred(&mut self.canvas, cell.middle(), y, size, ink, line);
            y += (1.2 * self.layout.small) as i32;
        }
    }

    fn draw_caption(&mut self, status: &Status) {
        let area = self.layout.caption;
        fill(&mut self.canvas, area, GROUND);
        let mask = if self.shows_masks { ", outlined: Ekman mask" } else { "" };
        let words = [
            format!("bright: relevant to {}{mask}", status.network),
            "IoU: overlap with the mask; chance: the highest of three levels".to_owned(),
        ];
        let mut y = area.y;
        for line in words {
            let size = fitting(self.layout.small, &line, area.width);
            text::write_centred(&mut self.canvas, area.middle(), y, size, FAINT, &line);
            y += (1.25 * self.layout.small) as i32;
        }
    }

    fn draw_numbers(&mut self, status: &Status) {
        let (area, size) = (self.layout.numbers, self.layout.small);
        fill(&mut self.canvas, area, GROUND);
        let mut y = area.y;
        let texts = problems(status)
            .into_iter()
            .map(|words| (words, WARNING))
            .chain([(counts(status), INK), (stages(status), FAINT)]);
        for (words, ink) in texts {
            for line in lines(&words, area.width, size) {
                if y + size as i32 > area.y + area.height {
                    return;
                }
                text::write(&mut self.canvas, area.x, y, size, ink, &line);
                y += (1.25 * size) as i32;
            }
        }
    }

    fn draw_keys(&mut self, is_paused: bool, message: Option<&str>) {
        let (area, size) = (self.layout.keys, self.layout.small);
        fill(&mut self.canvas, area, DARK);
        let y = area.y + (area.height - size as i32) / 2;
        if let Some(message) = message {
            let size = fitting(size, message, area.width - 12);
            return text::write(&mut self.canvas, area.x + 6, y, size, NOTICE[0], message);
        }
        let mut x = area.x + 6;
        for (key, what) in KEYS {
            let what = if what == "pause" && is_paused { "look again" } else { what };
            text::write(&mut self.canvas, x, y, size, NOTICE[0], key);
            x += text::width(size, key) + size as i32 / 2;
            text::write(&mut self.canvas, x, y, size, INK, what);
            x += text::width(size, what) + (1.6 * size) as i32;
        }
    }
}

fn fill(canvas: &mut RgbImage, area: Place, colour: Rgb<u8>) {
    if area.width > 0 && area.height > 0 {
        draw_filled_rect_mut(canvas, area.rect(), colour);
    }
}

fn lines(words: &str, width: i32, size: f32) -> Vec<String> {
    wrap(words, f64::from(width.max(1)), |text| f64::from(text::width(size, text)))
}

/// The size at which a line fits, not larger than `size`.
fn fitting(size: f32, line: &str, width: i32) -> f32 {
    let wanted = text::width(size, line).max(1);
    size * (width.max(1) as f32 / wanted as f32).min(1.0)
}

/// What a heatmap means, a line each: never its overlap without chance.
fn notes(row: &ExpressionStatus) -> Vec<String> {
    let visits = counted(row.visits, "visit", "visits");
    let Some(overlap) = &row.overlap else { return vec![visits] };
    let chance = overlap.chance();
    let interval = match row.iou_interval {
        Some([low, high]) => format!("95 %: {low:.2} to {high:.2}"),
        None => "95 %: not known yet".to_owned(),
    };
    vec![format!("IoU {:.2}, chance {chance:.2}", overlap.iou), interval, visits]
}

fn problems(status: &Status) -> Vec<String> {
    let source =
        status.source.problem.as_ref().filter(|_| status.source.state != SourceState::Running);
    let store = status.store.problem.as_ref().filter(|_| status.store.state == StoreState::Failing);
    let store = store.map(|problem| format!("not written: {problem}"));
    source.cloned().into_iter().chain(store).collect()
}

fn counts(status: &Status) -> String {
    let looking = match status.paused {
        true => "paused".to_owned(),
        false => format!("{:.0} frames/s", status.source.frames_per_second),
    };
    format!(
        "{looking} · {} · {}, {:.0} a minute, {} samples each",
        counted(status.visits, "visit", "visits"),
        counted(status.explanations, "explanation", "explanations"),
        status.explanations_per_minute,
        status.samples
    )
}

fn stages(status: &Status) -> String {
    let milliseconds = |value: f64| match value {
        value if value < 9.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    };
    let stages: Vec<String> = status
        .stages
        .iter()
        .map(|stage| format!("{} {} ms", stage.stage, milliseconds(stage.median_ms)))
        .collect();
    stages.join(" · ")
}

/// Scales pictures between neighbours, without memory of its own for each.
#[derive(Debug, Default)]
struct Scaler {
    /// Per column: that of the pixel before and of the one after, and the share of 256 of the latter.
    columns: Vec<[usize; 3]>,
}

impl Scaler {
    /// Scales a picture to the size of the other one.
    fn scale(&mut self, from: &RgbImage, to: &mut RgbImage) {
        if from.dimensions() == to.dimensions() {
            to.copy_from_slice(from);
            return;
        }
        let (width, height) = (from.width() as usize, from.height() as usize);
        let (to_width, to_height) = (to.width() as usize, to.height() as usize);
        self.columns.clear();
        self.columns.extend((0..to_width).map(|x| neighbours(x, width, to_width)));
        let pixels = from.as_raw();
        for (y, row) in to.chunks_exact_mut(3 * to_width).enumerate() {
            let [top, below, down] = neighbours(y, height, to_height);
            let [upper, lower] = [top, below].map(|y| &pixels[3 * width * y..][..3 * width]);
            for (pixel, &[left, next, right]) in row.chunks_exact_mut(3).zip(&self.columns) {
                for (channel, value) in pixel.iter_mut().enumerate() {
                    let mix = |row: &[u8]| {
                        let at = |x: usize| usize::from(row[3 * x + channel]);
                        at(left) * (256 - right) + at(next) * right
                    };
                    *value = ((mix(upper) * (256 - down) + mix(lower) * down) >> 16) as u8;
                }
            }
        }
    }
}

/// The place before and after, and the share of 256 of the latter, with pixel centres at whole numbers.
fn neighbours(at: usize, size: usize, to_size: usize) -> [usize; 3] {
    let at = (at as f32 + 0.5) * size as f32 / to_size as f32 - 0.5;
    let at = at.clamp(0.0, (size - 1) as f32);
    [at as usize, (at as usize + 1).min(size - 1), (at.fract() * 256.0) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{MaskSet, Overlap};
    use crate::standard_face::FACE_PIXELS;

    fn screen(size: (u32, u32)) -> LiveScreen {
        let masks = EkmanMasks::new(MaskSet::default(), &StandardFace::default());
        LiveScreen::new(size, Some("This robot looks at faces.".to_owned()), masks)
    }

    #[test]
    fn nothing_of_the_last_frame_is_left_behind_words() {
        let mut screen = screen((800, 480));
        let colour = Rgb([1, 250, 3]);
        let count =
            |screen: &LiveScreen| screen.canvas().pixels().filter(|&&p| p == colour).count();
        screen.draw_frame(&RgbImage::from_pixel(640, 480, colour), |_, scale| {
            assert!((0.5..1.0).contains(&scale));
        });
        assert!(count(&screen) > 100_000);
        screen.draw_words("Paused", "");
        assert_eq!(count(&screen), 0);
        assert_eq!(screen.view.dimensions(), (0, 0));
    }

    #[test]
    fn every_size_and_state_can_be_drawn() {
        let mut status = Status::new("net", MaskSet::default(), 20);
        let mut heatmaps = Heatmaps::default();
        status.expressions[1].visits = 20;
        heatmaps[1] = Some(vec![0.5; FACE_PIXELS].into());
        status.store.problem = Some("the disk is full ".repeat(30));
        status.store.state = StoreState::Failing;
        for size in
            [(1, 1), (7, 300), (320, 240), (480, 800), (800, 480), (1280, 720), (3840, 2160)]
        {
            let mut screen = screen(size);
            for frame in [(640, 480), (1, 1), (1920, 1080), (480, 640)] {
                screen.draw_frame(&RgbImage::new(frame.0, frame.1), |_, _| ());
            }
            screen.draw_state(&status, &heatmaps, None);
            screen.draw_state(&status, &heatmaps, Some("saved"));
            screen.draw_words("Waiting", "for a camera");
        }
    }

    #[test]
    fn an_overlap_stands_beside_chance() {
        let overlap = Overlap {
            iou: 0.31,
            precision: 0.5,
            recall: 0.5,
            f1: 0.5,
            foreground_area: 9.0,
            iou_all_white: 0.1,
            iou_random: 0.05,
            iou_other_masks: 0.27,
        };
        let row = ExpressionStatus {
            expression: Expression::Fear,
            visits: 34,
            explanations: 99,
            overlap: Some(overlap),
            iou_interval: Some([0.25, 0.38]),
        };
        assert_eq!(notes(&row), ["IoU 0.31, chance 0.27", "95 %: 0.25 to 0.38", "34 visits"]);
    }

    #[test]
    fn scaling_keeps_flat_colours_and_gradients() {
        let flat = RgbImage::from_pixel(7, 5, Rgb([10, 20, 255]));
        let mut large = RgbImage::new(31, 17);
        Scaler::default().scale(&flat, &mut large);
        assert!(large.pixels().all(|&pixel| pixel == Rgb([10, 20, 255])));
        let ramp = RgbImage::from_fn(64, 2, |x, _| Rgb([4 * x as u8; 3]));
        let mut half = RgbImage::new(32, 1);
        Scaler::default().scale(&ramp, &mut half);
        assert!(half.enumerate_pixels().all(|(x, _, p)| p[0].abs_diff(8 * x as u8 + 2) <= 1));
    }
}
