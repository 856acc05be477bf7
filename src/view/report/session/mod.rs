//! A session of the live appliance as one page.

mod agreement;
mod heatmaps;
mod overlap;

use super::counted;
use super::frame::{Frame, Section};
use super::words::{LIMITS, MISUSE, OVERLAP};
use crate::heatmap::GROUPS;
use crate::session::{SessionAgreement, SessionResults};
use crate::view::html::escape;

/// Characters of a checksum that are shown.
const CHECKSUM: usize = 12;

/// What a page tells of.
pub struct SessionReport<'a> {
    /// Name of the session's file.
    pub name: &'a str,
    /// Of the session.
    pub results: &'a SessionResults,
    /// The name of another session's file, and how far its overlaps are.
    pub other: Option<(&'a str, &'a SessionAgreement)>,
}

/// Draws a session as a page of HTML. The same results give the same bytes.
pub fn page(report: &SessionReport) -> String {
    let results = report.results;
    let section = |id, title, content| Section { id, title, content };
    let mut sections = vec![
        section("seen", "What was seen", seen(results)),
        section("words", "In plain words", in_words(results)),
        section("overlap", "Overlap with the Ekman masks", overlap::overlaps(results)),
        section("heatmaps", "Heatmaps", heatmaps::heatmaps(results)),
    ];
    if let Some((name, agreement)) = report.other {
        let content = agreement::agreement(report.name, name, agreement);
        sections.push(section("agreement", "Beside another session", content));
    }
    sections.push(section("limits", "What these numbers do not say", limits(results)));
    Frame {
        name: report.name,
        heading: "Where a network looked in faces",
        lead: &format!(
            "{}, {}, {}. Heatmaps of explanations beside the regions that the muscles of each expression move.",
            counted(results.sessions, "session", "sessions"),
            counted(results.visits, "visit", "visits"),
            counted(results.explanations, "explanation", "explanations"),
        ),
        banner: &banner(results),
        origin: if results.sessions == 1 {
            "a session of <code>ferscope run</code>"
        } else {
            "sessions of <code>ferscope run</code>"
        },
        sections: &sections,
    }
    .page()
}

/// Says loudly where there is nothing to be seen yet.
fn banner(results: &SessionResults) -> String {
    if results.expressions.iter().any(|row| row.heatmap.is_some()) {
        return String::new();
    }
    format!(
        "<p class=\"banner\" role=\"note\">No expression has had {} yet: there is no heatmap to show. Let <code>ferscope run</code> go on with this session.</p>\n",
        counted(results.min_visits, "visit", "visits")
    )
}

fn seen(results: &SessionResults) -> String {
    let configuration = &results.configuration;
    let checksum: String = configuration.network_sha256.chars().take(CHECKSUM).collect();
    let facts: [(&str, String); 12] = [
        ("Sessions", format!("{} in this file", results.sessions)),
        ("Visits", format!("{}: faces followed, explained or not", results.visits)),
        (
            "Explanations",
            format!(
                "{}, by LIME over about 30 superpixels each, with as many samples as the appliance was told or chose",
                results.explanations
            ),
        ),
        ("Network", format!("{}, SHA-256 {checksum}…", configuration.network)),
        ("Ekman masks", configuration.masks.to_string()),
        (
            "Faces explained",
            format!(
                "at least {} pixels between the eyes, turned by at most {} (0.15 is about 25 degrees), a sharpness of at least {}, read as one of the six expressions with a probability of at least {}",
                configuration.least_eye_distance,
                configuration.most_turn,
                configuration.least_sharpness,
                configuration.least_probability
            ),
        ),
        (
            "Shown",
            format!("heatmaps of at least {}", counted(results.min_visits, "visit", "visits")),
        ),
        (
            "Clipping",
            "last: signed relevance is averaged, then what speaks against the class is set to 0"
                .to_owned(),
        ),
        ("Intervals", format!("95 %, by a jackknife over {GROUPS} groups of visits")),
        ("Estimator", configuration.estimator.clone()),
        (
            "Face detector",
            format!(
                "{}, {} false faces expected per frame",
                configuration.detector, configuration.epsilon
            ),
        ),
        ("Landmark model", configuration.landmark_model.clone()),
    ];
    let mut text = String::from(
        "<p>An appliance watched people, read their expressions with a network, and explained some of its answers. This page shows <strong>where the network looked</strong>, summed up \
         over everybody. It does not show what anybody felt or did: what the people really expressed is not known, so it cannot be said how often the network was right. The session’s file, like this page, holds sums over visits \
         alone: no picture, no face, no time, no place.</p>
<p>A <em>visit</em> lasts as long as one face is followed. Who comes back makes another visit, so visits are not people.</p>
<dl>\n",
    );
    for (name, fact) in facts {
        text += &format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&fact));
    }
    text + "</dl>\n"
}

fn in_words(results: &SessionResults) -> String {
    let mut text = String::from(
        "<p>Each overlap says how well what the network looked at and the region that the muscles of the expression move cover each other, from 0 to 1; how to read it stands below.</p>\n<ul>\n",
    );
    for row in &results.expressions {
        text += &format!(
            "<li><strong>{}</strong>: {}.</li>\n",
            row.expression.title(),
            escape(&row.sentence(results.min_visits))
        );
    }
    text += "</ul>\n";
    text += &format!(
        "<p><strong>How to read an overlap.</strong> The explanations of a visit are averaged on a standard face, then the visits of one expression, so that who stays an hour weighs as who passes by: \
         the <em>heatmap</em>. {OVERLAP}"
    );
    text + &format!(
        "<p><strong>How sure it is.</strong> Other visits would have given other heatmaps. So the visits are dealt to {GROUPS} groups, and the overlap is measured again without each group: how much it moves \
         gives its 95 % interval (delete-a-group jackknife with Student’s t). The network counts as better than chance for an expression when the lower end of that interval is above the highest of the three levels. \
         With few visits the interval is wide, and rough.</p>\n"
    )
}

fn limits(results: &SessionResults) -> String {
    let judged = results
        .expressions
        .iter()
        .filter_map(|row| row.heatmap.as_ref()?.meaning.iou_interval)
        .count();
    let mut points = LIMITS.map(str::to_owned).to_vec();
    points.extend([
        "Visits are taken as independent. They are not, where the same people come again and again, or one face is lost and found: then intervals are too narrow.".to_owned(),
        "Sums of few visits tell of those who made them. This page leaves out what has too few, but the session’s file holds it: keep that to yourself until many came.".to_owned(),
        "Only faces that were large, frontal, sharp and decided enough were explained, and of those as many as the processor allowed. Who is read as neutral is in no heatmap.".to_owned(),
        "An interval says how far a figure would move with other visits in the same place. It knows nothing of another place, light or camera, other masks or another training of the network; the chance levels are \
         taken as they are measured."
            .to_owned(),
        "What is found holds for the people who came. Accuracy may differ with light, age, skin colour and sex.".to_owned(),
    ]);
    if judged > 1 {
        points.push(format!(
            "{judged} heatmaps are judged one by one: among several, one may be called better than chance by luck."
        ));
    }
    let items: Vec<String> = points.iter().map(|point| format!("<li>{point}</li>\n")).collect();
    format!("<ul>\n{}</ul>\n{MISUSE}", items.concat())
}
