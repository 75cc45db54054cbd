//! The messages of a script, one JSON object per line.
//!
//! The type of an object follows from one characteristic key. Unknown keys are ignored, so that
//! newer clients can send more. All lists and texts are limited.

use super::encoding::base64;
use super::predictions::ReportedPredictions;
use crate::protocol::{LayerInfo, LogLevel, Media, MediaBody, Metrics};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Version of the protocol between scripts and sessions.
pub const REPORTER_PROTOCOL: u32 = 1;
/// Maximum number of metrics in a message.
const MAX_NAMES: usize = 1000;
/// Maximum length of a name in characters.
const MAX_NAME_LENGTH: usize = 200;
/// Maximum length of a text or of the value of a hyper-parameter in characters.
const MAX_TEXT_LENGTH: usize = 64 << 10;
/// Maximum size of an image in bytes.
const MAX_PIXELS: usize = 1 << 20;
/// Maximum number of bins of a histogram.
const MAX_BINS: usize = 1000;
/// Maximum number of layers of a model.
const MAX_LAYERS: usize = 2000;

/// The first line of a script.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::session) struct Hello {
    /// Version of the protocol.
    pub nntop: u32,
    /// The client, such as `python 3.11`.
    pub client: String,
    pub pid: u32,
    /// The path of the script, for a title.
    pub script: String,
}

/// A message of a script.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::session) enum Message {
    Metrics(Metrics),
    /// Hyper-parameters.
    Config(Vec<(String, String)>),
    Media(Media),
    Predictions(Box<ReportedPredictions>),
    /// The layers of a watched model.
    Layers(Vec<LayerInfo>),
    /// The script can write a checkpoint on request.
    CanSave,
    /// The value of a tunable parameter.
    Tunable {
        name: String,
        value: f64,
        step: i64,
    },
    Note {
        level: LogLevel,
        text: String,
    },
    /// The script started or stopped waiting between two steps.
    Held {
        held: bool,
        step: i64,
    },
    Answer(Acknowledgement),
    /// Number of completed steps.
    At(i64),
    /// Number of samples that were dropped because the queue was full.
    Dropped(u64),
    /// The script ends; with a reason if it failed.
    End(Option<String>),
    /// A message that this version does not support.
    Unknown,
}

/// The answer to a command.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(in crate::session) struct Acknowledgement {
    #[serde(rename = "ack")]
    pub id: u64,
    pub step: i64,
    /// Why the request failed.
    pub error: Option<String>,
    /// The full name of the changed parameter.
    pub name: Option<String>,
    /// The checkpoint that was written, and its size.
    pub path: Option<String>,
    pub bytes: u64,
    pub previous: Option<Value>,
    pub value: Option<Value>,
    /// The answer to a probe.
    pub frame: Option<Value>,
}

/// Why a line is not a message.
#[derive(Debug, thiserror::Error)]
pub(in crate::session) enum MessageError {
    #[error("it is not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    #[error("`{key}`: {problem}")]
    Value { key: &'static str, problem: String },
}

fn wrong(key: &'static str, problem: impl ToString) -> MessageError {
    MessageError::Value { key, problem: problem.to_string() }
}

/// Values that several messages contain.
struct Common {
    step: i64,
    time: Option<f64>,
}

impl Message {
    /// Parses a line; `now` is the wall time, in seconds since 1970, of messages without one.
    ///
    /// # Errors
    /// If the line is not a message.
    pub(in crate::session) fn parse(line: &[u8], now: f64) -> Result<Self, MessageError> {
        let mut object: Map<String, Value> = serde_json::from_slice(line)?;
        let step = object.get("step").and_then(Value::as_i64).unwrap_or_default();
        let time = object.get("time").and_then(Value::as_f64);
        let common = Common { step, time };
        if object.contains_key("ack") {
            let answer = serde_json::from_value(Value::Object(object));
            return Ok(Self::Answer(answer.map_err(|error| wrong("ack", error))?));
        }
        let mut take = |key: &str| object.remove(key);
        if let Some(values) = take("log") {
            let epoch = take("epoch").and_then(|epoch| epoch.as_f64());
            return metrics(values, epoch, &common, now);
        }
        if let Some(step) = take("at") {
            return Ok(Self::At(step.as_i64().ok_or_else(|| wrong("at", "is not a step"))?));
        }
        if let Some(state) = take("state") {
            let held = match state.as_str() {
                Some("held") => true,
                Some("running") => false,
                _ => return Err(wrong("state", "is neither held nor running")),
            };
            return Ok(Self::Held { held, step });
        }
        if let Some(tunable) = take("tunable") {
            return tunable_of(&tunable, step);
        }
        if let Some(config) = take("config") {
            return config_of(config);
        }
        if let Some(note) = take("note") {
            return Ok(note_of(&note));
        }
        if let Some(text) = take("text") {
            let body = MediaBody::Text(truncate(text_at(&text, "text"), MAX_TEXT_LENGTH));
            return Ok(Self::Media(Media { tag: tag(&text), step, body }));
        }
        if let Some(image) = take("image") {
            return Ok(Self::Media(Media { tag: tag(&image), step, body: image_of(image)? }));
        }
        if let Some(histogram) = take("histogram") {
            let tag = tag(&histogram);
            return Ok(Self::Media(Media { tag, step, body: histogram_of(histogram)? }));
        }
        if let Some(predictions) = take("predictions") {
            let predictions = ReportedPredictions::parse(predictions, step);
            return predictions
                .map(|predictions| Self::Predictions(Box::new(predictions)))
                .map_err(|problem| wrong("predictions", problem));
        }
        if let Some(layers) = take("layers") {
            return layers_of(layers);
        }
        if let Some(dropped) = take("dropped") {
            return Ok(Self::Dropped(dropped.as_u64().unwrap_or_default()));
        }
        if let Some(end) = take("end") {
            let failed = end.get("outcome").and_then(Value::as_str) == Some("failed");
            let reason = truncate(text_at(&end, "reason"), MAX_TEXT_LENGTH);
            return Ok(Self::End(failed.then_some(reason)));
        }
        match take("capability").as_ref().and_then(Value::as_str) {
            Some("save") => Ok(Self::CanSave),
            _ => Ok(Self::Unknown),
        }
    }
}

fn metrics(
    values: Value,
    epoch: Option<f64>,
    common: &Common,
    now: f64,
) -> Result<Message, MessageError> {
    let Value::Object(values) = values else { return Err(wrong("log", "is not an object")) };
    let mut named = Vec::with_capacity(values.len().min(MAX_NAMES));
    for (name, value) in values.into_iter().take(MAX_NAMES) {
        let Some(value) = number(&value) else {
            return Err(wrong("log", format!("{name:?} has no number")));
        };
        named.push((truncate(name, MAX_NAME_LENGTH), value));
    }
    let wall_time = common.time.unwrap_or(now);
    Ok(Message::Metrics(Metrics { step: common.step, epoch, wall_time, values: named }))
}

/// A number; infinite and NaN are sent as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(is_set) => Some(f64::from(u8::from(*is_set))),
        Value::Null => Some(f64::NAN),
        Value::String(text) => text.parse().ok().filter(|value: &f64| !value.is_finite()),
        _ => None,
    }
}

impl Acknowledgement {
    /// A value of an answer as a number.
    pub(in crate::session) fn number(value: Option<&Value>) -> Option<f64> {
        number(value?)
    }
}

fn tunable_of(value: &Value, step: i64) -> Result<Message, MessageError> {
    let name = text_at(value, "name");
    if name.is_empty() {
        return Err(wrong("tunable", "has no name"));
    }
    let number = value.get("value").and_then(number);
    let value = number.ok_or_else(|| wrong("tunable", format!("{name:?} has no value")))?;
    Ok(Message::Tunable { name: truncate(name, MAX_NAME_LENGTH), value, step })
}

fn config_of(config: Value) -> Result<Message, MessageError> {
    let Value::Object(config) = config else { return Err(wrong("config", "is not an object")) };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let pairs = config.into_iter().take(MAX_NAMES).map(|(name, value)| {
        (truncate(name, MAX_NAME_LENGTH), truncate(text(value), MAX_NAME_LENGTH))
    });
    Ok(Message::Config(pairs.collect()))
}

fn note_of(note: &Value) -> Message {
    let level = match note.get("level").and_then(Value::as_str) {
        Some("error") => LogLevel::Error,
        Some("warning") => LogLevel::Warning,
        _ => LogLevel::Info,
    };
    Message::Note { level, text: truncate(text_at(note, "text"), MAX_TEXT_LENGTH) }
}

#[derive(Deserialize)]
struct Image {
    width: u32,
    height: u32,
    channels: u32,
    pixels: String,
}

fn image_of(image: Value) -> Result<MediaBody, MessageError> {
    let image: Image = serde_json::from_value(image).map_err(|error| wrong("image", error))?;
    let Image { width, height, channels, pixels } = image;
    let pixels = base64(&pixels).ok_or_else(|| wrong("image", "the pixels are not base64"))?;
    let sides = [width, height, channels].map(|side| side as usize);
    let expected = sides.into_iter().fold(1_usize, usize::saturating_mul);
    if !matches!(channels, 1 | 3) || pixels.len() != expected || expected > MAX_PIXELS {
        let problem = format!(
            "{width}×{height}×{channels} with {} bytes; 1 or 3 channels and at most {MAX_PIXELS} \
             bytes are shown",
            pixels.len()
        );
        return Err(wrong("image", problem));
    }
    Ok(MediaBody::Image { width, height, channels, pixels })
}

#[derive(Deserialize)]
struct HistogramMessage {
    low: f64,
    high: f64,
    counts: Vec<u32>,
}

fn histogram_of(histogram: Value) -> Result<MediaBody, MessageError> {
    let histogram: HistogramMessage =
        serde_json::from_value(histogram).map_err(|error| wrong("histogram", error))?;
    let HistogramMessage { low, high, mut counts } = histogram;
    counts.truncate(MAX_BINS);
    Ok(MediaBody::Histogram { low, high, counts })
}

#[derive(Deserialize)]
struct LayerMessage {
    name: String,
    #[serde(default)]
    kind: String,
    /// Shape of the weights: outputs and inputs, and for a convolution the height and width of the
    /// filters.
    shape: Vec<u32>,
    #[serde(default)]
    biases: u64,
}

fn layers_of(layers: Value) -> Result<Message, MessageError> {
    let layers: Vec<LayerMessage> =
        serde_json::from_value(layers).map_err(|error| wrong("layers", error))?;
    let described = layers.into_iter().take(MAX_LAYERS).map(|layer| {
        let side = |at: usize| layer.shape.get(at).copied().unwrap_or(1);
        let weights = layer.shape.iter().map(|&side| u64::from(side));
        let is_filter = layer.shape.len() > 2;
        LayerInfo {
            name: truncate(layer.name, MAX_NAME_LENGTH),
            activation: truncate(layer.kind, MAX_NAME_LENGTH),
            input: if is_filter { [side(1), 1, 1] } else { [1, 1, side(1)] },
            output: if is_filter { [side(0), 1, 1] } else { [1, 1, side(0)] },
            weights: weights.fold(1, u64::saturating_mul),
            biases: layer.biases,
        }
    });
    Ok(Message::Layers(described.collect()))
}

fn tag(value: &Value) -> String {
    truncate(text_at(value, "tag"), MAX_NAME_LENGTH)
}

fn text_at(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().into()
}

/// Truncates a text to `most` characters.
fn truncate(text: String, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].into(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str) -> Message {
        Message::parse(line.as_bytes(), 9.0).unwrap()
    }

    #[test]
    fn the_type_of_a_message_follows_from_its_key() {
        let Message::Metrics(metrics) =
            parse(r#"{"log":{"loss":0.5,"val/acc":"nan"},"step":3,"time":7.5,"epoch":0.25}"#)
        else {
            panic!("metrics")
        };
        assert_eq!((metrics.step, metrics.wall_time, metrics.epoch), (3, 7.5, Some(0.25)));
        assert_eq!(metrics.values[0], ("loss".into(), 0.5));
        assert!(metrics.values[1].1.is_nan());
        assert_eq!(parse(r#"{"state":"held","step":4}"#), Message::Held { held: true, step: 4 });
        assert_eq!(parse(r#"{"capability":"save"}"#), Message::CanSave);
        assert_eq!(parse(r#"{"from":"the future"}"#), Message::Unknown);
        assert_eq!(parse(r#"{"end":{"outcome":"completed"}}"#), Message::End(None));
        let Message::Answer(answer) = parse(r#"{"ack":7,"step":2,"path":"/x","bytes":3}"#) else {
            panic!("an answer")
        };
        assert_eq!((answer.id, answer.path.as_deref(), answer.bytes), (7, Some("/x"), 3));
    }

    #[test]
    fn errors_name_the_invalid_part() {
        for (line, problem) in [
            ("loss 0.5", "not a JSON object"),
            (r#"{"log":{"loss":"high"}}"#, "\"loss\" has no number"),
            (r#"{"state":"upside down"}"#, "neither held nor running"),
            (r#"{"image":{"width":2,"height":2,"channels":1,"pixels":"AAAA"}}"#, "2×2×1 with 3"),
        ] {
            let error = Message::parse(line.as_bytes(), 0.0).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_rejected(line in ".{0,80}") {
            let _ = Message::parse(line.as_bytes(), 0.0);
        }

        #[test]
        fn any_value_of_a_known_key_is_parsed_or_rejected(
            key in prop_oneof![
                Just("log"), Just("at"), Just("state"), Just("tunable"), Just("config"),
                Just("note"), Just("text"), Just("image"), Just("histogram"), Just("predictions"),
                Just("layers"), Just("dropped"), Just("end"), Just("capability"), Just("ack"),
            ],
            value in prop_oneof![
                Just("null"), Just("1"), Just("-1e300"), Just("\"x\""), Just("[]"), Just("{}"),
                Just("[1,{}]"), Just("{\"name\":1}"), Just("{\"count\":4294967295}"),
            ],
        ) {
            let _ = Message::parse(format!("{{\"{key}\":{value}}}").as_bytes(), 0.0);
        }
    }
}
