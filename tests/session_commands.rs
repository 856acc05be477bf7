//! `ferscope merge`, `report` and `export` of sessions, as users run them.

mod common;
#[path = "../src/view/xml_check.rs"]
mod xml_check;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::program::{errors, ferscope, succeed, text};
use common::session::{configuration, sums, write};
use ferscope::expression::Expression::{self, Anger, Disgust, Fear, Happiness};
use ferscope::heatmap::{Clipping, VisitSums};
use ferscope::session::{SessionResults, Verdict};
use ferscope::store::{SessionConfiguration, read_session};
use ndarray::{Array0, Array2};
use ndarray_npy::NpzReader;
use serde_json::Value;
use xml_check::{Element, parse};

fn refuse(arguments: &[&str], code: i32, reason: &str) {
    let output = ferscope(arguments);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(reason), "{arguments:?}: {errors}");
}

/// Fear is looked at where it shows, anger anywhere, disgust beside; happiness has few visits.
fn hall(path: &Path, seed: u64) {
    let content: Vec<(Expression, VisitSums)> =
        [(Fear, 40, 0.3), (Anger, 32, 0.0), (Disgust, 24, -0.3), (Happiness, 7, 0.3)]
            .map(|(expression, visits, strength)| {
                (expression, sums(expression, visits, strength, seed))
            })
            .to_vec();
    write(path, &configuration(), &content);
}

/// A study of one painted face.
fn study(folder: &Path) -> PathBuf {
    let (faces, out) = (folder.join("faces"), folder.join("study.sqlite"));
    std::fs::create_dir(&faces).unwrap();
    let face = common::repository().join("calib/faces/painted-0001-surprise.jpg");
    std::fs::copy(face, faces.join("1.jpg")).unwrap();
    succeed(&["study", text(&faces), "--out", text(&out), "--samples", "4", "--checks", "0"]);
    out
}

/// Well-formed, nothing fetched, nothing run, no folder named; its elements.
fn check_page(path: &Path) -> (String, Vec<Element>) {
    let page = std::fs::read_to_string(path).unwrap();
    let elements = parse(page.strip_prefix("<!DOCTYPE html>").unwrap());
    let ids: Vec<&str> = elements.iter().filter_map(|each| each.get("id")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id twice");
    for element in &elements {
        assert!(!["script", "iframe", "object", "embed"].contains(&element.name.as_str()));
        for link in ["src", "href"].into_iter().filter_map(|name| element.get(name)) {
            let is_inside = link.strip_prefix('#').is_some_and(|id| ids.contains(&id));
            assert!(is_inside || link.starts_with("data:"), "{link:.80}");
        }
        for word in element.text.split(|c: char| !c.is_alphanumeric()) {
            assert!(!["NaN", "inf"].contains(&word), "{}", element.text);
        }
    }
    assert!(!page.contains("url(") && !page.contains("@import"));
    assert!(!page.contains(text(path.parent().unwrap())), "names a folder of this machine");
    let count = |name: &str| elements.iter().filter(|each| each.name == name).count();
    assert_eq!(count("figure"), count("figcaption"));
    (page, elements)
}

fn has(elements: &[Element], words: &str) -> bool {
    elements.iter().any(|each| each.text.replace('\u{a0}', " ").contains(words))
}

#[test]
fn a_page_tells_the_whole_session() {
    let folder = tempfile::tempdir().unwrap();
    let (session, out) =
        (folder.path().join("hall <1>.sqlite"), folder.path().join("hall <1>.html"));
    hall(&session, 1);
    assert_eq!(succeed(&["report", text(&session)]), format!("Written: {}\n", out.display()));
    let (page, elements) = check_page(&out);
    let results = SessionResults::new(&read_session(&session).unwrap(), 20);
    let verdicts: Vec<Option<Verdict>> = results
        .expressions
        .iter()
        .map(|row| row.heatmap.as_ref().map(|shown| shown.verdict))
        .collect();
    assert_eq!(verdicts[2], Some(Verdict::Above), "{:?}", results.expressions[2].heatmap);
    assert_eq!(verdicts[1], Some(Verdict::Below), "{:?}", results.expressions[1].heatmap);
    assert_eq!(verdicts[3..], [None, None, None]);
    for row in &results.expressions {
        assert!(has(&elements, &row.sentence(20)), "{}", row.sentence(20));
        if let Some(shown) = &row.heatmap {
            let [low, high] = shown.meaning.iou_interval.unwrap();
            let cells = format!("{low:.3} to {high:.3}");
            assert!(
                has(&elements, &cells) && has(&elements, &format!("{:.3}", shown.margin.abs()))
            );
        }
    }
    for words in [
        "Where a network looked in faces: hall <1>.sqlite",
        "1 session, 103 visits",
        "needs 20 visits, has 7",
        "needs 20 visits, has 0",
        "24 pixels between the eyes",
        "jackknife over 8 groups of visits",
        "What this must not be used for",
    ] {
        assert!(has(&elements, words), "{words}");
    }
    assert_eq!(elements.iter().filter(|each| each.name == "img").count(), 3);
    assert!(!page.contains("class=\"banner\""));
    refuse(&["report", text(&session)], 2, "exists already");
    succeed(&["report", text(&session), "--force"]);
    assert_eq!(check_page(&out).0, page, "the same session, another page");

    succeed(&["report", text(&session), "--force", "--min-visits", "7"]);
    let (_, elements) = check_page(&out);
    assert_eq!(elements.iter().filter(|each| each.name == "img").count(), 4);
    assert!(has(&elements, "Thin evidence"));
    succeed(&["report", text(&session), "--force", "--min-visits", "1000"]);
    let (_, elements) = check_page(&out);
    let banner = elements.iter().find(|each| each.get("class") == Some("banner")).unwrap();
    assert!(banner.text.contains("No expression has had 1000 visits yet"));
    assert!(!elements.iter().any(|each| each.name == "img"));
}

#[test]
fn two_sessions_stand_beside_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (here, there, out) = (path("here.sqlite"), path("there.sqlite"), path("both.html"));
    hall(&here, 1);
    let other = SessionConfiguration { network: "weinet-7".to_owned(), ..configuration() };
    write(&there, &other, &[(Fear, sums(Fear, 30, 0.3, 9))]);
    let compare = |other: &Path| {
        let out = ["--out", text(&out), "--force"];
        succeed(&[&["report", text(&here), "--compare-with", text(other)], &out[..]].concat());
        check_page(Path::new(out[1])).1
    };
    let elements = compare(&there);
    assert!(has(&elements, r#"network is "face-api-expression" here and "weinet-7" there"#));
    assert!(has(&elements, "Over 1 expression the IoU moves by"));
    let merged = path("merged.sqlite");
    let elsewhere = path("elsewhere.sqlite");
    hall(&elsewhere, 2);
    succeed(&["merge", text(&here), text(&elsewhere), "--out", text(&merged)]);
    let elements = compare(&merged);
    assert!(has(&elements, "One session is in both files"));
    assert!(has(&elements, "Over 3 expressions"));
}

#[test]
fn sessions_are_merged_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (a, b, out) = (path("a.sqlite"), path("b.sqlite"), path("sum.sqlite"));
    hall(&a, 1);
    hall(&b, 2);
    let arguments = ["merge", text(&a), text(&b), "--out", text(&out)];
    let explanations = read_session(&a).unwrap().counts().explanations
        + read_session(&b).unwrap().counts().explanations;
    let said = succeed(&arguments);
    let expected = format!("2 sessions, 206 visits, {explanations} explanations\n");
    assert!(said.ends_with(&expected), "{said}");
    let before = std::fs::read(&out).unwrap();
    refuse(&arguments, 2, "exists already");
    // What stands there stays when nothing comes of it.
    refuse(&[&arguments[..], &["--force", text(&a)]].concat(), 2, "give each once");
    assert!(std::fs::read(&out).unwrap() == before);
    // What another program left beside the old file is not taken for the new one's.
    std::fs::write(path("sum.sqlite-wal"), "old").unwrap();
    succeed(&[&arguments[..], &["--force"]].concat());
    assert!(std::fs::read(&out).unwrap() == before);
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "the sessions and their sum");
    refuse(&["merge", text(&a), "--out", text(&a), "--force"], 2, "one of the sessions to merge");
    // Nor is a part taken away to make room for what is written meanwhile.
    let new = folder.path().join("out.sqlite.new");
    std::fs::copy(&a, &new).unwrap();
    std::fs::write(folder.path().join("out.sqlite"), "").unwrap();
    let out = folder.path().join("out.sqlite");
    refuse(
        &["merge", text(&new), "--out", text(&out), "--force"],
        2,
        "one of the sessions to merge",
    );
    assert!(new.exists());
    std::fs::remove_file(&out).unwrap();
}

#[test]
fn studies_and_sessions_are_not_mixed_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let session = path("hall.sqlite");
    hall(&session, 1);
    let study = study(folder.path());
    let (study, session, out) = (text(&study), text(&session), path("out"));
    let out = text(&out);
    let faces = path("faces");
    refuse(&["merge", study, session, "--out", out], 2, "they cannot be added up");
    refuse(&["report", study, "--compare-with", session, "--out", out], 2, "not a study");
    refuse(&["report", session, "--compare-with", study, "--out", out], 2, "is a study, not");
    refuse(&["study", text(&faces), "--out", session], 2, "is a session of `ferscope run`, not");
    let run = ["run", "--source", "demo", "--headless", "--session", study];
    refuse(&run, 2, "is a study, not a session of `ferscope run`");
    refuse(
        &["report", session, "--bootstrap", "100", "--out", out],
        2,
        "--bootstrap is for studies",
    );
    refuse(
        &["report", study, "--min-visits", "5", "--out", out],
        2,
        "--min-visits is for sessions",
    );
    refuse(&["export", session, "--bootstrap", "100", "--out", out], 2, "--bootstrap is for");
    refuse(&["export", study, "--min-visits", "5", "--out", out], 2, "--min-visits is for");
    refuse(&["report", session, "--out", session, "--force"], 2, "is a session: choose another");
    refuse(&["report", text(&path("absent")), "--out", out], 2, "there is no such file");
    assert!(!Path::new(out).exists());
}

#[test]
fn an_export_says_what_the_session_says_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("hall.sqlite");
    hall(&session, 1);
    let said = succeed(&["export", text(&session)]);
    for words in
        ["Left out: happiness (needs 20 visits, has 7)", "surprise (needs 20 visits, has 0)"]
    {
        assert!(said.contains(words), "{said}");
    }
    let out = folder.path().join("hall-export");
    let content = read_session(&session).unwrap();
    let results = SessionResults::new(&content, 20);

    let mut table = csv::Reader::from_path(out.join("overlaps.csv")).unwrap();
    let headers = table.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = table.records().collect::<Result<_, _>>().unwrap();
    let shown: Vec<_> = results.expressions.iter().filter(|row| row.heatmap.is_some()).collect();
    assert_eq!(rows.len(), shown.len());
    let json: Value =
        serde_json::from_slice(&std::fs::read(out.join("results.json")).unwrap()).unwrap();
    assert_eq!((&json["visits"], &json["sessions"]), (&103.into(), &1.into()));
    for (row, result) in rows.iter().zip(shown) {
        let cell = |name: &str| &row[headers.iter().position(|each| each == name).unwrap()];
        let heatmap = result.heatmap.as_ref().unwrap();
        assert_eq!(cell("expression"), result.expression.name());
        assert_eq!(cell("iou"), heatmap.meaning.overlap.iou.to_string());
        assert_eq!(cell("iou_low"), heatmap.meaning.iou_interval.unwrap()[0].to_string());
        assert_eq!(cell("verdict"), heatmap.verdict.name());
        let all = json["expressions"].as_array().unwrap();
        let of_json = all.iter().find(|each| each["expression"] == cell("expression")).unwrap();
        assert_eq!(of_json["heatmap"]["verdict"], cell("verdict"));
        assert!(of_json["heatmap"]["iou_other_masks"].is_f64());
    }
    assert!(json["expressions"][3]["heatmap"].is_null());

    let mut arrays =
        NpzReader::new(std::fs::File::open(out.join("heatmaps.npz")).unwrap()).unwrap();
    let names = arrays.names().unwrap();
    assert!(!names.iter().any(|name| name.contains("happiness")), "{names:?}");
    let fear = &content.sums[2];
    for (what, sums) in [("visits", fear.visits()), ("pooled", fear.pooled())] {
        let name = format!("face-api-expression_fear_{what}");
        let n: Array0<i64> = arrays.by_name(&format!("{name}_n")).unwrap();
        assert_eq!(n.into_scalar(), sums.explanations() as i64);
        for (form, expected) in [
            ("signed", sums.mean_signed()),
            ("clipped_last", sums.mean(Clipping::Last)),
            ("clipped_first", sums.mean(Clipping::First)),
            ("variance", sums.variance()),
        ] {
            let map: Array2<f32> = arrays.by_name(&format!("{name}_{form}")).unwrap();
            assert_eq!(map.into_raw_vec_and_offset().0, expected.unwrap(), "{name} {form}");
        }
    }
    let tables = std::fs::read_to_string(out.join("tables.md")).unwrap();
    assert!(tables.contains("| fear | 40 |") && !tables.contains("| happiness |"), "{tables}");
    assert!(tables.contains("- Happiness: needs 20 visits, has 7"));

    // `ferscope compare` reads the pictures, and finds the same.
    let compared = succeed(&["compare", text(&out.join("heatmaps"))]);
    let compared: Value = serde_json::from_str(&compared).unwrap();
    let pictures = compared["heatmaps"].as_array().unwrap();
    assert_eq!(pictures.len(), 3);
    for picture in pictures {
        let all = json["expressions"].as_array().unwrap();
        let mine = all.iter().find(|each| each["expression"] == picture["expression"]).unwrap();
        assert_eq!(picture["iou"], mine["heatmap"]["iou"]);
    }

    // Another export takes the place of the first, and nothing else's.
    refuse(&["export", text(&session)], 2, "exists already");
    std::fs::write(out.join("mine.txt"), "mine").unwrap();
    succeed(&["export", text(&session), "--force", "--format", "csv", "--min-visits", "41"]);
    let left: BTreeSet<String> = std::fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected = ["export.json", "mine.txt", "overlaps.csv"];
    assert_eq!(left.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let table = std::fs::read_to_string(out.join("overlaps.csv")).unwrap();
    assert_eq!(table.lines().count(), 1, "{table}");
}
