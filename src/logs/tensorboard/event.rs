//! The `Event` message: the content of a record of an event file.

use super::tensor::TensorProto;
use crate::logs::record::{HistogramBucket, LogRecord, Sink, WriterState};
use crate::logs::value::LogValue;
use crate::logs::wire::{Field, ProtobufFields, varint};
use std::collections::HashMap;

/// Decodes events. Writers give the plugin only with the first value of each tag, so it is stored.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The plugin of each tag, from the metadata of its first value.
    plugins: HashMap<Vec<u8>, Plugin>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    Scalars,
    Histograms,
    Images,
    Text,
    Hparams,
    Other,
}

/// Maximum number of tags that a file may describe.
const MAX_TAGS: usize = 1 << 18;
/// Maximum number of buckets of a histogram.
const MAX_BUCKETS: usize = 1 << 16;

/// The step and time of the values of an event.
#[derive(Clone, Copy)]
struct EventTime {
    step: i64,
    wall_time: f64,
}

/// The fields of a `Summary.Value`.
#[derive(Default)]
struct SummaryValue<'a> {
    tag: &'a [u8],
    simple: Option<f32>,
    image: Option<&'a [u8]>,
    histogram: Option<&'a [u8]>,
    tensor: Option<&'a [u8]>,
    metadata: Option<&'a [u8]>,
}

impl Decoder {
    /// Decodes an event; returns false if it is malformed.
    pub fn event(&mut self, data: &[u8], sink: &mut dyn Sink) -> bool {
        // Most events consist of a single number.
        if let Some((moment, name, value)) = plain_scalar(data) {
            let EventTime { step, wall_time } = moment;
            sink.record(LogRecord::Scalar { name, step, wall_time, value: f64::from(value) });
            return true;
        }
        let mut moment = EventTime { step: 0, wall_time: f64::NAN };
        let mut body = None;
        let mut fields = ProtobufFields::new(data);
        for (number, field) in fields.by_ref() {
            match number {
                1 => moment.wall_time = field.double().unwrap_or(f64::NAN),
                2 => moment.step = field.int().unwrap_or(0),
                5 | 7 => body = Some((number, field)),
                _ => {}
            }
        }
        if fields.is_broken() {
            return false;
        }
        match body {
            Some((5, summary)) => {
                for (number, value) in ProtobufFields::new(summary.bytes()) {
                    if number == 1 {
                        self.value(value.bytes(), moment, sink);
                    }
                }
            }
            Some((7, log)) => {
                let status = ProtobufFields::new(log.bytes()).find(|(number, _)| *number == 1);
                if status.is_some_and(|(_, status)| status.int() == Some(1)) {
                    sink.record(LogRecord::Restart { step: moment.step });
                }
            }
            _ => {}
        }
        true
    }

    fn value(&mut self, bytes: &[u8], moment: EventTime, sink: &mut dyn Sink) {
        let mut entry = SummaryValue::default();
        for (number, field) in ProtobufFields::new(bytes) {
            match number {
                1 => entry.tag = field.bytes(),
                2 => entry.simple = field.float(),
                4 => entry.image = Some(field.bytes()),
                5 => entry.histogram = Some(field.bytes()),
                8 => entry.tensor = Some(field.bytes()),
                9 => entry.metadata = Some(field.bytes()),
                _ => {}
            }
        }
        let EventTime { step, wall_time } = moment;
        let tag = String::from_utf8_lossy(entry.tag);
        let name = tag.as_ref();
        let plugin = self.plugin(&entry, wall_time, sink);
        if let Some(value) = entry.simple {
            let value = f64::from(value);
            sink.record(LogRecord::Scalar { name, step, wall_time, value });
        } else if let Some(image) = entry.image {
            let encoded = ProtobufFields::new(image).find(|(number, _)| *number == 4);
            let encoded = encoded.map_or(&[][..], |(_, field)| field.bytes());
            sink.record(LogRecord::Image { name, step, wall_time, encoded });
        } else if let Some(histogram) = entry.histogram {
            let buckets = old_histogram(histogram);
            sink.record(LogRecord::Histogram { name, step, wall_time, buckets: &buckets });
        } else if let Some(tensor) = entry.tensor {
            tensor_value(plugin, name, moment, &TensorProto::decode(tensor), sink);
        }
    }

    /// The plugin of a value: from its metadata, or else from those of the tag's first value.
    fn plugin(
        &mut self,
        entry: &SummaryValue<'_>,
        wall_time: f64,
        sink: &mut dyn Sink,
    ) -> Option<Plugin> {
        let Some(metadata) = entry.metadata else {
            // torch's scalars have no metadata, so a lookup is unnecessary.
            return entry.tensor.and_then(|_| self.plugins.get(entry.tag).copied());
        };
        let data = ProtobufFields::new(metadata).find(|(number, _)| *number == 1)?.1.bytes();
        let mut name = &[][..];
        let mut content = &[][..];
        for (number, field) in ProtobufFields::new(data) {
            match number {
                1 => name = field.bytes(),
                2 => content = field.bytes(),
                _ => {}
            }
        }
        let plugin = match name {
            b"scalars" => Plugin::Scalars,
            b"histograms" => Plugin::Histograms,
            b"images" => Plugin::Images,
            b"text" => Plugin::Text,
            b"hparams" => Plugin::Hparams,
            b"" => return self.plugins.get(entry.tag).copied(),
            _ => Plugin::Other,
        };
        if plugin == Plugin::Hparams {
            hparams(content, wall_time, sink);
        }
        if self.plugins.len() < MAX_TAGS && !self.plugins.contains_key(entry.tag) {
            self.plugins.insert(entry.tag.to_vec(), plugin);
        }
        Some(plugin)
    }
}

/// Decodes an event with one `simple_value` whose fields are in the usual order: time, step, and a
/// summary of one value with a tag and a number. `None` for other events, which are decoded field
/// by field.
fn plain_scalar(data: &[u8]) -> Option<(EventTime, &str, f32)> {
    let (time, mut rest) = data.strip_prefix(&[0x09])?.split_first_chunk::<8>()?;
    let mut step = 0;
    if let Some(after) = rest.strip_prefix(&[0x10]) {
        rest = after;
        step = varint(&mut rest)?.cast_signed();
    }
    let summary = sized(rest.strip_prefix(&[0x2a])?)?;
    let value = sized(summary.strip_prefix(&[0x0a])?)?;
    let mut value = value.strip_prefix(&[0x0a])?;
    let length = usize::try_from(varint(&mut value)?).ok()?;
    let (tag, number) = value.split_at_checked(length)?;
    let number: [u8; 4] = number.strip_prefix(&[0x15])?.try_into().ok()?;
    let moment = EventTime { step, wall_time: f64::from_le_bytes(*time) };
    Some((moment, std::str::from_utf8(tag).ok()?, f32::from_le_bytes(number)))
}

/// The length-prefixed bytes, if nothing follows them.
fn sized(mut bytes: &[u8]) -> Option<&[u8]> {
    let length = varint(&mut bytes)?;
    (length == bytes.len() as u64).then_some(bytes)
}

fn tensor_value(
    plugin: Option<Plugin>,
    name: &str,
    moment: EventTime,
    tensor: &TensorProto<'_>,
    sink: &mut dyn Sink,
) {
    let EventTime { step, wall_time } = moment;
    match plugin {
        None | Some(Plugin::Scalars) if tensor.is_scalar() => {
            if let Some(value) = tensor.first() {
                sink.record(LogRecord::Scalar { name, step, wall_time, value });
            }
        }
        Some(Plugin::Histograms) => {
            let numbers = tensor.numbers();
            let rows = numbers.chunks_exact(3).take(MAX_BUCKETS);
            let buckets: Vec<HistogramBucket> = rows
                .map(|row| HistogramBucket { left: row[0], right: row[1], count: row[2] })
                .collect();
            sink.record(LogRecord::Histogram { name, step, wall_time, buckets: &buckets });
        }
        // Width and height precede the pictures as texts.
        Some(Plugin::Images) => {
            for encoded in tensor.strings.iter().skip(2) {
                sink.record(LogRecord::Image { name, step, wall_time, encoded });
            }
        }
        Some(Plugin::Text) => {
            let texts: Vec<_> =
                tensor.strings.iter().map(|text| String::from_utf8_lossy(text)).collect();
            let name = name.strip_suffix("/text_summary").unwrap_or(name);
            sink.record(LogRecord::Text { name, step, wall_time, text: &texts.join("\n") });
        }
        _ => {}
    }
}

/// The buckets of a `HistogramProto`, which has upper limits and counts. The outermost limits are
/// the minimum and maximum of the values, if known.
fn old_histogram(bytes: &[u8]) -> Vec<HistogramBucket> {
    let (mut least, mut greatest) = (f64::NAN, f64::NAN);
    let (mut limits, mut counts) = (Vec::new(), Vec::new());
    for (number, field) in ProtobufFields::new(bytes) {
        match number {
            1 => least = field.double().unwrap_or(f64::NAN),
            2 => greatest = field.double().unwrap_or(f64::NAN),
            6 => doubles(field, &mut limits),
            7 => doubles(field, &mut counts),
            _ => {}
        }
    }
    let mut left = least;
    let mut buckets = Vec::with_capacity(limits.len());
    for (&right, &count) in limits.iter().zip(&counts) {
        let from = if left.is_nan() || left > right { right } else { left };
        buckets.push(HistogramBucket { left: from, right: right.min(greatest.max(from)), count });
        left = right;
    }
    buckets
}

/// Doubles, packed or one by one.
fn doubles(field: Field<'_>, to: &mut Vec<f64>) {
    let remaining = MAX_BUCKETS.saturating_sub(to.len());
    match field {
        Field::Bytes(bytes) => to.extend(
            bytes
                .chunks_exact(8)
                .take(remaining)
                .map(|chunk| f64::from_le_bytes(chunk.try_into().unwrap_or_default())),
        ),
        _ => to.extend(field.double().filter(|_| remaining > 0)),
    }
}

/// Decodes the content of the plugin `hparams`: the start of a session with its hyper-parameters,
/// or its end.
fn hparams(content: &[u8], wall_time: f64, sink: &mut dyn Sink) {
    for (number, part) in ProtobufFields::new(content) {
        match number {
            3 => session_start(part.bytes(), sink),
            4 => {
                let status = ProtobufFields::new(part.bytes()).find(|(number, _)| *number == 1);
                let state = match status.and_then(|(_, status)| status.int()) {
                    Some(1) => WriterState::Finished,
                    Some(2) => WriterState::Failed,
                    _ => WriterState::Running,
                };
                sink.record(LogRecord::StateAt { state, wall_time });
            }
            _ => {}
        }
    }
}

fn session_start(bytes: &[u8], sink: &mut dyn Sink) {
    for (number, field) in ProtobufFields::new(bytes) {
        match number {
            1 => {
                let (mut name, mut value) = (String::new(), LogValue::Null);
                for (number, field) in ProtobufFields::new(field.bytes()) {
                    match number {
                        1 => name = field.text().into_owned(),
                        2 => value = protobuf_value(field.bytes(), 0),
                        _ => {}
                    }
                }
                sink.record(LogRecord::Config { name: &name, value });
            }
            4 if !field.bytes().is_empty() => sink.record(LogRecord::Group { name: &field.text() }),
            5 => {
                if let Some(wall_time) = field.double().filter(|&seconds| seconds > 0.0) {
                    sink.record(LogRecord::Started { wall_time });
                }
            }
            _ => {}
        }
    }
}

/// A `google.protobuf.Value`.
fn protobuf_value(bytes: &[u8], depth: usize) -> LogValue {
    let Some((number, field)) = ProtobufFields::new(bytes).next() else { return LogValue::Null };
    match number {
        2 => field.double().map_or(LogValue::Null, LogValue::Number),
        3 => LogValue::Text(field.text().into_owned()),
        4 => LogValue::Bool(field.int() == Some(1)),
        6 if depth < 16 => LogValue::List(
            ProtobufFields::new(field.bytes())
                .map(|(_, item)| protobuf_value(item.bytes(), depth + 1))
                .collect(),
        ),
        _ => LogValue::Null,
    }
}
