//! A session's heatmaps: in each pair every visit has one vote at the left, every explanation at the right.

use image::{Rgb, RgbImage, imageops};

use crate::compare::EkmanMasks;
use crate::session::{ExpressionResult, SessionResults, ShownHeatmap};
use crate::standard_face::{FACE_HEIGHT, FACE_WIDTH, StandardFace};
use crate::view::colour_map::heat;
use crate::view::heatmap_panel::heatmap_panel;
use crate::view::html::{figure_below, number, paragraph, picture, range, side_by_side};
use crate::view::svg::{Svg, WIDTH};
use crate::view::text;

/// Pixels of the picture for each of the heatmap.
const SCALE: u32 = 2;
const GAP: u32 = 16;
const HEADING: f32 = 34.0;

/// The heatmaps of all expressions.
pub fn heatmaps(results: &SessionResults) -> String {
    let face = StandardFace::default();
    let masks = EkmanMasks::new(results.configuration.masks, &face);
    let cards: Vec<String> = results
        .expressions
        .iter()
        .filter_map(|row| Some(card(row, row.heatmap.as_ref()?, &masks, &face)))
        .collect();
    let left_out = match results.left_out().as_slice() {
        [] => String::new(),
        some => paragraph(&format!(
            "Not shown: {}. Of fewer, chance makes the heatmap, and it may tell of single people.",
            some.join(", ")
        )),
    };
    if cards.is_empty() {
        return left_out;
    }
    let caption = "<strong>Heatmaps on the standard face.</strong> Left: every visit has one vote; the figures of this page are of these. Right, pooled: every explanation has one vote, so that who stays long weighs more. \
         Bright: what speaks for the expression, on average. Every map is stretched to its own maximum: brightness compares places within a map, not maps. Blue: the Ekman mask. Likeness: mean-centred correlation of the two, 1 the \
         most; a low one says that a few long visits differ from the rest. n above each: visits and explanations.";
    figure_below(caption, &(legend() + &side_by_side(&cards))) + &left_out
}

fn card(
    row: &ExpressionResult,
    shown: &ShownHeatmap,
    masks: &EkmanMasks,
    face: &StandardFace,
) -> String {
    let name = row.expression.title();
    let pair = pair(row, shown, masks, face);
    let description = format!(
        "Two heatmaps of {} on a standard face with the outline of its Ekman mask: one vote for each of {} visits, and one for each of {} explanations",
        row.expression, row.visits, row.explanations
    );
    let caption = format!(
        "<strong>{name}</strong>: n = {} visits, {} explanations. IoU {}{}; highest chance level {}. Pooled: IoU {}, likeness {}.",
        row.visits,
        row.explanations,
        number(shown.meaning.overlap.iou, 3),
        shown
            .meaning
            .iou_interval
            .map_or_else(String::new, |interval| format!(" ({})", range(interval, 3))),
        number(shown.meaning.chance(), 3),
        number(shown.pooled_iou, 3),
        number(shown.pooled_correlation, 2),
    );
    figure_below(&caption, &picture(&pair, &description))
}

/// Two heatmaps beside each other under their names.
fn pair(
    row: &ExpressionResult,
    shown: &ShownHeatmap,
    masks: &EkmanMasks,
    face: &StandardFace,
) -> RgbImage {
    let (width, height) = (FACE_WIDTH as u32 * SCALE, FACE_HEIGHT as u32 * SCALE);
    let top = (1.35 * HEADING) as u32;
    let mut picture = RgbImage::from_pixel(2 * width + GAP, height + top, Rgb([255; 3]));
    let maps = [(&shown.meaning.heatmap, "a vote per visit"), (&shown.pooled, "pooled")];
    for (place, (map, name)) in (0..).zip(maps) {
        let left = place * (width + GAP);
        let panel = heatmap_panel(map, masks.get(row.expression), face, (width, height), SCALE);
        imageops::replace(&mut picture, &panel, left.into(), top.into());
        let middle = (left + width / 2) as i32;
        text::write_centred(&mut picture, middle, 0, HEADING, Rgb([26; 3]), name);
    }
    picture
}

/// What colours mean.
fn legend() -> String {
    let mut svg = Svg::default();
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, share.to_string()));
    let caption = "Relevance as a share of each map’s own maximum";
    let colour = |share: f64| heat(share as f32);
    let bottom = svg.colour_bar([14.0, 6.0], WIDTH - 28.0, &ticks, caption, colour);
    svg.finish(
        [WIDTH, bottom + 6.0],
        "Colours of heatmaps",
        "from dark, nothing, to bright, the most",
    )
}
