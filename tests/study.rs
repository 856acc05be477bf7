//! `ferscope study` and `ferscope merge` as users run them.

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::program::{command, errors, text};
use common::session::SmallDisk;
use ferscope::store::Store;

/// Some painted faces as `<subject>/<expression>/*`, and a picture without any face.
fn faces(folder: &Path) -> PathBuf {
    let faces = folder.join("faces");
    for subject in ["0001", "0002", "0005"] {
        for expression in ["happiness", "surprise", "neutral"] {
            let place = faces.join(subject).join(expression);
            std::fs::create_dir_all(&place).unwrap();
            let name = format!("painted-{subject}-{expression}.jpg");
            std::fs::copy(common::repository().join("calib/faces").join(name), place.join("1.jpg"))
                .unwrap();
        }
    }
    let empty = common::repository().join("demo/frame-013.jpg");
    std::fs::copy(empty, faces.join("0001/neutral/nobody.jpg")).unwrap();
    faces
}

fn study<'a>(faces: &'a Path, out: &'a Path, extra: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["study", text(faces), "--out", text(out)];
    arguments.extend([
        "--samples",
        "8",
        "--design",
        "hadamard",
        "--per-class",
        "3",
        "--checks",
        "1",
    ]);
    arguments.extend(extra);
    arguments
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_study_ends_with_the_same_bytes_killed_or_not_whole_or_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(folder.path());
    let path = |name: &str| folder.path().join(name);

    let whole = path("whole.sqlite");
    let output = command(&study(&faces, &whole, &[])).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "a picture has no face: {}", errors(&output));
    assert!(errors(&output).contains("nobody.jpg: no face found"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    for word in ["all white", "random", "other masks", "interval", "face-api-expression: "] {
        assert!(printed.contains(word), "{word}: {printed}");
    }
    let store = Store::read(&whole).unwrap();
    let progress = store.progress().unwrap();
    assert!(progress.drawn > 2 && progress.explained == progress.drawn, "{progress:?}");
    let rows = store.pictures().unwrap();
    assert_eq!(rows.len(), 10);
    assert!(rows.iter().all(|row| row.sha256.is_some() && row.subject.is_some()));
    drop(store);
    let before = bytes(&whole);
    let again = command(&study(&faces, &whole, &[])).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "there is a picture without a face still");
    assert!(errors(&again).contains("1 picture or face failed before"), "{}", errors(&again));
    assert_eq!(bytes(&whole), before);

    let killed = path("killed.sqlite");
    for run in 0..6 {
        let mut child = command(&study(&faces, &killed, &[]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(150 + 170 * run));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    command(&study(&faces, &killed, &[])).output().unwrap();
    assert!(bytes(&killed) == bytes(&whole), "killed six times, it holds something else");
    command(&study(&faces, &killed, &[])).output().unwrap();
    assert!(bytes(&killed) == bytes(&whole), "a finished study is left alone");

    // What another program has kept meanwhile.
    let problem = Store::open(&killed).unwrap().add_answers(0, 0, None, None, &[]).unwrap_err();
    assert!(problem.to_string().contains("written by another program too"), "{problem}");
    assert!(bytes(&killed) == bytes(&whole), "nothing of it was kept");

    let parts = [path("1.sqlite"), path("2.sqlite"), path("3.sqlite")];
    for (part, word) in parts.iter().zip(["1/3", "2/3", "3/3"]) {
        let output = command(&study(&faces, part, &["--part", word])).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    }
    let merge = |parts: &[&Path], out: &Path| {
        let mut arguments = vec!["merge", "--out", text(out)];
        arguments.extend(parts.iter().map(|part| text(part)));
        let output = command(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    };
    let (pair, merged, regrouped) = (path("12.sqlite"), path("m.sqlite"), path("g.sqlite"));
    merge(&[&parts[2], &parts[0], &parts[1]], &merged);
    merge(&[&parts[0], &parts[1]], &pair);
    merge(&[&pair, &parts[2]], &regrouped);
    assert!(bytes(&merged) == bytes(&whole), "the parts make another whole");
    assert!(bytes(&regrouped) == bytes(&whole), "grouping changes the whole");
}

#[test]
fn a_network_added_to_a_study_makes_the_study_of_all() {
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(folder.path());
    let [whole, grown, part] =
        ["whole.sqlite", "grown.sqlite", "part.sqlite"].map(|name| folder.path().join(name));
    let other = common::brightening_network(folder.path(), "other");
    let run = |out: &Path, networks: &str, extra: &[&str]| {
        let mut arguments = study(&faces, out, &["--networks", networks]);
        arguments.extend(extra);
        command(&arguments).output().unwrap()
    };
    let (one, both) = ("face-api-expression", &format!("face-api-expression,{}", text(&other)));
    run(&whole, both, &[]);
    run(&grown, one, &[]);
    let alone = bytes(&grown);
    let refused = run(&grown, &format!("{},face-api-expression", text(&other)), &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors(&refused).contains("its networks are face-api-expression"));
    assert!(bytes(&grown) == alone, "a refused command changed the study");
    let output = run(&grown, both, &[]);
    assert_eq!(output.status.code(), Some(1), "a picture has no face: {}", errors(&output));
    assert!(bytes(&grown) == bytes(&whole), "one network after the other makes another study");
    // Parts grow likewise.
    let second = folder.path().join("second.sqlite");
    for (out, word) in [(&part, "1/2"), (&second, "2/2")] {
        run(out, one, &["--part", word]);
        run(out, both, &["--part", word]);
    }
    let merged = folder.path().join("merged.sqlite");
    let output = command(&["merge", text(&part), text(&second), "--out", text(&merged)]).output();
    assert!(output.unwrap().status.success());
    assert!(bytes(&merged) == bytes(&whole), "parts that grew make another whole");
}

#[test]
fn a_study_on_a_full_disk_says_so_and_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::new(2 * 1024) else { return };
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(folder.path());
    let whole = folder.path().join("whole.sqlite");
    command(&study(&faces, &whole, &[])).output().unwrap();
    let out = disk.path().join("study.sqlite");
    // No room to begin; to classify; to explain; to write it anew at the end.
    for room in [0, 40, 120, 240] {
        disk.fill_but(room);
        let output = command(&study(&faces, &out, &[])).output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{room} KiB: {said}");
        assert!(said.contains(text(&out)) && said.contains("full"), "{room} KiB: {said}");
        assert!(!said.contains("panicked"), "{said}");
        disk.make_room();
        assert!(!out.exists() || Store::read(&out).is_ok(), "{room} KiB: the store is damaged");
    }
    let output = command(&study(&faces, &out, &[])).output().unwrap();
    assert!(bytes(&out) == bytes(&whole), "full disks made another study: {}", errors(&output));
}

#[test]
fn a_picture_that_changes_during_a_study_is_left_out_of_what_comes_and_parts_must_agree_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(folder.path());
    let path = |name: &str| folder.path().join(name);
    let parts = [path("1.sqlite"), path("2.sqlite")];
    let part = |number: usize, networks: &str| {
        let out = &parts[number - 1];
        let part = format!("{number}/2");
        let arguments = study(&faces, out, &["--part", &part, "--networks", networks]);
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        (Store::read(out).unwrap().pictures().unwrap(), errors(&output))
    };
    let other = common::brightening_network(folder.path(), "other");
    let both = format!("face-api-expression,{}", text(&other));
    let (before, _) = part(1, "face-api-expression");
    let changed = faces.join("0001/happiness/1.jpg");
    std::fs::copy(faces.join("0002/happiness/1.jpg"), &changed).unwrap();
    let (after, said) = part(1, &both);
    assert!(said.contains("happiness/1.jpg: is not the picture that other networks"), "{said}");
    assert_eq!(before, after, "checksums are of what the first network saw");

    part(2, &both);
    let merged = path("merged.sqlite");
    let arguments = ["merge", text(&parts[0]), text(&parts[1]), "--out", text(&merged)];
    let output = command(&arguments).output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("0001/happiness/1.jpg is another file there"), "{said}");
}

#[test]
fn pictures_of_one_name_on_two_devices_are_two_even_where_both_lack_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let devices = ["0001", "0002"].map(|subject| {
        let device = path(subject);
        std::fs::create_dir(&device).unwrap();
        let painted = format!("calib/faces/painted-{subject}-happiness.jpg");
        for (from, to) in [(painted.as_str(), "a.jpg"), ("demo/frame-013.jpg", "b.jpg")] {
            std::fs::copy(common::repository().join(from), device.join(to)).unwrap();
        }
        let out = path(&format!("{subject}.sqlite"));
        let arguments = study(&device, &out, &[]);
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "no face in one: {}", errors(&output));
        // As where the second could not even be read.
        let store = rusqlite::Connection::open(&out).unwrap();
        store.execute("UPDATE picture SET sha256 = NULL WHERE path = 'b.jpg'", []).unwrap();
        out
    });
    let merged = path("merged.sqlite");
    let arguments = ["merge", text(&devices[0]), text(&devices[1]), "--out", text(&merged)];
    let output = command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let pictures = Store::read(&merged).unwrap().pictures().unwrap();
    let paths: Vec<&str> = pictures.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(paths, ["a.jpg", "a.jpg", "b.jpg"]);
}

#[test]
fn what_cannot_be_studied_or_merged_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let faces = faces(folder.path());
    let path = |name: &str| folder.path().join(name);
    let refuse = |arguments: &[&str], code: i32, reason: &str| {
        let output = command(arguments).output().unwrap();
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(reason), "{arguments:?}: {errors}");
    };
    std::fs::create_dir(path("empty")).unwrap();
    let none = path("none.sqlite");
    refuse(&study(&path("empty"), &none, &[]), 2, "no pictures");
    refuse(&study(&faces, &none, &["--networks", "no-net"]), 2, "no-net");
    refuse(&study(&faces, &none, &["--networks", text(&path("empty"))]), 2, "no training");
    refuse(&study(&faces, &none, &["--part", "4/3"]), 2, "I/N");
    let [float, int8] = ["x-fold-1", "x-fold-1-int8"].map(|name| {
        let spec = "classes = [\"anger\", \"disgust\", \"fear\", \"happiness\", \"sadness\", \"surprise\", \"neutral\"]\n\
                    [input]\nwidth = 64\nheight = 64\ncolour = \"grey\"\nrange = [0.0, 1.0]\nlayout = \"nchw\"\n";
        std::fs::write(path(&format!("{name}.toml")), spec).unwrap();
        let file = path(&format!("{name}.onnx"));
        std::fs::copy(common::repository().join("models/weinet-7.onnx"), &file).unwrap();
        file
    });
    let both = format!("{},{}", text(&float), text(&int8));
    refuse(&study(&faces, &none, &["--networks", &both]), 2, "one fold of x");
    assert!(!none.exists());

    let nobody = path("nobody");
    std::fs::create_dir(&nobody).unwrap();
    std::fs::copy(faces.join("0001/neutral/nobody.jpg"), nobody.join("1.jpg")).unwrap();
    std::fs::write(nobody.join("broken.jpg"), b"no picture").unwrap();
    refuse(
        &study(&nobody, &path("nobody.sqlite"), &[]),
        1,
        "no picture had a face that could be found",
    );

    let first = path("first.sqlite");
    let plain = |out: &Path, seed: &str| {
        let arguments =
            ["study", text(&faces), "--out", text(out), "--samples", "4", "--per-class", "1"];
        let output = command(&arguments).args(["--checks", "0", "--seed", seed]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    };
    plain(&first, "0");
    let second = path("second.sqlite");
    plain(&second, "1");
    let merge = |other: &Path| {
        ["merge", text(&first), text(other), "--out", text(&none)].map(str::to_owned)
    };
    let refuse_merge = |other: &Path, code, reason| {
        let arguments = merge(other);
        refuse(&arguments.each_ref().map(String::as_str), code, reason);
        assert!(!none.exists(), "nothing is left of a merge that failed");
    };
    refuse_merge(&second, 2, "seed is 1 here and 0 there");
    for (name, options, reason) in [
        ("masks", ["--masks", "au-centres"], "masks is \"au-centres\" here"),
        ("samples", ["--samples", "6"], "samples is 6 here and 4 there"),
        ("network", ["--networks", "weinet-7"], "its networks are weinet-7 "),
    ] {
        let other = path(&format!("{name}.sqlite"));
        let mut arguments = vec!["study", text(&faces), "--out", text(&other), "--per-class", "1"];
        arguments.extend(["--checks", "0"].iter().chain(&options));
        if name != "samples" {
            arguments.extend(["--samples", "4"]);
        }
        let output = command(&arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
        refuse_merge(&other, 2, reason);
    }
    refuse_merge(&path("absent.sqlite"), 2, "no such file");
    let foreign = path("foreign.sqlite");
    std::fs::write(&foreign, "a diary\n".repeat(1000)).unwrap();
    refuse_merge(&foreign, 2, "is no study or session of ferscope");
    let broken = path("broken.sqlite");
    let mut content = bytes(&first);
    let middle = content.len() / 2;
    content[middle..].fill(0xa5);
    std::fs::write(&broken, content).unwrap();
    refuse_merge(&broken, 1, "is damaged");
    refuse(
        &["study", text(&faces), "--out", text(&first), "--samples", "5"],
        2,
        "samples is 5 here and 4 there",
    );
    // Another description makes another network of the same file.
    let described = path("described.sqlite");
    let of_one = |code, reason| {
        refuse(&study(&nobody, &described, &["--networks", text(&float)]), code, reason);
    };
    of_one(1, "no picture had a face");
    let spec = float.with_extension("toml");
    let other = std::fs::read_to_string(&spec).unwrap().replace("1.0]", "255.0]");
    std::fs::write(&spec, other).unwrap();
    of_one(2, "perhaps with other files or descriptions");
    let old = path("old.sqlite");
    std::fs::copy(&first, &old).unwrap();
    rusqlite::Connection::open(&old).unwrap().pragma_update(None, "user_version", 1).unwrap();
    refuse_merge(&old, 2, "was written by an older ferscope (form 1)");
    let before = bytes(&first);
    refuse(
        &["merge", text(&first), "--out", text(&first), "--force"],
        2,
        "one of the studies to merge",
    );
    assert!(bytes(&first) == before);
}
