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
