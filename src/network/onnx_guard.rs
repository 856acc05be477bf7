//! Looks through an ONNX file before tract does, so that a truncated or hostile one is refused with the name of the
//! node at fault instead of a panic, an endless allocation, or a read outside the model's folder.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto,
};

/// The largest tensor a network may hold or make, in elements. The largest weight of the paper's networks (SilNet's first
/// dense layer) has 1.8e8.
pub const LARGEST_TENSOR: u64 = 1 << 28;

/// The most nodes: the library's time grows faster than their number. ResNet101, the paper's deepest network, has some 500.
const MOST_NODES: usize = 10_000;

/// Operators whose output size is the *value* of an input, so that a few bytes can ask for any amount of memory. That
/// input must be stored in the file, where it can be looked at.
const SIZED_BY_VALUE: [&str; 7] =
    ["ConstantOfShape", "Expand", "Tile", "Pad", "OneHot", "Resize", "Upsample"];

/// Operators that take much time for few numbers. Fed with stored numbers only, they would run while the file is loaded.
const COSTLY: [&str; 10] = [
    "MatMul",
    "MatMulInteger",
    "Gemm",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Einsum",
    "Tile",
    "Expand",
    "ConstantOfShape",
];

/// Operators that carry graphs of their own or make any number of elements. No network here needs them.
const REFUSED: [&str; 8] =
    ["If", "Loop", "Scan", "SequenceMap", "Range", "BlackmanWindow", "HannWindow", "HammingWindow"];

/// Operators whose answer is another each time.
const RANDOM: [&str; 6] = [
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Bernoulli",
    "Multinomial",
];

/// Attributes that are sizes or distances, and must be above 0 (padding may be 0 or negative).
const SIZES: [&str; 7] =
    ["kernel_shape", "strides", "dilations", "group", "output_shape", "block_size", "blocksize"];

/// Checks the whole file; the message names the node or tensor at fault.
pub fn check(model: &ModelProto) -> Result<(), String> {
    let graph = model.graph.as_ref().ok_or("it holds no graph: truncated, or not an ONNX file")?;
    if graph.node.is_empty() {
        return Err("its graph has no nodes".to_owned());
    }
    if graph.node.len() > MOST_NODES {
        return Err(format!(
            "its graph has {} nodes; at most {MOST_NODES} are allowed",
            graph.node.len()
        ));
    }
    let stored = stored_values(graph)?;
    // Initialisers may be listed among the inputs, as older files do.
    let mut known: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    known.extend(stored.keys());
    let mut made: HashSet<&str> = known.clone();
    // What the picture does not change.
    let mut constant: HashSet<&str> = stored.keys().copied().collect();
    for node in &graph.node {
        check_node(node, &known, &constant, &stored)?;
        let is_constant = node.input.iter().all(|input| constant.contains(input.as_str()));
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            let is_stored = node.op_type == "Constant";
            if !made.insert(output) && !is_stored {
                return Err(format!("node {}: `{output}` exists already", label(node)));
            }
            known.insert(output);
            if is_constant {
                constant.insert(output);
            }
        }
    }
    if graph.output.is_empty() {
        return Err("its graph has no output".to_owned());
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        Some(output) => Err(format!("output `{}` is made by no node", output.name)),
        None => Ok(()),
    }
}

/// Numbers stored in the file.
enum Stored<'a> {
    Tensor(&'a TensorProto),
    Attribute(&'a AttributeProto),
}

/// What is stored in the file by name: initialisers and `Constant` nodes.
fn stored_values(graph: &GraphProto) -> Result<HashMap<&str, Stored<'_>>, String> {
    let mut stored = HashMap::new();
    for tensor in &graph.initializer {
        check_tensor(tensor, &format!("initialiser `{}`", tensor.name))?;
        if stored.insert(tensor.name.as_str(), Stored::Tensor(tensor)).is_some() {
            return Err(format!("initialiser `{}`: there are two of that name", tensor.name));
        }
    }
    if !graph.sparse_initializer.is_empty() {
        return Err("it has sparse initialisers: export dense weights".to_owned());
    }
    for node in &graph.node {
        for attribute in &node.attribute {
            let tensors = attribute.t.iter().chain(&attribute.tensors);
            for tensor in tensors {
                check_tensor(
                    tensor,
                    &format!("node {}: tensor `{}`", label(node), attribute.name),
                )?;
            }
        }
        if let ("Constant", [attribute], Some(output)) =
            (node.op_type.as_str(), node.attribute.as_slice(), node.output.first())
        {
            let value = match &attribute.t {
                Some(tensor) => Stored::Tensor(tensor),
                None => Stored::Attribute(attribute),
            };
            if stored.insert(output.as_str(), value).is_some() {
                return Err(format!("node {}: `{output}` exists already", label(node)));
            }
        }
    }
    Ok(stored)
}

fn check_node(
    node: &NodeProto,
    known: &HashSet<&str>,
    constant: &HashSet<&str>,
    stored: &HashMap<&str, Stored>,
) -> Result<(), String> {
    let fail = |why: String| Err(format!("node {}: {why}", label(node)));
    let operator = node.op_type.as_str();
    if !["", "ai.onnx"].contains(&node.domain.as_str()) {
        return fail(format!(
            "it is of the operator set `{}`; only the standard one is supported",
            node.domain
        ));
    }
    if REFUSED.contains(&operator) {
        return fail("it is not supported: export a plain feed-forward graph".to_owned());
    }
    if RANDOM.contains(&operator) {
        return fail(
            "its answer is another each time: export the network for inference".to_owned(),
        );
    }
    if node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
    {
        return fail("it carries a graph of its own, which is not supported".to_owned());
    }
    let mut inputs = node.input.iter().filter(|input| !input.is_empty());
    if let Some(input) = inputs.clone().find(|input| !known.contains(input.as_str())) {
        return fail(format!("its input `{input}` is made by no earlier node"));
    }
    for attribute in &node.attribute {
        let name = attribute.name.as_str();
        let numbers =
            attribute.ints.iter().chain(attribute.ints.is_empty().then_some(&attribute.i));
        for &number in numbers {
            let is_size = SIZES.contains(&name);
            if (is_size || name == "pads") && number.unsigned_abs() > 1 << 20 {
                return fail(format!("attribute `{name}` is out of all proportion"));
            }
            if is_size && number < 1 {
                return fail(format!("attribute `{name}` is {number}; it must be above 0"));
            }
        }
    }
    if operator != "Constant"
        && COSTLY.contains(&operator)
        && inputs.all(|input| constant.contains(input.as_str()))
    {
        return fail("it depends on no input: export with constants folded".to_owned());
    }
    for input in sizes(node).iter().filter(|input| !input.is_empty()) {
        let Some(value) = stored.get(input.as_str()) else {
            return fail(format!(
                "its size `{input}` is computed, not stored: export with constants folded"
            ));
        };
        let elements = numbers(value)
            .into_iter()
            .fold(1.0f64, |product, value| product * value.abs().max(1.0));
        if elements.is_nan() || elements > LARGEST_TENSOR as f64 {
            return fail(format!(
                "it asks for {elements} elements; at most {LARGEST_TENSOR} are allowed"
            ));
        }
    }
    if operator == "Slice"
        && let Some(steps) = node.input.get(4).and_then(|steps| stored.get(steps.as_str()))
        && numbers(steps).contains(&0.0)
    {
        return fail("it has a step of 0".to_owned());
    }
    Ok(())
}

/// The inputs whose values decide how large a node's output is; none for most operators.
pub fn sizes(node: &NodeProto) -> &[String] {
    match node.input.as_slice() {
        inputs if !SIZED_BY_VALUE.contains(&node.op_type.as_str()) => &inputs[..0],
        // The first input of most is what is made larger; where it is a size it is the only one.
        [_, sizes @ ..] if !sizes.is_empty() => sizes,
        inputs => inputs,
    }
}

fn check_tensor(tensor: &TensorProto, place: &str) -> Result<(), String> {
    if tensor.data_location == Some(tensor_proto::DataLocation::External as i32)
        || !tensor.external_data.is_empty()
    {
        return Err(format!("{place} keeps its data in another file: save the model as one file"));
    }
    let mut elements = 1u64;
    for &dimension in &tensor.dims {
        let dimension = u64::try_from(dimension)
            .map_err(|_| format!("{place} has the negative dimension {dimension}"))?;
        elements = elements.saturating_mul(dimension);
    }
    if elements > LARGEST_TENSOR {
        return Err(format!(
            "{place} claims {elements} elements; at most {LARGEST_TENSOR} are allowed"
        ));
    }
    let Some(bytes) = element_bytes(tensor.data_type) else {
        return Err(format!("{place} has the unsupported data type {}", tensor.data_type));
    };
    let stored_raw = tensor.raw_data.len() as u64;
    let stored_typed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
    ];
    let typed = stored_typed.iter().copied().max().unwrap_or(0) as u64;
    if stored_raw > 0 && typed > 0 {
        return Err(format!("{place} is stored twice, in two forms"));
    }
    // A tensor without elements stores nothing in either form.
    if stored_raw != elements * bytes && typed != elements {
        return Err(format!(
            "{place} should hold {elements} elements of {bytes} bytes but stores {stored_raw} bytes: truncated?"
        ));
    }
    Ok(())
}

fn element_bytes(data_type: i32) -> Option<u64> {
    use tensor_proto::DataType;
    Some(match DataType::try_from(data_type).ok()? {
        DataType::Bool | DataType::Int8 | DataType::Uint8 => 1,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        _ => return None,
    })
}

/// The stored numbers; of types in which no size is written, none.
fn numbers(stored: &Stored) -> Vec<f64> {
    use tensor_proto::DataType;
    let tensor = match stored {
        Stored::Attribute(attribute) => {
            let floats = attribute.floats.iter().chain([&attribute.f]).map(|&f| f64::from(f));
            let integers = attribute.ints.iter().chain([&attribute.i]).map(|&i| i as f64);
            return floats.chain(integers).collect();
        }
        Stored::Tensor(tensor) => tensor,
    };
    let raw = tensor.raw_data.as_slice();
    let chunks = (raw.as_chunks::<4>().0, raw.as_chunks::<8>().0);
    match DataType::try_from(tensor.data_type) {
        Ok(DataType::Int64) if raw.is_empty() => {
            tensor.int64_data.iter().map(|&i| i as f64).collect()
        }
        Ok(DataType::Int64) => chunks.1.iter().map(|&b| i64::from_le_bytes(b) as f64).collect(),
        Ok(DataType::Int32) if raw.is_empty() => {
            tensor.int32_data.iter().map(|&i| i.into()).collect()
        }
        Ok(DataType::Int32) => chunks.0.iter().map(|&b| i32::from_le_bytes(b).into()).collect(),
        Ok(DataType::Float) if raw.is_empty() => {
            tensor.float_data.iter().map(|&f| f.into()).collect()
        }
        Ok(DataType::Float) => chunks.0.iter().map(|&b| f32::from_le_bytes(b).into()).collect(),
        Ok(DataType::Double) if raw.is_empty() => tensor.double_data.clone(),
        Ok(DataType::Double) => chunks.1.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        _ => Vec::new(),
    }
}

fn label(node: &NodeProto) -> String {
    let name = if node.name.is_empty() {
        node.output.first().map_or("?", String::as_str)
    } else {
        &node.name
    };
    format!("`{name}` ({})", node.op_type)
}
