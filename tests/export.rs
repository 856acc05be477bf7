//! `ferscope export` as users run it, and what their tools find in its files.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use common::program::{errors, ferscope, succeed, text};
use common::session::SmallDisk;
use ferscope::compare::{MaskSet, stretch};
use ferscope::explain::Estimator;
use ferscope::expression::Expression;
use ferscope::heatmap::Clipping;
use ferscope::standard_face::FACE_PIXELS;
use ferscope::store::{Answer, Configuration, Drawn, Explanation, NetworkRow, PictureRow, Store};
use ndarray::{Array0, Array2};
use ndarray_npy::NpzReader;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

const TABLES: [&str; 8] = [
    "overlaps",
    "means",
    "answers",
    "explanations",
    "checks",
    "curves",
    "correlations",
    "linkages",
];

/// A study by two trainings of one network, each on its own pictures, and by a network on all; one picture comes with what moved.
fn study(folder: &Path) -> PathBuf {
    let faces = folder.join("faces");
    std::fs::create_dir(&faces).unwrap();
    let mut table = "picture,expression,subject,fold,moved\n".to_owned();
    for (number, subject) in ["0001", "0002", "0005", "0006"].into_iter().enumerate() {
        for expression in ["happiness", "surprise"] {
            let name = format!("painted-{subject}-{expression}.jpg");
            let source = common::repository().join("calib/faces").join(&name);
            std::fs::copy(&source, faces.join(&name)).unwrap();
            let moved = match number {
                0 => {
                    let (width, height) = image::image_dimensions(&source).unwrap();
                    let lower_half = |_, y| image::Luma([if y > height / 2 { 200 } else { 0 }]);
                    let name = format!("moved-{expression}.png");
                    image::GrayImage::from_fn(width, height, lower_half)
                        .save(faces.join(&name))
                        .unwrap();
                    name
                }
                _ => String::new(),
            };
            table += &format!("{name},{expression},{subject},{},{moved}\n", number % 2 + 1);
        }
    }
    std::fs::write(faces.join("faces.csv"), table).unwrap();

    let runs = folder.join("runs/tiny");
    for fold in 1..=2 {
        common::own_network(&runs.join(format!("fold-{fold}")), &format!("tiny-fold-{fold}"));
    }
    let out = folder.join("whole.sqlite");
    let unlike = common::brightening_network(folder, "unlike");
    let networks = format!("{},{}", text(&runs), text(&unlike));
    succeed(&[
        "study",
        text(&faces),
        "--networks",
        &networks,
        "--out",
        text(&out),
        "--samples",
        "8",
        "--design",
        "hadamard",
        "--checks",
        "1",
    ]);
    out
}

type Rows = Vec<BTreeMap<String, String>>;

fn csv(folder: &Path, table: &str) -> Rows {
    csv::Reader::from_path(folder.join(format!("{table}.csv")))
        .unwrap()
        .deserialize()
        .collect::<Result<_, _>>()
        .unwrap()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// A list of numbers in JSON, exactly; serde_json rounds its own way.
fn numbers(list: &str) -> Vec<f64> {
    let inside = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap();
    inside.split(',').map(|number| number.parse().unwrap()).collect()
}

/// Whether a number is one of a JSON file, which serde_json reads not to the last bit.
fn equal(number: f64, json: &Value) -> bool {
    (number - json.as_f64().unwrap()).abs() <= 1e-14 * number.abs()
}

/// The files of a folder, and of those in it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match path.is_dir() {
            true => {
                files.extend(self::files(&path).into_iter().map(|file| format!("{name}/{file}")))
            }
            false => assert!(files.insert(name)),
        }
    }
    files
}

#[test]
fn an_export_says_what_the_study_says_in_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path());
    succeed(&["export", text(&study), "--bootstrap", "100"]);
    let out = folder.path().join("whole-export");
    let json =
        |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    let results = json(&out.join("results.json"));
    let heatmaps = results["heatmaps"].as_array().unwrap();
    let store = Store::read(&study).unwrap();
    let networks = store.networks().unwrap();
    assert_eq!(networks.len(), 3);

    // Nothing but what is named: above all no picture of a face.
    let mut expected: BTreeSet<String> =
        ["export.json", "results.json", "tables.md", "heatmaps.npz", "heatmaps.png"]
            .map(str::to_owned)
            .into();
    for table in TABLES {
        expected.extend([format!("{table}.csv"), format!("{table}.parquet")]);
    }
    for row in heatmaps {
        let fold = row["fold"].as_u64().map_or_else(String::new, |fold| format!("_CV{fold}"));
        let expression: Expression = row["expression"].as_str().unwrap().parse().unwrap();
        let network = row["network"].as_str().unwrap();
        expected.insert(format!("heatmaps/{network}{fold}_{}_heatmap.png", expression.title()));
    }
    for expression in ["happiness", "surprise"] {
        for name in ["correlations", "correlations_equation_4"] {
            let file = format!("{name}_{expression}.svg");
            let drawing = std::fs::read_to_string(out.join(&file)).unwrap();
            assert!(drawing.starts_with("<svg") && drawing.contains("unlike"), "{file}");
            expected.insert(file);
        }
    }
    expected.insert("curves.svg".to_owned());
    assert_eq!(files(&out), expected);
    assert!(heatmaps.iter().any(|row| row["fold"] == 2), "there are trainings");
    assert!(heatmaps.iter().any(|row| row["intervals"].is_object()), "there are intervals");

    check_overlaps(&out, &results);
    check_answers(&out, &store);
    check_explanations(&out, &store);
    check_likeness(&out, &results);
    for table in TABLES {
        assert_eq!(parquet(&out, table), plain(csv(&out, table)), "{table}");
    }
    check_arrays(&out, &store, &results);

    let tables = std::fs::read_to_string(out.join("tables.md")).unwrap();
    assert!(tables.contains("Table 3 of the preprint") && tables.contains("The later table"));
    assert!(tables.contains("fewer than 20 people"), "four people are few");
    for network in results["networks"].as_array().unwrap() {
        assert!(tables.contains(network["verdict"].as_str().unwrap()), "{tables}");
    }
    for row in heatmaps {
        let rounded = |figure: &Value| format!("{:.3}", figure.as_f64().unwrap());
        let interval = match &row["intervals"] {
            Value::Null => String::new(),
            all => format!("{} to {}", rounded(&all["iou"][0]), rounded(&all["iou"][1])),
        };
        let line = tables.lines().find(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let fold = row["fold"].as_u64().map_or_else(String::new, |fold| fold.to_string());
            cells.len() == 17
                && cells[1] == row["network"]
                && cells[2] == fold
                && cells[3] == row["expression"]
        });
        let line = line.unwrap();
        assert!(line.contains(&rounded(&row["iou"])) && line.contains(&interval), "{line}");
    }

    // What `ferscope compare` finds in the pictures is what the study says, to the last digit.
    let comparison = folder.path().join("comparison.json");
    succeed(&["compare", text(&out.join("heatmaps")), "--out", text(&comparison)]);
    let comparison = json(&comparison);
    let compared = comparison["heatmaps"].as_array().unwrap();
    assert_eq!(compared.len(), heatmaps.len());
    for row in heatmaps {
        let same = |other: &&Value| {
            ["network", "fold", "expression"].iter().all(|&name| other[name] == row[name])
        };
        let other = compared.iter().find(same).unwrap();
        for figure in ["otsu_level", "iou", "iou_random", "iou_other_masks", "precision", "f1"] {
            assert_eq!(row[figure], other[figure], "{figure} of {row}");
        }
    }
    assert_eq!(comparison["dendrograms"], results["dendrograms"]);
}

fn check_overlaps(out: &Path, results: &Value) {
    let rows = csv(out, "overlaps");
    let all = |key: &str| results[key].as_array().unwrap().clone();
    let heatmaps = [all("heatmaps"), all("all_networks")].concat();
    assert_eq!(rows.len(), heatmaps.len());
    for (row, heatmap) in rows.iter().zip(&heatmaps) {
        assert_eq!(row["network"], heatmap["network"].as_str().unwrap());
        assert_eq!(row["expression"], heatmap["expression"].as_str().unwrap());
        for figure in [
            "explanations",
            "people",
            "otsu_level",
            "iou",
            "iou_all_white",
            "iou_random",
            "iou_other_masks",
            "foreground_area",
            "recall",
        ] {
            assert!(equal(number(row, figure), &heatmap[figure]), "{figure} of {heatmap}");
        }
        for figure in ["iou", "margin", "above_chance"] {
            let [low, high] = ["low", "high"].map(|end| format!("{figure}_{end}"));
            match &heatmap["intervals"] {
                Value::Null => assert!(row[&low].is_empty() && row[&high].is_empty()),
                intervals => {
                    assert!(equal(number(row, &low), &intervals[figure][0]), "{heatmap}");
                    assert!(equal(number(row, &high), &intervals[figure][1]), "{heatmap}");
                }
            }
        }
        let chance =
            ["iou_all_white", "iou_random", "iou_other_masks"].map(|level| number(row, level));
        let highest = chance.into_iter().fold(0.0, f64::max);
        assert!((number(row, "above_chance") - (number(row, "iou") - highest)).abs() < 1e-12);
    }
    let means = csv(out, "means");
    for (number_of, table) in [(0, "Table 3 of the preprint"), (1, "the later table")] {
        let overall = means.iter().find(|row| {
            row["table"] == table && row["network"] == "all" && row["expression"] == "all"
        });
        let expected = &results["means"][number_of]["overall"]["iou"];
        let overall = overall.unwrap();
        assert!(equal(number(overall, "iou"), expected), "{table}");
        // Each training has seen one person, so that nothing is known of another.
        assert_eq!(overall["iou_low"].is_empty(), table == "the later table");
        if number_of == 0 {
            assert!(number(overall, "iou_low") <= number(overall, "iou"), "{overall:?}");
            assert!(number(overall, "iou_high") >= number(overall, "iou"), "{overall:?}");
        }
    }
}

fn check_answers(out: &Path, store: &Store) {
    let rows = csv(out, "answers");
    let progress = store.progress().unwrap();
    assert_eq!(rows.len(), progress.classified, "one face a picture");
    for row in &rows {
        let probabilities = Expression::SIX
            .iter()
            .chain([&Expression::Neutral])
            .map(|class| number(row, class.name()));
        let sum: f64 = probabilities.clone().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{row:?}");
        let highest = probabilities.fold(0.0, f64::max);
        assert_eq!(number(row, &row["expression"]), highest);
        let named = format!("painted-{}-{}.jpg", row["subject"], row["label"]);
        assert_eq!(row["picture"], named);
    }
    assert!(rows.iter().any(|row| row["network"] == "tiny" && row["fold"] == "2"));
    assert!(rows.iter().any(|row| row["network"] == "unlike" && row["fold"].is_empty()));
}

fn check_explanations(out: &Path, store: &Store) {
    let rows = csv(out, "explanations");
    assert_eq!(rows.len(), store.progress().unwrap().explained);
    let mut checked = 0;
    for row in &rows {
        let weights = numbers(&row["weights"]);
        assert_eq!(weights.len() as f64, number(row, "segments"));
        assert!(row["problem"].is_empty());
        assert_eq!(!row["deletion"].is_empty(), row["place"] == "0", "{row:?}");
        assert_eq!(!row["moved_mass"].is_empty(), row["picture"].contains("0001"), "{row:?}");
        checked += usize::from(row["place"] == "0");
    }
    assert!(checked > 2);
    let mut explanations = Vec::new();
    for (number, network) in store.networks().unwrap().iter().enumerate() {
        let pictures = store.pictures().unwrap();
        store
            .for_each_drawn(number, |drawn, result| {
                let path = pictures[drawn.picture].path.clone();
                explanations.push((network.architecture.clone(), path, result.unwrap()));
            })
            .unwrap();
    }
    check_curves(out, &rows);
    for (row, (network, path, explanation)) in rows.iter().zip(&explanations) {
        assert_eq!((&row["network"], &row["picture"]), (network, path));
        assert_eq!(numbers(&row["weights"]), explanation.weights);
        assert_eq!(number(row, "r2"), explanation.r2);
    }
}

/// The curves give the areas, and both the means over the faces.
fn check_curves(out: &Path, explanations: &Rows) {
    let area = |curve: &[f64]| {
        let pairs = curve.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0);
        pairs.sum::<f64>() / (curve.len() - 1) as f64
    };
    let (checks, curves) = (csv(out, "checks"), csv(out, "curves"));
    for network in ["tiny", "unlike"] {
        let checked = || {
            let is_checked = |row: &&BTreeMap<String, String>| {
                row["network"] == network && !row["deletion"].is_empty()
            };
            explanations.iter().filter(is_checked)
        };
        let faces = checked().count();
        let mean = |figure: &dyn Fn(&BTreeMap<String, String>) -> f64| {
            checked().map(figure).sum::<f64>() / faces as f64
        };
        for (area_name, curve_name) in [
            ("deletion", "deletion_curve"),
            ("insertion", "insertion_curve"),
            ("deletion_random", "deletion_curve_random"),
            ("insertion_random", "insertion_curve_random"),
        ] {
            for row in checked() {
                let curve = numbers(&row[curve_name]);
                assert_eq!(curve.len() as f64, number(row, "segments") + 1.0);
                assert!((area(&curve) - number(row, area_name)).abs() < 1e-9, "{row:?}");
            }
            let of_network = |row: &&BTreeMap<String, String>| {
                row["network"] == network && row["figure"] == area_name
            };
            let found = checks.iter().find(of_network).unwrap();
            assert_eq!(number(found, "faces") as usize, faces);
            assert!((number(found, "mean") - mean(&|row| number(row, area_name))).abs() < 1e-9);
            assert!(number(found, "low") <= number(found, "mean"));
            assert!(number(found, "high") >= number(found, "mean"));
            let points: Vec<_> = curves.iter().filter(|row| row["network"] == network).collect();
            assert_eq!(points.len(), 101);
            for (point, end) in [(0, 0_usize), (100, usize::MAX)] {
                let at_end = |row: &BTreeMap<String, String>| {
                    let curve = numbers(&row[curve_name]);
                    curve[end.min(curve.len() - 1)]
                };
                assert!((number(points[point], area_name) - mean(&at_end)).abs() < 1e-9);
            }
        }
    }
}

fn check_likeness(out: &Path, results: &Value) {
    let correlations = csv(out, "correlations");
    for (key, coefficient) in
        [("dendrograms", "mean-centred"), ("dendrograms_equation_4", "equation-4")]
    {
        for dendrogram in results[key].as_array().unwrap() {
            let of = |table: Rows| -> Rows {
                let belongs = |row: &BTreeMap<String, String>| {
                    row["coefficient"] == coefficient
                        && row["expression"] == dendrogram["expression"].as_str().unwrap()
                };
                table.into_iter().filter(belongs).collect()
            };
            let cells = of(correlations.clone());
            assert_eq!(cells.len(), 4, "two networks with each other");
            let distance = &dendrogram["distances"][0][1];
            let correlation = number(&cells[1], "correlation");
            assert!((correlation - (1.0 - distance.as_f64().unwrap())).abs() < 1e-14);
            assert_eq!(
                (&cells[1]["network"], &cells[1]["other"]),
                (&cells[2]["other"], &cells[2]["network"])
            );
            let merge = &of(csv(out, "linkages"))[0];
            assert!(equal(number(merge, "height"), distance));
            assert_eq!(
                ["first", "second", "leaves"].map(|name| number(merge, name)),
                [0.0, 1.0, 2.0]
            );
            assert_eq!([&merge["first_network"], &merge["second_network"]], ["tiny", "unlike"]);
        }
    }
    assert!(!correlations.is_empty());
}

/// A Parquet table as text, to be compared with the CSV one.
fn parquet(out: &Path, table: &str) -> Rows {
    let file = std::fs::File::open(out.join(format!("{table}.parquet"))).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let text = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Long(number) => number.to_string(),
        Field::Float(number) => number.to_string(),
        Field::Double(number) => number.to_string(),
        Field::ListInternal(list) => {
            let numbers = list.elements().iter().map(|each| match each {
                Field::Double(number) => number.to_string(),
                other => panic!("{other:?} in a list"),
            });
            numbers.collect::<Vec<_>>().join(" ")
        }
        other => panic!("{other:?} is of no type of ours"),
    };
    reader
        .get_row_iter(None)
        .unwrap()
        .map(|row| {
            let row = row.unwrap();
            row.get_column_iter().map(|(name, field)| (name.clone(), text(field))).collect()
        })
        .collect()
}

/// Lists as [`parquet`] writes them.
fn plain(mut rows: Rows) -> Rows {
    for row in &mut rows {
        for list in row.values_mut().filter(|value| value.starts_with('[')) {
            *list = numbers(list).iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        }
    }
    rows
}

fn check_arrays(out: &Path, store: &Store, results: &Value) {
    let mut archive =
        NpzReader::new(std::fs::File::open(out.join("heatmaps.npz")).unwrap()).unwrap();
    let heatmaps = [&results["heatmaps"], &results["all_networks"]]
        .map(|rows| rows.as_array().unwrap().clone())
        .concat();
    for row in &heatmaps {
        let fold = row["fold"].as_u64().map_or_else(String::new, |fold| format!("_fold{fold}"));
        let (network, expression) =
            (row["network"].as_str().unwrap(), row["expression"].as_str().unwrap());
        let name = format!("{}{fold}_{expression}", network.replace(' ', "_"));
        let faces: Array0<i64> = archive.by_name(&format!("{name}_n")).unwrap();
        assert_eq!(faces.into_scalar() as u64, row["explanations"]);
        let [signed, last, first, variance]: [Array2<f32>; 4] =
            ["signed", "clipped_last", "clipped_first", "variance"]
                .map(|what| archive.by_name(&format!("{name}_{what}")).unwrap());
        assert_eq!(signed.dim(), (275, 224));
        assert_eq!(last, signed.mapv(|value| value.max(0.0)));
        assert!(first.iter().zip(&last).all(|(first, last)| first >= last));
        let single = row["explanations"] == 1;
        assert!(variance.iter().all(|value| if single { value.is_nan() } else { *value >= 0.0 }));
        if network != "all networks" {
            let fold = fold.replace("_fold", "_CV");
            let title = expression.parse::<Expression>().unwrap().title();
            let picture = out.join(format!("heatmaps/{network}{fold}_{title}_heatmap.png"));
            let picture = image::open(picture).unwrap();
            assert_eq!(picture.color(), image::ColorType::L8);
            assert_eq!(stretch(last.as_slice().unwrap()), picture.into_luma8().into_raw());
        }
        let number =
            store.networks().unwrap().iter().position(|row| fold.is_empty() && row.name == network);
        if let Some(number) = number {
            let sums = store.sums(number, expression.parse().unwrap()).unwrap().unwrap();
            assert_eq!(signed.into_raw_vec_and_offset().0, sums.mean_signed().unwrap());
        }
    }
    // Expressions that no face was read as have only their number.
    let nobody = archive.names().unwrap().into_iter().filter(|name| name.ends_with("_n")).count()
        - heatmaps.len();
    assert_eq!(archive.len(), heatmaps.len() * 5 + nobody);
    assert_eq!(heatmaps.len() + nobody, 5 * 6, "five rows of six expressions");
}

fn configuration() -> Configuration {
    Configuration {
        software: "ferscope test".to_owned(),
        seed: 0,
        per_class: 3,
        design: "iid".to_owned(),
        samples: 8,
        estimator: Estimator::Ridge,
        checks: 0,
        masks: MaskSet::default(),
        clip: Clipping::default(),
        detector: "none".to_owned(),
        landmark_model: "none".to_owned(),
        epsilon: 0.01,
    }
}

/// A study that was stopped: of three faces drawn one is explained, one cannot be, and one is not yet.
fn stopped_study(path: &Path, network: &str) {
    let network = NetworkRow {
        name: network.to_owned(),
        architecture: network.to_owned(),
        fold: None,
        sha256: "0".repeat(64),
        input: "none".to_owned(),
        classes: vec![Expression::Anger, Expression::Fear],
    };
    let picture = |name: &str| PictureRow { path: name.to_owned(), ..PictureRow::default() };
    let pictures = ["=a,\"b\".jpg", "b.jpg", "c.jpg"].map(picture);
    let mut store = Store::create(path, &configuration(), &[network], &pictures).unwrap();
    let expression = Expression::Anger;
    let drawn = [0, 1, 2].map(|place| Drawn { picture: place, face: 1, expression, place });
    for face in &drawn {
        let answer = Answer { expression, probabilities: vec![0.75, 0.25] };
        store.add_answers(0, face.picture, Some("1"), None, &[answer]).unwrap();
    }
    store.add_drawn(0, &drawn).unwrap();
    let explanation = Explanation {
        weights: vec![0.5, -0.25],
        intercept: 0.125,
        r2: 0.5,
        superpixels: (0..FACE_PIXELS).map(|pixel| (pixel % 3) as u8).collect(),
        moved: None,
        checks: None,
    };
    store.add_explanation(0, &drawn[0], Ok(&explanation)).unwrap();
    store.add_explanation(0, &drawn[1], Err("has no eyes")).unwrap();
}

#[test]
fn a_stopped_study_is_exported_as_far_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("stopped.sqlite");
    stopped_study(&study, "net");
    let out = folder.path().join("deep/er/out");
    succeed(&["export", text(&study), "--out", text(&out)]);
    let rows = csv(&out, "explanations");
    let column = |name: &str| rows.iter().map(|row| row[name].as_str()).collect::<Vec<_>>();
    assert_eq!(column("picture"), ["=a,\"b\".jpg", "b.jpg", "c.jpg"]);
    assert_eq!(column("weights"), ["[0.5,-0.25]", "", ""]);
    assert_eq!(column("intercept"), ["0.125", "", ""]);
    assert_eq!(column("problem"), ["", "has no eyes", ""]);
    let tables = std::fs::read_to_string(out.join("tables.md")).unwrap();
    assert!(tables.contains("1 of 3 faces drawn are not explained yet"), "{tables}");
    let answers = csv(&out, "answers");
    assert_eq!(number(&answers[2], "anger"), 0.75);
    assert!(!answers[2].contains_key("happiness"), "no network has that class");
    assert!(csv(&out, "overlaps")[0]["iou_low"].is_empty(), "one face gives no interval");
    assert!(csv(&out, "correlations").is_empty(), "one network is like no other");
    for table in TABLES {
        assert_eq!(parquet(&out, table), plain(csv(&out, table)), "{table}");
    }
    let mut archive =
        NpzReader::new(std::fs::File::open(out.join("heatmaps.npz")).unwrap()).unwrap();
    let variance: Array2<f32> = archive.by_name("net_anger_variance").unwrap();
    assert!(variance.iter().all(|value| value.is_nan()), "of one face it is unknown");
    let faces: Array0<i64> = archive.by_name("net_surprise_n").unwrap();
    assert_eq!(faces.into_scalar(), 0);
}

#[test]
fn an_export_is_replaced_only_by_force_and_nothing_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (study, other, out) = (path("a.sqlite"), path("b.sqlite"), path("out"));
    stopped_study(&study, "first");
    stopped_study(&other, "second");
    let export = |study: &Path, extra: &[&str]| {
        ferscope(&[&["export", text(study), "--out", text(&out)], extra].concat())
    };
    assert!(export(&study, &[]).status.success());
    std::fs::write(out.join("notes.txt"), "mine").unwrap();
    std::fs::write(out.join("heatmaps/mine_Anger_heatmap.png"), "mine").unwrap();
    let before = files(&out);
    let refused = export(&other, &["--format", "csv"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("--force"));
    assert_eq!(files(&out), before);

    assert!(export(&other, &["--format", "json,png", "--force"]).status.success());
    let expected = [
        "export.json",
        "heatmaps.png",
        "heatmaps/mine_Anger_heatmap.png",
        "heatmaps/second_Anger_heatmap.png",
        "notes.txt",
        "results.json",
    ];
    assert_eq!(files(&out), expected.map(str::to_owned).into());

    // A list that someone changed takes nothing away elsewhere.
    let outside = path("outside.txt");
    std::fs::write(&outside, "mine").unwrap();
    let list =
        format!("{{\"software\": \"\", \"files\": [\"../outside.txt\", {:?}]}}", text(&outside));
    std::fs::write(out.join("export.json"), list).unwrap();
    assert!(export(&other, &["--format", "csv", "--force"]).status.success());
    assert!(outside.exists());
}

#[test]
fn a_full_disk_leaves_nothing_half_written_and_the_same_command_goes_on() {
    let Some(disk) = SmallDisk::new(2 * 1024) else { return };
    let folder = tempfile::tempdir().unwrap();
    let study = folder.path().join("a.sqlite");
    stopped_study(&study, "net");
    let whole = folder.path().join("whole");
    assert!(ferscope(&["export", text(&study), "--out", text(&whole)]).status.success());
    let before = std::fs::read(&study).unwrap();
    let out = disk.path().join("out");
    let export = |extra: &[&str]| {
        ferscope(&[&["export", text(&study), "--out", text(&out)], extra].concat())
    };
    // With room for no file, and with room for some.
    for room in [0, 24, 96, 400] {
        disk.fill_but(room);
        let failed = export(&["--force"]);
        assert_eq!(failed.status.code(), Some(1), "{room} KiB: {}", errors(&failed));
        let said = errors(&failed);
        assert!(said.contains(text(&out)) && said.contains("No space left"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
        for name in files(disk.path()).iter().filter_map(|name| name.strip_prefix("out/")) {
            let (mine, whole) = (out.join(name), whole.join(name));
            assert!(std::fs::read(mine).ok() == std::fs::read(whole).ok(), "{room} KiB: {name}");
        }
        disk.make_room();
    }
    let done = export(&["--force"]);
    assert!(done.status.success(), "{}", errors(&done));
    assert_eq!(files(&out), files(&whole));
    assert_eq!(std::fs::read(&study).unwrap(), before, "the study is only read");
}

#[test]
fn what_cannot_be_exported_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refuse = |study: &Path, extra: &[&str], code: i32, reason: &str| {
        let output = ferscope(&[&["export", text(study)], extra].concat());
        assert_eq!(output.status.code(), Some(code), "{}", errors(&output));
        assert!(errors(&output).contains(reason), "{}", errors(&output));
    };
    refuse(&path("absent.sqlite"), &[], 2, "no such file");
    let study = path("a.sqlite");
    stopped_study(&study, "net");
    refuse(&study, &["--format", "xls"], 2, "parquet");
    refuse(&study, &["--bootstrap=-1"], 2, "--bootstrap");
    let hostile = path("hostile.sqlite");
    stopped_study(&hostile, "../../outside");
    refuse(&hostile, &[], 1, "not usable in file names");
    // SQLite may leave files of its own beside a store that was not closed.
    let written = files(folder.path()).into_iter().find(|name| !name.contains(".sqlite"));
    assert_eq!(written, None);
}
