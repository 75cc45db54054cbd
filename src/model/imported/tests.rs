use super::*;
use crate::data::Images;
use crate::nn::Layer;
use safetensors::tensor::{Dtype, TensorView};

/// A file of F32 tensors as written by PyTorch's `save_file`.
#[allow(clippy::unnecessary_cast, reason = "Real is f64 with the feature f64")]
fn file(tensors: &[(&str, &[usize], Vec<Real>)], metadata: &[(&str, &str)]) -> Vec<u8> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|&v| (v as f32).to_le_bytes()).collect())
        .collect();
    let views = tensors.iter().zip(&bytes).map(|((name, shape, _), bytes)| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), bytes).unwrap())
    });
    let metadata = metadata.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

fn load(bytes: &[u8], options: &LoadOptions) -> Result<(Model, Vec<String>), String> {
    Model::decode(Path::new("torch.safetensors"), bytes, options).map_err(|e| e.to_string())
}

/// Small distinct values of both signs.
fn values(count: usize) -> Vec<Real> {
    (0..count).map(|at| ((at * 37 % 101) as Real - 50.0) / 60.0).collect()
}

fn outputs(model: &Model, pixels: &[u8]) -> Vec<f64> {
    let (width, height) = model.image;
    let pixels = pixels.to_vec();
    let images = Images { width, height, channels: model.channels, pixels, labels: vec![0] };
    model.answer(&images).remove(0).outputs
}

fn relu_layers(text: &str) -> LoadOptions {
    LoadOptions {
        layers: Some(text.into()),
        activation: Some(Activation::Relu),
        ..LoadOptions::default()
    }
}

#[test]
fn linear_layers_in_both_orders_give_the_same_network() {
    let (w, v) = (values(12), values(6));
    // Units × inputs, and the transpose.
    let transposed = |w: &[Real], rows: usize, columns: usize| -> Vec<Real> {
        (0..rows * columns).map(|at| w[at % rows * columns + at / rows]).collect()
    };
    let torch = file(
        &[
            ("0.weight", &[3, 4], w.clone()),
            ("0.bias", &[3], values(3)),
            ("2.weight", &[2, 3], v.clone()),
            ("2.bias", &[2], values(2)),
        ],
        &[],
    );
    let own = file(
        &[
            ("layers.0.weights", &[4, 3], transposed(&w, 3, 4)),
            ("layers.0.biases", &[3], values(3)),
            ("layers.1.weights", &[3, 2], transposed(&v, 2, 3)),
            ("layers.1.biases", &[2], values(2)),
        ],
        &[],
    );
    let (torch, notes) = load(&torch, &LoadOptions::default()).unwrap();
    let (own, _) = load(&own, &LoadOptions::default()).unwrap();
    assert_eq!(torch.network().layers, own.network().layers);
    assert_eq!(torch.spec().layers, "4,3,2");
    assert_eq!((torch.image, torch.channels), ((2, 2), 1));
    let reported = notes.join("; ");
    for word in ["4,3,2", "sigmoid", "--activation", "--classes", "--mean"] {
        assert!(reported.contains(word), "{reported}");
    }
}

#[test]
fn arguments_override_the_metadata() {
    let tensors: [(&str, &[usize], Vec<Real>); 2] =
        [("fc.weight", &[2, 4], values(8)), ("fc.bias", &[2], values(2))];
    let metadata =
        [("activation", "tanh"), ("mean", "0.5"), ("std", "0.25"), ("classes", "cat, dog")];
    let bytes = file(&tensors, &metadata);
    let (model, notes) = load(&bytes, &LoadOptions::default()).unwrap();
    assert_eq!(model.classes, ["cat", "dog"]);
    assert_eq!(model.spec().activation, Activation::Tanh);
    assert!(!notes.join(" ").contains("--mean"), "{notes:?}");
    let specified = LoadOptions {
        classes: Some(vec!["a".into(), "b".into()]),
        mean: vec![0.0],
        std: vec![1.0],
        ..LoadOptions::default()
    };
    let (plain, _) = load(&bytes, &specified).unwrap();
    assert_eq!(plain.classes, ["a", "b"]);
    // Normalized pixels in the plain network are equivalent to plain pixels in the first one.
    let pixels = [0_u8, 51, 102, 255];
    let Layer::Dense(dense) = &plain.network().layers[0] else { panic!() };
    let x = pixels.map(|p| (f64::from(p) / 255.0 - 0.5) / 0.25);
    let z = |unit: usize| -> f64 {
        let sum = x.iter().enumerate().map(|(i, x)| x * f64::from(dense.weights.view()[[i, unit]]));
        sum.sum::<f64>() + f64::from(dense.biases[unit])
    };
    let (a, b) = (z(0).exp(), z(1).exp());
    let found = outputs(&model, &pixels);
    assert!((found[0] - a / (a + b)).abs() < 1e-5, "{found:?} {a} {b}");
}

/// A convolution with 2 maps over `channels`, pooling, and a linear layer, computed as in PyTorch.
fn torch_cnn(channels: usize, image: &[Real]) -> (Vec<u8>, Vec<f64>) {
    let (kernel, bias) = (values(2 * channels * 9), vec![0.1, -0.2]);
    let (weight, last) = (values(3 * 8), values(3));
    let side = 6;
    // Image, maps and their flattening are ordered (channel, row, column).
    let mut pooled = [Real::NEG_INFINITY; 2 * 4];
    for map in 0..2 {
        for y in 0..4 {
            for x in 0..4 {
                let mut sum = bias[map];
                for c in 0..channels {
                    for (dy, dx) in (0..9).map(|at| (at / 3, at % 3)) {
                        let pixel = image[(c * side + y + dy) * side + x + dx];
                        sum += kernel[((map * channels + c) * 3 + dy) * 3 + dx] * pixel;
                    }
                }
                let place = &mut pooled[(map * 2 + y / 2) * 2 + x / 2];
                *place = place.max(sum.max(0.0));
            }
        }
    }
    let z: Vec<f64> = (0..3)
        .map(|unit| {
            let sum =
                pooled.iter().enumerate().map(|(at, &a)| f64::from(weight[unit * 8 + at] * a));
            sum.sum::<f64>() + f64::from(last[unit])
        })
        .collect();
    let total: f64 = z.iter().map(|z| z.exp()).sum();
    let bytes = file(
        &[
            ("features.0.weight", &[2, channels, 3, 3], kernel),
            ("features.0.bias", &[2], bias),
            ("classifier.weight", &[3, 8], weight),
            ("classifier.bias", &[3], last),
        ],
        &[],
    );
    (bytes, z.iter().map(|z| z.exp() / total).collect())
}

#[test]
fn a_convolutional_network_matches_pytorch_in_grey_and_colour() {
    for channels in [1, 3] {
        // Interleaved as here, and planar as in PyTorch.
        let pixels: Vec<u8> = (0..36 * channels).map(|at| (at * 53 % 256) as u8).collect();
        let planar: Vec<Real> = (0..channels)
            .flat_map(|c| pixels.iter().skip(c).step_by(channels))
            .map(|&p| Real::from(p) / 255.0)
            .collect();
        let (bytes, expected) = torch_cnn(channels, &planar);
        let (model, notes) = load(&bytes, &relu_layers("conv2x3-pool2-softmax3")).unwrap();
        assert_eq!((model.image, model.channels), ((6, 6), channels), "{notes:?}");
        let found = outputs(&model, &pixels);
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "{channels}: {found} {expected}");
        }
        let error = load(&bytes, &LoadOptions::default()).unwrap_err();
        assert!(error.contains("--layers"), "{error}");
    }
}

#[test]
fn batch_normalization_has_the_epsilon_of_the_framework() {
    let [torch, keras] = [
        (["weight", "bias", "running_mean", "running_var"], 1e-5),
        (["gamma", "beta", "moving_mean", "moving_variance"], 1e-3),
    ]
    .map(|([gamma, beta, mean, variance], epsilon)| {
        let of = |part: &str| -> &'static str { format!("1.{part}").leak() };
        let bytes = file(
            &[
                ("0.weight", &[2, 4], vec![1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
                ("0.bias", &[2], vec![0.0, 0.0]),
                (of(gamma), &[2], vec![1.0, 1.0]),
                (of(beta), &[2], vec![0.0, 0.0]),
                (of(mean), &[2], vec![0.0, 0.0]),
                // A small variance, so that ε counts.
                (of(variance), &[2], vec![0.003, 0.003]),
                ("2.weight", &[2, 2], vec![1.0, 0.0, 0.0, 1.0]),
                ("2.bias", &[2], vec![0.0, 0.0]),
            ],
            &[],
        );
        let (model, _) = load(&bytes, &relu_layers("dense2-norm-softmax2")).unwrap();
        let expected = 1.0 / f64::sqrt(0.003 + epsilon);
        // The outputs are softmax of (z₀, z₁) = (1, 0) / √(variance + ε).
        let odds = |outputs: Vec<f64>| (outputs[0] / outputs[1]).ln();
        (odds(outputs(&model, &[255, 0, 0, 0])), expected)
    });
    for (found, expected) in [torch, keras] {
        assert!((found / expected - 1.0).abs() < 1e-3, "{found} {expected}");
    }
}

#[test]
fn batch_normalization_is_folded_or_kept_after_an_activation() {
    let tensors = |norm: &'static str| {
        let of = |part: &str| -> &'static str { format!("{norm}.{part}").leak() };
        file(
            &[
                ("0.weight", &[2, 4], values(8)),
                ("0.bias", &[2], values(2)),
                (of("weight"), &[2], vec![2.0, 3.0]),
                (of("bias"), &[2], vec![0.5, -0.5]),
                (of("running_mean"), &[2], vec![0.25, -0.25]),
                (of("running_var"), &[2], vec![4.0, 0.25]),
                ("4.weight", &[2, 2], vec![1.0, 0.0, 0.0, 1.0]),
                ("4.bias", &[2], vec![0.0, 0.0]),
            ],
            &[],
        )
    };
    let pixels = [255, 0, 102, 51];
    let (weights, biases) = (values(8), values(2));
    let z: Vec<f64> = (0..2)
        .map(|unit| {
            let pairs = pixels.iter().zip(&weights[unit * 4..]);
            let sum: f64 = pairs.map(|(&p, &w)| f64::from(p) / 255.0 * f64::from(w)).sum();
            sum + f64::from(biases[unit])
        })
        .collect();
    let norm = |z: f64, unit: usize| {
        let (gamma, beta, mean, variance) = [(2.0, 0.5, 0.25, 4.0), (3.0, -0.5, -0.25, 0.25)][unit];
        gamma * (z - mean) / f64::sqrt(variance + 1e-5) + beta
    };
    let softmax = |z: [f64; 2]| z[0].exp() / (z[0].exp() + z[1].exp());
    // In a Sequential 1 directly follows 0, 2 follows an activation.
    let before = softmax([norm(z[0], 0).max(0.0), norm(z[1], 1).max(0.0)]);
    let after = softmax([norm(z[0].max(0.0), 0), norm(z[1].max(0.0), 1)]);
    for (name, layers, expected) in [
        ("1", "dense2-softmax2", before),
        ("1", "dense2-norm-softmax2", before),
        ("2", "dense2-norm-softmax2", after),
    ] {
        // With the text `dense2-norm`, a normalization before the activation was folded.
        let (model, _) = load(&tensors(name), &relu_layers(layers)).unwrap();
        let found = outputs(&model, &pixels)[0];
        assert!((found - expected).abs() < 1e-5, "{name} {layers}: {found} {expected}");
    }
    let error = load(&tensors("2"), &relu_layers("dense2-softmax2")).unwrap_err();
    assert!(error.contains("norm"), "{error}");
}

#[test]
fn a_mismatch_is_an_error_with_a_remedy() {
    let whole: [(&str, &[usize], Vec<Real>); 2] =
        [("a.weight", &[2, 4], values(8)), ("a.bias", &[2], values(2))];
    let bytes = file(&whole, &[]);
    let classes = LoadOptions { classes: Some(vec!["x".into()]), ..LoadOptions::default() };
    for (options, why) in [
        (relu_layers("4,3,2"), "3"),
        (relu_layers("4,2,2"), "fewer modules"),
        (classes, "1 classes"),
        (LoadOptions { std: vec![0.0], ..LoadOptions::default() }, "above 0"),
        (LoadOptions { mean: vec![0.0; 3], ..LoadOptions::default() }, "1 channels"),
    ] {
        let error = load(&bytes, &options).unwrap_err();
        assert!(error.contains(why) && error.contains("torch.safetensors"), "{why}: {error}");
    }
    let lstm = file(&[("rnn.weight_ih_l0", &[8, 4], values(32))], &[]);
    let error = load(&lstm, &LoadOptions::default()).unwrap_err();
    assert!(error.contains("rnn.weight_ih_l0"), "{error}");
    let mut torn = whole;
    torn[1].2[1] = Real::INFINITY;
    let error = load(&file(&torn, &[]), &LoadOptions::default()).unwrap_err();
    assert!(error.contains("a.bias") && error.contains("inf"), "{error}");
}

#[test]
fn names_are_ordered_by_the_numbers_in_them() {
    let mut names =
        ["10", "2", "conv10", "conv2", "a.1.b", "a.1.a"].map(|n| NaturalOrder(n.into()));
    names.sort();
    assert_eq!(names.map(|name| name.0), ["2", "10", "a.1.a", "a.1.b", "conv2", "conv10"]);
}
