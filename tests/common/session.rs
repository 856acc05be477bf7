//! Sessions as `ferscope run` would leave them, without a camera.

use std::path::Path;

use ferscope::compare::{EkmanMasks, MaskSet};
use ferscope::expression::Expression;
use ferscope::heatmap::{SignedSums, VisitSums};
use ferscope::random::Stream;
use ferscope::standard_face::{FACE_PIXELS, FACE_WIDTH, StandardFace};
use ferscope::store::{Session, SessionConfiguration, SessionCounts};

pub fn configuration() -> SessionConfiguration {
    SessionConfiguration {
        network: "face-api-expression".to_owned(),
        network_sha256: "0123456789abcdef".repeat(4),
        masks: MaskSet::default(),
        detector: "blazeface-back-192".to_owned(),
        landmark_model: "landmarks-68".to_owned(),
        epsilon: 0.01,
        estimator: "ridge".to_owned(),
        least_eye_distance: 24.0,
        most_turn: 0.15,
        least_sharpness: 0.004,
        least_probability: 0.5,
    }
}

/// The sums of so many visits with one to four explanations each: noise in blocks, and `strength` inside the mask.
pub fn sums(expression: Expression, visits: u64, strength: f32, seed: u64) -> VisitSums {
    const BLOCK: usize = 25;
    let masks = EkmanMasks::new(MaskSet::default(), &StandardFace::default());
    let mask = masks.get(expression).unwrap();
    let mut stream = Stream::new(seed, "visits of a test", expression.name());
    let mut sums = VisitSums::default();
    for number in 1..=visits {
        let mut visit = SignedSums::default();
        for _ in 0..=stream.below(4) {
            let noise: Vec<f32> =
                (0..200).map(|_| stream.below(1000) as f32 / 1000.0 - 0.5).collect();
            let map: Vec<f32> = (0..FACE_PIXELS)
                .map(|pixel| {
                    let (row, column) = (pixel / FACE_WIDTH, pixel % FACE_WIDTH);
                    let block = row / BLOCK * FACE_WIDTH.div_ceil(BLOCK) + column / BLOCK;
                    0.1 * noise[block] + if mask[pixel] { strength } else { 0.0 }
                })
                .collect();
            sums.add_explanation(&map).unwrap();
            visit.add(&map).unwrap();
        }
        sums.add_visit(number, &visit).unwrap();
    }
    sums
}

/// Writes a session with these sums; its id.
pub fn write(
    path: &Path,
    configuration: &SessionConfiguration,
    content: &[(Expression, VisitSums)],
) -> String {
    let (mut session, _) = Session::open(path, configuration).unwrap();
    let changed: Vec<(Expression, &VisitSums)> =
        content.iter().map(|(expression, sums)| (*expression, sums)).collect();
    session.commit(counts(content), &changed).unwrap();
    session.id().to_owned()
}

/// As many as there are votes.
pub fn counts(content: &[(Expression, VisitSums)]) -> SessionCounts {
    SessionCounts {
        visits: content.iter().map(|(_, sums)| sums.visits().explanations()).sum(),
        explanations: content.iter().map(|(_, sums)| sums.pooled().explanations()).sum(),
    }
}

/// A small disk in memory; taken away at the end.
pub struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// Of so many KiB; none where that is not allowed.
    pub fn new(kibibytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={kibibytes}k");
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(folder.path())
            .output();
        match mount {
            Ok(output) if output.status.success() => Some(SmallDisk(folder)),
            _ => {
                super::skip("the right to mount a small disk");
                None
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn make_read_only(&self) {
        let mount = std::process::Command::new("mount")
            .args(["-o", "remount,ro"])
            .arg(self.path())
            .status();
        assert!(mount.unwrap().success());
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        self.fill_but(0);
    }

    /// Fills it until so many KiB are left.
    pub fn fill_but(&self, kibibytes: u64) {
        use std::io::Write;
        let mut file = std::fs::File::create(self.path().join("filler")).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        let full = file.metadata().unwrap().len();
        file.set_len(full.saturating_sub(kibibytes << 10)).unwrap();
    }

    pub fn make_room(&self) {
        std::fs::remove_file(self.path().join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(self.path()).status();
    }
}
