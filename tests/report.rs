//! `ferscope report` as users run it.

mod common;
#[path = "../src/view/xml_check.rs"]
mod xml_check;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use common::program::{errors, text};
use ferscope::compare::report::Aggregation;
use ferscope::store::Store;
use ferscope::study::{Agreement, Results, ResultsOptions};
use serde_json::Value;
use tempfile::TempDir;
use xml_check::{Element, parse};

/// A name that only escaping keeps apart from markup. No network may be called so; a store that was tampered with may say it.
const ODD: &str = r#"a<b> & "c""#;

fn run(arguments: &[&str]) -> Output {
    let models = common::repository().join("models");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ferscope"));
    command.args(arguments).env("FERSCOPE_MODELS", models).output().unwrap()
}

/// Studies that several tests report.
struct Studies {
    folder: TempDir,
}

impl Studies {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn study(&self, faces: &str, out: &str, extra: &[&str]) {
        let (faces, out) = (self.path(faces), self.path(out));
        let mut arguments = vec!["study", text(&faces), "--out", text(&out)];
        arguments.extend(["--samples", "8", "--design", "hadamard", "--per-class", "2"]);
        arguments.extend(extra);
        let output = run(&arguments);
        assert!(output.status.success(), "{}", errors(&output));
    }

    fn results(&self, name: &str, replicates: usize) -> Results {
        let store = Store::read(&self.path(name)).unwrap();
        Results::new(&store, ResultsOptions { replicates, threads: 1 }, |_| (), || ()).unwrap()
    }
}

/// `labelled`, of three people, by a network and by two trainings of another with an odd name, and again with another seed; `plain`, of pictures
/// that nothing is known of.
static STUDIES: LazyLock<Studies> = LazyLock::new(|| {
    let studies = Studies { folder: tempfile::tempdir().unwrap() };
    let repository = common::repository();
    for subject in ["0001", "0002", "0005"] {
        for expression in ["happiness", "surprise"] {
            let picture =
                repository.join(format!("calib/faces/painted-{subject}-{expression}.jpg"));
            let place = studies.path(&format!("faces/{subject}/{expression}"));
            std::fs::create_dir_all(&place).unwrap();
            std::fs::copy(&picture, place.join("1.jpg")).unwrap();
            let plain = studies.path("plain");
            std::fs::create_dir_all(&plain).unwrap();
            std::fs::copy(&picture, plain.join(format!("{subject}-{expression}.jpg"))).unwrap();
        }
    }
    let pair = studies.path("pair");
    for fold in 1..=2 {
        common::own_network(&pair.join(format!("fold-{fold}")), &format!("pair-fold-{fold}"));
    }
    let networks = format!("face-api-expression,{}", text(&pair));
    let labelled = ["--networks", networks.as_str(), "--checks"];
    studies.study("faces", "labelled <1>.sqlite", &[&labelled[..], &["1"]].concat());
    studies.study("faces", "seed.sqlite", &[&labelled[..], &["0", "--seed", "1"]].concat());
    for study in ["labelled <1>.sqlite", "seed.sqlite"] {
        let store = rusqlite::Connection::open(studies.path(study)).unwrap();
        let rename =
            "UPDATE network SET architecture = ?1, name = ?1 || fold WHERE architecture = 'pair'";
        assert_eq!(store.execute(rename, [ODD]).unwrap(), 2);
    }
    let plain = ["--checks", "0", "--masks", "au-centres"];
    studies.study("plain", "plain.sqlite", &plain);
    studies
});

/// The page without its document type, as elements.
fn elements(page: &str) -> Vec<Element> {
    parse(page.strip_prefix("<!DOCTYPE html>").expect("a page of HTML"))
}

/// Reports a study; the page.
fn report(study: &str, out: &str, extra: &[&str]) -> String {
    let (study, out) = (STUDIES.path(study), STUDIES.path(out));
    let mut arguments = vec!["report", text(&study), "--out", text(&out), "--force"];
    arguments.extend(extra);
    let output = run(&arguments);
    assert!(output.status.success(), "{}", errors(&output));
    std::fs::read_to_string(&out).unwrap()
}

/// Nothing fetched, nothing run, nothing that is no number; headings and links in order; every figure with its caption.
fn check_page(page: &str) -> Vec<Element> {
    let elements = elements(page);
    let ids: Vec<&str> = elements.iter().filter_map(|each| each.get("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice");
    for element in &elements {
        assert!(!["script", "iframe", "object", "embed"].contains(&element.name.as_str()));
        assert!(element.attributes.iter().all(|(name, _)| !name.starts_with("on")));
        for link in ["src", "href"].into_iter().filter_map(|name| element.get(name)) {
            let is_inside = link.strip_prefix('#').is_some_and(|id| ids.contains(&id));
            assert!(is_inside || link.starts_with("data:"), "{link:.80}");
        }
        for word in element.text.split_whitespace() {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            assert!(!["NaN", "inf"].contains(&word), "{}", element.text);
        }
        if element.name == "img" {
            assert!(element.get("alt").is_some_and(|alt| alt.len() > 20));
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"), "the style fetches nothing");
    let count = |name: &str| elements.iter().filter(|each| each.name == name).count();
    assert_eq!(count("figure"), count("figcaption"));
    assert_eq!((count("h1"), count("main")), (1, 1));
    assert!(!page.contains(text(STUDIES.folder.path())), "names a folder of this machine");
    elements
}

/// The rows of all wide tables: group, name and cells.
fn rows(elements: &[Element]) -> Vec<(String, String, Vec<String>)> {
    let (mut rows, mut group) = (Vec::new(), String::new());
    for element in elements {
        match (element.name.as_str(), element.get("scope")) {
            ("span", _) => group = element.text.clone(),
            ("th", Some("row")) => rows.push((group.clone(), element.text.clone(), Vec::new())),
            ("td", _) => rows.last_mut().unwrap().2.push(element.text.clone()),
            _ => {}
        }
    }
    rows
}

#[test]
fn a_page_tells_the_whole_study() {
    let study = "labelled <1>.sqlite";
    let page = report(study, "whole.html", &["--bootstrap", "100"]);
    let elements = check_page(&page);
    let texts: Vec<&str> = elements.iter().map(|each| each.text.as_str()).collect();
    assert!(texts.contains(&"Where networks look in faces: labelled <1>.sqlite"));
    assert!(!page.contains("class=\"banner\""), "it is complete");

    let results = STUDIES.results(study, 100);
    assert_eq!(results.networks.len(), 2);
    for network in &results.networks {
        let verdict = network.verdict.split_once(": ").unwrap().1;
        assert!(texts.contains(&network.network.as_str()), "{}", network.network);
        assert!(texts.iter().any(|text| text.contains(verdict)), "{verdict}");
    }
    let json = serde_json::to_value(&results).unwrap();
    let rows = rows(&elements);
    let mut found = 0;
    for heatmap in json["heatmaps"].as_array().unwrap() {
        let network = heatmap["network"].as_str().unwrap();
        let group = match &heatmap["fold"] {
            Value::Null => network.to_owned(),
            fold => format!("{network}, fold {fold}"),
        };
        let expression = heatmap["expression"].as_str().unwrap();
        let row = rows.iter().find(|(of, name, _)| *of == group && name == expression);
        let (_, _, cells) = row.unwrap_or_else(|| panic!("{group}, {expression}"));
        let iou = format!("{:.3}", heatmap["iou"].as_f64().unwrap());
        let people = format!("{} †", heatmap["people"]);
        let expected = [heatmap["explanations"].to_string(), people];
        assert_eq!((&cells[..2], &cells[3]), (&expected[..], &iou), "{group}, {expression}");
        found += 1;
    }
    assert!(found > 6, "two networks, and trainings apart and pooled");

    for network in &results.networks {
        let name = Some(network.network.as_str());
        let intervals = results.intervals_of_mean(Aggregation::Pooled, name, None).unwrap();
        let is_mean =
            |row: &&(String, String, Vec<String>)| row.0 == network.network && row.1 == "mean";
        let (_, _, cells) = rows.iter().find(is_mean).unwrap();
        let [low, high] = intervals.iou.map(|end| format!("{end:.3}"));
        assert_eq!(cells[4], format!("{low} to {high}"));
    }

    // Both published aggregations, likeness by both coefficients, labels, checks, thin evidence.
    for words in [
        "Overlaps of the pooled heatmaps",
        "Mean overlaps over trainings",
        "Overlaps of every training",
        "Relevance in the Ekman mask",
        "Checks",
    ] {
        assert!(elements.iter().any(|each| each.get("aria-label") == Some(words)), "{words}");
    }
    for words in
        ["The same by equation 4", "Agreement with the labels", "† Thin evidence", "Deletion: "]
    {
        assert!(texts.iter().any(|text| text.contains(words)), "{words}");
    }
    let pictures = elements.iter().filter(|each| each.name == "img").count();
    assert_eq!(pictures, 2, "all networks, and the trainings of one");
    assert_eq!(
        report(study, "again.html", &["--bootstrap", "100"]),
        page,
        "the same study, another page"
    );
}

#[test]
fn what_is_not_known_is_said() {
    let page = report("plain.sqlite", "plain.html", &["--bootstrap", "0"]);
    let elements = check_page(&page);
    let has = |words: &str| elements.iter().any(|each| each.text.contains(words));
    assert!(has("not known: each picture counts as another person"));
    assert!(has("What the pictures show is not known"));
    assert!(has("No intervals were computed") && has("No explanation was checked"));
    assert!(!has("Deletion: "), "no curves");
    assert!(!has("How alike the networks are"), "there is only one");
    assert!(has("face-api-expression") && !has("Agreement with the labels"));
}

#[test]
fn a_study_that_is_not_done_is_reported_under_a_banner() {
    STUDIES.study("faces", "part.sqlite", &["--part", "1/2", "--checks", "0"]);
    let page = report("part.sqlite", "part.html", &["--bootstrap", "40"]);
    let elements = check_page(&page);
    let banner = elements.iter().find(|each| each.get("class") == Some("banner")).unwrap();
    let progress = Store::read(&STUDIES.path("part.sqlite")).unwrap().progress().unwrap();
    assert!(progress.missing() > 0 && progress.explained > 0);
    let missing = format!("{} missing", progress.missing());
    assert!(banner.text.contains(&missing) && banner.text.contains("ferscope merge"));
}

#[test]
fn two_studies_stand_beside_each_other() {
    let other = STUDIES.path("seed.sqlite");
    let page = report(
        "labelled <1>.sqlite",
        "both.html",
        &["--bootstrap", "40", "--compare-with", text(&other)],
    );
    let elements = check_page(&page);
    let [here, there] = ["labelled <1>.sqlite", "seed.sqlite"].map(|name| STUDIES.results(name, 0));
    let agreement = Agreement::new(&here, &there).unwrap();
    assert_eq!(
        agreement.differences,
        ["checks is 1 here and 0 there", "seed is 0 here and 1 there"]
    );
    let sizes: Vec<f64> =
        agreement.pairs.iter().map(|pair| (pair.iou[0] - pair.iou[1]).abs()).collect();
    let mean = sizes.iter().sum::<f64>() / sizes.len() as f64;
    assert!(mean > 0.0, "other samples give other heatmaps");
    assert!((agreement.mean_absolute_difference(None).unwrap() - mean).abs() < 1e-12);
    let rows = rows(&elements);
    let all = rows.iter().find(|(group, _, _)| group == "All").unwrap();
    assert_eq!(all.2[5], format!("{mean:.3}"));
    for pair in &agreement.pairs {
        let is_pair = |(group, name, cells): &&(String, String, Vec<String>)| {
            *group == pair.network
                && name == pair.expression.name()
                && cells.len() == 7
                && cells[2] == format!("{:.3}", pair.iou[0])
                && cells[4] == format!("{:.3}", pair.iou[1])
        };
        assert!(rows.iter().any(|row| is_pair(&row)), "{pair:?}");
    }
}

#[test]
fn what_cannot_be_reported_is_refused_with_the_reason() {
    let refuse = |arguments: &[&str], code: i32, reason: &str| {
        let output = run(&[&["report"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(reason), "{arguments:?}: {}", errors(&output));
    };
    let (plain, labelled) = (STUDIES.path("plain.sqlite"), STUDIES.path("labelled <1>.sqlite"));
    let out = STUDIES.path("refused.html");
    let to_out = ["--out", text(&out)];
    let absent = STUDIES.path("absent.sqlite");
    refuse(&[&[text(&absent)], &to_out[..]].concat(), 2, "there is no such file");
    let foreign = STUDIES.path("foreign.sqlite");
    std::fs::write(&foreign, "a diary\n".repeat(1000)).unwrap();
    refuse(&[&[text(&foreign)], &to_out[..]].concat(), 2, "is no study or session of ferscope");
    refuse(&[text(&plain), "--bootstrap", "5"], 2, "0 for no intervals, or from 40");
    let compare = |here: &Path, there: &Path, reason: &str| {
        let arguments = [text(here), "--compare-with", text(there), "--bootstrap", "0"];
        refuse(&[&arguments[..], &to_out[..]].concat(), 2, reason);
    };
    compare(&labelled, &plain, "the au-centres masks, the other with published");
    let pair = STUDIES.path("pair");
    STUDIES.study("plain", "pair.sqlite", &["--networks", text(&pair), "--checks", "0"]);
    let pair = STUDIES.path("pair.sqlite");
    compare(&labelled, &pair, "no heatmap of the same network and expression");
    compare(&labelled, &absent, "there is no such file");
    assert!(!out.exists(), "nothing is left of a report that failed");

    // By default the page lies beside the study, and is overwritten only when that is asked for.
    let page = pair.with_extension("html");
    let plainly = [text(&pair), "--bootstrap", "0"];
    assert!(run(&[&["report"], &plainly[..]].concat()).status.success());
    let before = std::fs::read(&page).unwrap();
    std::fs::write(&page, "mine").unwrap();
    refuse(&plainly, 2, "exists already");
    assert_eq!(std::fs::read(&page).unwrap(), b"mine");
    assert!(run(&[&["report"], &plainly[..], &["--force"]].concat()).status.success());
    assert!(std::fs::read(&page).unwrap() == before);
    let study = std::fs::read(&pair).unwrap();
    refuse(&[&plainly[..], &["--force", "--out", text(&pair)]].concat(), 2, "is a study");
    assert!(std::fs::read(&pair).unwrap() == study);
}
