//! A strict reader of XML, for tests of what this room writes; it needs nothing of this crate, so that any test file can include it.

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
}

/// Reads a document; all its elements in the order of their start tags.
///
/// # Panics
/// If it is not well-formed XML with one root, or holds entities other than the four that are always there.
pub fn parse(xml: &str) -> Vec<Element> {
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
    assert!(name.starts_with(|first: char| first.is_ascii_lowercase()), "<{inside}>");
    assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric()), "<{inside}>");
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
