//! The commands as users run them: files, exit codes, messages.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::program::{errors, ferscope, text};
use serde_json::Value;

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn demo(frame: u32) -> PathBuf {
    common::repository().join(format!("demo/frame-{frame:03}.jpg"))
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A frame with one face.
const ONE_FACE: u32 = 6;
/// A frame with two faces.
const TWO_FACES: u32 = 24;
/// A frame without any.
const EMPTY: u32 = 13;

#[test]
fn explain_writes_every_file_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let picture = demo(ONE_FACE);
    let run = |extra: &[&str]| {
        let mut arguments = vec!["explain", text(&picture), "--out", text(&out)];
        arguments.extend(["--samples", "60", "--design", "hadamard", "--seed", "5"]);
        arguments.extend(extra);
        ferscope(&arguments)
    };
    let output = run(&[]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(printed(&output).contains("random"), "the table shows the chance level");

    let face = out.join("frame-006_1");
    let explanation = read_json(&face.join("explanation.json"));
    for key in [
        "box",
        "log10_nfa",
        "landmarks",
        "angle",
        "network",
        "sha256",
        "probabilities",
        "explained_class",
        "samples",
        "design",
        "seed",
        "segments",
        "weights",
        "intercept",
        "r2",
        "timings_ms",
    ] {
        assert!(!explanation[key].is_null(), "{key}");
    }
    assert_eq!(explanation["samples"], 60);
    assert_eq!(explanation["landmarks"].as_array().unwrap().len(), 68);
    let segments = explanation["segments"].as_u64().unwrap() as usize;
    assert_eq!(explanation["weights"].as_array().unwrap().len(), segments);

    let crop = image::open(face.join("face.png")).unwrap();
    assert_eq!((crop.width(), crop.height(), crop.color()), (112, 112, image::ColorType::L8));
    let labels = image::open(face.join("segments.png")).unwrap();
    assert_eq!(labels.color(), image::ColorType::L16);
    let labels = labels.into_luma16();
    assert_eq!(usize::from(*labels.iter().max().unwrap()) + 1, segments);
    let relevance: ndarray::Array2<f32> =
        ndarray_npy::read_npy(face.join("relevance.npy")).unwrap();
    assert_eq!(relevance.dim(), (112, 112));
    for (value, &label) in relevance.iter().zip(labels.iter()) {
        let weight = explanation["weights"][usize::from(label)].as_f64().unwrap();
        assert_eq!(*value, weight as f32);
    }
    let standardised: ndarray::Array2<f32> =
        ndarray_npy::read_npy(face.join("standardised.npy")).unwrap();
    assert_eq!(standardised.dim(), (275, 224));
    assert!(standardised.iter().all(|value| *value >= 0.0));
    for file in ["frame-006_1/overlay.png", "heatmaps.png"] {
        assert!(image::open(out.join(file)).is_ok(), "{file}");
    }
    assert_eq!(read_json(&out.join("summary.json"))["faces"], 1);

    // The same seed gives the same bits on another number of threads; only timings differ.
    let again = run(&[]);
    assert_eq!(code(&again), 2, "an existing result is not overwritten");
    assert!(errors(&again).contains("--force"));
    let again = run(&["--force", "--threads", "3"]);
    assert_eq!(code(&again), 0, "{}", errors(&again));
    let mut repeated = read_json(&face.join("explanation.json"));
    let mut first = explanation;
    first["timings_ms"] = Value::Null;
    repeated["timings_ms"] = Value::Null;
    assert_eq!(first, repeated);
}

#[test]
fn a_face_is_explained_alike_under_any_name_and_in_any_batch() {
    let folder = tempfile::tempdir().unwrap();
    let renamed = folder.path().join("renamed.jpg");
    std::fs::copy(demo(ONE_FACE), &renamed).unwrap();
    let out = folder.path().join("out");
    let picture = demo(ONE_FACE);
    let arguments = ["explain", text(&picture), text(&renamed), "--samples", "20", "--out"];
    assert_eq!(code(&ferscope(&[&arguments[..], &[text(&out)]].concat())), 0);
    let weights =
        |face: &str| read_json(&out.join(face).join("explanation.json"))["weights"].clone();
    assert_eq!(weights("frame-006_1"), weights("renamed_1"));
}

#[test]
fn explain_takes_a_design_and_superpixels_from_files() {
    let folder = tempfile::tempdir().unwrap();
    let design = folder.path().join("design.npy");
    let segments = folder.path().join("segments.png");
    // Four quarters, all 16 ways to hide them; NumPy's own default type is i64.
    let rows =
        ndarray::Array2::from_shape_fn((16, 4), |(row, column)| ((15 - row) >> column & 1) as i64);
    ndarray_npy::write_npy(&design, &rows).unwrap();
    image::GrayImage::from_fn(112, 112, |x, y| image::Luma([(x / 56 + 2 * (y / 56)) as u8]))
        .save(&segments)
        .unwrap();
    let explain = |design: &Path, segments: &Path, out: &str| {
        let out = folder.path().join(out);
        let picture = demo(ONE_FACE);
        let arguments = ["explain", text(&picture), "--design", text(design), "--segments"];
        let output = ferscope(&[&arguments[..], &[text(segments), "--out", text(&out)]].concat());
        (output, out)
    };
    let (output, out) = explain(&design, &segments, "good");
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let explanation = read_json(&out.join("frame-006_1/explanation.json"));
    assert_eq!((&explanation["samples"], &explanation["segments"]), (&16.into(), &4.into()));

    let wide = folder.path().join("wide.npy");
    ndarray_npy::write_npy(&wide, &ndarray::Array2::<u8>::ones((16, 5))).unwrap();
    let (output, _) = explain(&wide, &segments, "wide");
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains("wide.npy") && errors(&output).contains("5 columns"));

    // What is wrong with the file itself is known before any picture is looked at.
    let bad = folder.path().join("bad.npy");
    for (value, expected) in [(0.5f32, "0.5"), (f32::NAN, "NaN"), (257.0, "257")] {
        let rows = ndarray::Array2::from_shape_fn((3, 4), |(row, column)| {
            if (row, column) == (1, 2) { value } else { 1.0 }
        });
        ndarray_npy::write_npy(&bad, &rows).unwrap();
        let (output, _) = explain(&bad, &segments, "bad");
        assert_eq!(code(&output), 2);
        assert!(errors(&output).contains(&format!("column 2 (from 0) is {expected};")));
    }
    let small = folder.path().join("small.png");
    image::GrayImage::new(64, 64).save(&small).unwrap();
    let (output, _) = explain(&design, &small, "small");
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("small.png") && errors(&output).contains("112"));

    let (output, _) = explain(&folder.path().join("missing.npy"), &segments, "missing");
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("missing.npy"));
}

#[test]
fn bad_pictures_get_a_line_each_and_the_batch_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("pictures");
    std::fs::create_dir(&inside).unwrap();
    std::fs::copy(demo(ONE_FACE), inside.join("good.jpg")).unwrap();
    std::fs::copy(demo(EMPTY), inside.join("no-face.jpg")).unwrap();
    std::fs::write(inside.join("text.jpg"), "no picture").unwrap();
    std::fs::write(inside.join("nothing.png"), "").unwrap();
    let genuine = std::fs::read(demo(ONE_FACE)).unwrap();
    std::fs::write(inside.join("cut.jpg"), &genuine[..300]).unwrap();
    // Decoders fill the rest with grey.
    std::fs::write(inside.join("half.jpg"), &genuine[..genuine.len() / 2]).unwrap();
    image::GrayImage::new(1, 1).save(inside.join("dot.png")).unwrap();
    let huge = claiming(30_000, image::GrayImage::new(32, 32));
    std::fs::write(inside.join("huge.png"), huge).unwrap();
    // Within the limits on its sides, but of 8 bytes a pixel.
    let deep = claiming(9_000, image::ImageBuffer::<image::Rgba<u16>, _>::new(32, 32));
    std::fs::write(inside.join("deep.png"), deep).unwrap();
    let out = folder.path().join("faces.csv");
    let output = ferscope(&["classify", text(&inside), "missing.jpg", "--out", text(&out)]);
    assert_eq!(code(&output), 1);
    let told = errors(&output);
    for name in [
        "no-face.jpg",
        "text.jpg",
        "nothing.png",
        "cut.jpg",
        "half.jpg",
        "dot.png",
        "huge.png",
        "deep.png",
        "missing.jpg",
    ] {
        let lines = told.lines().filter(|line| line.contains(name)).count();
        assert_eq!(lines, 1, "one line for {name}: {told}");
    }
    assert!(told.contains("30000 x 30000") && told.contains("MiB to decode"), "{told}");
    let table = std::fs::read_to_string(out).unwrap();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.starts_with("picture,face,x,y,width,height,log10_nfa,class,neutral,"));
}

/// A PNG that claims to have `side` x `side` pixels.
fn claiming(side: u32, small: impl Into<image::DynamicImage>) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    small.into().write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let mut bytes = bytes.into_inner();
    // Signature (8), length (4), "IHDR" (4), width (4), height (4), ..., checksum over name and fields.
    bytes[16..20].copy_from_slice(&side.to_be_bytes());
    bytes[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn crop_writes_crops_and_their_table() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("crops");
    let picture = demo(TWO_FACES);
    let arguments = ["crop", text(&picture), "--size", "64", "--out", text(&out)];
    assert_eq!(code(&ferscope(&arguments)), 0);
    let mut table = csv::Reader::from_path(out.join("faces.csv")).unwrap();
    let header: Vec<_> = table.headers().unwrap().iter().map(str::to_owned).collect();
    assert_eq!(
        header[..13].join(","),
        "picture,face,x,y,width,height,score,log10_nfa,angle,x1,y1,x2,y2"
    );
    assert_eq!(header.len(), 9 + 2 * 68 + 1);
    assert_eq!(header.last().unwrap(), "crop");
    assert_eq!(table.records().count(), 2);
    for face in 1..=2 {
        let crop = image::open(out.join(format!("frame-024_{face}.png"))).unwrap();
        assert_eq!((crop.width(), crop.height(), crop.color()), (64, 64, image::ColorType::L8));
    }
    assert_eq!(code(&ferscope(&arguments)), 2, "not overwritten");
}

#[test]
fn a_crop_that_stands_there_is_left_alone_and_the_batch_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("crops");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("frame-006_1.png"), "mine").unwrap();
    let (first, second) = (demo(ONE_FACE), demo(TWO_FACES));
    let output = ferscope(&["crop", text(&first), text(&second), "--out", text(&out)]);
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains("frame-006_1.png"));
    assert_eq!(std::fs::read(out.join("frame-006_1.png")).unwrap(), b"mine");
    let table = csv::Reader::from_path(out.join("faces.csv")).unwrap();
    assert_eq!(table.into_records().count(), 2, "the faces of the other picture");
}

#[test]
fn forced_crops_take_the_earlier_ones_away_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("crops");
    let (first, second) = (demo(TWO_FACES), demo(ONE_FACE));
    assert_eq!(code(&ferscope(&["crop", text(&first), "--out", text(&out)])), 0);
    std::fs::write(out.join("mine.png"), "mine").unwrap();
    assert_eq!(code(&ferscope(&["crop", text(&second), "--out", text(&out), "--force"])), 0);
    assert_eq!(listing(&out), ["faces.csv", "frame-006_1.png", "mine.png"]);
    // Not even one that is called as a crop would be; names are longer where several pictures share one.
    let pictures = folder.path().join("pictures");
    for (name, from) in [("a/face.jpg", EMPTY), ("b/face.jpg", ONE_FACE)] {
        std::fs::create_dir_all(pictures.join(name).parent().unwrap()).unwrap();
        std::fs::copy(demo(from), pictures.join(name)).unwrap();
    }
    let again = ["crop", text(&pictures), "--out", text(&out), "--force"];
    assert_eq!(code(&ferscope(&again)), 1, "one has no face");
    assert_eq!(listing(&out), ["b-face.jpg_1.png", "faces.csv", "mine.png"]);
    std::fs::write(out.join("face_1.png"), "mine").unwrap();
    assert_eq!(code(&ferscope(&["crop", text(&second), "--out", text(&out), "--force"])), 0);
    assert_eq!(listing(&out), ["face_1.png", "faces.csv", "frame-006_1.png", "mine.png"]);
    // Without a face nothing is begun, so an earlier result stays.
    let empty = demo(EMPTY);
    assert_eq!(code(&ferscope(&["crop", text(&empty), "--out", text(&out), "--force"])), 1);
    assert_eq!(listing(&out).len(), 4);
    let none = folder.path().join("none");
    assert_eq!(code(&ferscope(&["crop", text(&empty), "--out", text(&none)])), 1);
    assert!(!none.exists());
}

#[test]
fn a_long_name_of_a_picture_does_not_stop_the_batch() {
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("pictures");
    std::fs::create_dir(&pictures).unwrap();
    for name in ["x".repeat(250), "y".to_owned()] {
        std::fs::copy(demo(ONE_FACE), pictures.join(name + ".jpg")).unwrap();
    }
    let out = folder.path().join("out");
    let output = ferscope(&["crop", text(&pictures), "--size", "16", "--out", text(&out)]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(
        listing(&out),
        ["faces.csv".to_owned(), "x".repeat(200) + "_1.png", "y_1.png".into()]
    );
}

#[test]
fn a_file_where_a_folder_is_to_be_made_is_told() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = file.path().join("below");
    for out in [file.path(), &out] {
        let output = ferscope(&["masks", "--force", "--out", text(out)]);
        assert_ne!(code(&output), 0);
        assert!(errors(&output).contains("it is a file"), "{}", errors(&output));
    }
}

#[test]
fn a_crop_is_classified_alike_as_a_whole_picture() {
    let folder = tempfile::tempdir().unwrap();
    let crops = folder.path().join("crops");
    let picture = demo(ONE_FACE);
    assert_eq!(code(&ferscope(&["crop", text(&picture), "--out", text(&crops)])), 0);
    let class = |output: Output| {
        let text = printed(&output);
        let line = text.lines().nth(1).unwrap_or_default().to_owned();
        line.split(',').nth(7).unwrap_or_default().to_owned()
    };
    let whole = crops.join("frame-006_1.png");
    let from_picture = class(ferscope(&["classify", text(&picture)]));
    let from_crop = class(ferscope(&["classify", "--whole", text(&whole), "--out", "-"]));
    assert!(!from_picture.is_empty());
    assert_eq!(from_picture, from_crop);
}

#[test]
fn models_are_listed_and_verified() {
    let output = ferscope(&["models", "list"]);
    assert_eq!(code(&output), 0);
    assert!(printed(&output).contains("face-api-expression"));
    assert_eq!(code(&ferscope(&["models", "verify"])), 0);
    let folder = tempfile::tempdir().unwrap();
    let output = ferscope(&["models", "verify", "--models", text(folder.path())]);
    assert_eq!(code(&output), 3);
    assert!(errors(&output).contains("models.toml"));
}

#[test]
fn wrong_usage_is_exit_code_2_and_unusable_models_3() {
    assert_eq!(code(&ferscope(&[])), 2);
    assert_eq!(code(&ferscope(&["explain"])), 2);
    assert_eq!(code(&ferscope(&["explain", "x.jpg", "--samples", "0"])), 2);
    assert_eq!(code(&ferscope(&["classify", "x.jpg", "--epsilon", "-1"])), 2);
    let picture = demo(ONE_FACE);
    let output = ferscope(&["classify", text(&picture), "--network", "no-such-network"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("face-api-expression"), "tells what there is");
    let output = ferscope(&["classify", text(&picture), "--epsilon", "50"]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("less than"), "tells how far it goes");
    for network in ["nowhere.onnx", text(&picture.with_extension("onnx"))] {
        assert_eq!(code(&ferscope(&["classify", text(&picture), "--network", network])), 2);
    }
    assert_eq!(code(&ferscope(&["classify", "x.jpg", "--shape-predictor", "nowhere.dat"])), 2);
    let output = ferscope(&["classify", text(&picture), "--shape-predictor", text(&picture)]);
    assert_eq!(code(&output), 3);
}

#[test]
fn painted_faces_get_into_a_session_only_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("hall.sqlite");
    if cfg!(feature = "camera") && Path::new("/dev/video0").exists() {
        return;
    }
    let output = ferscope(&["run", "--headless", "--listen", "none", "--session", text(&session)]);
    assert_eq!(code(&output), 2);
    assert!(errors(&output).contains("--source demo"), "{}", errors(&output));
    assert!(!session.exists());
}

#[test]
fn an_address_that_may_become_free_is_no_wrong_usage() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = ferscope(&["run", "--source", "demo", "--headless", "--listen", &address]);
    assert!(errors(&output).contains("is in use"), "{}", errors(&output));
    assert_eq!(code(&output), 1, "the service is started again after it, not after 2");
}

#[test]
fn a_run_that_saw_nothing_or_kept_nothing_has_failed() {
    let folder = tempfile::tempdir().unwrap();
    let no_picture = folder.path().join("text.jpg");
    std::fs::write(&no_picture, "no picture").unwrap();
    let run = ["run", "--headless", "--listen", "none", "--source", text(&no_picture)];
    let output = ferscope(&run);
    assert_eq!(code(&output), 1);
    let last = errors(&output).lines().last().unwrap().to_owned();
    assert!(last.contains("text.jpg: is not a picture"), "{last}");
    let picture = demo(ONE_FACE);
    let lost = folder.path().join("session.sqlite");
    // Something lies where the session is to be made, so that it can never be.
    std::fs::create_dir_all(folder.path().join("session.sqlite.partial/x")).unwrap();
    let output = ferscope(&[&run[..5], &[text(&picture), "--session", text(&lost)]].concat());
    assert_eq!(code(&output), 1, "{}", errors(&output));
    assert!(errors(&output).contains("what was learnt since is lost"), "{}", errors(&output));
}

#[test]
fn what_run_would_refuse_is_not_called_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ferscope.toml");
    for (line, words) in [
        ("listen = \"foo\"", "listen foo: needs an address"),
        ("listen = \"0.0.0.0:7373\"", "token"),
        ("source = \"ftp://x\"", "source"),
        ("detector = 200", "detector is \"200\""),
    ] {
        std::fs::write(&file, line).unwrap();
        let output = ferscope(&["config", "check", text(&file)]);
        assert_eq!(code(&output), 2, "{line}");
        let told = errors(&output);
        assert!(told.contains("ferscope.toml: ") && told.contains(words), "{line}: {told}");
    }
    std::fs::write(&file, "detector = 192\nlisten = \"[::1]:80\"").unwrap();
    assert_eq!(code(&ferscope(&["config", "check", text(&file)])), 0);
}

#[test]
fn one_mistake_has_one_exit_code() {
    let picture = demo(EMPTY);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.sqlite");
    let study = ["study", text(picture.parent().unwrap()), "--out", text(&out)];
    let session = ["--session", text(&out)];
    let run = ["run", "--source", "demo", "--headless", "--listen", "none", session[0], session[1]];
    let mistakes: [(&[&str], &str); 3] = [
        (&["--epsilon", "100"], "was not measured"),
        (&["--epsilon", "-1"], "above 0"),
        (&["--shape-predictor", "nope"], "landmarks-68-trees"),
    ];
    for (mistake, words) in mistakes {
        for command in [&["classify", text(&picture)][..], &run, &study] {
            let output = ferscope(&[command, mistake].concat());
            assert_eq!(code(&output), 2, "{mistake:?}: {}", errors(&output));
            assert!(errors(&output).contains(words), "{mistake:?}: {}", errors(&output));
            assert!(!out.exists(), "it would be in the way of the right command");
        }
    }
}

#[test]
fn masks_are_written_as_pictures() {
    let folder = tempfile::tempdir().unwrap();
    for set in ["published", "au-centres"] {
        let out = folder.path().join(set);
        assert_eq!(code(&ferscope(&["masks", "--out", text(&out), "--masks", set])), 0);
        let mask = image::open(out.join("anger.png")).unwrap();
        assert_eq!((mask.width(), mask.height()), (224, 275));
        assert_eq!(std::fs::read_dir(&out).unwrap().count(), 6);
    }
}

#[test]
fn compare_reads_what_explain_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let picture = demo(ONE_FACE);
    let arguments = ["explain", text(&picture), "--out", text(&out), "--samples", "40"];
    assert_eq!(code(&ferscope(&arguments)), 0);
    let heatmaps = out.join("heatmaps");
    let report = folder.path().join("report.json");
    let output = ferscope(&["compare", text(&heatmaps), "--out", text(&report)]);
    assert!(code(&output) <= 1, "{}", errors(&output));
    let report = read_json(&report);
    let summary = read_json(&out.join("summary.json"));
    assert_eq!(report["heatmaps"][0]["iou"], summary["heatmaps"][0]["iou"]);
    assert_eq!(report["heatmaps"][0]["network"], "face-api-expression");
}

/// The names of all files and folders below a folder.
fn listing(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            let inside = listing(&entry.path());
            names.extend(inside.into_iter().map(|inner| format!("{name}/{inner}")));
        }
        names.push(name);
    }
    names.sort();
    names
}

#[test]
fn force_takes_the_earlier_result_away_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let explain = |picture: &Path, extra: &[&str]| {
        let arguments = ["explain", text(picture), "--out", text(&out), "--samples", "20"];
        ferscope(&[&arguments[..], extra].concat())
    };
    let (first, second) = (demo(ONE_FACE), demo(TWO_FACES));
    assert_eq!(code(&explain(&first, &[])), 0);
    std::fs::write(out.join("heatmaps/notes.txt"), "mine").unwrap();
    std::fs::write(out.join("frame-006_1/notes.txt"), "mine").unwrap();
    // Nothing to put in its place: the earlier result stays.
    assert_eq!(code(&explain(&demo(EMPTY), &["--force"])), 1);
    assert!(out.join("summary.json").exists());
    assert_eq!(code(&explain(&second, &["--force"])), 0);
    let once = listing(&out);
    assert!(once.contains(&"frame-006_1/notes.txt".to_owned()), "the user's own file stays");
    assert!(!once.contains(&"frame-006_1/explanation.json".to_owned()));
    // The same as if the first run had never been, but for the user's files.
    let fresh = folder.path().join("fresh");
    let arguments = ["explain", text(&second), "--out", text(&fresh), "--samples", "20"];
    assert_eq!(code(&ferscope(&arguments)), 0);
    let mine = ["frame-006_1", "frame-006_1/notes.txt", "heatmaps/notes.txt"];
    let left: Vec<_> = once.into_iter().filter(|name| !mine.contains(&name.as_str())).collect();
    assert_eq!(left, listing(&fresh));
}

#[test]
fn a_batch_without_a_face_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let output = ferscope(&["explain", text(&demo(EMPTY)), "--out", text(&out)]);
    assert_eq!(code(&output), 1);
    assert!(printed(&output).contains("nothing was written"));
    assert!(!out.exists());
}

#[test]
fn both_ways_of_clipping_are_offered() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (demo(5), demo(ONE_FACE));
    let heatmaps = |clip: &str| {
        let out = folder.path().join(clip);
        let arguments = ["explain", text(&first), text(&second), "--samples", "30", "--clip", clip];
        assert_eq!(code(&ferscope(&[&arguments[..], &["--out", text(&out)]].concat())), 0);
        assert_eq!(read_json(&out.join("summary.json"))["clip"], clip);
        let names = listing(&out.join("heatmaps"));
        (std::fs::read(out.join("heatmaps").join(&names[0])).unwrap(), names)
    };
    let (last, first) = (heatmaps("last"), heatmaps("first"));
    assert_eq!(last.1, first.1);
    assert_ne!(last.0, first.0);
}

/// A pipe whose reader is gone.
fn without_reader() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_a_reader_that_goes_away_is_not() {
    let list_models = |output: Stdio| {
        Command::new(env!("CARGO_BIN_EXE_ferscope"))
            .args(["models", "list"])
            .env("FERSCOPE_MODELS", common::repository().join("models"))
            .stdout(output)
            .stderr(Stdio::piped())
            .output()
            .unwrap()
    };
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = list_models(full.into());
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains("standard output"));
    let output = list_models(without_reader());
    assert_eq!((code(&output), errors(&output).as_str()), (0, ""));
}

#[test]
#[cfg(unix)]
fn a_closed_standard_error_is_no_fault_of_the_program() {
    let status = Command::new(env!("CARGO_BIN_EXE_ferscope"))
        .args(["classify", "nowhere-1.jpg", "nowhere-2.jpg"])
        .env("FERSCOPE_MODELS", common::repository().join("models"))
        .stdout(Stdio::null())
        .stderr(without_reader())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
#[cfg(unix)]
fn links_to_nowhere_and_pipes_do_not_stop_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::os::unix::fs::symlink("nowhere", path("a-link.jpg")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("b-link.txt")).unwrap();
    assert!(Command::new("mkfifo").arg(path("c-pipe.jpg")).status().unwrap().success());
    std::fs::copy(demo(ONE_FACE), path("d-good.jpg")).unwrap();
    let output = ferscope(&["classify", text(folder.path())]);
    assert_eq!(code(&output), 1);
    let told = errors(&output);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("a-link.jpg") && told.contains("c-pipe.jpg"), "{told}");
    assert_eq!(printed(&output).lines().count(), 2);

    let pipe = path("Net_Anger_heatmap.png");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let compared = ferscope(&["compare", text(folder.path())]);
    assert!(errors(&compared).contains("it is not a file"), "{}", errors(&compared));
    let good = path("d-good.jpg");
    for option in ["--design", "--segments"] {
        let out = path("out");
        let arguments = ["explain", text(&good), option, text(&pipe), "--out", text(&out)];
        assert_eq!(code(&ferscope(&arguments)), 2);
    }
}

#[test]
fn bench_measures_every_stage() {
    let face = demo(3);
    let (measured, output) = {
        let arguments =
            ["bench", text(&face), "--samples", "16", "--repeat", "3", "--threads", "2", "--json"];
        let output = ferscope(&arguments);
        assert_eq!(code(&output), 0, "{}", errors(&output));
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), output)
    };
    assert_eq!(printed(&output).lines().count(), 1);
    let stages = measured["stages"].as_array().unwrap();
    for name in ["detect", "landmarks", "classify", "explain"] {
        let stage = stages.iter().find(|stage| stage["stage"].as_str().unwrap().starts_with(name));
        let stage = stage.unwrap_or_else(|| panic!("no {name} in {measured}"));
        let [median, late] = ["median_ms", "p95_ms"].map(|key| stage[key].as_f64().unwrap());
        assert!(median > 0.0 && late >= median, "{stage}");
    }
    let speeds = measured["evaluations_per_second"].as_array().unwrap();
    let threads: Vec<_> = speeds.iter().map(|speed| speed["threads"].as_u64().unwrap()).collect();
    assert_eq!(threads, [1, 2]);
}

#[cfg(unix)]
#[test]
fn tune_writes_a_configuration_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (models, config) = (folder.path().join("models"), folder.path().join("ferscope.toml"));
    std::os::unix::fs::symlink(common::repository().join("models"), &models).unwrap();
    // A smaller demo than the real one, which lies beside the models.
    std::fs::create_dir(folder.path().join("demo")).unwrap();
    for frame in [3, 9] {
        let picture = demo(frame);
        let name = picture.file_name().unwrap();
        std::fs::copy(&picture, folder.path().join("demo").join(name)).unwrap();
    }
    std::fs::write(&config, "notice = \"We look at faces here.\"\n").unwrap();
    let tune = |more: &[&str]| {
        let arguments = ["tune", "--models", text(&models), "--config", text(&config)];
        let output = ferscope(&[&arguments[..], more].concat());
        assert_eq!(code(&output), 0, "{}", errors(&output));
        printed(&output)
    };
    let dry = tune(&["--dry-run"]);
    assert!(dry.contains("fastest that keeps 95 %"), "{dry}");
    assert_eq!(std::fs::read_to_string(&config).unwrap().lines().count(), 1);
    tune(&[]);
    let written = std::fs::read_to_string(&config).unwrap();
    for line in ["notice = \"We look at faces here.\"", "detector = \"", "explain_cores = "] {
        assert!(written.contains(line), "{written}");
    }
    let checked = ferscope(&["config", "check", text(&config)]);
    assert_eq!(code(&checked), 0, "{}", errors(&checked));
}

#[cfg(unix)]
#[test]
fn doctor_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let run = |path: &Path| {
        let output = Command::new(env!("CARGO_BIN_EXE_ferscope"))
            .args(["doctor", "--out", folder.path().to_str().unwrap()])
            .env("FERSCOPE_MODELS", common::repository().join("models"))
            .env("PATH", path)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .output()
            .unwrap();
        // Neither keeps the appliance from working.
        assert_eq!(code(&output), 0, "{}", errors(&output));
        printed(&output)
    };
    let there = run(folder.path());
    assert!(there.contains("LOOK  videos     no ffmpeg"), "{there}");
    if cfg!(feature = "window") {
        assert!(there.contains("LOOK  display    the variable DISPLAY is not set"), "{there}");
    }
    // One that was built with little. A shell writes it: what is open for writing here could not be started while other tests start programs.
    let ffmpeg = folder.path().join("ffmpeg");
    let script = r##"printf "#!/bin/sh\necho ' V....D mjpeg   MJPEG'\n" >"$0"; chmod 755 "$0""##;
    assert!(Command::new("sh").args(["-c", script, text(&ffmpeg)]).status().unwrap().success());
    let there = run(folder.path());
    assert!(there.contains("LOOK  videos     ffmpeg has no decoder for h264, hevc:"), "{there}");
}

#[test]
fn doctor_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let run = |out: &str| {
        Command::new(env!("CARGO_BIN_EXE_ferscope"))
            .args(["doctor", "--out", out])
            .env("FERSCOPE_MODELS", common::repository().join("models"))
            .current_dir(folder.path())
            .output()
            .unwrap()
    };
    let output = run("not/yet/there");
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(printed(&output).contains("MiB free"));
    let models = printed(&ferscope(&["models", "list"])).lines().count();
    assert_eq!(printed(&output).matches("verified").count(), models);
    assert!(listing(folder.path()).is_empty());
}
