//! What a person sees.

pub mod bars;
pub mod colour_map;
pub mod confusion;
pub mod correlation_matrix;
pub mod curves;
pub mod dendrogram;
pub mod heatmap_grid;
pub mod heatmap_panel;
pub mod html;
pub mod live_overlay;
pub mod live_screen;
pub mod markdown;
pub mod overlay;
pub mod report;
mod screen_layout;
mod svg;
#[cfg(test)]
mod svg_check;
pub mod text;
#[cfg(test)]
mod xml_check;

/// `1 visit`, `2 visits`.
pub(crate) fn counted<Count>(count: Count, one: &str, many: &str) -> String
where
    Count: std::fmt::Display + PartialEq + From<u8>,
{
    let noun = if count == Count::from(1) { one } else { many };
    format!("{count} {noun}")
}
