//! What a person sees.

pub mod colour_map;
pub mod dendrogram;
pub mod overlay;
pub mod text;
