//! The key s: the heatmaps that are shown, as a picture.

use std::path::{Path, PathBuf};

use crate::appliance::Board;
use crate::cli::output::{create_folder, write_rgb};
use crate::compare::EkmanMasks;
use crate::expression::Expression;
use crate::standard_face::StandardFace;
use crate::view::counted;
use crate::view::overlay::{HeatmapPanel, heatmaps};

/// Writes the heatmaps that may be shown, with their overlaps beside chance, as a numbered picture into the folder. Tells where.
///
/// # Errors
/// Why not: none may be shown yet, or the folder cannot be written.
pub fn save_heatmaps(board: &Board, masks: &EkmanMasks, folder: &Path) -> Result<String, String> {
    let status = board.status();
    let maps = Expression::SIX.map(|expression| board.heatmap(expression));
    let mut panels = Vec::new();
    for (map, row) in maps.iter().zip(&status.expressions) {
        // Both stand on the board, or the overlap is about to.
        let (Some(map), Some(overlap)) = (map, &row.overlap) else { continue };
        let chance = overlap.chance();
        let interval = match row.iou_interval {
            Some([low, high]) => format!("95 %: {low:.2} to {high:.2}"),
            None => "95 %: not known".to_owned(),
        };
        panels.push(HeatmapPanel {
            expression: row.expression,
            map: Some(map),
            mask: masks.get(row.expression).expect("each of the six has a mask"),
            notes: vec![
                format!("IoU {:.2}, chance {chance:.2}", overlap.iou),
                interval,
                counted(row.visits, "visit", "visits"),
            ],
        });
    }
    if panels.is_empty() {
        let least = counted(status.min_visits, "visit", "visits");
        return Err(format!("nothing to save: no heatmap has {least} yet"));
    }
    let title = format!("{}, {}", status.network, counted(status.visits, "visit", "visits"));
    let picture = heatmaps(&title, &panels, &StandardFace::default());
    create_folder(folder).map_err(|failure| failure.to_string())?;
    let path = free_name(folder);
    write_rgb(&path, &picture).map_err(|failure| failure.to_string())?;
    Ok(format!("saved {}", path.display()))
}

/// After the highest number there is, so that numbers tell the order.
fn free_name(folder: &Path) -> PathBuf {
    let number = |name: std::ffi::OsString| {
        name.to_str()?.strip_prefix("heatmaps-")?.strip_suffix(".png")?.parse::<u64>().ok()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let last = entries.filter_map(|entry| number(entry.file_name())).max().unwrap_or(0);
    folder.join(format!("heatmaps-{:04}.png", last.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::Status;
    use crate::compare::{MaskSet, Overlap};
    use crate::standard_face::FACE_PIXELS;

    #[test]
    fn only_what_is_published_is_saved_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("new");
        let masks = EkmanMasks::new(MaskSet::default(), &StandardFace::default());
        let board = Board::new(Status::new("net", MaskSet::default(), 20), false);
        for expression in Expression::SIX {
            board.set_heatmap(expression, vec![0.5; FACE_PIXELS].into());
        }
        assert!(save_heatmaps(&board, &masks, &folder).unwrap_err().contains("20 visits"));
        assert!(!folder.exists());
        let overlap = Overlap::of_sets(&[true, false], &[true, true], []);
        board.update(|status| {
            status.expressions[0].visits = 20;
            status.expressions[0].overlap = Some(overlap);
        });
        for name in ["heatmaps-0001.png", "heatmaps-0002.png"] {
            assert!(save_heatmaps(&board, &masks, &folder).unwrap().ends_with(name));
        }
        std::fs::write(folder.join("heatmaps-0041.png"), "kept").unwrap();
        save_heatmaps(&board, &masks, &folder).unwrap();
        assert!(folder.join("heatmaps-0042.png").exists());
        assert_eq!(std::fs::read(folder.join("heatmaps-0041.png")).unwrap(), b"kept");
        // One panel is narrower than three.
        let (width, _) = image::image_dimensions(folder.join("heatmaps-0001.png")).unwrap();
        assert!(width < 900, "{width}");
    }
}
