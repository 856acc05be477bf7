//! Networks: the manifest that describes them, the checks that admit them, and the back end that runs them.
//!
//! A network is a function from one square picture to a few rows of numbers. [`Network`] runs any of them
//! (face detector, landmarks, expressions) through tract; [`Classifier`] is what the explanation needs to know
//! of an expression network, so that explanations can be tested on closed-form models.

mod onnx_guard;
mod shuffle;
mod spec;
mod tract;

pub use spec::{
    Colour, Golden, InputSpec, Job, Layout, Manifest, ManifestError, ModelSpec, OutputSpec,
    PredictorSpec, check_name,
};
pub use tract::{Network, NetworkError, NetworkProblem};

use crate::expression::Expression;

/// An expression network as the explanation sees it: grey square crops in, one probability per class out.
pub trait Classifier {
    /// The class of each output, in output order.
    fn classes(&self) -> &[Expression];

    /// Width and height of a crop, in pixels.
    fn crop_size(&self) -> (u32, u32);

    /// Evaluates `count` crops.
    ///
    /// `write_crop(i, pixels)` writes crop `i` as `width * height` grey bytes, row by row; it may be called from
    /// several threads at once and in any order. `probabilities` receives `count` rows of one number per class.
    /// The result does not depend on how many threads there are.
    ///
    /// # Errors
    /// When the network cannot be run on such a crop.
    fn evaluate(
        &mut self,
        count: usize,
        write_crop: &(dyn Fn(usize, &mut [u8]) + Sync),
        probabilities: &mut [f32],
    ) -> Result<(), NetworkError>;
}

/// The class with the largest probability, as an index; the last of equal ones.
///
/// # Panics
/// When there are no probabilities.
pub fn most_probable(probabilities: &[f32]) -> usize {
    (0..probabilities.len())
        .max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]))
        .expect("a network has classes")
}
