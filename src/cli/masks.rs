//! `ferscope masks`: the Ekman masks as pictures.

use std::path::PathBuf;
use std::process::ExitCode;

use image::{GrayImage, Luma};

use super::Failure;
use super::output::{create_folder, print, refuse_existing, write_grey};
use crate::compare::{EkmanMasks, MaskSet};
use crate::expression::Expression;
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};

/// Write the Ekman masks: where on the standard face each expression moves
///
/// Writes anger.png, disgust.png, fear.png, happiness.png, sadness.png and surprise.png: grey, 224x275 pixels, 255 where
/// the expression's action units lie and 0 elsewhere. Heatmaps are compared with these.
#[derive(clap::Args)]
pub struct Args {
    /// Which Ekman masks
    #[arg(long, value_enum, default_value_t)]
    masks: MaskSet,
    /// Where to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Overwrite existing masks
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let path = |expression: Expression| args.out.join(format!("{expression}.png"));
    for expression in Expression::SIX {
        refuse_existing(&path(expression), args.force)?;
    }
    create_folder(&args.out)?;
    let masks = EkmanMasks::new(args.masks, &StandardFace::default());
    for expression in Expression::SIX {
        let mask = masks.get(expression).expect("each of the six expressions has a mask");
        let picture = GrayImage::from_fn(FACE_WIDTH as u32, FACE_HEIGHT as u32, |x, y| {
            Luma([255 * u8::from(mask[y as usize * FACE_WIDTH + x as usize])])
        });
        write_grey(&path(expression), &picture)?;
    }
    print(&format!("6 masks ({}): {}\n", args.masks.name(), args.out.display()))?;
    Ok(ExitCode::SUCCESS)
}
