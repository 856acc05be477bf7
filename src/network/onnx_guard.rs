//! Looks through an ONNX file before tract does, so that a truncated or hostile one is refused with the name of the
//! node at fault instead of a panic, an endless allocation, or a read outside the model's folder.

use std::collections::{HashMap, HashSet};

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, tensor_proto};

/// The largest tensor a network may hold or make, in elements. The largest weight of the paper's networks (SilNet's first
/// dense layer) has 1.8e8.
pub const LARGEST_TENSOR: u64 = 1 << 28;

/// Operators whose output size is the *value* of an input, so that a few bytes can ask for any amount of memory.
const SIZED_BY_VALUE: [&str; 6] = ["ConstantOfShape", "Expand", "Tile", "Range", "Pad", "OneHot"];

/// Operators that carry graphs of their own. No network here needs them.
const CONTROL_FLOW: [&str; 4] = ["If", "Loop", "Scan", "SequenceMap"];

/// Checks the whole file; the message names the node or tensor at fault.
pub fn check(model: &ModelProto) -> Result<(), String> {
    let graph = model.graph.as_ref().ok_or("it holds no graph: truncated, or not an ONNX file")?;
    if graph.node.is_empty() {
        return Err("its graph has no nodes".to_owned());
    }
    let constants = constants(graph)?;
    let mut known: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    known.extend(constants.keys());
    for node in &graph.node {
        check_node(node, &known, &constants)?;
        known.extend(node.output.iter().map(String::as_str));
    }
    if graph.output.is_empty() {
        return Err("its graph has no output".to_owned());
    }
    match graph.output.iter().find(|output| !known.contains(output.name.as_str())) {
        Some(output) => Err(format!("output `{}` is made by no node", output.name)),
        None => Ok(()),
    }
}

/// The tensors stored in the file by name: initialisers and `Constant` nodes.
fn constants(graph: &GraphProto) -> Result<HashMap<&str, &TensorProto>, String> {
    let mut constants = HashMap::new();
    for tensor in &graph.initializer {
        check_tensor(tensor, &format!("initialiser `{}`", tensor.name))?;
        constants.insert(tensor.name.as_str(), tensor);
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
                if let (true, Some(output)) = (node.op_type == "Constant", node.output.first()) {
                    constants.insert(output.as_str(), tensor);
                }
            }
        }
    }
    Ok(constants)
}

fn check_node(
    node: &NodeProto,
    known: &HashSet<&str>,
    constants: &HashMap<&str, &TensorProto>,
) -> Result<(), String> {
    let fail = |why: String| Err(format!("node {}: {why}", label(node)));
    if CONTROL_FLOW.contains(&node.op_type.as_str()) {
        return fail("control flow is not supported: export a plain feed-forward graph".to_owned());
    }
    if node.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
    {
        return fail("it carries a graph of its own, which is not supported".to_owned());
    }
    if let Some(input) =
        node.input.iter().find(|input| !input.is_empty() && !known.contains(input.as_str()))
    {
        return fail(format!("its input `{input}` is made by no earlier node"));
    }
    for attribute in &node.attribute {
        let largest = attribute.ints.iter().chain([&attribute.i]).map(|v| v.unsigned_abs()).max();
        let is_size = ["pads", "kernel_shape", "strides", "dilations", "group", "output_shape"]
            .contains(&attribute.name.as_str());
        if is_size && largest.is_some_and(|largest| largest > 1 << 20) {
            return fail(format!("attribute `{}` is out of all proportion", attribute.name));
        }
    }
    if SIZED_BY_VALUE.contains(&node.op_type.as_str()) {
        for tensor in node.input.iter().filter_map(|input| constants.get(input.as_str())) {
            let elements = integers(tensor)
                .iter()
                .fold(1u64, |product, &value| product.saturating_mul(value.unsigned_abs().max(1)));
            if elements > LARGEST_TENSOR {
                return fail(format!(
                    "it asks for {elements} elements; at most {LARGEST_TENSOR} are allowed"
                ));
            }
        }
    }
    Ok(())
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

fn integers(tensor: &TensorProto) -> Vec<i64> {
    if tensor.data_type != tensor_proto::DataType::Int64 as i32 {
        return Vec::new();
    }
    if tensor.raw_data.is_empty() {
        return tensor.int64_data.clone();
    }
    let (numbers, _) = tensor.raw_data.as_chunks::<8>();
    numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect()
}

fn label(node: &NodeProto) -> String {
    let name = if node.name.is_empty() {
        node.output.first().map_or("?", String::as_str)
    } else {
        &node.name
    };
    format!("`{name}` ({})", node.op_type)
}
