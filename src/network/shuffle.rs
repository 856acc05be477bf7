//! Shuffles what a network has learnt, for the model parameter randomisation test (Adebayo et al. 2018, "Sanity Checks for
//! Saliency Maps"): an explanation that does not change when the weights do says nothing about the network.
//!
//! The paper draws new weights. Here the stored ones change places within their tensor, which keeps its distribution of values
//! and its quantisation, and needs no assumption of how a layer's weights are initialised.

use std::collections::HashSet;

use tract_onnx::pb::{ModelProto, TensorProto, tensor_proto::DataType};

use super::onnx_guard;
use crate::random::Stream;

/// Permutes the values within each stored tensor of weights: floating-point numbers and 8-bit integers, whichever way they
/// are stored. Wider integers are shapes, axes and positions and stay, as do numbers that size an operator's output.
///
/// A tensor is permuted as it is stored: of weights quantised per channel, the integers, the scales and the zero points
/// each among themselves.
///
/// Cost: one draw per value.
///
/// # Errors
/// When there is nothing to shuffle: the network would be taken for another one and is the same.
pub fn shuffle(model: &mut ModelProto, stream: &mut Stream) -> Result<(), String> {
    let graph = model.graph.as_mut().ok_or("it holds no graph")?;
    let sizes: HashSet<String> = graph.node.iter().flat_map(onnx_guard::sizes).cloned().collect();
    let mut shuffled = false;
    for tensor in &mut graph.initializer {
        if !sizes.contains(&tensor.name) {
            shuffled |= shuffle_tensor(tensor, stream);
        }
    }
    for node in &mut graph.node {
        let is_size = node.output.iter().any(|output| sizes.contains(output));
        if node.op_type == "Constant" && !is_size {
            for attribute in &mut node.attribute {
                shuffled |= shuffle_values(&mut attribute.floats, stream);
                if let Some(tensor) = &mut attribute.t {
                    shuffled |= shuffle_tensor(tensor, stream);
                }
            }
        }
    }
    if shuffled { Ok(()) } else { Err("it stores no weights that could be shuffled".to_owned()) }
}

/// Whether there was something to shuffle.
fn shuffle_tensor(tensor: &mut TensorProto, stream: &mut Stream) -> bool {
    let raw = tensor.raw_data.as_mut_slice();
    let raw_shuffled = match DataType::try_from(tensor.data_type) {
        Ok(DataType::Int8 | DataType::Uint8) => shuffle_values(raw, stream),
        Ok(DataType::Float16 | DataType::Bfloat16) => {
            shuffle_values(raw.as_chunks_mut::<2>().0, stream)
        }
        Ok(DataType::Float) => shuffle_values(raw.as_chunks_mut::<4>().0, stream),
        Ok(DataType::Double) => shuffle_values(raw.as_chunks_mut::<8>().0, stream),
        _ => return false,
    };
    // One element per entry here; 8-bit integers and 16-bit floats are among the `int32_data`.
    raw_shuffled
        | shuffle_values(&mut tensor.float_data, stream)
        | shuffle_values(&mut tensor.int32_data, stream)
        | shuffle_values(&mut tensor.double_data, stream)
}

/// Whether there were at least two.
fn shuffle_values<T>(values: &mut [T], stream: &mut Stream) -> bool {
    stream.shuffle(values);
    values.len() > 1
}

#[cfg(test)]
mod tests {
    use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto};

    use super::*;

    const VALUES: i32 = 100;

    fn stream(seed: u64) -> Stream {
        Stream::new(seed, "shuffle", "test")
    }

    fn tensor(name: &str, data_type: DataType) -> TensorProto {
        TensorProto {
            name: name.to_owned(),
            dims: vec![VALUES.into()],
            data_type: data_type as i32,
            ..Default::default()
        }
    }

    fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        NodeProto {
            op_type: operator.to_owned(),
            input: names(inputs),
            output: names(outputs),
            ..Default::default()
        }
    }

    fn model(initializer: Vec<TensorProto>, node: Vec<NodeProto>) -> ModelProto {
        let graph = GraphProto { initializer, node, ..Default::default() };
        ModelProto { graph: Some(graph), ..Default::default() }
    }

    fn shuffled(mut model: ModelProto, seed: u64) -> GraphProto {
        shuffle(&mut model, &mut stream(seed)).unwrap();
        model.graph.unwrap()
    }

    fn floats(name: &str) -> TensorProto {
        let float_data = (0..VALUES).map(|value| value as f32).collect();
        TensorProto { float_data, ..tensor(name, DataType::Float) }
    }

    #[test]
    fn the_same_values_take_the_same_places_whichever_way_they_are_stored() {
        let bytes = || 0..VALUES as u8;
        let numbers = || (0..VALUES).map(f64::from);
        let stored = [
            floats("float_data"),
            TensorProto {
                raw_data: numbers().flat_map(|value| (value as f32).to_le_bytes()).collect(),
                ..tensor("raw f32", DataType::Float)
            },
            TensorProto {
                raw_data: numbers().flat_map(f64::to_le_bytes).collect(),
                ..tensor("raw f64", DataType::Double)
            },
            TensorProto { double_data: numbers().collect(), ..tensor("f64", DataType::Double) },
            TensorProto { raw_data: bytes().collect(), ..tensor("raw i8", DataType::Int8) },
            TensorProto { raw_data: bytes().collect(), ..tensor("raw u8", DataType::Uint8) },
            TensorProto { int32_data: (0..VALUES).collect(), ..tensor("u8", DataType::Uint8) },
            TensorProto {
                raw_data: bytes().flat_map(|value| u16::from(value).to_le_bytes()).collect(),
                ..tensor("raw f16", DataType::Float16)
            },
        ];
        let mut expected: Vec<i32> = (0..VALUES).collect();
        stream(1).shuffle(&mut expected);
        for tensor in stored {
            let graph = shuffled(model(vec![tensor], Vec::new()), 1);
            let tensor = &graph.initializer[0];
            let raw = tensor.raw_data.as_slice();
            let found: Vec<i32> = match tensor.name.as_str() {
                "float_data" => tensor.float_data.iter().map(|&value| value as i32).collect(),
                "f64" => tensor.double_data.iter().map(|&value| value as i32).collect(),
                "u8" => tensor.int32_data.clone(),
                "raw f16" => {
                    raw.as_chunks().0.iter().map(|&b| u16::from_le_bytes(b).into()).collect()
                }
                "raw f32" => {
                    raw.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b) as i32).collect()
                }
                "raw f64" => {
                    raw.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as i32).collect()
                }
                _ => raw.iter().map(|&byte| byte.into()).collect(),
            };
            assert_eq!(found, expected, "{}", tensor.name);
        }
    }

    #[test]
    fn each_tensor_is_shuffled_its_own_way_and_by_the_stream() {
        let both = || model(vec![floats("a"), floats("b")], Vec::new());
        let graph = shuffled(both(), 1);
        assert_ne!(graph.initializer[0].float_data, graph.initializer[1].float_data);
        assert_eq!(graph, shuffled(both(), 1));
        assert_ne!(graph, shuffled(both(), 2));
    }

    #[test]
    fn constant_nodes_are_shuffled() {
        let mut in_tensor = node("Constant", &[], &["a"]);
        in_tensor.attribute = vec![AttributeProto { t: Some(floats("")), ..Default::default() }];
        let mut in_list = node("Constant", &[], &["b"]);
        in_list.attribute =
            vec![AttributeProto { floats: floats("").float_data, ..Default::default() }];
        let graph = shuffled(model(Vec::new(), vec![in_tensor, in_list]), 1);
        let tensor = graph.node[0].attribute[0].t.as_ref().unwrap();
        for mut found in [tensor.float_data.clone(), graph.node[1].attribute[0].floats.clone()] {
            assert_ne!(found, floats("").float_data);
            found.sort_by(f32::total_cmp);
            assert_eq!(found, floats("").float_data);
        }
    }

    #[test]
    fn shapes_sizes_and_scalars_stay() {
        let shape =
            TensorProto { int64_data: (0..100).collect(), ..tensor("shape", DataType::Int64) };
        let axes =
            TensorProto { int32_data: (0..100).collect(), ..tensor("axes", DataType::Int32) };
        let scalar = TensorProto { float_data: vec![3.0], ..tensor("scalar", DataType::Float) };
        let kept = vec![shape, axes, scalar, floats("scales")];
        let mut constant = node("Constant", &[], &["more scales"]);
        constant.attribute = vec![AttributeProto { t: Some(floats("")), ..Default::default() }];
        let nodes = vec![
            constant,
            node("Resize", &["picture", "", "scales"], &["larger"]),
            node("Upsample", &["larger", "more scales"], &["largest"]),
        ];
        let with_weights =
            model(kept.iter().cloned().chain([floats("weights")]).collect(), nodes.clone());
        let graph = shuffled(with_weights, 1);
        assert_eq!(graph.initializer[..4], kept);
        assert_ne!(graph.initializer[4], floats("weights"));
        assert_eq!(graph.node, nodes);
        // Nothing but these: to hand back the same network as a shuffled one would pass any explanation.
        let error = shuffle(&mut model(kept, nodes), &mut stream(1)).unwrap_err();
        assert!(error.contains("no weights"), "{error}");
    }
}
