//! Where the parts of the window stand: beside one another on a wide screen, below one another on a high one.

use imageproc::rect::Rect;

use super::svg::wrap;
use super::text;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH};

/// The most lines of a notice; it is written smaller until it fits.
const MOST_NOTICE_LINES: usize = 3;

/// A place on the screen, in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Place {
    /// Left.
    pub x: i32,
    /// Top.
    pub y: i32,
    /// Not negative.
    pub width: i32,
    /// Not negative.
    pub height: i32,
}

impl Place {
    fn new(x: i32, y: i32, width: i32, height: i32) -> Self {
        Place { x, y, width: width.max(0), height: height.max(0) }
    }

    /// Halfway from left to right.
    pub fn middle(&self) -> i32 {
        self.x + self.width / 2
    }

    /// As imageproc has it, at least a pixel large.
    pub fn rect(&self) -> Rect {
        Rect::at(self.x, self.y).of_size(self.width.max(1) as u32, self.height.max(1) as u32)
    }
}

/// What people in front of the camera are told, in lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub area: Place,
    pub lines: Vec<String>,
    pub size: f32,
}

/// The places of all parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    pub notice: Option<Notice>,
    pub picture: Place,
    /// Frame rate, stage times.
    pub numbers: Place,
    pub cells: [Place; 6],
    /// Below the cells.
    pub caption: Place,
    pub keys: Place,
    /// Heights of text.
    pub text: f32,
    pub small: f32,
}

impl Layout {
    /// For a screen of that size.
    pub fn new((width, height): (u32, u32), notice: Option<&str>) -> Self {
        let (width, height) = (width as i32, height as i32);
        let side = width.min(height * 16 / 9) as f32;
        let text = (side / 64.0).clamp(13.0, 48.0);
        let small = (side / 80.0).clamp(12.0, 40.0);
        let margin = (small * 0.7) as i32;
        let line = (1.25 * small) as i32;
        let notice = notice.map(|words| Notice::new(words, width, height, 1.5 * text));
        let top = notice.as_ref().map_or(0, |notice| notice.area.height) + margin;
        let keys = Place::new(0, height - line - margin, width, line + margin);
        let bottom = keys.y - margin;
        let is_wide = 10 * width > 11 * height;
        let (left, maps) = if is_wide {
            let picture = (width - 3 * margin) * 58 / 100;
            let x = margin + picture + margin;
            (
                Place::new(margin, top, picture, bottom - top),
                Place::new(x, top, width - margin - x, bottom - top),
            )
        } else {
            let picture = (bottom - top - margin) * 45 / 100;
            let (inner, y) = (width - 2 * margin, top + picture + margin);
            (Place::new(margin, top, inner, picture), Place::new(margin, y, inner, bottom - y))
        };
        let numbers_height = 3 * line;
        let numbers =
            Place::new(left.x, left.y + left.height - numbers_height, left.width, numbers_height);
        let picture = Place::new(left.x, left.y, left.width, left.height - numbers_height - margin);
        let caption = Place::new(maps.x, maps.y + maps.height - 2 * line, maps.width, 2 * line);
        let gap = margin;
        let cell_width = (maps.width - 2 * gap) / 3;
        let cell_height = (maps.height - 2 * line - 2 * gap) / 2;
        let cells = std::array::from_fn(|place| {
            let (column, row) = (place as i32 % 3, place as i32 / 3);
            let x = maps.x + column * (cell_width + gap);
            Place::new(x, maps.y + row * (cell_height + gap), cell_width, cell_height)
        });
        Layout { notice, picture, numbers, cells, caption, keys, text, small }
    }

    /// Where the heatmap of a cell stands: its name above, three lines below.
    pub fn map_in(&self, cell: Place) -> Place {
        let (above, below) = ((1.5 * self.small) as i32, (3.75 * self.small) as i32);
        let (face_width, face_height) = (FACE_WIDTH as i32, FACE_HEIGHT as i32);
        let most = (cell.height - above - below).max(0);
        let width = cell.width.min(most * face_width / face_height);
        let height = width * face_height / face_width;
        Place::new(cell.x + (cell.width - width) / 2, cell.y + above, width, height)
    }
}

impl Notice {
    fn new(words: &str, width: i32, height: i32, mut size: f32) -> Self {
        let most = |size: f32| f64::from((width - 2 * size as i32).max(1));
        let lines_of =
            |size: f32, most: f64| wrap(words, most, |text| f64::from(text::width(size, text)));
        // Smaller by a fifth rather than a line more.
        let wanted = lines_of(0.8 * size, most(0.8 * size)).len().min(MOST_NOTICE_LINES);
        let is_too_large = |size: f32| {
            let lines = lines_of(size, most(size)).len();
            lines > wanted || lines as f32 * size > height as f32 / 4.0
        };
        while size > 12.0 && is_too_large(size) {
            size *= 0.95;
        }
        // Lines of about one length.
        let widest = lines_of(size, most(size));
        let is_as_good = |lines: &Vec<String>| {
            lines.len() == widest.len() && lines.join(" ") == widest.join(" ")
        };
        let lines = (10..20)
            .map(|share| lines_of(size, f64::from(share) / 20.0 * most(size)))
            .find(is_as_good)
            .unwrap_or(widest);
        let high = (lines.len() as f32 * 1.25 * size + 0.6 * size) as i32;
        Notice { area: Place::new(0, 0, width, high), lines, size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_inside_and_apart() {
        let long = "A robot that looks at faces, and keeps none of them. ".repeat(6);
        for size in [(800, 480), (1280, 720), (1920, 1080), (600, 1024), (640, 480)] {
            for notice in [None, Some("It looks."), Some(long.as_str())] {
                let layout = Layout::new(size, notice);
                let mut parts = vec![layout.picture, layout.numbers, layout.caption, layout.keys];
                parts.extend(layout.cells);
                parts.extend(layout.notice.as_ref().map(|notice| notice.area));
                for (place, part) in parts.iter().enumerate() {
                    assert!(part.width > 0 && part.height > 0, "{size:?} {layout:?}");
                    assert!(part.x + part.width <= size.0 as i32, "{size:?} {part:?}");
                    assert!(part.y + part.height <= size.1 as i32, "{size:?} {part:?}");
                    for other in &parts[..place] {
                        let apart = part.x >= other.x + other.width
                            || other.x >= part.x + part.width
                            || part.y >= other.y + other.height
                            || other.y >= part.y + part.height;
                        assert!(apart, "{size:?} {part:?} {other:?}");
                    }
                }
                let map = layout.map_in(layout.cells[0]);
                assert!(map.width >= 60, "{size:?} {map:?}");
            }
        }
    }
}
