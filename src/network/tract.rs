//! Loading a network and running it with tract.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tract_onnx::tract_hir::internal::*;

use super::spec::{CHANNELS, Colour, Job, Layout, ModelSpec, OutputSpec};
use super::{Classifier, onnx_guard, shuffle};
use crate::expression::Expression;
use crate::files;
use crate::random::Stream;

/// The largest ONNX file that is read, in bytes. SilNet, the paper's largest network, has 740 MB in f32.
const LARGEST_FILE: u64 = 1 << 30;

/// Why a network is refused or cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct NetworkError {
    /// The file at fault.
    pub path: PathBuf,
    /// What is wrong with it, and where.
    pub problem: NetworkProblem,
}

/// What can be wrong with a network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkProblem {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    /// The file is not the one described.
    #[error(transparent)]
    Checksum(#[from] files::OtherFile),
    /// The file is no network that can be run here; the message names the node.
    #[error("is not a usable ONNX network: {0}")]
    Malformed(String),
    /// An input or output has another shape than described.
    #[error("{0}")]
    Shape(String),
    /// The network answers otherwise than it should.
    #[error("{0}")]
    Golden(String),
    /// The network could not be evaluated.
    #[error("could not be evaluated: {0}")]
    Evaluate(String),
    /// Nobody wants the rest of the answers.
    #[error("was stopped")]
    Stopped,
}

/// A network that passed its checks, ready to run.
///
/// One plan is shared by all lanes; a lane is what one thread needs to evaluate it. Memory: the weights once, the
/// intermediate tensors once per lane.
pub struct Network {
    spec: ModelSpec,
    path: PathBuf,
    sha256: String,
    lanes: Vec<Lane>,
}

struct Lane {
    state: TypedSimpleState,
    input: Arc<Tensor>,
    pixels: Vec<u8>,
}

impl Network {
    /// Loads `folder/<spec.file>` and checks everything the description says: checksum, shapes, golden pair.
    ///
    /// `threads` is the most samples evaluated at once, at least 1.
    ///
    /// # Errors
    /// When the file cannot be read, is another one, is malformed, has other shapes, or answers its golden input with
    /// something else. Never panics on any file.
    pub fn load(spec: ModelSpec, folder: &Path, threads: usize) -> Result<Self, NetworkError> {
        let mut network = Self::open(spec, folder, threads, None)?;
        network.check_golden(folder)?;
        network.check_probabilities()?;
        Ok(network)
    }

    /// Loads a network as [`Network::load`] does and lets the values within each tensor of weights change places, as the
    /// stream draws: the counterpart whose explanations must be other ones, by the model parameter randomisation test
    /// (Adebayo et al. 2018, "Sanity Checks for Saliency Maps"; they draw new weights instead).
    ///
    /// Tensors are permuted as they are stored: floating-point numbers and 8-bit integers, of weights quantised per channel
    /// also the scales. Scalars, shapes and sizes stay. The same stream gives the same network.
    ///
    /// Some shuffled networks answer every picture with the same certain class (3 of 7 drawn from `face-api-expression`, asked
    /// with the samples of one face). Their explanations are all zeros, whose correlation of 0 is no evidence: tell such draws
    /// apart.
    ///
    /// Cost: that of loading, and one draw per weight.
    ///
    /// # Errors
    /// As [`Network::load`], but its golden answer is not asked for, only finite numbers (and probabilities); and when it
    /// stores no weights that could be shuffled.
    pub fn load_with_shuffled_parameters(
        spec: ModelSpec,
        folder: &Path,
        threads: usize,
        stream: &mut Stream,
    ) -> Result<Self, NetworkError> {
        let mut network = Self::open(spec, folder, threads, Some(stream))?;
        network.check_finite()?;
        network.check_probabilities()?;
        Ok(network)
    }

    /// Reads, checks all but the answers, and plans; with a stream, shuffles the weights.
    fn open(
        mut spec: ModelSpec,
        folder: &Path,
        threads: usize,
        shuffling: Option<&mut Stream>,
    ) -> Result<Self, NetworkError> {
        let path = folder.join(&spec.file);
        let refuse = |problem| NetworkError { path: path.clone(), problem };
        if spec.outputs.is_empty() {
            spec.outputs =
                vec![OutputSpec { name: String::new(), shape: vec![1, spec.classes.len()] }];
        }
        let bytes = files::read(&path, LARGEST_FILE).map_err(|error| refuse(error.into()))?;
        let sha256 =
            files::sha256(&bytes, spec.sha256.as_deref()).map_err(|error| refuse(error.into()))?;
        let plan = catch_unwind(AssertUnwindSafe(|| plan(&bytes, &spec, shuffling)))
            .unwrap_or_else(|panic| Err(NetworkProblem::Malformed(panic_message(&*panic))))
            .map_err(refuse)?;
        let lanes = (0..threads.max(1))
            .map(|_| {
                Ok(Lane {
                    state: plan.spawn()?,
                    input: Arc::new(Tensor::zero::<f32>(&spec.input.shape())?),
                    pixels: vec![0; spec.input.picture_bytes()],
                })
            })
            .collect::<TractResult<Vec<Lane>>>()
            .map_err(|error| refuse(NetworkProblem::Malformed(format!("{error:#}"))))?;
        Ok(Network { spec, path: path.clone(), sha256, lanes })
    }

    /// The checksum of a network's file (sha256, hexadecimal).
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checksum(path: &Path) -> Result<String, NetworkError> {
        let refuse = |problem| NetworkError { path: path.to_owned(), problem };
        let bytes = files::read(path, LARGEST_FILE).map_err(|error| refuse(error.into()))?;
        files::sha256(&bytes, None).map_err(|error| refuse(error.into()))
    }

    /// Evaluates a black and a white picture, so that an expression network whose outputs are no probabilities is refused at
    /// once.
    fn check_probabilities(&mut self) -> Result<(), NetworkError> {
        const PICTURES: usize = 2;
        if self.spec.job != Job::Expression {
            return Ok(());
        }
        let write = |index: usize, pixels: &mut [u8]| pixels.fill(if index == 0 { 0 } else { 255 });
        let mut rows = vec![0.0; PICTURES * self.output_len()];
        if self.spec.logits {
            self.evaluate(PICTURES, &write, &mut rows)?;
            let classes = self.spec.classes.len();
            if rows.chunks_exact(classes).all(|row| not_probabilities(row).is_none()) {
                return Err(NetworkError {
                    path: self.path.clone(),
                    problem: NetworkProblem::Evaluate(
                        "its outputs are probabilities already: take `logits = true` away"
                            .to_owned(),
                    ),
                });
            }
        }
        Classifier::evaluate(self, PICTURES, &write, &mut rows)
    }

    /// The error of an evaluation that is given up in the middle, for who asks in several steps.
    pub fn stopped(&self) -> NetworkError {
        NetworkError { path: self.path.clone(), problem: NetworkProblem::Stopped }
    }

    /// The description it was loaded by.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Checksum of the file.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// How many numbers one evaluation gives: all outputs flattened, in order.
    pub fn output_len(&self) -> usize {
        self.spec.outputs.iter().map(OutputSpec::len).sum()
    }

    /// Evaluates `count` pictures, `write_pixels(i, bytes)` writing picture `i` (row by row; one byte per pixel for grey
    /// networks, three for RGB), and leaves `count` rows of [`Network::output_len`] numbers in `rows`.
    ///
    /// Every row is computed on its own, so the result does not depend on the number of threads.
    ///
    /// # Errors
    /// When tract cannot evaluate the network.
    ///
    /// # Panics
    /// When `rows` is not `count * output_len()` long.
    pub fn evaluate(
        &mut self,
        count: usize,
        write_pixels: &(dyn Fn(usize, &mut [u8]) + Sync),
        rows: &mut [f32],
    ) -> Result<(), NetworkError> {
        let row_len = self.output_len();
        assert_eq!(rows.len(), count * row_len, "one row of outputs per picture");
        let spec = &self.spec;
        let threads = self.lanes.len().min(count);
        let next_row = Mutex::new(rows.chunks_exact_mut(row_len).enumerate());
        let work = |lane: &mut Lane| -> TractResult<()> {
            loop {
                let next = next_row.lock().unwrap_or_else(|poison| poison.into_inner()).next();
                let Some((index, row)) = next else { return Ok(()) };
                write_pixels(index, &mut lane.pixels);
                lane.evaluate(spec, row)?;
            }
        };
        let results = catch_unwind(AssertUnwindSafe(|| match &mut self.lanes[..threads] {
            [] => Ok(()),
            [lane] => work(lane),
            lanes => std::thread::scope(|scope| {
                let handles: Vec<_> =
                    lanes.iter_mut().map(|lane| scope.spawn(|| work(lane))).collect();
                handles.into_iter().try_for_each(|handle| {
                    handle.join().unwrap_or_else(|panic| bail!("{}", panic_message(&*panic)))
                })
            }),
        }));
        let problem = match results {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic_message(&*panic),
        };
        Err(NetworkError { path: self.path.clone(), problem: NetworkProblem::Evaluate(problem) })
    }

    /// Where there is nothing to compare with, the network must at least answer with finite numbers.
    fn check_finite(&mut self) -> Result<(), NetworkError> {
        let mut row = vec![0.0; self.output_len()];
        self.evaluate(1, &|_, pixels| pixels.fill(127), &mut row)?;
        if row.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(NetworkError {
            path: self.path.clone(),
            problem: NetworkProblem::Golden(
                "answers a grey picture with numbers that are not finite".to_owned(),
            ),
        })
    }

    fn check_golden(&mut self, folder: &Path) -> Result<(), NetworkError> {
        let path = self.path.clone();
        let refuse = |problem| NetworkError { path: path.clone(), problem };
        let Some(golden) = self.spec.golden.clone() else {
            return self.check_finite();
        };
        let input = folder.join(&golden.input);
        let pixels = golden_pixels(&input, &self.spec).map_err(|problem| NetworkError {
            path: input,
            problem: NetworkProblem::Golden(problem),
        })?;
        let output = folder.join(&golden.output);
        let expected: ndarray::Array1<f32> = files::read(&output, files::LARGEST_SMALL_FILE)
            .map_err(|error| error.to_string())
            .and_then(|bytes| files::read_npy(&bytes))
            .map_err(|problem| NetworkError {
                path: output,
                problem: NetworkProblem::Golden(problem),
            })?;
        let mut row = vec![0.0; self.output_len()];
        if expected.len() != row.len() {
            return Err(refuse(NetworkProblem::Golden(format!(
                "gives {} numbers, its golden output has {}",
                row.len(),
                expected.len()
            ))));
        }
        self.evaluate(1, &|_, bytes| bytes.copy_from_slice(&pixels), &mut row)?;
        let scale = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        let pairs = row.iter().zip(&expected);
        let difference = largest(pairs.map(|(found, expected)| (found - expected).abs() / scale));
        if difference <= golden.tolerance {
            return Ok(());
        }
        Err(refuse(NetworkProblem::Golden(format!(
            "differs from its golden output by {difference:.2e}, {:.0e} is allowed",
            golden.tolerance
        ))))
    }
}

impl Classifier for Network {
    fn classes(&self) -> &[Expression] {
        &self.spec.classes
    }

    fn crop_size(&self) -> (u32, u32) {
        (self.spec.input.width, self.spec.input.height)
    }

    fn evaluate(
        &mut self,
        count: usize,
        write_crop: &(dyn Fn(usize, &mut [u8]) + Sync),
        probabilities: &mut [f32],
    ) -> Result<(), NetworkError> {
        Network::evaluate(self, count, write_crop, probabilities)?;
        for row in probabilities.chunks_exact_mut(self.spec.classes.len()) {
            if self.spec.logits {
                softmax(row);
            }
            if let Some(sum) = not_probabilities(row) {
                return Err(NetworkError {
                    path: self.path.clone(),
                    problem: NetworkProblem::Evaluate(format!(
                        "its outputs are no probabilities (they add up to {sum}): if they are logits, say `logits = true`"
                    )),
                });
            }
        }
        Ok(())
    }
}

impl Lane {
    fn evaluate(&mut self, spec: &ModelSpec, row: &mut [f32]) -> TractResult<()> {
        // tract lets go of the input after each run, so the tensor is ours again and is written in place.
        if Arc::get_mut(&mut self.input).is_none() {
            self.input = Arc::new(Tensor::zero::<f32>(&spec.input.shape())?);
        }
        let input = Arc::get_mut(&mut self.input).context("the input tensor is still in use")?;
        write_input(spec, &self.pixels, input.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?);
        let outputs = self.state.run(tvec!(self.input.clone().into_tvalue()))?;
        let mut rest = row;
        for output in &outputs {
            let values = output.try_as_plain_ram()?.as_slice::<f32>()?;
            let (here, after) = rest.split_at_mut(values.len());
            here.copy_from_slice(values);
            rest = after;
        }
        Ok(())
    }
}

fn write_input(spec: &ModelSpec, pixels: &[u8], input: &mut [f32]) {
    let values = spec.input.values();
    let value = |byte: u8| values[usize::from(byte)];
    match (spec.input.colour, spec.input.layout) {
        (Colour::Grey, Layout::Nchw) => {
            let (first, others) = input.split_at_mut(pixels.len());
            for (number, &byte) in first.iter_mut().zip(pixels) {
                *number = value(byte);
            }
            for plane in others.chunks_exact_mut(pixels.len()) {
                plane.copy_from_slice(first);
            }
        }
        (Colour::Grey, Layout::Nhwc) => {
            for (pixel, &byte) in input.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(pixels) {
                pixel.fill(value(byte));
            }
        }
        (Colour::Rgb, Layout::Nchw) => {
            for (channel, plane) in input.chunks_exact_mut(pixels.len() / CHANNELS).enumerate() {
                for (number, pixel) in plane.iter_mut().zip(pixels.as_chunks::<CHANNELS>().0) {
                    *number = value(pixel[channel]);
                }
            }
        }
        (Colour::Rgb, Layout::Nhwc) => {
            for (number, &byte) in input.iter_mut().zip(pixels) {
                *number = value(byte);
            }
        }
    }
}

/// The sum of numbers that are not the probabilities of all classes; none where they are.
fn not_probabilities(row: &[f32]) -> Option<f32> {
    let sum: f32 = row.iter().sum();
    let each_is = row.iter().all(|p| (-0.001..=1.001).contains(p));
    (!each_is || (sum - 1.0).abs() >= 0.01).then_some(sum)
}

fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - largest).exp();
        sum += *value;
    }
    for value in row {
        *value /= sum;
    }
}

/// Parses, shuffles if asked to, checks and optimises; fixes the input's shape, for a batch left symbolic runs several times
/// slower.
fn plan(
    bytes: &[u8],
    spec: &ModelSpec,
    shuffling: Option<&mut Stream>,
) -> Result<Arc<TypedRunnableModel>, NetworkProblem> {
    let malformed = |error: TractError| NetworkProblem::Malformed(format!("{error:#}"));
    // Intermediate shapes stored in the file may carry a symbolic batch that contradicts the fixed one.
    let onnx = tract_onnx::onnx().with_ignore_value_info(true).with_ignore_output_shapes(true);
    let mut proto = onnx.proto_model_for_read(&mut &bytes[..]).map_err(|error| {
        NetworkProblem::Malformed(format!("truncated, or not an ONNX file ({error:#})"))
    })?;
    // Before the guard, which so sees what the network library gets.
    if let Some(stream) = shuffling {
        shuffle::shuffle(&mut proto, stream).map_err(NetworkProblem::Malformed)?;
    }
    onnx_guard::check(&proto).map_err(NetworkProblem::Malformed)?;
    let mut model = onnx.model_for_proto_model(&proto).map_err(malformed)?;
    check_ends(&model, spec)?;
    let shape = spec.input.shape();
    check_input(&model, &shape)?;
    model.set_input_fact(0, f32::fact(shape).into()).map_err(malformed)?;
    let mut typed = model.into_typed().map_err(malformed)?;
    for node in typed.nodes() {
        for fact in &node.outputs {
            let elements = fact.fact.shape.volume().to_usize().unwrap_or(usize::MAX) as u64;
            if elements > onnx_guard::LARGEST_TENSOR {
                return Err(NetworkProblem::Malformed(format!(
                    "node `{}`: its output has {elements} elements; at most {} are allowed",
                    node.name,
                    onnx_guard::LARGEST_TENSOR
                )));
            }
        }
    }
    for (index, output) in spec.outputs.iter().enumerate() {
        let fact = typed.output_fact(index).map_err(malformed)?;
        let found = fact.shape.as_concrete().map(<[usize]>::to_vec);
        if found.as_ref() != Some(&output.shape) || fact.datum_type != f32::datum_type() {
            let hint =
                if spec.job == Job::Expression { "; `classes` names each number" } else { "" };
            return Err(NetworkProblem::Shape(format!(
                "output {index} `{}` is {fact:?}, expected f32 of shape {:?}{hint}",
                output.name, output.shape
            )));
        }
    }
    widen_constants(&mut typed).map_err(malformed)?;
    typed.into_optimized().and_then(|model| model.into_runnable()).map_err(malformed)
}

/// Computes what depends on constants only, as weights stored in int8 that are widened. tract does so up to 4 MiB of result, and widens
/// larger weights again in every evaluation.
fn widen_constants(model: &mut TypedModel) -> TractResult<()> {
    for id in model.eval_order()? {
        let node = model.node(id);
        let inputs = model.node_input_facts(id)?.into_iter();
        let inputs: Option<TVec<_>> =
            inputs.map(|fact| Some(fact.konst.clone()?.into_tvalue())).collect();
        let Some(inputs) = inputs.filter(|inputs| !inputs.is_empty()) else { continue };
        let largest_input = inputs.iter().map(|input| input.len()).max().unwrap_or(0);
        let [output] = node.outputs.as_slice() else { continue };
        // What grows, a file can make grow without bound.
        if output.fact.shape.volume().to_usize().map_or(true, |elements| elements > largest_input) {
            continue;
        }
        // An error is told when the whole is optimised or run.
        let Ok(Some(results)) = node.op.eval_out_of_plan(inputs) else { continue };
        let result = results.into_iter().next().context("an operator without result")?;
        let mut patch = TypedModelPatch::default();
        let wire = patch.add_const(&node.name, result.into_arc_tensor())?;
        patch.shunt_outside(model, id.into(), wire)?;
        patch.apply(model)?;
    }
    Ok(())
}

fn check_ends(model: &InferenceModel, spec: &ModelSpec) -> Result<(), NetworkProblem> {
    let inputs = model.inputs.len();
    let outputs = model.outputs.len();
    if inputs != 1 || outputs != spec.outputs.len() {
        return Err(NetworkProblem::Shape(format!(
            "has {inputs} inputs and {outputs} outputs, expected 1 and {}",
            spec.outputs.len()
        )));
    }
    for (outlet, output) in model.outputs.iter().zip(&spec.outputs) {
        let name = model.outlet_label(*outlet).unwrap_or_default();
        if !output.name.is_empty() && name != output.name {
            return Err(NetworkProblem::Shape(format!(
                "has an output `{name}` where `{}` is expected",
                output.name
            )));
        }
    }
    if spec.job == Job::Expression
        && spec.outputs.iter().map(OutputSpec::len).sum::<usize>() != spec.classes.len()
    {
        return Err(NetworkProblem::Shape(format!(
            "is described with {} classes but other outputs: {:?}",
            spec.classes.len(),
            spec.outputs
        )));
    }
    Ok(())
}

/// The file's own input shape must allow the described one; a batch or size it leaves open does.
fn check_input(model: &InferenceModel, shape: &[usize; 4]) -> Result<(), NetworkProblem> {
    let fact =
        model.input_fact(0).map_err(|error| NetworkProblem::Malformed(format!("{error:#}")))?;
    let allows = |dimension: &DimFact, described: usize| {
        let fixed = dimension.concretize().and_then(|dimension| dimension.to_usize().ok());
        fixed.is_none_or(|fixed| fixed == described)
    };
    let rank = fact.shape.rank().concretize();
    let type_allows = fact.datum_type().is_none_or(|found| found == f32::datum_type());
    let shape_allows =
        fact.shape.dims().zip(shape).all(|(dimension, &described)| allows(dimension, described));
    if type_allows && rank.is_none_or(|rank| rank == 4) && shape_allows {
        return Ok(());
    }
    Err(NetworkProblem::Shape(format!(
        "takes {fact:?}, described as f32 of shape {shape:?}: correct `width`, `height` or `layout`"
    )))
}

fn golden_pixels(path: &Path, spec: &ModelSpec) -> Result<Vec<u8>, String> {
    let picture = files::decode_picture(path)?;
    let size = (spec.input.width, spec.input.height);
    if (picture.width(), picture.height()) != size {
        return Err(format!(
            "has {} x {} pixels, expected {size:?}",
            picture.width(),
            picture.height()
        ));
    }
    Ok(match spec.input.colour {
        Colour::Rgb => picture.into_rgb8().into_raw(),
        Colour::Grey => picture.into_luma8().into_raw(),
    })
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    format!("the file makes the network library fail ({})", crate::panic::message(panic))
}

/// The largest of some numbers that are not negative; NaN where one is, which no comparison lets through then.
fn largest(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(
        0.0,
        |largest, number| {
            if number <= largest || largest.is_nan() { largest } else { number }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Manifest;

    /// WeiNet has weights above the 4 MiB that tract widens by itself, MobileNetV3 has not.
    #[test]
    fn nothing_is_left_in_int8_to_be_widened_in_every_evaluation() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let manifest = Manifest::read(&models).unwrap();
        for name in ["weinet-7", "mobilenetv3-7"] {
            let spec = manifest.find(name, Job::Expression).unwrap();
            let bytes = std::fs::read(models.join(format!("{name}.onnx"))).unwrap();
            let plan = plan(&bytes, spec, None).unwrap();
            let narrow: Vec<&str> = plan
                .model()
                .nodes()
                .iter()
                .filter(|node| node.outputs.iter().any(|o| o.fact.datum_type == i8::datum_type()))
                .map(|node| node.name.as_str())
                .collect();
            assert!(narrow.is_empty(), "{name}: {narrow:?}");
        }
    }

    #[test]
    fn no_number_hides_a_nan() {
        assert_eq!(largest([0.5, 2.0, 1.0].into_iter()), 2.0);
        for place in 0..3 {
            let mut numbers = [0.5, 2.0, 1.0];
            numbers[place] = f32::NAN;
            assert!(largest(numbers.into_iter()).is_nan(), "at {place}");
        }
    }
}
