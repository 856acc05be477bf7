//! `ferscope compare`: heatmaps of several networks against the Ekman masks and each other.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use image::DynamicImage;

use super::output::{
    complain, create_folder_of, failed, print, print_error, refuse_existing, remove_file,
    write_file, write_json,
};
use super::{Failure, exit_code};
use crate::compare::report::{Aggregation, Means};
use crate::compare::{Comparison, Correlation, EkmanMasks, Heatmap, MaskSet, Overlap};
use crate::expression::Expression;
use crate::files;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};
use crate::view::dendrogram;

/// Compare heatmaps with the Ekman masks, and networks with each other
///
/// Reads grey PNG heatmaps of 224x275 pixels named <Network>_<Expression>_heatmap.png, or
/// <Network>_CV<k>_<Expression>_heatmap.png for the folds of a cross-validation. Each is stretched to 0..255 and
/// thresholded by Otsu's method; what is brighter is compared with the mask of its expression. The intersection over
/// union (IoU) stands beside three chance levels, and says little unless it is above them: a heatmap that is white all
/// over, as many pixels drawn at random, and the same heatmap against the masks of the other five expressions.
///
/// Folds are averaged in both published ways: pooled into one heatmap per network first, or the mean of their overlaps.
/// Networks are then clustered per expression by 1 - correlation with average linkage.
///
/// With --out the table goes to standard output and the dendrograms beside the JSON file; without, the JSON goes to
/// standard output and the table to standard error.
#[derive(clap::Args)]
pub struct Args {
    /// Folder of the heatmaps
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Which Ekman masks to compare with
    #[arg(long, value_enum, default_value_t)]
    masks: MaskSet,
    /// How alike two heatmaps are
    #[arg(long, value_enum, default_value_t)]
    correlation: Correlation,
    /// Where to write the JSON; dendrograms go beside it as <FILE>_<expression>_dendrogram.svg
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Overwrite an existing result
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    if let Some(out) = &args.out {
        refuse_existing(out, args.force)?;
        for expression in Expression::SIX {
            refuse_existing(&dendrogram_path(out, expression), args.force)?;
        }
    }
    let (heatmaps, failures) = read_heatmaps(&args.folder)?;
    if heatmaps.is_empty() {
        return Err(Failure::Input(format!(
            "{}: no heatmaps to compare; they are named <Network>_<Expression>_heatmap.png, such as \
             VGG16_Anger_heatmap.png",
            args.folder.display()
        )));
    }
    let masks = EkmanMasks::new(args.masks, &StandardFace::default());
    let comparison = Comparison::new(&heatmaps, &masks, args.correlation)
        .map_err(|error| Failure::Input(format!("{}: {error}", args.folder.display())))?;
    let table = table(&comparison);
    if let Some(out) = &args.out {
        write_results(out, &comparison)?;
        print(&table)?;
        print(&format!("\nWritten: {}\n", out.display()))?;
    } else {
        print_error(table.trim_end());
        let json = serde_json::to_string_pretty(&comparison)
            .map_err(|error| failed(Path::new("standard output"), error))?;
        print(&format!("{json}\n"))?;
    }
    Ok(exit_code(failures))
}

/// The usable heatmaps of a folder by name, and how many files were not; those are told on standard error.
fn read_heatmaps(folder: &Path) -> Result<(Vec<Heatmap>, usize), Failure> {
    let failed = |error| Failure::Input(format!("{}: cannot be read: {error}", folder.display()));
    let mut paths = std::fs::read_dir(folder)
        .map_err(failed)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    paths.retain(|path| {
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
    });
    paths.sort();
    let mut heatmaps: Vec<Heatmap> = Vec::new();
    let mut failures = 0;
    let mut files = BTreeMap::new();
    for path in paths {
        let mut report_failure = |problem: String| {
            failures += 1;
            complain(&format!("{}: {problem}", path.display()));
        };
        match read_heatmap(&path) {
            Ok(heatmap) if heatmap.expression == Expression::Neutral => {
                complain(&format!("{}: left out, neutral has no mask", path.display()));
            }
            Ok(heatmap) => {
                let key = (heatmap.network.clone(), heatmap.fold, heatmap.expression);
                match files.get(&key) {
                    None => {
                        files.insert(key, path.clone());
                        heatmaps.push(heatmap);
                    }
                    Some(first) => report_failure(format!(
                        "left out: it is of the same network, fold and expression as {}",
                        first.display()
                    )),
                }
            }
            Err(problem) => report_failure(problem),
        }
    }
    Ok((heatmaps, failures))
}

fn read_heatmap(path: &Path) -> Result<Heatmap, String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (network, fold, expression) = parse_name(&name).ok_or(
        "not named as a heatmap: expected <Network>_<Expression>_heatmap.png or \
         <Network>_CV<k>_<Expression>_heatmap.png, such as VGG16_CV1_Anger_heatmap.png",
    )?;
    let unreadable = |error: String| format!("cannot be read: {error}");
    // Asked first, so that a huge picture is never decoded. Opened here, since to open a pipe is to wait.
    let (width, height) = files::open(path)
        .map_err(|error| error.to_string())
        .and_then(|_| image::image_dimensions(path).map_err(|error| error.to_string()))
        .map_err(unreadable)?;
    if (width as usize, height as usize) != (FACE_WIDTH, FACE_HEIGHT) {
        return Err(format!(
            "a heatmap of {width}x{height} pixels, expected {FACE_WIDTH}x{FACE_HEIGHT}"
        ));
    }
    let pixels = match files::decode_picture(path).map_err(unreadable)? {
        DynamicImage::ImageLuma16(grey) => grey.into_raw().into_iter().map(f32::from).collect(),
        other => {
            let colours = other.to_rgb8();
            if colours.pixels().any(|pixel| pixel.0 != [pixel.0[0]; 3]) {
                return Err("a coloured picture, expected a grey heatmap".to_owned());
            }
            colours.pixels().map(|pixel| f32::from(pixel.0[0])).collect()
        }
    };
    Ok(Heatmap { network: network.to_owned(), fold, expression, pixels })
}

/// Network, fold and expression of a heatmap's file name.
fn parse_name(name: &str) -> Option<(&str, Option<u32>, Expression)> {
    const ENDING: &str = "_heatmap.png";
    let (rest, ending) = name.split_at_checked(name.len().checked_sub(ENDING.len())?)?;
    if !ending.eq_ignore_ascii_case(ENDING) {
        return None;
    }
    let (rest, expression) = rest.rsplit_once('_')?;
    let expression = expression.parse().ok()?;
    let of_fold = rest.rsplit_once("_CV").and_then(|(network, fold)| {
        let fold = fold.parse().ok()?;
        Some((network, fold))
    });
    let (network, fold) = match of_fold {
        Some((network, fold)) => (network, Some(fold)),
        None => (rest, None),
    };
    (!network.is_empty()).then_some((network, fold, expression))
}

fn write_results(out: &Path, comparison: &Comparison) -> Result<(), Failure> {
    create_folder_of(out)?;
    // What an earlier comparison left, which may have had more expressions. Without --force there is none.
    remove_file(out)?;
    for expression in Expression::SIX {
        remove_file(&dendrogram_path(out, expression))?;
    }
    for dendrogram in &comparison.dendrograms {
        let axis = format!("1 \u{2212} {} correlation", comparison.correlation);
        let title = dendrogram.expression.title();
        let svg = dendrogram::svg(&title, &axis, &dendrogram.labels, &dendrogram.linkage);
        write_file(&dendrogram_path(out, dendrogram.expression), svg.as_bytes())?;
    }
    write_json(out, comparison)
}

fn dendrogram_path(out: &Path, expression: Expression) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{stem}_{expression}_dendrogram.svg"))
}

/// What a person reads: each heatmap, then the means.
fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "Overlap with the Ekman masks ({}). An IoU says something where it is above all three chance levels.\n\n\
         {:<20} {:>6}  {:<10} {:>5}  {:>5} | {:>9} {:>6} {:>11} | {:>9} {:>6} {:>5}\n",
        comparison.masks.name(),
        "network",
        "fold",
        "expression",
        "Otsu",
        "IoU",
        "all white",
        "random",
        "other masks",
        "precision",
        "recall",
        "F1",
    );
    for row in &comparison.heatmaps {
        let fold = match row.fold {
            Some(fold) => fold.to_string(),
            None if row.pooled_from.is_empty() => String::new(),
            None => "pooled".to_owned(),
        };
        let level = row.otsu_level.to_string();
        let name = [&row.network, &fold, row.expression.name(), &level];
        add_row(&mut text, name, &row.overlap);
    }
    for means in &comparison.means {
        add_means(&mut text, means);
    }
    text
}

fn add_means(text: &mut String, means: &Means) {
    let how = match means.aggregation {
        Aggregation::Pooled => "pooled: one heatmap per network and expression",
        Aggregation::MeanOverFolds => "mean over folds: of the overlaps of each fold's heatmap",
    };
    let _ = writeln!(text, "\nMeans, {how}");
    for mean in &means.per_network {
        add_row(text, [&mean.network, "", "all", ""], &mean.overlap);
    }
    for mean in &means.per_expression {
        add_row(text, ["all", "", mean.expression.name(), ""], &mean.overlap);
    }
    add_row(text, ["all", "", "all", ""], &means.overall);
    let _ = writeln!(
        text,
        "{:.0} % of the pairs of network and expression are above an all-white heatmap.",
        100.0 * means.share_above_all_white
    );
}

fn add_row(text: &mut String, [network, fold, expression, level]: [&str; 4], overlap: &Overlap) {
    let _ = writeln!(
        text,
        "{network:<20} {fold:>6}  {expression:<10} {level:>5}  {:>5.3} | {:>9.3} {:>6.3} {:>11.3} | {:>9.3} {:>6.3} {:>5.3}",
        overlap.iou,
        overlap.iou_all_white,
        overlap.iou_random,
        overlap.iou_other_masks,
        overlap.precision,
        overlap.recall,
        overlap.f1,
    );
}
