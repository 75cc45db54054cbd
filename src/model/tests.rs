use super::*;
use crate::data::Images;
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Init, Layer, Real};
use crate::rng::{Purpose, stream};
use crate::spec::testing::dataset;
use proptest::prelude::*;
use std::fs;
use std::sync::Arc;

/// A network with random weights for images of 3×2 pixels.
fn model(hidden: usize, classes: usize, seed: u64) -> Model {
    model_of(Activation::Sigmoid, hidden, classes, seed)
}

fn model_of(activation: Activation, hidden: usize, classes: usize, seed: u64) -> Model {
    let mut stream = stream(seed, Purpose::Initialization, 0, 0);
    let mut dense = |inputs, units| {
        Layer::Dense(Dense::random(inputs, units, activation, Init::Large, &mut stream))
    };
    let layers = vec![dense(6, hidden), dense(hidden, classes)];
    let spec = Spec {
        layers: format!("6,{hidden},{classes}"),
        cost: Cost::CrossEntropy,
        seed,
        ..Spec::default()
    };
    Model {
        members: Members::one(spec, Network { layers, cost: Cost::CrossEntropy }),
        image: (3, 2),
        channels: 1,
        classes: (0..classes).map(|class| format!("class {class}")).collect(),
        epoch: 7,
    }
}

fn tensors() -> &'static Path {
    Path::new("m.safetensors")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn safetensors_round_trip_and_equal_models_give_equal_bytes(
        hidden in 1_usize..9, classes in 2_usize..6, seed: u64,
    ) {
        let model = model(hidden, classes, seed);
        let bytes = model.to_bytes(tensors()).unwrap();
        prop_assert_eq!(&bytes, &model.clone().to_bytes(tensors()).unwrap());
        prop_assert_eq!(Model::from_bytes(tensors(), &bytes).unwrap(), model);
    }

    #[test]
    fn network2_json_round_trips(hidden in 1_usize..9, classes in 2_usize..6, seed: u64) {
        let model = model(hidden, classes, seed);
        let json = Path::new("m.json");
        let back = Model::from_bytes(json, &model.to_bytes(json).unwrap()).unwrap();
        prop_assert_eq!(back.network(), model.network());
        prop_assert_eq!(&back.spec().layers, &model.spec().layers);
    }

    #[test]
    fn truncated_files_are_errors(cut in 0.0_f64..1.0) {
        for file in [tensors(), Path::new("m.json")] {
            let bytes = model(4, 3, 1).to_bytes(file).unwrap();
            let cut = (bytes.len() as f64 * cut) as usize;
            let error = Model::from_bytes(file, &bytes[..cut]).unwrap_err().to_string();
            prop_assert!(error.starts_with(&file.display().to_string()), "{}", error);
        }
    }

    #[test]
    fn changed_bytes_never_panic(at in 0.0_f64..1.0, value: u8) {
        for file in [tensors(), Path::new("m.json")] {
            let mut bytes = model(4, 3, 1).to_bytes(file).unwrap();
            let at = (bytes.len() as f64 * at) as usize;
            bytes[at] = value;
            let _ = Model::from_bytes(file, &bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_are_errors(bytes: Vec<u8>) {
        prop_assert!(Model::from_bytes(tensors(), &bytes).is_err());
        prop_assert!(Model::from_bytes(Path::new("m.json"), &bytes).is_err());
    }
}

#[test]
fn files_of_network2_py_have_one_row_per_unit() {
    // As json.dump writes Network([2, 1, 2], cost=QuadraticCost).
    let json = r#"{"sizes": [2, 1, 2], "weights": [[[0.5, -1.5]], [[2.0], [3.0]]],
        "biases": [[[0.25]], [[-1.0], [1.0]]], "cost": "QuadraticCost"}"#;
    let model = Model::from_bytes(Path::new("net.json"), json.as_bytes()).unwrap();
    assert_eq!(model.network().cost, Cost::Quadratic);
    assert_eq!(model.image, (2, 1));
    let array =
        |layer: usize, index: usize| model.network().layers[layer].parameters()[index].1.clone();
    assert_eq!(array(0, 0), ndarray::array![[0.5], [-1.5]].into_dyn());
    assert_eq!(array(1, 0), ndarray::array![[2.0, 3.0]].into_dyn());
    assert_eq!(array(1, 1), ndarray::array![-1.0, 1.0].into_dyn());
}

#[test]
fn inconsistent_network2_files_are_errors() {
    for (json, problem) in [
        (r#"{"sizes":[2],"weights":[],"biases":[],"cost":"QuadraticCost"}"#, "1 layers"),
        (r#"{"sizes":[2,1],"weights":[],"biases":[],"cost":"QuadraticCost"}"#, "arrays of weights"),
        (
            r#"{"sizes":[2,1],"weights":[[[1]]],"biases":[[[0]]],"cost":"QuadraticCost"}"#,
            "1 weights for 2",
        ),
        (r#"{"sizes":[2,0],"weights":[[]],"biases":[[]],"cost":"QuadraticCost"}"#, "size of 0"),
        (r#"{"sizes":[1,1],"weights":[[[1]]],"biases":[[[0]]],"cost":"Other"}"#, "Other"),
        (r#"{"sizes":[1,1]}"#, "missing field"),
    ] {
        let error =
            Model::from_bytes(Path::new("n.json"), json.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("n.json"), "{error}");
    }
}

#[test]
fn foreign_and_inconsistent_safetensors_are_errors() {
    let whole = model(4, 3, 1);
    let error = |bytes: &[u8]| Model::from_bytes(tensors(), bytes).unwrap_err();
    let foreign = safetensors_without_metadata();
    assert!(matches!(error(&foreign), ModelError::Import { .. }), "{}", error(&foreign));
    let text = error(b"no model at all");
    assert!(matches!(text, ModelError::Foreign { .. }), "{text}");
    let mut other = whole.clone();
    other.members.first_mut().spec.layers = "6,5,3".into();
    let other = error(&other.to_bytes(tensors()).unwrap()).to_string();
    assert!(other.contains("shape [6, 4], not [6, 5]"), "{other}");
    let mut fewer = whole.clone();
    fewer.members.first_mut().spec.layers = "6,4,4,3".into();
    let fewer = error(&fewer.to_bytes(tensors()).unwrap()).to_string();
    assert!(fewer.contains("4 tensors, its spec requires 6"), "{fewer}");
    let bytes = whole.to_bytes(tensors()).unwrap();
    let torn = error(&bytes[..bytes.len() - 1]);
    assert!(matches!(torn, ModelError::Broken { .. }), "{torn}");
}

fn safetensors_without_metadata() -> Vec<u8> {
    let data = [0_u8; 4];
    let tensor =
        ::safetensors::tensor::TensorView::new(::safetensors::Dtype::F32, vec![1], &data).unwrap();
    ::safetensors::serialize([("w", tensor)], None).unwrap()
}

#[test]
fn formats_are_recognised_by_content_not_by_name() {
    let whole = model(4, 3, 1);
    let json = whole.to_bytes(Path::new("m.json")).unwrap();
    let back = Model::from_bytes(tensors(), &json).unwrap();
    assert_eq!(back.network().layers, whole.network().layers);
    let bytes = whole.to_bytes(tensors()).unwrap();
    assert_eq!(Model::from_bytes(Path::new("m.json"), &bytes).unwrap(), whole);
}

#[test]
fn non_finite_numbers_are_errors_that_name_the_tensor() {
    let mut torn = model(4, 3, 1);
    let mut layers = torn.members.first_mut().network.layers.iter_mut();
    layers.nth(1).unwrap().parameters_mut()[0].1[[0, 0]] = Real::NAN;
    let bytes = torn.to_bytes(tensors()).unwrap();
    let error = Model::from_bytes(tensors(), &bytes).unwrap_err().to_string();
    assert!(error.contains("layers.1.weights") && error.contains("NaN"), "{error}");
    let json = r#"{"sizes":[1,1],"weights":[[[1e300]]],"biases":[[[0]]],"cost":"QuadraticCost"}"#;
    let read = Model::from_bytes(Path::new("n.json"), json.as_bytes());
    #[cfg(not(feature = "f64"))]
    assert!(read.unwrap_err().to_string().contains("weights[0]"));
    #[cfg(feature = "f64")]
    assert!(read.is_ok());
}

#[test]
fn network2_supports_only_sigmoid_networks() {
    let relu = model_of(Activation::Relu, 4, 3, 1);
    let error = relu.to_bytes(Path::new("m.json")).unwrap_err().to_string();
    assert!(error.contains("sigmoid") && error.contains(".safetensors"), "{error}");
}

#[test]
fn models_that_network2_cannot_represent_are_errors() {
    let mut moved = model(4, 3, 1);
    moved.members.first_mut().spec.test_time_shifts = true;
    let error = moved.to_bytes(Path::new("m.json")).unwrap_err().to_string();
    assert!(error.contains("test-time-shifts") && error.contains(".safetensors"), "{error}");
}

#[test]
fn a_model_that_cannot_be_written_is_saved_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gone/m.safetensors");
    let model = model(4, 3, 1);
    let Err(ModelError::Rescued { rescued, .. }) = model.save(&file) else {
        panic!("the directory is missing")
    };
    assert_eq!(Model::load(&rescued).unwrap(), model);
    fs::remove_file(rescued).unwrap();
}

#[test]
fn a_model_that_its_format_cannot_represent_is_saved_as_safetensors() {
    let dir = tempfile::tempdir().unwrap();
    let model = ensemble();
    let Err(ModelError::Kept { rescued, source }) = model.save(&dir.path().join("m.json")) else {
        panic!("network2 does not support ensembles")
    };
    assert!(matches!(*source, ModelError::Unsupported { .. }));
    assert_eq!(Model::load(&rescued).unwrap(), model);
    fs::remove_file(rescued).unwrap();
}

#[test]
fn an_unsuitable_format_is_an_error_before_training() {
    let (data, json) = (crate::spec::testing::dataset(), Path::new("m.json"));
    let plain = crate::spec::testing::spec();
    let check = |file, spec: &Spec, networks| Model::check_format(file, spec, networks, &data);
    assert!(check(json, &plain, 1).is_ok());
    assert!(check(json, &plain, 2).is_err());
    let relu = Spec { activation: Activation::Relu, ..plain };
    assert!(check(json, &relu, 1).is_err());
    assert!(check(Path::new("m.safetensors"), &relu, 2).is_ok());
}

#[test]
fn a_saved_file_can_be_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let model = model(4, 3, 1);
    let file = dir.path().join("m.safetensors");
    assert_eq!(model.save(&file).unwrap(), fs::metadata(&file).unwrap().len());
    assert_eq!(Model::load(&file).unwrap(), model);
}

#[test]
fn layers_without_parameters_are_restored_from_the_spec() {
    let spec = Spec {
        layers: "dense5-drop0.5-softmax3".into(),
        cost: Cost::LogLikelihood,
        ..Spec::default()
    };
    let network = crate::spec::build::skeleton(&spec, (3, 2), 1, 3).unwrap();
    let classes = vec!["a".into(), "b".into(), "c".into()];
    let mut model = Model {
        members: Members::one(spec, network),
        image: (3, 2),
        channels: 1,
        classes,
        epoch: 1,
    };
    for layer in &mut model.members.first_mut().network.layers {
        layer.parameters_mut().into_iter().for_each(|(_, mut array)| array.fill(0.25));
    }
    let bytes = model.to_bytes(tensors()).unwrap();
    assert_eq!(Model::from_bytes(tensors(), &bytes).unwrap(), model);
}

/// Three networks for the same images and classes.
fn ensemble() -> Model {
    Model::join([model(4, 3, 1), model(5, 3, 2), model(4, 3, 3)]).unwrap()
}

#[test]
fn ensembles_round_trip_and_single_networks_keep_their_format() {
    let whole = ensemble();
    let bytes = whole.to_bytes(tensors()).unwrap();
    assert_eq!(Model::from_bytes(tensors(), &bytes).unwrap(), whole);
    assert_eq!(bytes, whole.to_bytes(tensors()).unwrap());
    let one = String::from_utf8_lossy(&model(4, 3, 1).to_bytes(tensors()).unwrap()).into_owned();
    assert!(!one.contains("others") && !one.contains("members"), "{one}");
    let error = whole.to_bytes(Path::new("m.json")).unwrap_err().to_string();
    assert!(error.contains("ensemble") && error.contains(".safetensors"), "{error}");
}

#[test]
fn only_compatible_models_can_be_combined() {
    let nested = Model::join([model(2, 3, 9), ensemble()]).unwrap();
    assert_eq!(nested.networks().count(), 4, "all networks of an ensemble are added");
    assert_eq!(Model::join([]), Err(JoinError::Empty));
    let error = Model::join([model(4, 3, 1), model(4, 2, 1)]).unwrap_err().to_string();
    assert!(error.contains("model 2") && error.contains("classes"), "{error}");
    let mut moved = model(4, 3, 2);
    moved.members.first_mut().spec.test_time_shifts = true;
    let error = Model::join([model(4, 3, 1), moved]).unwrap_err().to_string();
    assert!(error.contains("model 2") && error.contains("test-time-shifts"), "{error}");
}

#[test]
fn training_images_of_a_member_are_not_used_for_validation() {
    let data = || Arc::new(dataset());
    let whole = ensemble();
    assert_eq!(whole.split(data()), data());
    let mut last = model(4, 3, 4);
    last.members.first_mut().spec.all_images = true;
    let whole = Model::join([whole, last]).unwrap();
    let divided = whole.split(data());
    assert!(divided.validation.is_empty());
    assert_eq!(divided.train.len(), data().train.len() + data().validation.len());
}

#[test]
fn distinct_architectures_are_listed_once() {
    let kinds = |models: [(usize, u64); 3]| {
        let models = models.map(|(hidden, seed)| model(hidden, 3, seed));
        Model::join(models).unwrap().architectures().join(" + ")
    };
    assert_eq!(kinds([(4, 1), (4, 2), (4, 3)]), model(4, 3, 1).spec().layers);
    let [four, five] = [4, 5].map(|hidden| model(hidden, 3, 1).spec().layers.clone());
    assert_eq!(kinds([(4, 1), (5, 2), (4, 3)]), format!("{four} + {five}"));
}

#[test]
fn an_ensemble_predicts_by_majority_vote() {
    let whole = ensemble();
    let pixels: Vec<u8> = (0..6 * 40).map(|at| (at * 89 % 256) as u8).collect();
    let labels = (0..40).map(|at| (at % 3) as u8).collect();
    let images = Images { width: 3, height: 2, channels: 1, pixels, labels };
    let alone: Vec<Vec<Answer>> = [model(4, 3, 1), model(5, 3, 2), model(4, 3, 3)]
        .iter()
        .map(|model| model.answer(&images))
        .collect();
    let together = whole.answer(&images);
    let mut split = 0;
    for (index, answer) in together.iter().enumerate() {
        let votes: Vec<usize> = alone.iter().map(|answers| answers[index].answer).collect();
        assert_eq!(answer.votes, votes);
        let count = |of: usize| votes.iter().filter(|&&vote| vote == of).count();
        assert!((0..3).all(|other| count(other) <= count(answer.answer)), "{votes:?}");
        split += usize::from(count(answer.answer) < 3);
    }
    assert!(split > 0, "the networks sometimes disagree");
    assert!(alone[0].iter().all(|answer| answer.votes.is_empty()), "a single network has no votes");
    let evaluation = whole.evaluate(&images);
    let right = together.iter().zip(&images.labels).filter(|(a, l)| a.answer == usize::from(**l));
    assert_eq!(evaluation.accuracy, Some(right.count() as f64 / 40.0));
    assert_eq!(evaluation.individual.len(), 3);
    assert_eq!(whole.evaluate_on(&images, 1), evaluation);
}
