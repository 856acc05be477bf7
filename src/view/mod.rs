//! What a person sees.

pub mod bars;
pub mod colour_map;
pub mod correlation_matrix;
pub mod dendrogram;
pub mod overlay;
mod svg;
#[cfg(test)]
mod svg_check;
pub mod text;
