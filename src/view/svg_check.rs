//! A strict reader of the SVG that this room writes, for its tests.

use super::svg::text_width;

/// An element that holds text or none.
#[derive(Debug, Default)]
pub struct Element {
    pub name: String,
    pub attributes: Vec<(String, String)>,
    /// Its own text, without that of elements inside it.
    pub text: String,
}

impl Element {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name)?.parse().ok()
    }
}

/// Reads a picture; all its elements in the order of their start tags.
///
/// # Panics
/// If it is not well-formed XML with one root, cannot stand beside others in one page, cannot be read aloud, shows a number that
/// is none, or has text that leaves it.
pub fn read(svg: &str) -> Vec<Element> {
    for word in ["NaN", "inf", "<script", "<style", "href", "url(", " id=", " class="] {
        assert!(!svg.contains(word), "holds {word}");
    }
    let elements = parse(svg);
    let root = &elements[0];
    assert_eq!((root.name.as_str(), root.get("role")), ("svg", Some("img")));
    assert!(root.get("aria-label").is_some_and(|label| label.len() > 2));
    assert_eq!(elements[1].name, "title");
    let view: Vec<f64> =
        root.get("viewBox").unwrap().split(' ').map(|each| each.parse().unwrap()).collect();
    for text in elements.iter().filter(|element| element.name == "text") {
        assert_inside(text, [view[2], view[3]]);
    }
    elements
}

/// The texts of a picture, without its titles that only show when pointed at.
pub fn texts(elements: &[Element]) -> Vec<&str> {
    elements.iter().filter(|each| each.name == "text").map(|each| each.text.as_str()).collect()
}

fn assert_inside(text: &Element, [width, height]: [f64; 2]) {
    let size = text.number("font-size").expect("text has a size");
    let (x, y) = (text.number("x").unwrap(), text.number("y").unwrap());
    let length = text_width(&text.text, size);
    let before = match text.get("text-anchor") {
        Some("middle") => length / 2.0,
        Some("end") => length,
        _ => 0.0,
    };
    let turn = text.get("transform").map_or(0.0, |transform| {
        let numbers = transform.strip_prefix("rotate(").unwrap().trim_end_matches(')');
        let numbers: Vec<f64> = numbers.split(' ').map(|each| each.parse().unwrap()).collect();
        assert_eq!(numbers[1..], [x, y], "text turns about its anchor");
        numbers[0].to_radians()
    });
    for along in [-before, length - before] {
        let (x, y) = (x + along * turn.cos(), y + along * turn.sin());
        let inside = (0.0..=width).contains(&x) && (0.0..=height).contains(&y);
        assert!(inside, "`{}` reaches ({x:.0}, {y:.0}) of {width} x {height}", text.text);
    }
}

fn parse(xml: &str) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        let (text, tag) = rest.split_at(start);
        match open.last() {
            Some(&last) => elements[last].text.push_str(unescape(text).trim_matches('\n')),
            None => assert!(text.trim().is_empty(), "text outside the root"),
        }
        let end = tag.find('>').expect("a tag ends");
        let inside = &tag[1..end];
        rest = &tag[end + 1..];
        if let Some(name) = inside.strip_prefix('/') {
            let last = open.pop().expect("no more ends than starts");
            assert_eq!(elements[last].name, name, "elements end in turn");
            continue;
        }
        assert!(!open.is_empty() || elements.is_empty(), "one root");
        let is_empty = inside.ends_with('/');
        let element = start_tag(inside.trim_end_matches('/'));
        if !is_empty {
            open.push(elements.len());
        }
        elements.push(element);
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "everything ends");
    elements
}

fn start_tag(inside: &str) -> Element {
    let (name, mut rest) = inside.split_once(' ').unwrap_or((inside, ""));
    assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'C'));
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    while !rest.trim().is_empty() {
        let (name, after) = rest.trim_start().split_once("=\"").expect("attributes have values");
        let (value, after) = after.split_once('"').expect("values are quoted");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'), "`{name}`");
        assert!(element.get(name).is_none(), "{name} twice");
        assert!(after.is_empty() || after.starts_with(' '), "attributes stand apart");
        element.attributes.push((name.to_owned(), unescape(value)));
        rest = after;
    }
    element
}

fn unescape(text: &str) -> String {
    let is_held = |character: char| character >= ' ' || character == '\n';
    assert!(text.chars().all(is_held), "a character XML cannot hold");
    let mut parts = text.split('&');
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (entity, after) = part.split_once(';').expect("an entity ends");
        whole.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => panic!("no entity of XML: {entity}"),
        });
        whole.push_str(after);
    }
    whole
}

#[test]
fn what_is_not_well_formed_is_found() {
    for wrong in [
        "<svg><g></svg></g>",
        "<svg>",
        "<svg/><svg/>",
        "<svg a=\"1\" a=\"2\"/>",
        "<svg a=1/>",
        "<svg>&nbsp;</svg>",
        "<svg>a & b</svg>",
        "<svg/>text",
    ] {
        assert!(std::panic::catch_unwind(|| parse(wrong)).is_err(), "{wrong}");
    }
    let elements = parse("<svg a=\"&lt;\"><text x=\"1\">b&amp;<title>c</title></text></svg>\n");
    assert_eq!((elements[0].get("a"), elements[1].text.as_str()), (Some("<"), "b&"));
}
