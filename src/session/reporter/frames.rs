//! Decodes a script's answers to probes of its model.

use super::encoding::floats;
use super::message::number;
use crate::protocol::{Content, LayerStats, ProbeQuery, Tensor};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct WeightsMessage {
    /// Number of rows, then the shape of a row.
    shape: Vec<u32>,
    values: String,
    largest: f32,
}

#[derive(Deserialize)]
struct ActivationMessage {
    shape: Vec<u32>,
    values: String,
}

/// Decodes the answer to a probe.
///
/// # Errors
/// If the frame does not match the probe; the error says what is wrong.
pub(in crate::session) fn content(what: &ProbeQuery, frame: Value) -> Result<Content, String> {
    let problem = |error: serde_json::Error| error.to_string();
    match what {
        ProbeQuery::Weights { .. } => {
            let weights: WeightsMessage = serde_json::from_value(frame).map_err(problem)?;
            rows(&weights)
        }
        ProbeQuery::Biases { .. } => {
            let text = frame.get("values").and_then(Value::as_str).unwrap_or_default();
            let values = floats(text).ok_or("the values are not base64 of numbers")?;
            Ok(Content::Biases { values })
        }
        ProbeQuery::Histogram { .. } => {
            let end = |key: &str| frame.get(key).and_then(number).unwrap_or_default() as f32;
            let (low, high) = (end("low"), end("high"));
            let counts = frame.get("counts").cloned().unwrap_or_default();
            let counts = serde_json::from_value(counts).map_err(problem)?;
            Ok(Content::Histogram { low, high, counts })
        }
        ProbeQuery::Gradients => {
            let layers = frame.get("layers").and_then(Value::as_array).ok_or("has no layers")?;
            Ok(Content::Gradients { layers: layers.iter().map(layer).collect() })
        }
        ProbeQuery::Activations { .. } => {
            let layers = frame.get("layers").cloned().unwrap_or_default();
            let layers: Vec<ActivationMessage> = serde_json::from_value(layers).map_err(problem)?;
            let layers: Result<Vec<Tensor>, String> = layers.iter().map(activation).collect();
            Ok(Content::Activations { layers: layers? })
        }
        ProbeQuery::Digits(_)
        | ProbeQuery::Digit { .. }
        | ProbeQuery::Confusion
        | ProbeQuery::Snapshots => Err("scripts do not answer this probe".into()),
    }
}

fn rows(weights: &WeightsMessage) -> Result<Content, String> {
    let values = floats(&weights.values).ok_or("the weights are not base64 of numbers")?;
    let Some((&count, shape)) = weights.shape.split_first() else {
        return Err("the weights have no shape".into());
    };
    let shape = three(shape);
    let size = size_of(shape);
    if size == 0 || values.len() != size.saturating_mul(count as usize) {
        return Err(format!("{} weights for {count} rows of {shape:?}", values.len()));
    }
    let row = |values: &[f32]| Tensor { shape, values: values.to_vec() };
    Ok(Content::Weights { rows: values.chunks(size).map(row).collect(), largest: weights.largest })
}

fn activation(raw: &ActivationMessage) -> Result<Tensor, String> {
    let values = floats(&raw.values).ok_or("the activations are not base64 of numbers")?;
    let shape = three(&raw.shape);
    if size_of(shape) != values.len() {
        return Err(format!("{} activations for a shape of {shape:?}", values.len()));
    }
    Ok(Tensor { shape, values })
}

fn layer(value: &Value) -> LayerStats {
    let figure = |key: &str| value.get(key).and_then(number).unwrap_or(f64::NAN);
    LayerStats {
        layer: value.get("layer").and_then(Value::as_u64).unwrap_or_default() as u32,
        bias_gradient_norm: figure("biases"),
        weight_gradient_norm: figure("weights"),
        update_ratio: figure("update"),
        // Scripts do not report how many units are saturated.
        saturated: f64::NAN,
        dead: f64::NAN,
    }
}

/// The shape (maps, height, width) from one to three dimensions.
fn three(shape: &[u32]) -> [u32; 3] {
    match *shape {
        [] => [0, 0, 0],
        [width] => [1, 1, width],
        [height, width] => [1, height, width],
        [maps, height, width, ..] => [maps, height, width],
    }
}

fn size_of(shape: [u32; 3]) -> usize {
    shape.iter().fold(1_usize, |size, &side| size.saturating_mul(side as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn weights_are_decoded_to_tensors() {
        let what = ProbeQuery::Weights { layer: 0, first: 0, count: 2 };
        // [1, 1, 1, 1] in single precision.
        let values = "AACAPwAAgD8AAIA/AACAPw==";
        let frame = json!({"shape": [2, 2], "values": values, "largest": 1.0});
        let Ok(Content::Weights { rows, largest }) = content(&what, frame) else {
            panic!("weights")
        };
        assert_eq!((rows.len(), largest), (2, 1.0));
        assert_eq!(rows[1], Tensor { shape: [1, 1, 2], values: vec![1.0, 1.0] });
        let torn = json!({"shape": [2, 3], "values": values, "largest": 1.0});
        assert!(content(&what, torn).unwrap_err().contains("4 weights for 2 rows"));
        assert!(content(&ProbeQuery::Confusion, json!({})).is_err());
    }

    #[test]
    fn a_missing_norm_is_nan() {
        let frame = json!({"layers": [{"layer": 2, "weights": 0.5, "biases": null}]});
        let Ok(Content::Gradients { layers }) = content(&ProbeQuery::Gradients, frame) else {
            panic!("gradients")
        };
        assert_eq!((layers[0].layer, layers[0].weight_gradient_norm), (2, 0.5));
        assert!(layers[0].bias_gradient_norm.is_nan() && layers[0].update_ratio.is_nan());
    }
}
