//! Networks that are refused, and a user's network that is taken.

mod common;

use std::path::{Path, PathBuf};

use ferscope::appliance::{self, FaceFinder, Options};
use ferscope::network::{Classifier, Job, Manifest, ModelSpec, Network};
use ferscope::random::Stream;

fn manifest() -> Manifest {
    Manifest::read(&common::repository().join("models")).unwrap()
}

fn expression_spec() -> ModelSpec {
    manifest().find(appliance::DEFAULT_NETWORK, Job::Expression).unwrap().clone()
}

/// Loads bytes as if they were the expression network, without checksum and golden pair.
fn load(bytes: &[u8]) -> Result<Network, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hostile.onnx"), bytes).unwrap();
    let spec =
        ModelSpec { file: "hostile.onnx".into(), sha256: None, golden: None, ..expression_spec() };
    Network::load(spec, folder.path(), 1).map_err(|error| {
        let text = error.to_string();
        assert!(text.contains("hostile.onnx"), "the message names the file: {text}");
        text
    })
}

fn genuine() -> Vec<u8> {
    std::fs::read(common::repository().join("models").join(expression_spec().file)).unwrap()
}

#[test]
fn every_shipped_network_passes_its_checks() {
    let manifest = manifest();
    assert!(manifest.models.len() >= 4);
    for model in &manifest.models {
        assert!(model.sha256.is_some() && model.golden.is_some(), "{}", model.name);
        assert!(!model.licence.is_empty() && !model.source.is_empty(), "{}", model.name);
        Network::load(model.clone(), &manifest.folder, 1).unwrap();
    }
}

#[test]
fn another_file_under_the_same_name_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let spec = expression_spec();
    let mut bytes = genuine();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.path().join(&spec.file), bytes).unwrap();
    let error = Network::load(spec, folder.path(), 1).err().unwrap().to_string();
    assert!(error.contains("sha256"), "{error}");
}

#[test]
fn a_network_that_answers_otherwise_is_refused() {
    let manifest = manifest();
    let mut spec = expression_spec();
    // The same golden output, asked with another picture.
    spec.golden.as_mut().unwrap().input = "golden/face-112.png".into();
    spec.input.range = [0.0, 128.0];
    let error = Network::load(spec, &manifest.folder, 1).err().unwrap().to_string();
    assert!(error.contains("golden"), "{error}");
}

#[test]
fn wrong_descriptions_are_told() {
    let manifest = manifest();
    let mut wrong_size = expression_spec();
    wrong_size.input.width = 96;
    wrong_size.input.height = 96;
    let mut wrong_classes = expression_spec();
    wrong_classes.classes.pop();
    let mut wrong_output = expression_spec();
    wrong_output.outputs[0].shape = vec![1, 8];
    for spec in [wrong_size, wrong_classes, wrong_output] {
        let error = Network::load(spec, &manifest.folder, 1).err().unwrap().to_string();
        assert!(error.contains("face-api-expression.onnx"), "{error}");
    }
}

#[test]
fn truncated_files_are_refused_wherever_they_end() {
    let bytes = genuine();
    for share in 0..40 {
        let length = bytes.len() * share / 40;
        assert!(load(&bytes[..length]).is_err(), "cut at {length}");
    }
}

#[test]
fn damaged_files_never_panic() {
    let bytes = genuine();
    let mut stream = Stream::new(1, "test", "damage");
    for _ in 0..60 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + stream.below(8) {
            // Mostly in the structure: names, shapes and attributes lie between the weights.
            let place = stream.below(damaged.len());
            damaged[place] = stream.bits() as u8;
        }
        // Either outcome is fine, a changed weight is no fault of form; a panic is not.
        let _ = load(&damaged);
    }
}

#[test]
fn hostile_structures_are_refused_with_the_node_named() {
    use tract_onnx::pb;
    use tract_onnx::prelude::Framework;

    let genuine = tract_onnx::onnx().proto_model_for_read(&mut genuine().as_slice()).unwrap();
    let refused = |change: &dyn Fn(&mut pb::GraphProto)| {
        let mut model = genuine.clone();
        change(model.graph.as_mut().unwrap());
        load(&prost::Message::encode_to_vec(&model)).err().expect("must be refused")
    };
    let first_name = genuine.graph.as_ref().unwrap().initializer[0].name.clone();

    let error = refused(&|graph| graph.initializer[0].dims = vec![1 << 40, 1 << 40]);
    assert!(error.contains(&first_name), "{error}");
    let error = refused(&|graph| graph.initializer[0].dims = vec![-3]);
    assert!(error.contains(&first_name) && error.contains("negative"), "{error}");
    let error = refused(&|graph| {
        graph.initializer[0].data_location = Some(pb::tensor_proto::DataLocation::External as i32);
        graph.initializer[0].external_data = vec![pb::StringStringEntryProto {
            key: "location".to_owned(),
            value: "../../../etc/passwd".to_owned(),
        }];
    });
    assert!(error.contains(&first_name) && error.contains("another file"), "{error}");
    let error = refused(&|graph| graph.node[0].input[0] = "nowhere".to_owned());
    assert!(error.contains("nowhere"), "{error}");
    let error = refused(&|graph| graph.output[0].name = "nothing".to_owned());
    assert!(error.contains("nothing"), "{error}");
    let error = refused(&|graph| {
        graph.node[0].op_type = "Loop".to_owned();
        graph.node[0].name = "endless".to_owned();
    });
    assert!(error.contains("endless"), "{error}");
    let error = refused(&|graph| {
        graph.node[0].op_type = "NoSuchOperator".to_owned();
        graph.node[0].name = "unheard-of".to_owned();
    });
    assert!(error.contains("unheard-of"), "{error}");
    let error = refused(&|graph| graph.node[0].domain = "example.org".to_owned());
    assert!(error.contains("example.org"), "{error}");
    let error = refused(&|graph| graph.node[0].op_type = "RandomUniformLike".to_owned());
    assert!(error.contains("another each time"), "{error}");
    let error = refused(&|graph| graph.node[1].output = graph.node[0].output.clone());
    assert!(error.contains("exists already"), "{error}");
    let error = refused(&|graph| graph.initializer.push(graph.initializer[0].clone()));
    assert!(error.contains(&first_name) && error.contains("two of that name"), "{error}");
    let error = refused(&|graph| {
        let is_strided =
            |node: &&mut pb::NodeProto| node.attribute.iter().any(|a| a.name == "strides");
        let node = graph.node.iter_mut().find(is_strided).unwrap();
        let attribute = node.attribute.iter_mut().find(|a| a.name == "strides").unwrap();
        attribute.ints = vec![0, 0];
        node.name = "standing still".to_owned();
    });
    assert!(error.contains("standing still") && error.contains("above 0"), "{error}");
    let error = refused(&|graph| graph.node = vec![graph.node[0].clone(); 10_001]);
    assert!(error.contains("10001 nodes"), "{error}");
}

/// A node that makes `name`, put before all others.
fn prepend(graph: &mut tract_onnx::pb::GraphProto, operator: &str, inputs: &[&str], name: &str) {
    let node = tract_onnx::pb::NodeProto {
        name: name.to_owned(),
        op_type: operator.to_owned(),
        input: inputs.iter().map(|input| (*input).to_owned()).collect(),
        output: vec![format!("{name}-output")],
        ..Default::default()
    };
    graph.node.insert(0, node);
}

#[test]
fn a_few_bytes_cannot_ask_for_any_amount_of_memory_or_time() {
    use tract_onnx::pb;
    use tract_onnx::prelude::Framework;

    let genuine = tract_onnx::onnx().proto_model_for_read(&mut genuine().as_slice()).unwrap();
    let refused = |change: &dyn Fn(&mut pb::GraphProto)| {
        let mut model = genuine.clone();
        let graph = model.graph.as_mut().unwrap();
        let size = |name: &str, data_type: pb::tensor_proto::DataType| pb::TensorProto {
            name: name.to_owned(),
            dims: vec![3],
            data_type: data_type as i32,
            ..Default::default()
        };
        graph.initializer.push(pb::TensorProto {
            int64_data: vec![1 << 20; 3],
            ..size("integers", pb::tensor_proto::DataType::Int64)
        });
        graph.initializer.push(pb::TensorProto {
            float_data: vec![1e6; 3],
            ..size("floats", pb::tensor_proto::DataType::Float)
        });
        graph.initializer.push(pb::TensorProto {
            int32_data: vec![1 << 20; 3],
            ..size("short-integers", pb::tensor_proto::DataType::Int32)
        });
        change(graph);
        let error = load(&prost::Message::encode_to_vec(&model)).err().expect("must be refused");
        assert!(error.contains("`bomb`"), "the message names the node: {error}");
        error
    };
    let picture = genuine.graph.as_ref().unwrap().input[0].name.as_str();
    for (operator, inputs) in [
        ("Expand", [picture, "integers"]),
        ("Tile", [picture, "short-integers"]),
        ("Resize", [picture, "floats"]),
        ("Pad", [picture, "integers"]),
    ] {
        let error = refused(&|graph| prepend(graph, operator, &inputs, "bomb"));
        assert!(error.contains("it asks for 1"), "{operator}: {error}");
        // Its size hidden behind a computation.
        let error = refused(&|graph| {
            prepend(graph, operator, &[inputs[0], "product-output"], "bomb");
            prepend(graph, "Mul", &[inputs[1], inputs[1]], "product");
        });
        assert!(error.contains("computed"), "{operator}: {error}");
    }
    for inputs in [["integers", "integers"], ["floats", "floats"]] {
        let error = refused(&|graph| prepend(graph, "MatMul", &inputs, "bomb"));
        assert!(error.contains("folded"), "{error}");
    }
    let error = refused(&|graph| prepend(graph, "ConstantOfShape", &["integers"], "bomb"));
    assert!(error.contains("folded"), "{error}");
    let error = refused(&|graph| prepend(graph, "Range", &["integers"; 3], "bomb"));
    assert!(error.contains("not supported"), "{error}");
}

#[test]
fn a_batch_left_open_is_fixed() {
    use tract_onnx::pb::{self, tensor_shape_proto::dimension::Value, type_proto};
    use tract_onnx::prelude::Framework;

    let mut model = tract_onnx::onnx().proto_model_for_read(&mut genuine().as_slice()).unwrap();
    let graph = model.graph.as_mut().unwrap();
    for end in graph.input.iter_mut().chain(&mut graph.output) {
        let Some(type_proto::Value::TensorType(tensor)) =
            end.r#type.as_mut().and_then(|t| t.value.as_mut())
        else {
            panic!("inputs and outputs are tensors");
        };
        let batch = pb::tensor_shape_proto::Dimension {
            value: Some(Value::DimParam("batch".to_owned())),
            ..Default::default()
        };
        tensor.shape.as_mut().unwrap().dim[0] = batch;
    }
    load(&prost::Message::encode_to_vec(&model)).unwrap();
}

/// A user's network: the shipped file under another name, with a description beside it.
fn users_network(folder: &Path, description: &str) -> PathBuf {
    let path = folder.join("mine.onnx");
    std::fs::write(&path, genuine()).unwrap();
    std::fs::write(folder.join("mine.toml"), description).unwrap();
    path
}

const DESCRIPTION: &str = r#"
classes = ["neutral", "Happiness", "sadness", "anger", "fear", "disgust", "surprise"]
[input]
width = 112
height = 112
colour = "grey"
range = [0.0, 255.0]
layout = "nchw"
"#;

#[test]
fn a_users_network_needs_only_a_short_description() {
    let folder = tempfile::tempdir().unwrap();
    let path = users_network(folder.path(), DESCRIPTION);
    let network = path.to_string_lossy().into_owned();
    let network = appliance::open_classifier(&Options { network, ..common::options() }).unwrap();
    assert_eq!(network.spec().name, "mine");
    assert_eq!(network.sha256(), expression_spec().sha256.unwrap());
}

#[test]
fn a_users_network_is_an_expression_network_whatever_its_description_says() {
    let folder = tempfile::tempdir().unwrap();
    let sha256 = expression_spec().sha256.unwrap().to_uppercase();
    let description = format!("job = \"landmarks\"\nsha256 = \"{sha256}\"\n{DESCRIPTION}");
    let path = users_network(folder.path(), &description);
    let shouted = path.with_extension("ONNX");
    std::fs::rename(&path, &shouted).unwrap();
    let network = shouted.to_string_lossy().into_owned();
    let network = appliance::open_classifier(&Options { network, ..common::options() }).unwrap();
    assert_eq!(network.spec().job, Job::Expression);
}

#[test]
fn names_of_the_manifest_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(manifest().folder.join("models.toml")).unwrap();
    let refused = |from: &str, to: &str| {
        std::fs::write(folder.path().join("models.toml"), text.replace(from, to)).unwrap();
        Manifest::read(folder.path()).err().unwrap().to_string()
    };
    assert!(refused("blazeface-back-192", "../out").contains("file names"));
    assert!(refused("blazeface-back-192", "net_CV3").contains("fold"));
    assert!(refused("\"blazeface-back-192\"", "\"blazeface-back-256\"").contains("two networks"));
}

#[test]
fn a_shipped_predictor_is_used_by_its_name_and_refused_when_it_is_another_file() {
    let options =
        Options { shape_predictor: Some("landmarks-68-trees".into()), ..common::options() };
    let picture = image::open(common::repository().join("demo/frame-010.jpg")).unwrap().to_rgb8();
    let place = |options: &Options| {
        FaceFinder::open(options).unwrap().faces(&picture, 64).unwrap().remove(0)
    };
    let (trees, network) = (place(&options), place(&common::options()));
    let pairs = trees.landmarks.points().iter().zip(network.landmarks.points());
    let mean = pairs.map(|(a, b)| (a[0] - b[0]).hypot(a[1] - b[1])).sum::<f32>() / 68.0;
    let width = trees.detection.bounding_box.width;
    // Two models of one face: alike, but not the same.
    assert!(mean > 0.0 && mean < 0.06 * width, "{mean} of {width}");

    let folder = tempfile::tempdir().unwrap();
    let spec = manifest().predictors.remove(0);
    let mut bytes = std::fs::read(manifest().folder.join(&spec.file)).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(folder.path().join(&spec.file), bytes).unwrap();
    let text = appliance::open_shipped_predictor(&spec, folder.path()).err().unwrap().to_string();
    assert!(text.contains("landmarks-68-trees.dat: has sha256"), "{text}");
}

#[test]
fn a_users_network_that_is_missing_or_not_described_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = users_network(folder.path(), DESCRIPTION);
    let error = |path: &Path| {
        let network = path.to_string_lossy().into_owned();
        let options = Options { network, ..common::options() };
        appliance::open_classifier(&options).err().unwrap().to_string()
    };
    assert!(error(&folder.path().join("nowhere.onnx")).contains("nowhere.onnx"));
    std::fs::remove_file(path.with_extension("toml")).unwrap();
    let text = error(&path);
    assert!(text.contains("mine.toml") && text.contains("classes"), "{text}");
}

#[test]
fn a_users_description_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    for (description, expected) in [
        ("", "input"),
        ("classes = [\"joy\"]", "joy"),
        // The name becomes part of a file name: it must not lead out of --out.
        (&format!("name = \"../../escaped\"\n{DESCRIPTION}"), "file names"),
        (&DESCRIPTION.replace("classes", "labels"), "labels"),
        (&DESCRIPTION.replace(", \"surprise\"", ""), "classes"),
        (&DESCRIPTION.replace("height = 112", "height = 96"), "square"),
        (&DESCRIPTION.replace("nchw", "nhwc"), "layout"),
        // `compare` would read its heatmaps as those of fold 2 of a network `my`.
        (&format!("name = \"my_CV2\"\n{DESCRIPTION}"), "fold"),
        (&DESCRIPTION.replace("surprise", "fear"), "`fear` twice"),
        (&format!("name = \"{}\"\n{DESCRIPTION}", "mine".repeat(30)), "too long"),
        // Softmax on probabilities gives probabilities again, of about 1/7 each.
        (&format!("logits = true\n{DESCRIPTION}"), "logits"),
        (&format!("sha256 = \"{}\"\n{DESCRIPTION}", "0".repeat(64)), "sha256"),
    ] {
        let path = users_network(folder.path(), description);
        let network = path.to_string_lossy().into_owned();
        let error = appliance::open_classifier(&Options { network, ..common::options() })
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(expected) && error.contains("mine"), "{error}");
    }
}

#[test]
fn a_shuffled_network_is_another_one_and_the_same_for_the_same_stream() {
    let manifest = manifest();
    for name in ["face-api-expression", "weinet-7", "mobilenetv3-7", "songnet-7"] {
        let spec = manifest.find(name, Job::Expression).unwrap();
        let golden = manifest.folder.join(&spec.golden.as_ref().unwrap().input);
        let crop = image::open(golden).unwrap().into_luma8();
        let probabilities = |mut network: Network| {
            let mut row = [0.0; 7];
            let write = |_: usize, pixels: &mut [u8]| pixels.copy_from_slice(&crop);
            Classifier::evaluate(&mut network, 1, &write, &mut row).unwrap();
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{name}: {row:?}");
            row
        };
        let shuffled = |seed| {
            let stream = &mut Stream::new(seed, "shuffle", name);
            let spec = spec.clone();
            Network::load_with_shuffled_parameters(spec, &manifest.folder, 1, stream).unwrap()
        };
        let genuine = probabilities(Network::load(spec.clone(), &manifest.folder, 1).unwrap());
        let [once, again, other] = [1, 1, 2].map(|seed| probabilities(shuffled(seed)));
        eprintln!("{name}: {genuine:?} becomes {once:?} or {other:?}");
        assert_eq!(once, again, "{name}");
        let apart = |a: [f32; 7], b: [f32; 7]| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        assert!(apart(genuine, once) > 0.01, "{name}: {genuine:?} {once:?}");
        assert!(apart(once, other) > 1e-4, "{name}: {once:?} {other:?}");
    }
}

#[test]
fn a_shuffled_network_passes_all_checks_but_the_golden_answer() {
    let manifest = manifest();
    let shuffled = |spec: ModelSpec| {
        let stream = &mut Stream::new(1, "shuffle", "checks");
        Network::load_with_shuffled_parameters(spec, &manifest.folder, 1, stream)
            .map_err(|error| error.to_string())
    };
    let network = shuffled(expression_spec()).unwrap();
    assert_eq!(network.sha256(), expression_spec().sha256.unwrap());
    let mut other_file = expression_spec();
    other_file.sha256 = Some("0".repeat(64));
    let mut other_size = expression_spec();
    other_size.input.width = 96;
    other_size.input.height = 96;
    for (spec, expected) in [(other_file, "sha256"), (other_size, "96")] {
        let error = shuffled(spec).err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
}
