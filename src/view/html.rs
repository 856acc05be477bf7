//! What a page is made of: HTML that is well-formed XML too, and needs nothing beside itself.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ImageEncoder, RgbImage};

pub use super::svg::{MISSING, escape, number};

/// The most columns of a table that fits a sheet of paper in the usual size of type.
const NARROW: usize = 10;
/// The most rows of a table that no page of paper may divide.
const SHORT: usize = 30;

/// A table in a box of its own, in which it scrolls where the page is too narrow. The first column names the rows.
pub struct Table {
    columns: usize,
    head: String,
    body: String,
    is_of_words: bool,
}

impl Table {
    /// A table of numbers with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let head: Vec<String> = columns
            .iter()
            .map(|name| format!(r#"<th scope="col">{}</th>"#, escape(name)))
            .collect();
        Table {
            columns: columns.len(),
            head: head.concat(),
            body: String::new(),
            is_of_words: false,
        }
    }

    /// A table of words: aligned left.
    pub fn of_words(columns: &[&str]) -> Self {
        Table { is_of_words: true, ..Self::new(columns) }
    }

    /// Adds a heading over the rows that follow.
    pub fn group(&mut self, name: &str) {
        self.body += &format!(
            "<tr class=\"group\"><th scope=\"rowgroup\" colspan=\"{}\"><span>{}</span></th></tr>\n",
            self.columns,
            escape(name)
        );
    }

    /// Adds a row; `class` is a class of the style sheet, or empty.
    ///
    /// # Panics
    /// If there is not a cell for each column.
    pub fn row(&mut self, class: &str, name: &str, cells: &[String]) {
        assert_eq!(cells.len() + 1, self.columns, "a cell for each column");
        let class =
            if class.is_empty() { String::new() } else { format!(r#" class="{}""#, escape(class)) };
        self.body += &format!(r#"<tr{class}><th scope="row">{}</th>"#, escape(name));
        for cell in cells {
            self.body += &format!("<td>{}</td>", escape(cell));
        }
        self.body += "</tr>\n";
    }

    /// The table as a figure under its caption (HTML); `label` is read aloud for the box.
    pub fn finish(self, label: &str, caption: &str) -> String {
        let Table { columns, head, body, is_of_words } = self;
        let class = match (is_of_words, columns > NARROW) {
            (true, _) => "words",
            (false, true) => "wide",
            (false, false) => "numbers",
        };
        let figure = if body.lines().count() <= SHORT { "short" } else { "long" };
        let label = escape(label);
        format!(
            r#"<figure class="{figure}"><figcaption>{caption}</figcaption>
<div class="scroll" role="region" tabindex="0" aria-label="{label}"><table class="{class}">
<thead><tr>{head}</tr></thead>
<tbody>
{body}</tbody></table></div></figure>
"#
        )
    }
}

/// Pictures (HTML) above their caption (HTML).
pub fn figure(pictures: &str, caption: &str) -> String {
    format!("<figure>{pictures}<figcaption>{caption}</figcaption></figure>\n")
}

/// A drawing with its caption (HTML) beside it where there is room, else below.
pub fn figure_beside(drawing: &str, caption: &str) -> String {
    format!("<figure class=\"beside\">{drawing}<figcaption>{caption}</figcaption></figure>\n")
}

/// Drawings with one caption (HTML): a single one beside it, several above it.
pub fn figure_of(drawings: &[String], caption: &str) -> String {
    match drawings {
        [drawing] => figure_beside(drawing, caption),
        several => figure(&side_by_side(several), caption),
    }
}

/// Many pictures (HTML) below what is to be known first.
pub fn figure_below(caption: &str, pictures: &str) -> String {
    format!("<figure><figcaption>{caption}</figcaption>{pictures}</figure>\n")
}

/// Drawings beside each other where there is room.
pub fn side_by_side(drawings: &[String]) -> String {
    format!("<div class=\"drawings\">\n{}</div>\n", drawings.concat())
}

/// The ends of an interval, each as [`number`] writes it.
pub fn range([low, high]: [f64; 2], decimals: usize) -> String {
    format!("{} to {}", number(low, decimals), number(high, decimals))
}

/// A paragraph of text without markup.
pub fn paragraph(text: &str) -> String {
    format!("<p>{}</p>\n", escape(text))
}

/// Something that is folded away until it is asked for.
pub fn folded(summary: &str, content: &str) -> String {
    format!("<details><summary>{}</summary>\n{content}</details>\n", escape(summary))
}

/// A picture inside the page; `description` stands for it where it cannot be seen.
pub fn picture(picture: &RgbImage, description: &str) -> String {
    let mut png = Vec::new();
    PngEncoder::new_with_quality(&mut png, CompressionType::Best, FilterType::Adaptive)
        .write_image(picture, picture.width(), picture.height(), image::ExtendedColorType::Rgb8)
        .expect("memory takes what is written");
    format!(
        "<img src=\"data:image/png;base64,{}\" width=\"{}\" height=\"{}\" alt=\"{}\" />\n",
        base64(&png),
        picture.width(),
        picture.height(),
        escape(description)
    )
}

/// Base 64 of RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::xml_check::parse;

    #[test]
    fn base_64_is_that_of_its_standard() {
        // RFC 4648, section 10, and the two digits that are no letters.
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foobar", "Zm9vYmFy"),
            (b"\xfb\xff\xfe", "+//+"),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn a_table_holds_any_name() {
        let mut table = Table::new(&["a<b", "c & d"]);
        table.group("\"group\"");
        table.row("thin", "</th><script>", &["\u{0}".to_owned()]);
        let elements = parse(&table.finish("\"label\"", "caption"));
        let texts: Vec<&str> = elements.iter().map(|each| each.text.as_str()).collect();
        for text in ["a<b", "c & d", "\"group\"", "</th><script>", "\u{fffd}"] {
            assert!(texts.contains(&text), "{text}: {texts:?}");
        }
    }

    #[test]
    fn a_picture_in_the_page_is_a_whole_png() {
        let markup = picture(&RgbImage::from_pixel(2, 3, image::Rgb([9; 3])), "grey & \"small\"");
        let image = &parse(&markup)[0];
        assert_eq!((image.get("width"), image.get("height")), (Some("2"), Some("3")));
        assert_eq!(image.get("alt"), Some("grey & \"small\""));
        let data = image.get("src").unwrap().strip_prefix("data:image/png;base64,").unwrap();
        assert!(data.starts_with(&base64(b"\x89PNG\r\n\x1a\n")[..10]));
    }
}
