//! The invariants of ARCHITECTURE.md that sources can be read for.

mod common;

/// Inner rooms know no disk, clock, thread or outer room.
#[test]
fn inner_rooms_stay_inside() {
    let forbidden = [
        "std::fs",
        "std::time",
        "std::thread",
        "std::net",
        "std::env",
        "crate::source",
        "crate::store",
        "crate::study",
        "crate::session",
        "crate::view",
        "crate::appliance",
        "crate::cli",
        "println!",
    ];
    let mut files = 0;
    for room in ["face", "explain", "standard_face", "heatmap", "compare"] {
        let folder = common::repository().join("src").join(room);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for word in forbidden {
                assert!(!code.contains(word), "{} uses {word}", path.display());
            }
            files += 1;
        }
    }
    assert!(files > 15, "the rooms were found");
}

/// The system's clock, which may be wrong or jump, is only ever told of, in events and to a broker; all that is measured is measured with a
/// steady one.
#[test]
fn the_clock_decides_nothing() {
    fn look(folder: &std::path::Path, users: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                look(&path, users);
            } else if std::fs::read_to_string(&path).unwrap_or_default().contains("SystemTime") {
                users.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut users = Vec::new();
    look(&common::repository().join("src"), &mut users);
    users.sort();
    assert_eq!(users, ["events.rs", "mqtt.rs"]);
}
