//! SQLite databases with runs: MLflow's, trackio's and Optuna's.

use super::json;
use super::mlflow::state_of;
use super::number;
use super::record::{LogRecord, Sink, WriterState};
use super::sqlite::{Database, SqliteRow, SqliteValue};
use super::value::LogValue;
use std::collections::{HashMap, HashSet};

/// Reads any of these databases, with its write-ahead log.
///
/// # Errors
/// If it cannot be read, or is an unknown database.
pub fn read(bytes: Vec<u8>, log: Option<&[u8]>, sink: &mut dyn Sink) -> Result<(), String> {
    let database = Database::new(bytes, log)?;
    if database.has("latest_metrics") && database.has("runs") {
        mlflow(&database, sink)
    } else if database.has("trial_values") && database.has("trials") {
        optuna(&database, sink)
    } else if database.has("metrics") && database.has("configs") {
        trackio(&database, sink)
    } else {
        Err("its tables are not those of MLflow, trackio or Optuna".to_owned())
    }
}

/// Emits a [`LogRecord::Run`] only when the run changes.
struct RunSwitch {
    current: Option<String>,
}

impl RunSwitch {
    fn to(&mut self, name: &str, sink: &mut dyn Sink) {
        if self.current.as_deref() != Some(name) {
            sink.record(LogRecord::Run { name });
            self.current = Some(name.to_owned());
        }
    }
}

fn text(row: &SqliteRow<'_>, column: &str) -> String {
    match row.get(column) {
        SqliteValue::Int(value) => value.to_string(),
        cell => cell.text().map_or_else(String::new, std::borrow::Cow::into_owned),
    }
}

/// Makes names unique: appends the start of the id to a repeated name.
#[derive(Default)]
struct UniqueNames {
    taken: HashSet<String>,
    by_id: HashMap<String, String>,
}

impl UniqueNames {
    fn add(&mut self, id: &str, name: String) -> String {
        let short: String = id.chars().take(8).collect();
        let name = if name.is_empty() { short.clone() } else { name };
        let name = if self.taken.contains(&name) { format!("{name} {short}") } else { name };
        self.taken.insert(name.clone());
        self.by_id.insert(id.to_owned(), name.clone());
        name
    }
}

fn mlflow(database: &Database, sink: &mut dyn Sink) -> Result<(), String> {
    let mut experiments = HashMap::new();
    database.rows("experiments", &mut |row| {
        experiments.insert(text(row, "experiment_id"), text(row, "name"));
    })?;
    let mut names = UniqueNames::default();
    let mut switch = RunSwitch { current: None };
    database.rows("runs", &mut |row| {
        if text(row, "lifecycle_stage") == "deleted" {
            return;
        }
        let (id, title) = (text(row, "run_uuid"), text(row, "name"));
        let experiment = experiments.get(&text(row, "experiment_id")).cloned().unwrap_or_default();
        let name = names.add(&id, format!("{experiment}/{title}"));
        switch.to(&name, sink);
        sink.record(LogRecord::Title { name: &title });
        sink.record(LogRecord::Group { name: &experiment });
        if let Some(start) = row.get("start_time").number() {
            sink.record(LogRecord::Started { wall_time: start / 1e3 });
        }
        if let Some(state) = state_of(&text(row, "status")) {
            sink.record(LogRecord::State(state));
        }
    })?;
    database.rows("params", &mut |row| {
        if let Some(name) = names.by_id.get(&text(row, "run_uuid")) {
            switch.to(name, sink);
            let value = LogValue::from_word(&text(row, "value"));
            sink.record(LogRecord::Config { name: &text(row, "key"), value });
        }
    })?;
    database.rows("metrics", &mut |row| {
        let Some(name) = names.by_id.get(&text(row, "run_uuid")) else { return };
        switch.to(name, sink);
        let is_nan = !matches!(row.get("is_nan"), SqliteValue::Null | SqliteValue::Int(0));
        let value = if is_nan { Some(f64::NAN) } else { row.get("value").number() };
        let Some(value) = value else { return };
        let wall_time = row.get("timestamp").number().map_or(f64::NAN, |ms| ms / 1e3);
        let step = row.get("step").int().unwrap_or(0);
        sink.record(LogRecord::Scalar { name: &text(row, "key"), step, wall_time, value });
    })
}

fn trackio(database: &Database, sink: &mut dyn Sink) -> Result<(), String> {
    let mut switch = RunSwitch { current: None };
    database.rows("configs", &mut |row| {
        switch.to(&text(row, "run_name"), sink);
        let Some(config) = json::parse(&text(row, "config")) else { return };
        config.leaves(".", false, &mut |name, value| {
            if !name.starts_with('_') {
                sink.record(LogRecord::Config { name, value: value.clone() });
            }
        });
    })?;
    for table in ["metrics", "system_metrics"] {
        let mut counts: HashMap<String, i64> = HashMap::new();
        database.rows(table, &mut |row| {
            let run = text(row, "run_name");
            switch.to(&run, sink);
            let Some(metrics) = json::parse(&text(row, "metrics")) else { return };
            let wall_time = number::timestamp(&text(row, "timestamp")).unwrap_or(f64::NAN);
            let count = counts.entry(run).or_default();
            let step = row.get("step").int().unwrap_or(*count);
            *count += 1;
            metrics.leaves("/", false, &mut |name, leaf| {
                let value = match leaf {
                    LogValue::Number(value) => *value,
                    LogValue::Text(text)
                        if matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity") =>
                    {
                        leaf.number().unwrap_or(f64::NAN)
                    }
                    _ => return,
                };
                let system = format!("system/{name}");
                let name = if table == "metrics" { name } else { &system };
                sink.record(LogRecord::Scalar { name, step, wall_time, value });
            });
        })?;
    }
    Ok(())
}

fn optuna(database: &Database, sink: &mut dyn Sink) -> Result<(), String> {
    let mut studies = HashMap::new();
    database.rows("studies", &mut |row| {
        studies.insert(text(row, "study_id"), text(row, "study_name"));
    })?;
    let mut trials: HashMap<String, (String, i64)> = HashMap::new();
    let mut switch = RunSwitch { current: None };
    database.rows("trials", &mut |row| {
        let study = studies.get(&text(row, "study_id")).cloned().unwrap_or_default();
        let number = row.get("number").int().unwrap_or(0);
        let name = format!("{study}/trial {number}");
        switch.to(&name, sink);
        sink.record(LogRecord::Group { name: &study });
        if let Some(wall_time) = number::timestamp(&text(row, "datetime_start")) {
            sink.record(LogRecord::Started { wall_time });
        }
        sink.record(LogRecord::State(match text(row, "state").as_str() {
            "COMPLETE" | "PRUNED" => WriterState::Finished,
            "FAIL" => WriterState::Failed,
            _ => WriterState::Running,
        }));
        trials.insert(text(row, "trial_id"), (name, number));
    })?;
    database.rows("trial_params", &mut |row| {
        let Some((trial, _)) = trials.get(&text(row, "trial_id")) else { return };
        switch.to(trial, sink);
        let raw = row.get("param_value").number().unwrap_or(f64::NAN);
        let value = choice(&text(row, "distribution_json"), raw).unwrap_or(LogValue::Number(raw));
        sink.record(LogRecord::Config { name: &text(row, "param_name"), value });
    })?;
    let not_finite = |kind: &str, value: Option<f64>| match kind {
        "INF_POS" => Some(f64::INFINITY),
        "INF_NEG" => Some(f64::NEG_INFINITY),
        "NAN" => Some(f64::NAN),
        _ => value,
    };
    database.rows("trial_intermediate_values", &mut |row| {
        let Some((trial, _)) = trials.get(&text(row, "trial_id")) else { return };
        let kind = text(row, "intermediate_value_type");
        let Some(value) = not_finite(&kind, row.get("intermediate_value").number()) else { return };
        switch.to(trial, sink);
        let step = row.get("step").int().unwrap_or(0);
        sink.record(LogRecord::Scalar { name: "intermediate", step, wall_time: f64::NAN, value });
    })?;
    database.rows("trial_values", &mut |row| {
        let Some((trial, number)) = trials.get(&text(row, "trial_id")) else { return };
        let Some(value) = not_finite(&text(row, "value_type"), row.get("value").number()) else {
            return;
        };
        switch.to(trial, sink);
        let objective = row.get("objective").int().unwrap_or(0);
        let name =
            if objective == 0 { "objective".to_owned() } else { format!("objective {objective}") };
        sink.record(LogRecord::Scalar { name: &name, step: *number, wall_time: f64::NAN, value });
    })
}

/// The choice of a categorical parameter, by its index.
fn choice(distribution: &str, index: f64) -> Option<LogValue> {
    let distribution = json::parse(distribution)?;
    let LogValue::List(choices) = distribution.get("attributes")?.get("choices")? else {
        return None;
    };
    choices.get(number::to_step(index)?.try_into().unwrap_or(usize::MAX)).cloned()
}
