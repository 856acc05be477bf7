//! A strict reader of the SVG that this room writes, for its tests.

use super::svg::text_width;
pub use super::xml_check::Element;
use super::xml_check::parse;

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

fn number(element: &Element, name: &str) -> Option<f64> {
    element.get(name)?.parse().ok()
}

fn assert_inside(text: &Element, [width, height]: [f64; 2]) {
    let size = number(text, "font-size").expect("text has a size");
    let (x, y) = (number(text, "x").unwrap(), number(text, "y").unwrap());
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
