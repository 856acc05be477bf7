//! What all SVG pictures share: a frame that scales and can be read aloud, text that fits, ticks, legends, colour bars.
//!
//! The pictures stand alone and beside each other in one page: no scripts, style sheets, fonts, references or identifiers. They
//! are drawn [`WIDTH`] units wide where they can be, so that their text can still be read on a telephone.

use std::fmt::{Arguments, Write};

use image::Rgb;

/// Width of a picture in units, of which a screen of 380 pixels shows 480: text of size 14 is 11 pixels high there.
pub const WIDTH: f64 = 480.0;
/// Distance from the picture's edge.
pub const MARGIN: f64 = 14.0;
/// Text and marks.
pub const INK: &str = "#1a1a1a";
/// Text of the second rank; its contrast to white is 7 to 1.
pub const FAINT: &str = "#555555";
/// Axes.
pub const AXIS: &str = "#4a4a4a";
/// Lines behind the marks.
pub const GRID: &str = "#e4e4e4";
/// Colours of things without an order, told apart by colour-blind readers too (Okabe and Ito).
pub const PALETTE: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
/// The longest name written in full, in characters; see [`elide`].
pub const LONGEST_NAME: usize = 20;
/// Stands for a number that is missing or not finite.
pub const MISSING: &str = "–";
/// A picture in the making.
#[derive(Default)]
pub struct Svg {
    body: String,
}

impl Svg {
    /// Adds elements.
    pub fn add(&mut self, markup: Arguments) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.body, "{markup}");
    }

    /// Adds a line of text with its baseline at `y`; `attributes` as in `text-anchor="end"`.
    pub fn text(&mut self, [x, y]: [f64; 2], size: f64, attributes: &str, text: &str) {
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" {attributes}>{}</text>"#,
            escape(text)
        ));
    }

    /// Adds a name, shortened where it is longer than [`LONGEST_NAME`]; pointing at it shows all of it.
    pub fn name(&mut self, [x, y]: [f64; 2], size: f64, attributes: &str, name: &str) {
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" {attributes}>{}<title>{}</title></text>"#,
            escape(&elide(name, LONGEST_NAME)),
            escape(name)
        ));
    }

    /// Adds lines of text from the margin on, broken to fit `width`; returns the baseline of the line that would follow.
    pub fn paragraph(
        &mut self,
        mut y: f64,
        width: f64,
        size: f64,
        attributes: &str,
        text: &str,
    ) -> f64 {
        for line in wrap(text, width - 2.0 * MARGIN, |line| text_width(line, size)) {
            self.text([MARGIN, y], size, attributes, &line);
            y += 1.3 * size;
        }
        y
    }

    /// Adds small, faint lines below all else, from `y` on; returns the picture's height.
    pub fn note(&mut self, y: f64, text: &str) -> f64 {
        self.paragraph(y, WIDTH, 12.0, &format!(r#"fill="{FAINT}""#), text)
    }

    /// Adds the title at the top of a picture of the given width; returns where the rest may begin.
    pub fn title(&mut self, width: f64, title: &str) -> f64 {
        self.paragraph(28.0, width, 17.0, r#"font-weight="bold""#, title) - 8.0
    }

    /// Adds a legend from `y` on, as many items in a line as fit; `mark` draws an item's mark, 24 units wide, given its number and
    /// its middle. Returns where the rest may begin.
    pub fn legend(
        &mut self,
        y: f64,
        items: &[String],
        mut mark: impl FnMut(&mut Self, usize, [f64; 2]),
    ) -> f64 {
        const SIZE: f64 = 13.0;
        const MARK: f64 = 32.0;
        let [mut x, mut y] = [MARGIN, y + 10.0];
        for (number, item) in items.iter().enumerate() {
            let measure = |text: &str| text_width(text, SIZE);
            let item = fit(item, WIDTH - 2.0 * MARGIN - MARK, measure);
            let width = MARK + measure(&item);
            if x > MARGIN && x + width > WIDTH - MARGIN {
                [x, y] = [MARGIN, y + 20.0];
            }
            mark(self, number, [x + 12.0, y]);
            self.text([x + MARK, y + 4.5], SIZE, "", &item);
            x += width + 18.0;
        }
        if items.is_empty() { y - 10.0 } else { y + 14.0 }
    }

    /// Adds a colour bar `width` units wide with its upper left corner at `place`, ticks below at the given values and a caption
    /// below those; `colour` gives the colour of a value. Returns where the rest may begin.
    pub fn colour_bar(
        &mut self,
        [x, y]: [f64; 2],
        width: f64,
        ticks: &[(f64, String)],
        caption: &str,
        colour: impl Fn(f64) -> Rgb<u8>,
    ) -> f64 {
        const STEPS: usize = 64;
        const HEIGHT: f64 = 12.0;
        let (from, to) = (ticks[0].0, ticks[ticks.len() - 1].0);
        for step in 0..STEPS {
            let share = (step as f64 + 0.5) / STEPS as f64;
            let left = x + width * step as f64 / STEPS as f64;
            // A step reaches under the next, so that no hairline is left between them.
            let right = x + width * ((step + 2).min(STEPS)) as f64 / STEPS as f64;
            self.add(format_args!(
                r#"<rect x="{left:.2}" y="{y:.1}" width="{:.2}" height="{HEIGHT}" fill="{}"/>"#,
                right - left,
                hex(colour(from + share * (to - from)))
            ));
        }
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{HEIGHT}" fill="none" stroke="{AXIS}"/>"#
        ));
        for (value, label) in ticks {
            let x = x + width * (value - from) / (to - from);
            let bottom = y + HEIGHT;
            self.add(format_args!(r#"<path d="M{x:.1} {bottom:.1}v4" stroke="{AXIS}"/>"#));
            self.text([x, bottom + 17.0], 12.0, r#"text-anchor="middle""#, label);
        }
        let fits = width.max(self::WIDTH - MARGIN - x);
        let mut y = y + HEIGHT + 34.0;
        for line in wrap(caption, fits, |line| text_width(line, 12.0)) {
            self.text([x, y], 12.0, &format!(r#"fill="{FAINT}""#), &line);
            y += 16.0;
        }
        y - 8.0
    }

    /// The whole picture on white ground; `description` says in a sentence what it shows, for those who have it read aloud.
    pub fn finish(self, [width, height]: [f64; 2], title: &str, description: &str) -> String {
        let (title, description) = (escape(title), escape(description));
        let body = self.body;
        format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{title}: {description}" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" style="max-width:100%;height:auto" font-family="Helvetica, Arial, 'Liberation Sans', sans-serif" font-size="13" fill="{INK}">
<title>{title}</title>
<rect width="100%" height="100%" fill="#ffffff"/>
{body}</svg>
"##
        )
    }
}

/// Round ticks from 0 to at least a largest value.
pub struct Ticks {
    step: f64,
    count: usize,
}

impl Ticks {
    /// Steps of 1, 2 or 5 times a power of ten, at most `most` of them (less where the largest value is 0 or no number).
    pub fn up_to(largest: f64, most: usize) -> Self {
        let step = tick_step(largest, most as f64);
        Self { step, count: ((largest / step - 1e-9).ceil() as usize).max(1) }
    }

    /// The value of the last tick.
    pub fn end(&self) -> f64 {
        self.step * self.count as f64
    }

    /// Values and what to write at them.
    pub fn labels(&self) -> impl Iterator<Item = (f64, String)> {
        let decimals = (-self.step.log10() - 1e-9).ceil().max(0.0) as usize;
        (0..=self.count).map(move |tick| {
            let value = tick as f64 * self.step;
            (value, number(value, decimals))
        })
    }
}

fn tick_step(largest: f64, most: f64) -> f64 {
    if !largest.is_finite() || largest <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf((largest / most).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|times| times * power)
        .into_iter()
        .find(|step| largest / step <= most + 1e-9)
        .unwrap_or(10.0 * power)
}

/// A number as text, with a true minus sign; [`MISSING`] where it is not finite.
pub fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return MISSING.to_owned();
    }
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(digits) if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) => digits.to_owned(),
        Some(digits) => format!("\u{2212}{digits}"),
        None => text,
    }
}

/// A colour as SVG writes it.
pub fn hex(Rgb([red, green, blue]): Rgb<u8>) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A name of at most `most` characters; of a longer one the middle is left out, since names of one family differ at their ends.
pub fn elide(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let head = (most - 3) / 2;
    let tail = most - 3 - head;
    name.chars().take(head).chain("...".chars()).chain(name.chars().skip(count - tail)).collect()
}

/// Width of a line in units, on the safe side for common sans-serif fonts: the reader's machine chooses the font.
pub fn text_width(text: &str, size: f64) -> f64 {
    let width = |character| match character {
        ' ' | '.' | ',' | ':' | ';' | '!' | '|' | '\'' | '(' | ')' | '-' => 0.34,
        'f' | 'i' | 'j' | 'l' | 'r' | 't' | 'I' => 0.34,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.9,
        'A'..='Z' => 0.72,
        // Letters of East Asian scripts are square.
        '\u{2e80}'.. => 1.0,
        _ => 0.58,
    };
    size * text.chars().map(width).sum::<f64>()
}

/// Width of the longest of the names, as [`Svg::name`] writes them.
pub fn names_width<'a>(names: impl IntoIterator<Item = &'a str>, size: f64) -> f64 {
    let width = |name| text_width(&elide(name, LONGEST_NAME), size);
    names.into_iter().map(width).fold(0.0, f64::max)
}

/// Breaks a text between words into lines of at most `width` as `measure` measures them; a word that is longer is shortened.
pub fn wrap(text: &str, width: f64, measure: impl Fn(&str) -> f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let longer = lines.last().map(|line| format!("{line} {word}"));
        match longer.filter(|line| measure(line) <= width) {
            Some(longer) => *lines.last_mut().expect("it was made longer") = longer,
            None => lines.push(fit(word, width, &measure)),
        }
    }
    lines
}

/// The longest form of a line, shortened as [`elide`] does, that is at most `width` long as `measure` measures it.
pub fn fit(text: &str, width: f64, measure: impl Fn(&str) -> f64) -> String {
    let most = text.chars().count();
    (4..=most.max(4))
        .rev()
        .map(|most| elide(text, most))
        .find(|line| measure(line) <= width)
        .unwrap_or_else(|| "...".to_owned())
}

/// A text as content or attribute value of XML. Characters that XML cannot hold become the replacement character.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\0'..' ' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_reach_the_largest_value_in_round_steps() {
        for (largest, most, expected) in [
            (0.43, 8, ["0.0", "0.1", "0.5"]),
            (0.87, 8, ["0.0", "0.2", "1.0"]),
            (0.012, 8, ["0.000", "0.002", "0.012"]),
            (7.0, 8, ["0", "1", "7"]),
            (0.43, 3, ["0.0", "0.2", "0.6"]),
            (0.0, 8, ["0", "1", "1"]),
            (f64::NAN, 8, ["0", "1", "1"]),
        ] {
            let ticks = Ticks::up_to(largest, most);
            let labels: Vec<String> = ticks.labels().map(|(_, label)| label).collect();
            assert_eq!([&labels[0], &labels[1], &labels[labels.len() - 1]], expected, "{largest}");
            assert!(labels.len() <= most + 1, "{largest}");
        }
    }

    #[test]
    fn numbers_are_written_for_people() {
        let texts = [0.125, -0.5, -0.001, f64::NAN, f64::INFINITY].map(|value| number(value, 2));
        assert_eq!(texts, ["0.12", "−0.50", "0.00", "–", "–"]);
    }

    #[test]
    fn names_are_shortened_in_the_middle_and_lines_broken_between_words() {
        assert_eq!(elide("MobileNetV3-large-seed-7", 24), "MobileNetV3-large-seed-7");
        assert_eq!(elide("MobileNetV3-large-seed-17", 11), "Mobi...d-17");
        assert_eq!(elide("äöüäöüäöüäöü", 7), "äö...öü");
        let measure = |line: &str| line.chars().count() as f64;
        assert_eq!(wrap("a bc  def", 4.0, measure), ["a bc", "def"]);
        assert_eq!(wrap("a longerword", 6.0, measure), ["a", "l...rd"]);
        assert!(wrap("", 30.0, measure).is_empty());
        assert_eq!(fit("abc", 1.0, measure), "...");
    }

    #[test]
    fn any_text_is_written_as_xml_can_hold_it() {
        assert_eq!(escape("a<b&\"c\"\0\n>"), "a&lt;b&amp;&quot;c&quot;\u{fffd} &gt;");
    }
}
