//! `ferscope compare` and `ferscope masks` as a person runs them.

use std::path::Path;
use std::process::{Command, Output};

use image::{GrayImage, Luma, RgbImage};
use serde_json::Value;

fn ferscope(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ferscope")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A heatmap with a bright band.
fn write_heatmap(folder: &Path, name: &str, band: u32) {
    let picture = GrayImage::from_fn(224, 275, |x, y| {
        Luma([if y / 40 == band { 180 + (x % 40) as u8 } else { (x % 30) as u8 }])
    });
    picture.save(folder.join(name)).unwrap();
}

#[test]
fn good_heatmaps_are_compared_and_bad_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for fold in 1..=2 {
        write_heatmap(folder.path(), &format!("WeiNet_CV{fold}_Anger_heatmap.png"), fold);
    }
    write_heatmap(folder.path(), "My_Net_Anger_heatmap.png", 1);
    write_heatmap(folder.path(), "My_Net_Neutral_heatmap.png", 1);
    write_heatmap(folder.path(), "holiday.png", 1);
    write_heatmap(folder.path(), "My_Net_anger_HEATMAP.PNG", 2);
    GrayImage::new(225, 275).save(path("WeiNet_Fear_heatmap.png")).unwrap();
    std::fs::write(path("WeiNet_Sadness_heatmap.png"), b"not a picture").unwrap();
    let mut coloured = RgbImage::new(224, 275);
    coloured.put_pixel(5, 5, image::Rgb([9, 0, 0]));
    coloured.save(path("WeiNet_Disgust_heatmap.png")).unwrap();

    let result = folder.path().join("result/comparison.json");
    let arguments = ["compare", folder.path().to_str().unwrap(), "--out", result.to_str().unwrap()];
    let output = ferscope(&arguments);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    for (name, what) in [
        ("holiday.png", "not named as a heatmap"),
        ("My_Net_anger_HEATMAP.PNG", "My_Net_Anger_heatmap.png"),
        ("WeiNet_Fear_heatmap.png", "225x275 pixels, expected 224x275"),
        ("WeiNet_Sadness_heatmap.png", "cannot be read"),
        ("WeiNet_Disgust_heatmap.png", "coloured"),
        ("My_Net_Neutral_heatmap.png", "neutral has no mask"),
    ] {
        let mut lines = errors.lines().filter(|line| line.contains(name));
        assert!(lines.next().unwrap().contains(what), "{errors}");
        assert!(lines.next().is_none(), "one line for {name}");
    }
    assert!(text(&output.stdout).contains("all white"));

    let json = std::fs::read_to_string(&result).unwrap();
    let comparison: Value = serde_json::from_str(&json).unwrap();
    let rows = comparison["heatmaps"].as_array().unwrap();
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["network"], "My_Net");
    assert_eq!(rows[0]["fold"], Value::Null);
    assert_eq!(rows[1]["fold"], 1);
    assert_eq!(rows[3]["pooled_from"], serde_json::json!([1, 2]));
    assert_eq!(comparison["means"][1]["aggregation"], "mean-over-folds");
    let merge = &comparison["dendrograms"][0]["linkage"][0];
    assert_eq!((&merge[0], &merge[1], &merge[3]), (&0.into(), &1.into(), &2.into()));
    let drawing = result.with_file_name("comparison_anger_dendrogram.svg");
    assert!(std::fs::read_to_string(drawing).unwrap().contains("My_Net"));

    let again = ferscope(&arguments);
    assert_eq!(again.status.code(), Some(2));
    assert!(text(&again.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(&result).unwrap(), json);
    let stale = result.with_file_name("comparison_surprise_dendrogram.svg");
    std::fs::write(&stale, "of an earlier comparison").unwrap();
    let forced = ferscope(&[&arguments[..], &["--force", "--correlation", "equation-4"]].concat());
    assert_eq!(forced.status.code(), Some(1));
    assert!(std::fs::read_to_string(&result).unwrap().contains("equation-4"));
    assert!(!stale.exists(), "this comparison has no dendrogram of surprise");
}

#[test]
fn without_out_the_json_goes_to_standard_output() {
    let folder = tempfile::tempdir().unwrap();
    write_heatmap(folder.path(), "VGG16_Fear_heatmap.png", 2);
    let output = ferscope(&["compare", folder.path().to_str().unwrap(), "--masks", "au-centres"]);
    assert_eq!(output.status.code(), Some(0));
    let comparison: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(comparison["masks"], "au-centres");
    assert!(text(&output.stderr).contains("IoU"));
}

#[test]
fn a_folder_without_heatmaps_says_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let output = ferscope(&["compare", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("_heatmap.png"));
    let missing = ferscope(&["compare", folder.path().join("nowhere").to_str().unwrap()]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("nowhere"));
}

#[test]
fn masks_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("masks");
    let arguments = ["masks", "--out", out.to_str().unwrap()];
    assert_eq!(ferscope(&arguments).status.code(), Some(0));
    for expression in ["anger", "disgust", "fear", "happiness", "sadness", "surprise"] {
        let mask = image::open(out.join(format!("{expression}.png"))).unwrap();
        assert_eq!(mask.color(), image::ColorType::L8);
        let mask = mask.into_luma8();
        assert_eq!(mask.dimensions(), (224, 275));
        assert!(mask.pixels().all(|pixel| [0, 255].contains(&pixel.0[0])));
        assert!(mask.pixels().any(|pixel| pixel.0[0] == 255));
    }
    assert_eq!(ferscope(&arguments).status.code(), Some(2));
    assert_eq!(ferscope(&[&arguments[..], &["--force"]].concat()).status.code(), Some(0));
}
