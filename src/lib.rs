//! `ferscope` recognises facial expressions and shows which part of the face the network looks at.
//!
//! The folders follow a frame's way: [`source`] (pictures) -> [`face`] (find, place, level) -> [`network`] (classify) ->
//! [`explain`] (superpixels, samples, surrogate) -> [`standard_face`] (warp) -> [`heatmap`] (accumulate) -> [`compare`]
//! (masks, Otsu, overlap, correlation, dendrograms), with [`appliance`] (the parts joined), [`study`] and [`store`] (the paper's
//! study and the file it is kept in), [`view`] (pictures for people), [`dashboard`] (the live page)
//! and [`cli`] around it. `ARCHITECTURE.md` tells the invariants.
//!
//! Coordinates are pixels everywhere: origin top left, x to the right, y down, pixel centres at whole numbers.

pub mod appliance;
pub mod cli;
pub mod compare;
pub mod dashboard;
pub mod explain;
pub mod expression;
pub mod face;
pub mod files;
pub mod heatmap;
pub mod network;
mod panic;
pub mod random;
pub mod session;
pub mod source;
pub mod standard_face;
pub mod store;
pub mod study;
pub mod table;
pub mod view;
