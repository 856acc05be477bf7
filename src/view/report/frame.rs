//! What every page is put into: head, contents, numbered sections, foot.

use crate::view::html::escape;

/// A part of a page under a heading.
pub struct Section {
    /// What links point at.
    pub id: &'static str,
    /// Text.
    pub title: &'static str,
    /// HTML.
    pub content: String,
}

/// A page's frame. Text, but where HTML is said.
pub struct Frame<'a> {
    /// What the page is of: a file's name.
    pub name: &'a str,
    /// Before the name in the heading.
    pub heading: &'a str,
    /// Below the heading, HTML.
    pub lead: &'a str,
    /// Below the lead, HTML; or nothing.
    pub banner: &'a str,
    /// What the page was made from, HTML.
    pub origin: &'a str,
    /// In their order.
    pub sections: &'a [Section],
}

impl Frame<'_> {
    /// The whole page.
    pub fn page(&self) -> String {
        let Frame { heading, lead, banner, origin, sections, .. } = self;
        let name = escape(self.name);
        let style = include_str!("style.css");
        let mut contents = String::new();
        let mut body = String::new();
        for (number, Section { id, title, content }) in (1..).zip(*sections) {
            contents += &format!("<li><a href=\"#{id}\">{title}</a></li>\n");
            body += &format!(
                "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{number}. {title}</h2>\n{content}</section>\n"
            );
        }
        // A number and its unit stay on one line.
        let body = body.replace(" %", "\u{a0}%");
        let software = concat!("ferscope ", env!("CARGO_PKG_VERSION"));
        format!(
            r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="generator" content="{software}" />
<title>{name}: where networks look in faces</title>
<link rel="icon" href="data:," />
<style>
{style}</style>
</head>
<body>
<header>
<h1>{heading}: {name}</h1>
<p class="lead">{lead}</p>
{banner}</header>
<nav aria-labelledby="contents">
<p id="contents">Contents</p>
<ol>
{contents}</ol>
</nav>
<main>
{body}</main>
<footer><p>Made by {software} from {origin}. Method: Gaya-Morey, Ramis-Guarinos, Manresa-Yee and Buades-Rubio, “Unveiling the Human-like
Similarities of Automatic Facial Expression Recognition”, doi 10.1007/s11042-024-20090-5. This page holds no picture of a person and fetches nothing.</p></footer>
</body>
</html>
"##
        )
    }
}
