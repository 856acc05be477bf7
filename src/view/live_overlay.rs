//! What is drawn on a frame while the appliance looks: who was found, what the network says, and why.
//!
//! Window and dashboard show the same. Nothing here knows a clock.

use std::sync::Arc;

use image::{Rgb, RgbImage, imageops};
use imageproc::drawing::draw_filled_rect_mut;
use imageproc::rect::Rect;

use super::colour_map::{AGAINST, FOR, blend, tint};
use super::text;
use crate::appliance::{LastExplanation, Refusal, Seen, SeenFace};
use crate::expression::Expression;
use crate::face::MOST_TRACKS;

/// Ground and ink of a face that is fit to be explained, and of one that is not. Words tell it too.
const FIT: [Rgb<u8>; 2] = [Rgb([120, 220, 140]), Rgb([10, 30, 14])];
const UNFIT: [Rgb<u8>; 2] = [Rgb([255, 205, 90]), Rgb([40, 26, 0])];
const SHADE: [u8; 3] = [12, 13, 16];
const INK: Rgb<u8> = Rgb([245; 3]);
const FAINT: Rgb<u8> = Rgb([190, 194, 200]);
const BAR: Rgb<u8> = Rgb([128, 134, 146]);
/// Where there is no room for bars of all classes, the most probable ones have one.
const FEW_BARS: usize = 3;

/// Draws on frames. Keeps the last explanation's picture, so that it is only made once.
#[derive(Debug)]
pub struct LiveOverlay {
    classes: Vec<Expression>,
    inset: Option<Inset>,
}

#[derive(Debug)]
struct Inset {
    explanation: Arc<LastExplanation>,
    picture: RgbImage,
}

/// Left, top, right, bottom in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Area([i32; 4]);

impl Area {
    fn at(x: i32, y: i32, width: i32, height: i32) -> Self {
        Area([x, y, x + width, y + height])
    }

    /// Pixels that both have.
    fn common(&self, other: &Area) -> i64 {
        let (Area(a), Area(b)) = (self, other);
        let side =
            |low: usize| i64::from(a[low + 2].min(b[low + 2])) - i64::from(a[low].max(b[low]));
        side(0).max(0) * side(1).max(0)
    }

    /// Moved so that it lies inside, as far as it fits.
    fn moved_inside(self, picture: &RgbImage) -> Self {
        let Area([left, top, right, bottom]) = self;
        let (width, height) = (right - left, bottom - top);
        let x = left.min(picture.width() as i32 - width).max(0);
        let y = top.min(picture.height() as i32 - height).max(0);
        Area::at(x, y, width, height)
    }

    fn fill(&self, picture: &mut RgbImage, colour: Rgb<u8>) {
        let Area([left, top, right, bottom]) = *self;
        if right > left && bottom > top {
            let size = ((right - left) as u32, (bottom - top) as u32);
            draw_filled_rect_mut(picture, Rect::at(left, top).of_size(size.0, size.1), colour);
        }
    }

    /// Darkens what lies below, so that text on it can be read.
    fn shade(&self, picture: &mut RgbImage) {
        let Area([left, top, right, bottom]) = *self;
        for y in top.max(0)..bottom.min(picture.height() as i32) {
            for x in left.max(0)..right.min(picture.width() as i32) {
                let pixel = picture.get_pixel_mut(x as u32, y as u32);
                pixel.0 = blend(pixel.0, SHADE, 0.82);
            }
        }
    }
}

impl LiveOverlay {
    /// For a network with these classes.
    pub fn new(classes: Vec<Expression>) -> Self {
        LiveOverlay { classes, inset: None }
    }

    /// Draws what was `seen` onto the frame, which is `scale` times as large as it was looked at: boxes, 68 points, classes, bars of
    /// smoothed probabilities, why a face is not explained; and the last explanation, while the one it is of is there.
    pub fn draw(
        &mut self,
        picture: &mut RgbImage,
        scale: f32,
        seen: &Seen,
        last: Option<&Arc<LastExplanation>>,
    ) {
        let size = text_size(picture);
        let boxes: heapless::Vec<Area, MOST_TRACKS> =
            seen.faces.iter().map(|face| face_box(face, scale)).collect();
        for (place, face) in seen.faces.iter().enumerate() {
            draw_face(picture, face, boxes[place], scale);
        }
        // Text comes last, so that no box runs through it.
        let mut taken: heapless::Vec<Area, { 4 * MOST_TRACKS }> = boxes.iter().copied().collect();
        for (face, &own) in seen.faces.iter().zip(&boxes) {
            let class = self.classes.get(face.class).copied().unwrap_or(face.expression);
            let tags = write_tags(picture, face, class, own, size);
            tags.into_iter().flatten().for_each(|tag| taken.push(tag).expect("two tags a face"));
        }
        for (face, &own) in seen.faces.iter().zip(&boxes) {
            let bars = self.draw_bars(picture, face, own, &taken, size);
            taken.push(bars).expect("bars once a face");
        }
        // Whoever has left is not shown any more.
        let is_there = |visit| seen.faces.iter().any(|face| face.visit == visit);
        match last.filter(|last| is_there(last.visit)) {
            Some(last) => self.draw_inset(picture, last, &taken, size),
            None => self.inset = None,
        }
    }

    /// A bar per class, where it covers least of `taken`: beside the face's box, above or below; of fewer classes where all of them
    /// would cover something. Returns where.
    fn draw_bars(
        &self,
        picture: &mut RgbImage,
        face: &SeenFace,
        own: Area,
        taken: &[Area],
        size: f32,
    ) -> Area {
        let text = size * 0.87;
        let row = (text * 1.16) as i32;
        let name = self.classes.iter().map(|class| text::width(text, class.name())).max();
        let (name, percent) = (name.unwrap_or(0) + 6, text::width(text, "100 %") + 6);
        let bar = (size * 4.5) as i32;
        let width = name + bar + percent + 8;
        let Area([left, top, right, bottom]) = own;
        let all = self.classes.len();
        let fewer = FEW_BARS.min(all);
        let places = [all, fewer].into_iter().flat_map(|rows| {
            let height = row * rows as i32 + 6;
            // Two tags high above and below.
            let (above, below) = (top - 2 * row - height, bottom + 2 * row);
            [(right + 6, top), (left - 6 - width, top), (left, below), (left, above)]
                .map(|(x, y)| (rows, Area::at(x, y, width, height)))
        });
        let covered = |area: &Area| taken.iter().map(|other| area.common(other)).sum::<i64>();
        let (shown, area) = places
            .map(|(rows, area)| (rows, area.moved_inside(picture)))
            .min_by_key(|(_, area)| covered(area))
            .expect("there are eight places");
        area.shade(picture);
        // In the order of the classes, so that rows stay where they are.
        let probabilities = &face.smoothed_probabilities;
        let is_shown = |class: usize| {
            let before =
                |other: usize| (probabilities[other], class) > (probabilities[class], other);
            (0..probabilities.len()).filter(|&other| before(other)).count() < shown
        };
        let Area([x, mut y, ..]) = area;
        y += 3;
        for (class, &probability) in probabilities.iter().enumerate() {
            if !is_shown(class) {
                continue;
            }
            let Some(expression) = self.classes.get(class) else { continue };
            let is_first = class == face.class;
            let ink = if is_first { INK } else { FAINT };
            text::write(picture, x + 4, y, text, ink, expression.name());
            let length = (bar as f32 * probability.clamp(0.0, 1.0)).round().max(1.0) as i32;
            let colour = if is_first { colours(face)[0] } else { BAR };
            Area::at(x + 4 + name, y + row / 4, length, row / 2).fill(picture, colour);
            let words = format!("{:.0} %", 100.0 * probability);
            text::write(picture, x + 8 + name + bar, y, text, ink, &words);
            y += row;
        }
        area
    }

    /// What the network saw, with what spoke for and against; in the corner where it covers least.
    fn draw_inset(
        &mut self,
        picture: &mut RgbImage,
        last: &Arc<LastExplanation>,
        taken: &[Area],
        size: f32,
    ) {
        let side = (picture.height() / 4).clamp(48, 224);
        let is_same =
            |inset: &&Inset| Arc::ptr_eq(&inset.explanation, last) && inset.picture.width() == side;
        if self.inset.as_ref().filter(is_same).is_none() {
            let picture = explanation(last, side);
            self.inset = Some(Inset { explanation: last.clone(), picture });
        }
        let inset = self.inset.as_ref().expect("it was just made");
        let text = size * 0.87;
        let row = (text * 1.2) as i32;
        let title = format!("last explained: {}", last.expression);
        let legend = [("for", FOR), ("against", AGAINST)];
        let legend_width = text::width(text, "for") + text::width(text, "against") + 5 * row / 2;
        let width = text::width(text, &title).max(side as i32).max(legend_width) + 12;
        let height = side as i32 + 2 * row + 14;
        let (right, bottom) = (picture.width() as i32 - width, picture.height() as i32 - height);
        let corners = [(0, bottom), (right, bottom), (0, 0), (right, 0)]
            .map(|(x, y)| Area::at(x, y, width, height));
        let covered = |area: &&Area| taken.iter().map(|other| area.common(other)).sum::<i64>();
        let area = *corners.iter().min_by_key(covered).expect("there are four corners");
        area.shade(picture);
        let Area([x, y, ..]) = area;
        text::write(picture, x + 6, y + 3, text, INK, &title);
        let left = x + (width - side as i32) / 2;
        imageops::replace(picture, &inset.picture, left.into(), (y + row + 6).into());
        let (mut x, y) = (x + 6, y + height - row - 4);
        for (word, colour) in legend {
            Area::at(x, y + row / 4, row / 2, row / 2).fill(picture, Rgb(colour));
            text::write(picture, x + row / 2 + 4, y, text, FAINT, word);
            x += row / 2 + 4 + text::width(text, word) + row;
        }
    }
}

/// Height of text that can be read on a picture of that size.
fn text_size(picture: &RgbImage) -> f32 {
    let (width, height) = picture.dimensions();
    (width.min(height * 4 / 3) as f32 * 0.026).clamp(12.5, 30.0)
}

fn colours(face: &SeenFace) -> [Rgb<u8>; 2] {
    if face.verdict.is_ok() { FIT } else { UNFIT }
}

fn on_picture([x, y]: [f32; 2], scale: f32) -> (i32, i32) {
    let at = |value: f32| ((value + 0.5) * scale - 0.5).round() as i32;
    (at(x), at(y))
}

/// Around the landmarks, a little larger.
fn face_box(face: &SeenFace, scale: f32) -> Area {
    let area = face.landmarks.bounding_box();
    let more = 0.06 * area.width;
    let (left, top) = on_picture([area.x - more, area.y - more], scale);
    let (right, bottom) =
        on_picture([area.x + area.width + more, area.y + area.height + more], scale);
    Area([left, top, right.max(left + 4), bottom.max(top + 4)])
}

fn draw_face(picture: &mut RgbImage, face: &SeenFace, area: Area, scale: f32) {
    let colour = colours(face)[0];
    let Area([left, top, right, bottom]) = area;
    let thick = 2;
    for side in [
        [left, top, right, top + thick],
        [left, bottom - thick, right, bottom],
        [left, top, left + thick, bottom],
        [right - thick, top, right, bottom],
    ] {
        Area(side).fill(picture, colour);
    }
    let dot = if right - left > 160 { 2 } else { 1 };
    for &point in face.landmarks.points() {
        let (x, y) = on_picture(point, scale);
        Area::at(x, y, dot, dot).fill(picture, INK);
    }
}

/// The class above the box, and below it why it is not explained. Returns where.
fn write_tags(
    picture: &mut RgbImage,
    face: &SeenFace,
    class: Expression,
    area: Area,
    size: f32,
) -> [Option<Area>; 2] {
    let Area([left, top, _, bottom]) = area;
    let [ground, ink] = colours(face);
    let probability = face.smoothed_probabilities.get(face.class).copied().unwrap_or(0.0);
    let height = (size * 1.3) as i32;
    let mut tag = |words: &str, y: i32| {
        let area = Area::at(left, y, text::width(size, words) + 8, height).moved_inside(picture);
        area.fill(picture, ground);
        text::write(picture, area.0[0] + 4, area.0[1] + height / 10, size, ink, words);
        area
    };
    let refusal = face.verdict.err().map(|refusal| tag(word(refusal), bottom));
    [Some(tag(&format!("{class} {:.0} %", 100.0 * probability), top - height)), refusal]
}

/// Why a face is not explained, in a word.
fn word(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Small => "not explained: too small",
        Refusal::Turned => "not explained: turned away",
        Refusal::Blurred => "not explained: blurred",
        Refusal::Doubtful => "not explained: undecided",
        Refusal::Neutral => "not explained: neutral",
        Refusal::Busy => "not explained: busy",
    }
}

/// The crop tinted by its relevance.
fn explanation(last: &LastExplanation, side: u32) -> RgbImage {
    let largest = last.relevance.iter().fold(f32::MIN_POSITIVE, |most, r| most.max(r.abs()));
    let (width, height) = last.crop.dimensions();
    RgbImage::from_fn(side, side, |x, y| {
        let (x, y) = (x * width / side, y * height / side);
        let relevance = last.relevance[(y * width + x) as usize] / largest;
        tint(last.crop.get_pixel(x, y)[0], relevance)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::{Landmarks, Quality};
    use image::GrayImage;

    const CLASSES: [Expression; 7] = [
        Expression::Anger,
        Expression::Disgust,
        Expression::Fear,
        Expression::Happiness,
        Expression::Sadness,
        Expression::Surprise,
        Expression::Neutral,
    ];

    fn face(visit: u64, [x, y]: [f32; 2], size: f32, verdict: Result<(), Refusal>) -> SeenFace {
        let points = std::array::from_fn(|index| {
            let angle = index as f32 * 0.37;
            [x + size * (0.5 + 0.5 * angle.cos()), y + size * (0.5 + 0.5 * angle.sin())]
        });
        let probabilities =
            heapless::Vec::from_slice(&[0.05, 0.05, 0.1, 0.6, 0.1, 0.05, 0.05]).unwrap();
        SeenFace {
            visit,
            landmarks: Landmarks::new(points),
            probabilities: probabilities.clone(),
            smoothed_probabilities: probabilities,
            class: 3,
            expression: Expression::Happiness,
            quality: Quality { eye_distance: 60.0, turn: 0.05, sharpness: 0.1 },
            verdict,
        }
    }

    fn seen(faces: impl IntoIterator<Item = SeenFace>) -> Seen {
        Seen { faces: faces.into_iter().collect(), ..Seen::default() }
    }

    fn last(visit: u64) -> Arc<LastExplanation> {
        Arc::new(LastExplanation {
            visit,
            expression: Expression::Happiness,
            crop: GrayImage::from_pixel(112, 112, image::Luma([128])),
            relevance: vec![1.0; 112 * 112],
        })
    }

    fn count(picture: &RgbImage, colour: Rgb<u8>) -> usize {
        picture.pixels().filter(|&&pixel| pixel == colour).count()
    }

    #[test]
    fn nothing_seen_is_nothing_drawn() {
        let mut picture = RgbImage::new(320, 240);
        LiveOverlay::new(CLASSES.to_vec()).draw(
            &mut picture,
            1.0,
            &Seen::default(),
            Some(&last(1)),
        );
        assert!(picture.iter().all(|&value| value == 0));
    }

    #[test]
    fn the_colour_tells_who_is_explained() {
        let draw = |verdict| {
            let mut picture = RgbImage::new(640, 480);
            let seen = seen([face(1, [250.0, 150.0], 120.0, verdict)]);
            LiveOverlay::new(CLASSES.to_vec()).draw(&mut picture, 1.0, &seen, None);
            (count(&picture, FIT[0]), count(&picture, UNFIT[0]))
        };
        let (fit, unfit) = draw(Ok(()));
        assert!(fit > 1000 && unfit == 0);
        let (fit, unfit) = draw(Err(Refusal::Turned));
        assert!(fit == 0 && unfit > 2000);
    }

    #[test]
    fn only_someone_who_is_there_has_an_explanation_on_the_picture() {
        let red = tint(128, 1.0);
        let mut overlay = LiveOverlay::new(CLASSES.to_vec());
        let mut draw = |visit| {
            let mut picture = RgbImage::new(640, 480);
            let seen = seen([face(7, [250.0, 150.0], 120.0, Ok(()))]);
            overlay.draw(&mut picture, 1.0, &seen, Some(&last(visit)));
            (count(&picture, red), overlay.inset.is_some())
        };
        assert_eq!(draw(7), (120 * 120, true));
        assert_eq!(draw(6), (0, false), "and nothing is kept of who left");
    }

    #[test]
    fn bars_of_two_people_side_by_side_cover_no_face() {
        let overlay = LiveOverlay::new(CLASSES.to_vec());
        let mut picture = RgbImage::new(420, 320);
        let faces = [[64.0, 110.0], [245.0, 100.0]].map(|place| face(1, place, 105.0, Ok(())));
        let mut taken: Vec<Area> = faces.iter().map(|face| face_box(face, 1.0)).collect();
        for (place, face) in faces.iter().enumerate() {
            let area = overlay.draw_bars(&mut picture, face, taken[place], &taken, 11.0);
            assert!(taken.iter().all(|other| area.common(other) == 0), "{area:?} {taken:?}");
            taken.push(area);
        }
    }

    #[test]
    fn faces_anywhere_and_of_any_size_are_drawn_on_any_picture() {
        let anywhere = [[-500.0, -90.0], [630.0, 470.0], [0.0, 0.0], [1e6, -1e6], [300.0, 200.0]];
        for (width, height) in [(1, 1), (40, 30), (640, 480), (1920, 1080)] {
            for size in [0.0, 3.0, 500.0, 5000.0] {
                let faces = anywhere.map(|place| face(1, place, size, Err(Refusal::Small)));
                let mut picture = RgbImage::new(width, height);
                let mut overlay = LiveOverlay::new(CLASSES.to_vec());
                overlay.draw(&mut picture, 1.5, &seen(faces), Some(&last(1)));
            }
        }
    }
}
