use super::*;

fn build(text: &str, dropout: f64) -> Result<Network, ArchitectureError> {
    let options = BuildOptions { dropout, ..BuildOptions::default() };
    text.parse::<Architecture>()?.build(Shape::image(28, 28), 10, &options, 1)
}

fn names(text: &str, dropout: f64) -> String {
    let network = build(text, dropout).unwrap();
    network.layers.iter().map(Layer::name).collect::<Vec<_>>().join("-")
}

#[test]
fn both_forms_build_the_same_network() {
    assert_eq!(build("784,30,10", 0.0), build("dense30-dense10", 0.0));
    assert_eq!(names(" 784, 30 ,10", 0.0), "dense30-dense10");
    assert_eq!(names("dense30-drop0.5-softmax10", 0.0), "dense30-drop0.5-softmax10");
    assert_eq!(names("784,10", 0.0), "dense10");
    let text = "rnn60-dense10";
    assert_eq!(names(text, 0.0), text);
    let text = "norm-conv4x5-norm-dense20-norm-dense10";
    assert_eq!(names(text, 0.0), text);
    let text = "conv20x5-pool2-conv40x5-ltwopool2-avgpool2-dense100-softmax10";
    assert_eq!(names(text, 0.0), text);
}

#[test]
fn dropout_is_added_after_hidden_layers_without_their_own() {
    assert_eq!(names("784,30,20,10", 0.25), "dense30-drop0.25-dense20-drop0.25-dense10");
    assert_eq!(
        names("dense30-drop0.5-dense20-dense10", 0.25),
        "dense30-drop0.5-dense20-drop0.25-dense10"
    );
}

#[test]
fn log_likelihood_makes_the_output_softmax() {
    let options = BuildOptions { cost: Cost::LogLikelihood, ..BuildOptions::default() };
    let architecture: Architecture = "784,30,10".parse().unwrap();
    let network = architecture.build(Shape::image(28, 28), 10, &options, 1).unwrap();
    assert_eq!(network.output_activation(), Activation::Softmax);
    assert_eq!(network.layers[0].activation(), Activation::Sigmoid);
}

#[test]
fn the_seed_determines_the_weights() {
    let architecture: Architecture = "784,30,10".parse().unwrap();
    let build = |seed| {
        architecture.build(Shape::image(28, 28), 10, &BuildOptions::default(), seed).unwrap()
    };
    assert_eq!(build(1), build(1));
    assert_ne!(build(1), build(2));
}

#[test]
fn errors_describe_the_problem() {
    for (text, expected) in [
        ("784", "at least an input and an output layer"),
        ("", "`` is not a whole number"),
        ("784,0,10", "a layer of 0 units"),
        ("784,-5,10", "`-5` is not a whole number above 0"),
        ("784,3.5,10", "`3.5` is not a whole number"),
        ("784,abc,10", "`abc` is not a whole number"),
        ("784,,10", "`` is not a whole number"),
        ("784,99999999999,10", "too large"),
        ("784,999999999999999999999999,10", "is not a whole number"),
        ("784,1000000,1000000,10", "at most 500000000 fit"),
        ("28,10", "784 pixels: begin with 784"),
        ("784,30,11", "end with 10"),
        ("dense30-pizza3-dense10", "`pizza3` is not a layer"),
        ("dense30-drop0.5", "last layer must be"),
        ("dense30-drop1.0-dense10", "is not a fraction from 0 to below 1"),
        ("softmax30-dense10", "is for the last layer"),
        ("dense30--dense10", "`` is not a layer"),
        ("dense-dense10", "`` is not a whole number"),
        ("conv20-dense10", "not of the form conv20x5"),
        ("conv20x29-dense10", "29 × 29 does not fit into maps of 28 × 28"),
        ("conv20x5-pool5-dense10", "does not divide maps of 24 × 24"),
        ("norm3-dense10", "`norm3` is not a layer"),
        ("dense30-norm", "last layer must be"),
        ("pool0-dense10", "a layer of 0 units"),
    ] {
        let error = build(text, 0.0).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
