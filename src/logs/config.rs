//! Hyper-parameters from configuration files: Hydra's, Lightning's `hparams.yaml`, `args.yaml` of
//! timm and Ultralytics, argparse dumped as JSON, Ray's `params.json`.

use super::json;
use super::record::{LogRecord, Sink};
use super::value::LogValue;
use super::yaml;

/// Maximum number of settings; larger files are not hyper-parameters.
const MAX_SETTINGS: usize = 2000;

/// Reads a YAML configuration; nested keys are joined by `.`.
///
/// # Errors
/// A message if it is not one.
pub fn read_yaml(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let value = yaml::parse(&String::from_utf8_lossy(bytes))?;
    settings(&value, sink)
}

/// Reads a JSON configuration.
///
/// # Errors
/// A message if it is not one.
pub fn read_json(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let value = json::parse(&String::from_utf8_lossy(bytes)).ok_or("the document is incomplete")?;
    settings(&value, sink)
}

fn settings(value: &LogValue, sink: &mut dyn Sink) -> Result<(), String> {
    if !matches!(value, LogValue::Map(_)) {
        return Err("it has no keys with values".to_owned());
    }
    let mut count = 0;
    value.leaves(".", false, &mut |name, value| {
        count += 1;
        if count <= MAX_SETTINGS {
            sink.record(LogRecord::Config { name, value: value.clone() });
        }
    });
    Ok(())
}

/// Reads Hydra's list of command-line overrides, which become the title of the run. Their values
/// are read from `config.yaml`.
///
/// # Errors
/// A message if it is not a list.
pub fn read_overrides(bytes: &[u8], sink: &mut dyn Sink) -> Result<(), String> {
    let LogValue::List(items) = yaml::parse(&String::from_utf8_lossy(bytes))? else {
        return Err("it is not a list of overrides".to_owned());
    };
    let items: Vec<_> = items.iter().map(ToString::to_string).collect();
    if !items.is_empty() {
        sink.record(LogRecord::Title { name: &items.join(" ") });
    }
    Ok(())
}
