//! A study or a session as one page: everything in it, nothing fetched, no script.

mod checks;
mod frame;
mod networks;
mod overlap;
pub mod session;
mod words;

use frame::{Frame, Section};
use words::{LIMITS, MISUSE, OVERLAP};

use super::counted;
use super::html::{Table, escape, number, paragraph};
use crate::explain::Estimator;
use crate::heatmap::Clipping;
use crate::study::{Agreement, FEW_PEOPLE, Results};

/// Characters of a checksum that are shown.
const CHECKSUM: usize = 12;

/// What a page tells of.
pub struct Report<'a> {
    /// Name of the study's file.
    pub name: &'a str,
    /// Of the study.
    pub results: &'a Results,
    /// The name of another study's file, and how its overlaps agree.
    pub other: Option<(&'a str, &'a Agreement)>,
}

/// Draws a study as a page of HTML. The same results give the same bytes.
pub fn page(report: &Report) -> String {
    let results = report.results;
    let mut sections = vec![
        Section { id: "studied", title: "What was studied", content: studied(results) },
        Section { id: "words", title: "In plain words", content: in_words(results) },
        Section {
            id: "overlap",
            title: "Overlap with the Ekman masks",
            content: overlap::overlaps(results),
        },
        Section { id: "heatmaps", title: "Heatmaps", content: overlap::heatmaps(results) },
    ];
    if results.networks.len() > 1 {
        let content = networks::likeness(results);
        sections.push(Section { id: "likeness", title: "How alike the networks are", content });
    }
    sections.extend([
        Section {
            id: "classification",
            title: "What the networks read",
            content: networks::classification(results),
        },
        Section {
            id: "checks",
            title: "Checks of the explanations",
            content: checks::checks(results),
        },
    ]);
    if let Some((name, agreement)) = report.other {
        let content = checks::agreement(report.name, name, results, agreement);
        sections.push(Section { id: "agreement", title: "Beside another study", content });
    }
    sections.push(Section {
        id: "limits",
        title: "What these numbers do not say",
        content: limits(results),
    });

    let networks = counted(results.networks.len(), "network", "networks");
    let pictures = counted(results.pictures.listed, "picture", "pictures");
    Frame {
        name: report.name,
        heading: "Where networks look in faces",
        lead: &format!(
            "{networks}, {pictures}. Heatmaps of explanations beside the regions that the muscles of each expression move."
        ),
        banner: &banner(results),
        origin: &format!("a study by {}", escape(&results.configuration.software)),
        sections: &sections,
    }
    .page()
}

/// What is resampled and counted as independent.
fn people(results: &Results) -> &'static str {
    if results.pictures.subjects.is_some() { "people" } else { "pictures" }
}

/// Replicates of the bootstrap; none without intervals.
fn replicates(results: &Results) -> Option<usize> {
    results.heatmaps.iter().find_map(|row| row.intervals).map(|intervals| intervals.replicates)
}

/// Says loudly where there is more to come.
fn banner(results: &Results) -> String {
    let progress = results.progress;
    if progress.is_complete() {
        return String::new();
    }
    let mut text = format!(
        "This study is not complete: {} drawn so far, {} explained, {} failed, {} missing.",
        counted(progress.drawn, "face", "faces"),
        progress.explained,
        progress.failed,
        progress.missing()
    );
    text += if progress.finished {
        " It is a part: add the other parts with ferscope merge."
    } else {
        " It was stopped: give the same ferscope study command again. More faces may be drawn then."
    };
    text += " Every figure below may still change.";
    format!("<p class=\"banner\" role=\"note\">{}</p>\n", escape(&text))
}

fn studied(results: &Results) -> String {
    let (configuration, pictures) = (&results.configuration, &results.pictures);
    let progress = results.progress;
    let mut facts: Vec<(&str, String)> = Vec::new();
    facts.push((
        "Pictures",
        format!(
            "{} listed; {} without a face that could be found and read",
            pictures.listed, pictures.without_face
        ),
    ));
    facts.push((
        "People",
        pictures.subjects.map_or_else(
            || "not known: each picture counts as another person".to_owned(),
            |subjects| subjects.to_string(),
        ),
    ));
    facts.push((
        "Labels",
        match pictures.labelled {
            0 => "none: what the pictures show is not known".to_owned(),
            labelled => format!("known for {labelled} of {}", pictures.listed),
        },
    ));
    let state = match progress.missing() {
        0 if progress.is_complete() => "all are done",
        0 => "more may be drawn",
        _ => "the study is not complete",
    };
    facts.push((
        "Faces",
        format!(
            "at most {} drawn for each training and predicted expression; {} drawn, {} explained, {} failed: {state}",
            configuration.per_class, progress.drawn, progress.explained, progress.failed
        ),
    ));
    let design = match configuration.design.as_str() {
        "iid" => "iid: independent fair bits, the paper’s".to_owned(),
        "hadamard" => "hadamard: orthogonal columns with complements".to_owned(),
        other => other.to_owned(),
    };
    let estimator = match configuration.estimator {
        Estimator::Ridge => "ridge: LIME’s own regression on the network’s answers",
        Estimator::Imitation => "imitation: LIME’s regression on a model of the network’s answers",
        Estimator::Corrected => {
            "corrected: LIME’s regression on a model of the network’s answers, and on what that model misses"
        }
    };
    facts.push((
        "Explanations",
        format!("LIME, {} samples of about 30 superpixels each", configuration.samples),
    ));
    facts.push(("Design", design));
    facts.push(("Estimator", estimator.to_owned()));
    facts.push(("Ekman masks", configuration.masks.to_string()));
    facts.push((
        "Clipping",
        match configuration.clip {
            Clipping::Last => {
                "last: signed relevance is averaged, then what speaks against the class is set to 0"
            }
            Clipping::First => {
                "first, as in the paper: what speaks against the class is set to 0 in each face, then averaged"
            }
        }
        .to_owned(),
    ));
    facts.push((
        "Intervals",
        replicates(results).map_or_else(
            || "none were computed".to_owned(),
            |replicates| {
                format!("95 %, by a bootstrap over {}, {replicates} replicates", people(results))
            },
        ),
    ));
    facts.push((
        "Checks",
        match configuration.checks {
            0 => "none were done".to_owned(),
            some => format!(
                "of the first {} drawn for each training and expression",
                counted(some, "face", "faces")
            ),
        },
    ));
    facts.push(("Seed", configuration.seed.to_string()));
    facts.push((
        "Face detector",
        format!(
            "{}, {} false faces expected per picture",
            configuration.detector, configuration.epsilon
        ),
    ));
    facts.push(("Landmark model", configuration.landmark_model.clone()));
    facts.push(("Software", configuration.software.clone()));

    let mut text = String::from("<dl>\n");
    for (name, fact) in facts {
        text += &format!("<dt>{name}</dt><dd>{}</dd>\n", escape(&fact));
    }
    text + "</dl>\n" + &trainings(results)
}

fn trainings(results: &Results) -> String {
    let mut table = Table::of_words(&["network", "training", "SHA-256 of its file"]);
    for network in &results.networks {
        for training in &network.trainings {
            let fold =
                training.fold.map_or("the only one".to_owned(), |fold| format!("fold {fold}"));
            let checksum: String = training.sha256.chars().take(CHECKSUM).collect();
            table.row("", &training.name, &[fold, format!("{checksum}…")]);
        }
    }
    let caption = format!(
        "<strong>Networks.</strong> {} of {}; each file is named by the beginning of its checksum.",
        counted(
            results.networks.iter().map(|network| network.trainings.len()).sum::<usize>(),
            "training",
            "trainings"
        ),
        counted(results.networks.len(), "network", "networks"),
    );
    table.finish("Networks", &caption)
}

fn in_words(results: &Results) -> String {
    let mut text = format!(
        "<p><strong>How to read an overlap.</strong> The explanations of many faces that a network reads as one expression are averaged on a standard face: the <em>heatmap</em>. {OVERLAP}"
    );
    text += &match replicates(results) {
        Some(replicates) => format!(
            "<p>Other {people} would have given other heatmaps. So the {people} are drawn anew, with repetition, {replicates} times; a network counts as better than
chance for an expression when the whole 95 % interval of its IoU minus the highest of the three levels is above 0.</p>\n",
            people = people(results)
        ),
        None => paragraph(
            "No intervals were computed, so nothing here can be told from chance.",
        ),
    };
    text += "<ul>\n";
    for network in &results.networks {
        let verdict = network
            .verdict
            .strip_prefix(&format!("{}: ", network.network))
            .unwrap_or(&network.verdict);
        text += &format!(
            "<li><strong>{}</strong> {}.{}</li>\n",
            escape(&network.network),
            escape(verdict),
            escape(&thin_words(results, &network.network))
        );
    }
    text + "</ul>\n"
}

/// Which of a network's heatmaps are thin evidence, in a sentence; empty where none is.
fn thin_words(results: &Results, network: &str) -> String {
    let of_network = |row: &&crate::study::HeatmapResult| {
        row.overlap.network == network && row.overlap.fold.is_none()
    };
    let all = results.heatmaps.iter().filter(of_network).count();
    let thin: Vec<String> = results
        .heatmaps
        .iter()
        .filter(of_network)
        .filter(|row| row.is_thin())
        .map(|row| format!("{} ({})", row.overlap.expression, row.people))
        .collect();
    match thin.len() {
        0 => String::new(),
        count if count == all => {
            format!(
                " Thin evidence: every heatmap is of fewer than {FEW_PEOPLE} {}.",
                people(results)
            )
        }
        _ => format!(
            " Thin evidence, fewer than {FEW_PEOPLE} {}: {}.",
            people(results),
            thin.join(", ")
        ),
    }
}

fn limits(results: &Results) -> String {
    let judged = results
        .heatmaps
        .iter()
        .filter(|row| row.overlap.fold.is_none() && row.intervals.is_some())
        .count();
    let people = people(results);
    let mut points = LIMITS.map(str::to_owned).to_vec();
    points.extend([
        format!(
            "An interval says how far a figure would move with other {people} of the same kind; a draw holds about 63 % of them, so its heatmap is noisier than that of all. It knows nothing of another training, other masks, another population or another seed: do the study again \
             with another <code>--seed</code> and put both beside each other with <code>--compare-with</code>."
        ),
        "How alike two networks can be is limited by how alike two trainings of one network are: 0.77 on average in the paper’s heatmaps."
            .to_owned(),
        "What is found on these pictures holds for pictures like them. Painted, rendered or posed faces say little about faces in daily life, and accuracy may differ with age, skin colour and sex."
            .to_owned(),
    ]);
    if judged > 1 {
        points.push(format!(
            "{judged} heatmaps are judged one by one (and means and relevance beside them). If every one of them were exactly at its chance level, about {} would still be called better than chance by luck.",
            number(judged as f64 / 40.0, 1)
        ));
    }
    let mut text = String::from("<ul>\n");
    for point in points {
        text += &format!("<li>{point}</li>\n");
    }
    text + "</ul>\n" + MISUSE
}
