//! The file of a session: gone on with, refused, damaged, merged, on disks that are full or read-only.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use common::session::{SmallDisk, configuration, counts, sums, write};
use ferscope::compare::MaskSet;
use ferscope::explain::Estimator;
use ferscope::expression::Expression::{self, Anger, Fear, Happiness};
use ferscope::heatmap::{Clipping, VisitSums};
use ferscope::store::{
    Configuration, Session, SessionConfiguration, SessionCounts, Store, StoreError, StoreProblem,
    is_session, merge_sessions, read_session, replace,
};
use rusqlite::Connection;

fn refused<T>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

fn study(path: &Path) -> Store {
    let configuration = Configuration {
        software: "ferscope".to_owned(),
        seed: 0,
        per_class: 1,
        design: "iid".to_owned(),
        samples: 10,
        estimator: Estimator::Ridge,
        checks: 0,
        masks: MaskSet::default(),
        clip: Clipping::Last,
        detector: "blazeface-back-256".to_owned(),
        landmark_model: "landmarks-68".to_owned(),
        epsilon: 0.01,
    };
    Store::create(path, &configuration, &[], &[]).unwrap()
}

#[test]
fn a_study_that_is_read_is_written_anew_when_nobody_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.sqlite");
    let store = study(&path);
    store.go_on().unwrap();
    let reader = Store::read(&path).unwrap();
    assert!(!reader.progress().unwrap().finished);
    // What the reader's log holds would be taken for the new file's.
    assert!(refused(store.finish()).contains("is read by another program"));
    drop(reader);
    // So it is with who has read and reads nothing at this moment.
    let idle = Connection::open(&path).unwrap();
    idle.query_row("SELECT finished FROM state", [], |_| Ok(())).unwrap();
    let store = Store::open(&path).unwrap();
    assert!(refused(store.finish()).contains("is read by another program"));
    assert!(!Store::read(&path).unwrap().progress().unwrap().finished);
    drop(idle);
    Store::open(&path).unwrap().finish().unwrap();
    assert!(Store::read(&path).unwrap().progress().unwrap().finished);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "at rest it is one file");
}

#[cfg(target_os = "linux")]
#[test]
fn one_program_at_a_time_goes_on_with_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.sqlite");
    let store = study(&path);
    assert!(refused(Store::open(&path)).contains("is written by another program too"));
    store.finish().unwrap();
    drop(Store::open(&path).unwrap());
}

#[test]
fn a_session_is_gone_on_with_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (mut session, empty) = Session::open(&path, &configuration()).unwrap();
    assert_eq!((empty.counts(), empty.sessions.len()), (SessionCounts::default(), 1));
    assert!(empty.sums.iter().all(|sums| *sums == VisitSums::default()));
    let joy = [(Happiness, sums(Happiness, 5, 0.1, 1))];
    session.commit(counts(&joy), &[(Happiness, &joy[0].1)]).unwrap();
    // Read while it is open, and again after it was closed.
    let running = read_session(&path).unwrap();
    let id = session.id().to_owned();
    drop(session);
    let files = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files, 1, "at rest it needs nothing beside it");
    let (session, content) = Session::open(&path, &configuration()).unwrap();
    assert_eq!(session.id(), id);
    for content in [running, content] {
        assert_eq!(content.counts(), counts(&joy));
        assert_eq!(content.sums[3], joy[0].1);
        assert_eq!(content.configuration, configuration());
    }
    assert!(is_session(&path).unwrap());
}

#[test]
fn another_configuration_is_refused_and_the_differences_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    write(&path, &configuration(), &[]);
    let other = SessionConfiguration {
        network: "weinet-7".to_owned(),
        least_probability: 0.7,
        masks: MaskSet::AuCentres,
        ..configuration()
    };
    let problem = refused(Session::open(&path, &other));
    for words in [
        "a.sqlite: is a session of another kind",
        r#"network is "weinet-7" here and "face-api-expression" there"#,
        "least_probability is 0.7 here and 0.5 there",
        r#"masks is "au-centres" here and "published" there"#,
    ] {
        assert!(problem.contains(words), "{words}: {problem}");
    }
    assert!(!problem.contains("epsilon"), "{problem}");
}

#[test]
fn a_study_is_no_session_and_a_session_no_study() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    study(&path("study")).finish().unwrap();
    write(&path("session"), &configuration(), &[]);
    let words = "is a study, not a session of `ferscope run`";
    assert!(refused(Session::open(&path("study"), &configuration())).contains(words));
    assert!(refused(read_session(&path("study"))).contains(words));
    let words = "is a session of `ferscope run`, not a study";
    assert!(refused(Store::open(&path("session"))).contains(words));
    assert!(refused(Store::read(&path("session"))).contains(words));
    assert!(!is_session(&path("study")).unwrap());
}

#[test]
fn what_is_foreign_newer_missing_or_damaged_is_refused_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let read = || refused(read_session(&path));
    assert!(read().contains("there is no such file"));
    for foreign in [b"".as_slice(), b"a diary", &b"a diary\n".repeat(1000)] {
        std::fs::write(&path, foreign).unwrap();
        assert!(read().contains("is no study or session of ferscope"), "{}", read());
        let open = refused(Session::open(&path, &configuration()));
        assert!(open.contains("is no study or session of ferscope"), "{open}");
        assert_eq!(std::fs::read(&path).unwrap(), foreign, "a foreign file is left alone");
    }
    std::fs::remove_file(&path).unwrap();
    write(&path, &configuration(), &[(Fear, sums(Fear, 9, 0.1, 1))]);
    let whole = std::fs::read(&path).unwrap();
    for damage in 1..8 {
        let mut bytes = whole.clone();
        let from = damage * bytes.len() / 8;
        match damage % 2 {
            0 => bytes.truncate(from),
            _ => bytes[from..].fill(0xa5),
        }
        std::fs::write(&path, bytes).unwrap();
        assert!(read().contains("is damaged"), "{damage}: {}", read());
    }

    let tamper = |command: &str, expected: &str| {
        std::fs::write(&path, &whole).unwrap();
        Connection::open(&path).unwrap().execute_batch(command).unwrap();
        assert!(read().contains(expected), "{command}: {}", read());
        let open = refused(Session::open(&path, &configuration()));
        assert!(open.contains(expected), "{command}: {open}");
    };
    tamper("PRAGMA user_version = 2", "was written by a newer ferscope (form 2)");
    tamper("PRAGMA application_id = 7", "is no study or session of ferscope");
    tamper("UPDATE session SET visits = -1", "is damaged");
    tamper("DROP TABLE sums", "is damaged: no such table");
    tamper("DELETE FROM configuration WHERE name = 'masks'", "is damaged: its configuration");
    tamper("UPDATE configuration SET value = '[' WHERE name = 'masks'", "is damaged");
    tamper("DELETE FROM sums WHERE part = 'group-4'", "is damaged: not the stored sums");
    tamper("UPDATE sums SET sums = x'00' WHERE part = 'pooled'", "is damaged");
    tamper(
        "UPDATE sums SET sums = (SELECT sums FROM sums WHERE part = 'group-4') WHERE part = 'visits'",
        "is damaged",
    );
}

#[test]
fn only_what_changed_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    let observer = Connection::open(&path).unwrap();
    observer
        .execute_batch(
            "CREATE TABLE log (what TEXT);
             CREATE TRIGGER logged AFTER INSERT ON sums
             BEGIN INSERT INTO log VALUES (NEW.expression || ' ' || NEW.part); END;",
        )
        .unwrap();
    let written = || -> BTreeSet<String> {
        let mut statement = observer.prepare("SELECT what FROM log").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        let rows = rows.collect::<rusqlite::Result<_>>().unwrap();
        observer.execute("DELETE FROM log", []).unwrap();
        rows
    };
    let names =
        |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    let count = |visits| SessionCounts { visits, explanations: visits };

    session.commit(count(1), &[]).unwrap();
    assert_eq!(written(), names(&[]), "a visit without an explanation");
    // Visits 1 to 3 are dealt to the groups 4, 1 and 6.
    let two = sums(Fear, 2, 0.1, 1);
    session.commit(count(2), &[(Fear, &two)]).unwrap();
    assert_eq!(written(), names(&["fear visits", "fear pooled", "fear group-4", "fear group-1"]));
    let three = sums(Fear, 3, 0.1, 1);
    let anger = sums(Anger, 1, 0.1, 1);
    session.commit(count(4), &[(Fear, &three), (Anger, &anger)]).unwrap();
    assert_eq!(
        written(),
        names(&[
            "fear visits",
            "fear pooled",
            "fear group-6",
            "anger visits",
            "anger pooled",
            "anger group-4"
        ])
    );
    session.commit(count(5), &[(Fear, &three), (Anger, &anger)]).unwrap();
    assert_eq!(written(), names(&[]), "they say the same");
    let content = read_session(&path).unwrap();
    assert_eq!((&content.sums[2], &content.sums[0]), (&three, &anger));
    assert_eq!(content.counts(), count(5));
}

#[test]
fn two_programs_cannot_go_on_with_one_session() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    let other = refused(Session::open(&path, &configuration()));
    assert!(other.contains("written by another program too"), "{other}");
    let mine = [(Fear, sums(Fear, 4, 0.1, 1))];
    let mut commit = || session.commit(counts(&mine), &[(Fear, &mine[0].1)]);
    commit().unwrap();
    // On a file system without locks the other one would have written this.
    let set = |explanations: u64| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let change = "UPDATE session SET explanations = ?";
        connection.execute(change, [explanations as i64]).unwrap();
    };
    let before = counts(&mine).explanations;
    set(before + 1);
    for _ in 0..2 {
        assert!(refused(commit()).contains("written by another program too"));
    }
    set(before);
    commit().unwrap();
    assert_eq!(read_session(&path).unwrap().sums[2], mine[0].1);
    drop(session);
    Session::open(&path, &configuration()).unwrap();
}

#[test]
fn a_session_that_is_written_is_read_as_of_one_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    let stages: Vec<_> = (1..=24).map(|visits| sums(Fear, visits, 0.1, 1)).collect();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for sums in &stages {
                let now = [(Fear, sums.clone())];
                session.commit(counts(&now), &[(Fear, &now[0].1)]).unwrap();
            }
        });
        let mut looks = 0;
        while !writer.is_finished() {
            looks += 1;
            let content = read_session(&path).unwrap();
            let sums = &content.sums[2];
            assert!(*sums == VisitSums::default() || stages.contains(sums));
            assert_eq!(content.counts().visits, sums.visits().explanations());
        }
        assert!(looks > 2, "it was written faster than it could be read");
    });
}

#[cfg(unix)]
#[test]
fn a_file_that_was_taken_away_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let result = session.commit(SessionCounts { visits: 1, explanations: 0 }, &[]);
    assert!(refused(result).contains("there is no such file"));
}

#[cfg(unix)]
#[test]
fn a_file_that_was_replaced_is_not_written_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("a.sqlite"), folder.path().join("b.sqlite"));
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    drop(Session::open(&other, &configuration()).unwrap());
    // Ours asks first; others, such as who brings a backup, do not.
    #[cfg(target_os = "linux")]
    assert!(refused(replace(&other, &path)).contains("is written by another program too"));
    session.commit(SessionCounts { visits: 1, explanations: 0 }, &[]).unwrap();
    std::fs::rename(&other, &path).unwrap();
    let result = session.commit(SessionCounts { visits: 2, explanations: 0 }, &[]);
    assert!(refused(result).contains("was replaced by another file"));
}

/// Three sessions and their files.
fn three(folder: &Path) -> ([Vec<(Expression, VisitSums)>; 3], [PathBuf; 3]) {
    let contents = [
        vec![(Fear, sums(Fear, 7, 0.1, 1)), (Anger, sums(Anger, 3, 0.0, 1))],
        vec![(Fear, sums(Fear, 12, 0.1, 2))],
        vec![(Happiness, sums(Happiness, 5, -0.1, 3))],
    ];
    let paths = ["a.sqlite", "b.sqlite", "c.sqlite"].map(|name| folder.join(name));
    for (content, path) in contents.iter().zip(&paths) {
        write(path, &configuration(), content);
    }
    (contents, paths)
}

#[test]
fn merging_is_exact_and_order_and_grouping_do_not_change_a_byte() {
    let folder = tempfile::tempdir().unwrap();
    let ([first, second, third], [a, b, c]) = three(folder.path());
    let merge = |parts: &[&PathBuf], name: &str| {
        let out = folder.path().join(name);
        let parts: Vec<PathBuf> = parts.iter().map(|&part| part.clone()).collect();
        let mut added = 0;
        merge_sessions(&parts, &out, || added += 1).unwrap();
        assert_eq!(added, parts.len());
        out
    };
    let abc = merge(&[&a, &b, &c], "abc");
    let cab = merge(&[&c, &a, &b], "cab");
    let ab = merge(&[&a, &b], "ab");
    let grouped = merge(&[&c, &ab], "c-ab");
    let alone = merge(&[&abc], "alone");
    let bytes = |path: &PathBuf| std::fs::read(path).unwrap();
    for other in [&cab, &grouped, &alone] {
        assert!(bytes(other) == bytes(&abc), "{}", other.display());
    }
    let content = read_session(&abc).unwrap();
    let mut fear = first[0].1.clone();
    fear.merge(&second[0].1).unwrap();
    assert_eq!((&content.sums[0], &content.sums[2]), (&first[1].1, &fear));
    assert_eq!(content.sums[3], third[0].1);
    assert_eq!((content.sessions.len(), content.counts().visits), (3, 7 + 3 + 12 + 5));
    let left: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("partial") || name.contains("merging"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_merged_session_is_gone_on_with_and_counts_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (_, [a, b, _]) = three(folder.path());
    let out = folder.path().join("ab");
    merge_sessions(&[a.clone(), b], &out, || ()).unwrap();
    let (mut session, content) = Session::open(&out, &configuration()).unwrap();
    let before = content.counts();
    let more = SessionCounts { visits: before.visits + 2, explanations: before.explanations + 3 };
    session.commit(more, &[]).unwrap();
    drop(session);
    let content = read_session(&out).unwrap();
    assert_eq!((content.counts(), content.sessions.len()), (more, 2));
    let twice = refused(merge_sessions(&[out, a], &folder.path().join("twice"), || ()));
    assert!(twice.contains("holds a session that another of these files holds too"), "{twice}");
    assert!(!folder.path().join("twice").exists());
}

#[test]
fn what_does_not_belong_together_is_not_merged() {
    let folder = tempfile::tempdir().unwrap();
    let (_, [a, b, _]) = three(folder.path());
    let path = |name: &str| folder.path().join(name);
    let out = path("out");
    let merge = |parts: &[&PathBuf]| {
        let parts: Vec<PathBuf> = parts.iter().map(|&part| part.clone()).collect();
        let problem = refused(merge_sessions(&parts, &out, || ()));
        assert!(!out.exists(), "nothing is left of a merge that failed");
        problem
    };
    assert!(merge(&[&a, &a]).contains("give each once"));
    let other = SessionConfiguration { least_sharpness: 0.01, ..configuration() };
    write(&path("sharp"), &other, &[]);
    let problem = merge(&[&a, &path("sharp")]);
    assert!(problem.contains("sharp: cannot be merged with"), "{problem}");
    assert!(problem.contains("least_sharpness is 0.01 here and 0.004 there"), "{problem}");
    study(&path("study")).finish().unwrap();
    assert!(merge(&[&a, &path("study")]).contains("is a study"));
    std::fs::write(&out, "mine").unwrap();
    assert!(merge_sessions(&[a, b], &out, || ()).is_err());
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
}

#[test]
fn a_session_on_a_read_only_disk_is_read_and_not_gone_on_with() {
    let Some(disk) = SmallDisk::new(8192) else { return };
    let path = disk.path().join("a 1% #?.sqlite");
    let fear = [(Fear, sums(Fear, 6, 0.1, 1))];
    write(&path, &configuration(), &fear);
    // As a power cut leaves it; then it was looked at elsewhere.
    let cut = disk.path().join("cut.sqlite");
    std::fs::copy(&path, &cut).unwrap();
    Connection::open(&cut).unwrap().pragma_update(None, "journal_mode", "wal").unwrap();
    disk.make_read_only();
    for path in [&path, &cut] {
        assert!(is_session(path).unwrap());
        assert_eq!(read_session(path).unwrap().sums[2], fear[0].1);
    }
    let problem = refused(Session::open(&path, &configuration()));
    assert!(problem.contains("read-only"), "{problem}");
    let new = refused(Session::open(&disk.path().join("new.sqlite"), &configuration()));
    assert!(new.contains("ead-only") || new.contains("unable to open"), "{new}");
}

#[test]
fn a_full_disk_takes_nothing_and_later_all() {
    let Some(disk) = SmallDisk::new(12 * 1024) else { return };
    let path = disk.path().join("a.sqlite");
    let first = [(Fear, sums(Fear, 3, 0.1, 1))];
    let (mut session, _) = Session::open(&path, &configuration()).unwrap();
    session.commit(counts(&first), &[(Fear, &first[0].1)]).unwrap();
    disk.fill();
    let more = [(Fear, sums(Fear, 40, 0.1, 2)), (Anger, sums(Anger, 40, 0.1, 2))];
    let changed: Vec<(Expression, &VisitSums)> =
        more.iter().map(|(expression, sums)| (*expression, sums)).collect();
    for _ in 0..3 {
        let problem = session.commit(counts(&more), &changed).unwrap_err().problem;
        assert!(matches!(problem, StoreProblem::Sqlite(_)), "{problem}");
    }
    disk.make_room();
    assert_eq!(read_session(&path).unwrap().sums[2], first[0].1, "as it was");
    session.commit(counts(&more), &changed).unwrap();
    drop(session);
    let content = read_session(&path).unwrap();
    assert_eq!((&content.sums[2], &content.sums[0]), (&more[0].1, &more[1].1));
    assert_eq!(content.counts(), counts(&more));

    disk.fill();
    let new = disk.path().join("new.sqlite");
    assert!(Session::open(&new, &configuration()).is_err());
    let left = std::fs::read_dir(disk.path()).unwrap().count();
    assert_eq!(left, 2, "nothing is left of a file that could not be made");
}
