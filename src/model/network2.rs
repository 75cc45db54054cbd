//! The JSON files of the book's network2.py (section 3.4).
//!
//! `{"sizes": [784, 30, 10], "weights": [...], "biases": [...], "cost": "CrossEntropyCost"}`; a
//! weight matrix has one row per unit, the transpose of ours, and biases are columns.

use super::{Members, Model, ModelError};
use crate::nn::layer::Dense;
use crate::nn::{Activation, Cost, Init, Layer, Network, Real};
use crate::protocol::printable;
use crate::spec::{Readout, Spec};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The allowed numbers of layers, including the input.
const LAYERS: std::ops::RangeInclusive<usize> = 2..=100;

#[derive(Serialize, Deserialize)]
struct Network2File {
    sizes: Vec<usize>,
    /// Layer, unit, input.
    weights: Vec<Vec<Vec<f64>>>,
    /// Layer, unit, a single value.
    biases: Vec<Vec<[f64; 1]>>,
    /// The name of a class in network2.py.
    cost: String,
}

pub(super) fn encode(file: &Path, model: &Model) -> Result<Vec<u8>, ModelError> {
    let unsupported = |problem: &str| ModelError::Unsupported {
        file: file.into(),
        problem: format!("network2's JSON supports {problem}"),
    };
    if model.members.is_ensemble() {
        return Err(unsupported("one network, not an ensemble"));
    }
    if model.spec().test_time_shifts {
        return Err(unsupported("no test-time shifts (test-time-shifts)"));
    }
    let cost = match model.network().cost {
        Cost::Quadratic => "QuadraticCost",
        Cost::CrossEntropy => "CrossEntropyCost",
        Cost::LogLikelihood => {
            return Err(unsupported("the quadratic and the cross-entropy cost only"));
        }
    };
    let mut saved = Network2File {
        sizes: vec![model.network().inputs()],
        weights: Vec::new(),
        biases: Vec::new(),
        cost: cost.into(),
    };
    for layer in &model.network().layers {
        let Layer::Dense(Dense { weights, biases, activation: Activation::Sigmoid }) = layer else {
            return Err(unsupported("dense layers of sigmoid neurons only"));
        };
        saved.sizes.push(biases.len());
        let weights = weights.view();
        let units = weights.columns();
        saved
            .weights
            .push(units.into_iter().map(|u| u.iter().map(|&w| f64::from(w)).collect()).collect());
        saved.biases.push(biases.iter().map(|&b| [f64::from(b)]).collect());
    }
    serde_json::to_vec(&saved)
        .map_err(|error| unsupported(&format!("finite numbers only: {error}")))
}

pub(super) fn decode(file: &Path, bytes: &[u8]) -> Result<Model, ModelError> {
    let saved: Network2File = serde_json::from_slice(bytes)
        .map_err(|error| ModelError::Foreign { file: file.into(), problem: error.to_string() })?;
    if !["QuadraticCost", "CrossEntropyCost"].contains(&saved.cost.as_str()) {
        let problem = format!(
            "its cost is the unknown class {}: `cost` may be \"QuadraticCost\" or \
             \"CrossEntropyCost\", and both give the same predictions",
            printable(&saved.cost)
        );
        return Err(ModelError::Import { file: file.into(), problem });
    }
    if let Some(tensor) = saved.not_finite() {
        return Err(ModelError::NotFinite {
            file: file.into(),
            tensor,
            value: "a number that is not finite".into(),
        });
    }
    saved.into_model().map_err(|problem| ModelError::Broken { file: file.into(), problem })
}

impl Network2File {
    /// The name of an array with a number that is out of range.
    fn not_finite(&self) -> Option<String> {
        let finite = |value: &f64| (*value as Real).is_finite();
        let layers = self.weights.iter().map(|rows| rows.iter().flatten().all(finite));
        let biases = self.biases.iter().map(|rows| rows.iter().flatten().all(finite));
        let wrong = |name: &str, index: usize| format!("{name}[{index}]");
        layers
            .enumerate()
            .find(|(_, finite)| !finite)
            .map(|(index, _)| wrong("weights", index))
            .or_else(|| {
                let mut biases = biases.enumerate();
                biases.find(|(_, finite)| !finite).map(|(index, _)| wrong("biases", index))
            })
    }

    fn into_model(self) -> Result<Model, String> {
        let sizes = &self.sizes;
        if !LAYERS.contains(&sizes.len()) {
            return Err(format!("`sizes` lists {} layers, not 2 to 100", sizes.len()));
        }
        let transitions = sizes.len() - 1;
        if self.weights.len() != transitions || self.biases.len() != transitions {
            return Err(format!(
                "{} layers need {transitions} arrays of weights and of biases, not {} and {}",
                sizes.len(),
                self.weights.len(),
                self.biases.len()
            ));
        }
        let cost = match self.cost.as_str() {
            "QuadraticCost" => Cost::Quadratic,
            "CrossEntropyCost" => Cost::CrossEntropy,
            other => {
                return Err(format!(
                    "`cost` is \"{other}\", not \"QuadraticCost\" or \"CrossEntropyCost\""
                ));
            }
        };
        let layers: Result<Vec<Layer>, String> = self
            .weights
            .iter()
            .zip(&self.biases)
            .zip(sizes.windows(2))
            .enumerate()
            .map(|(index, ((weights, biases), sizes))| {
                dense(weights, biases, sizes[0], sizes[1])
                    .map_err(|problem| format!("layer {}: {problem}", index + 1))
            })
            .collect();
        let (inputs, outputs) = (sizes[0], sizes[transitions]);
        let text: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let spec = Spec { layers: text.join(","), cost, init: Init::Scaled, ..Spec::default() };
        let spec =
            Spec { readout: if outputs == 1 { Readout::Is(0) } else { spec.readout }, ..spec };
        Ok(Model {
            members: Members::one(spec, Network { layers: layers?, cost }),
            image: image_of(inputs),
            channels: 1,
            classes: (0..outputs.max(2)).map(|class| class.to_string()).collect(),
            epoch: 0,
        })
    }
}

/// A layer with the sizes stated in the file.
fn dense(
    weights: &[Vec<f64>],
    biases: &[[f64; 1]],
    inputs: usize,
    units: usize,
) -> Result<Layer, String> {
    if inputs == 0 || units == 0 {
        return Err("a size of 0".into());
    }
    if weights.len() != units || biases.len() != units {
        return Err(format!(
            "{} rows of weights and {} biases for {units} units",
            weights.len(),
            biases.len()
        ));
    }
    if let Some(row) = weights.iter().find(|row| row.len() != inputs) {
        return Err(format!("a unit with {} weights for {inputs} inputs", row.len()));
    }
    Ok(Layer::Dense(Dense {
        weights: Array2::from_shape_fn((inputs, units), |(j, k)| weights[k][j] as Real).into(),
        biases: biases.iter().map(|[bias]| *bias as Real).collect::<Array1<Real>>(),
        activation: Activation::Sigmoid,
    }))
}

/// A square if the number of pixels is a square number, otherwise a single row.
fn image_of(inputs: usize) -> (usize, usize) {
    let side = inputs.isqrt();
    if side * side == inputs { (side, side) } else { (inputs, 1) }
}
