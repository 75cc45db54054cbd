//! The record of a run, stored in its directory.

use super::command_spec::{CommandSpec, ScriptSpec};
use super::run_dir::RunDir;
use crate::files::{self, atomic};
use crate::jobs;
use crate::protocol::{Pace, RunKind, Untrusted};
use crate::spec::{ChosenDefault, Spec};
use crate::train::CheckpointPolicy;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// Maximum length of a record in bytes.
const MAX_RECORD: u64 = 1 << 20;
/// Increased whenever an older program would misread the record.
const FORMAT: u32 = 2;

/// Why the record of a run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: is not the record of a run: {problem}; remove its directory", path.display())]
    Malformed { path: PathBuf, problem: String },
    #[error("{}: was written by nntop {nntop}; use that version", path.display())]
    Newer { path: PathBuf, nntop: Untrusted },
}

/// The record of a run: what a session process needs to start or resume it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    format: u32,
    /// Version of the program that wrote it.
    pub nntop: Untrusted,
    /// Distinguishes it from another run with the same name.
    pub id: String,
    /// Seconds since 1970.
    pub created: f64,
    #[serde(flatten)]
    pub task: SessionTask,
}

/// The task of a session process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionTask {
    /// Trains a network.
    Training(Box<Training>),
    /// Runs an experiment of the book.
    Experiment {
        id: String,
        /// See [`jobs::Options`].
        quick: bool,
        seed: u64,
    },
    /// Trains several networks that vote. The first uses the spec's seed, the others the seeds
    /// after it.
    Ensemble { training: Box<Training>, networks: u32 },
    /// A command of the user: see [`CommandSpec`].
    Command(Box<CommandSpec>),
    /// A script that was started elsewhere and connects: see [`ScriptSpec`].
    Script(ScriptSpec),
}

/// The training of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    pub spec: Spec,
    /// The values of the spec that were chosen automatically because the user gave none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<ChosenDefault>,
    /// A sentence about its origin, if it does not start from random weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    pub pace: Pace,
    /// The absolute path to save the final model to.
    pub save: Option<PathBuf>,
    /// An additional directory for checkpoints (absolute), and their interval in epochs.
    #[serde(default)]
    pub checkpoints: Option<(PathBuf, u32)>,
    /// Interval of the run's own checkpoints in epochs. Without it every epoch is saved, limited to
    /// 1% of the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u32>,
}

impl Training {
    /// The checkpoints that the user requested in addition to the run's own.
    #[must_use]
    pub fn policy(&self) -> Option<CheckpointPolicy> {
        let (dir, every) = self.checkpoints.clone()?;
        Some(CheckpointPolicy { dir, every: Some(every), ..CheckpointPolicy::default() })
    }
}

impl SessionTask {
    /// An experiment with its options; its networks train at full speed.
    #[must_use]
    pub fn experiment(id: &str, options: jobs::Options) -> Self {
        Self::Experiment { id: id.into(), quick: options.quick, seed: options.seed }
    }

    /// The kind of its run.
    #[must_use]
    pub fn kind(&self) -> RunKind {
        match self {
            Self::Training(_) => RunKind::Training,
            Self::Experiment { .. } | Self::Ensemble { .. } => RunKind::Job,
            Self::Command(_) | Self::Script(_) => RunKind::Command,
        }
    }

    /// The training parameters, for a network or an ensemble.
    pub fn training_mut(&mut self) -> Option<&mut Training> {
        match self {
            Self::Training(training) | Self::Ensemble { training, .. } => Some(training),
            Self::Experiment { .. } | Self::Command(_) | Self::Script(_) => None,
        }
    }

    /// Whether it writes checkpoints to resume from.
    pub(super) fn keeps_checkpoints(&self) -> bool {
        matches!(self, Self::Training(_) | Self::Ensemble { .. })
    }

    /// Maximum size of the event file in bytes; `None` for trainings of nntop, which report once
    /// per epoch.
    pub(super) fn event_limit(&self) -> Option<u64> {
        match self {
            Self::Command(spec) => Some(spec.log_limit),
            Self::Script(_) => Some(CommandSpec::LOG_LIMIT),
            Self::Training(_) | Self::Experiment { .. } | Self::Ensemble { .. } => None,
        }
    }

    /// What `nntop resume` does with it after an interruption; follows the command in a sentence.
    #[must_use]
    pub fn on_resume(&self) -> &'static str {
        match self {
            Self::Training(_) | Self::Ensemble { .. } => "continues the run where it was",
            // Without checkpoints, because the result combines all of its networks.
            Self::Experiment { .. } => "starts the experiment again",
            Self::Script(_) => "is not possible; start the script again",
            Self::Command(_) => {
                "goes on from its checkpoint, if there is one; `nntop run --again` starts it again"
            }
        }
    }
}

impl RunRecord {
    /// The record of a new run.
    #[must_use]
    pub fn new(task: SessionTask) -> Self {
        Self {
            format: FORMAT,
            nntop: env!("CARGO_PKG_VERSION").into(),
            id: super::names::id(),
            created: now(),
            task,
        }
    }

    /// Reads the record of a run.
    ///
    /// # Errors
    /// If there is none, or it is not valid for this program.
    pub fn read(run: &RunDir) -> Result<Self, RecordError> {
        let path = run.spec();
        let wrap = |source| RecordError::Io { path: path.clone(), source };
        let text = files::read::text(&path, MAX_RECORD).map_err(wrap)?;
        let malformed = |error: serde_json::Error| RecordError::Malformed {
            path: path.clone(),
            problem: error.to_string(),
        };
        let value: Value = serde_json::from_str(&text).map_err(malformed)?;
        let format = value["format"].as_u64().unwrap_or_default();
        if format > FORMAT.into() {
            let nntop = value["nntop"].as_str().unwrap_or("of a later version").into();
            return Err(RecordError::Newer { path, nntop });
        }
        let value = if format == 1 { upgraded(value) } else { value };
        let record: Self = serde_json::from_value(value).map_err(malformed)?;
        if !super::names::is_id(&record.id) {
            let problem = format!("its id `{}` is not 8 hexadecimal digits", record.id);
            return Err(RecordError::Malformed { path, problem });
        }
        Ok(record)
    }

    /// Writes the record atomically.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, run: &RunDir) -> Result<(), RecordError> {
        let path = run.spec();
        let mut text = serde_json::to_string_pretty(self).map_err(|error| {
            RecordError::Malformed { path: path.clone(), problem: error.to_string() }
        })?;
        text.push('\n');
        atomic::write(&path, text.as_bytes()).map_err(|source| RecordError::Io { path, source })
    }
}

/// Format 1 had trainings only, whose fields were at the top level.
fn upgraded(mut value: Value) -> Value {
    let training = value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("training".into(), training);
        fields.insert("format".into(), FORMAT.into());
    }
    value
}

/// What `nntop resume` does with a run; follows the command in a sentence.
pub(super) fn on_resume(run: &RunDir) -> &'static str {
    // If the record cannot be read, the command itself reports that.
    RunRecord::read(run).map_or("continues the run where it was", |record| record.task.on_resume())
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Home;

    fn training() -> RunRecord {
        let spec = Spec { epochs: 7, seed: u64::MAX, ..Spec::default() };
        let training = Training {
            spec,
            chosen: Vec::new(),
            origin: None,
            pace: Pace::Full,
            save: None,
            checkpoints: None,
            checkpoint_every: None,
        };
        RunRecord::new(SessionTask::Training(Box::new(training)))
    }

    #[test]
    fn a_record_round_trips_and_a_newer_one_is_reported() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        let experiment = SessionTask::experiment("1-nand", jobs::Options::default());
        for record in [RunRecord::new(experiment), training()] {
            record.write(&run).unwrap();
            assert_eq!(RunRecord::read(&run).unwrap(), record);
        }
        let text = std::fs::read_to_string(run.spec()).unwrap();
        let newer = text.replace(r#""format": 2"#, r#""format": 3"#);
        std::fs::write(run.spec(), newer.replace(env!("CARGO_PKG_VERSION"), "9.1.0")).unwrap();
        assert!(RunRecord::read(&run).unwrap_err().to_string().contains("nntop 9.1.0"));
    }

    #[test]
    fn a_record_of_format_1_is_upgraded() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        let record = training();
        let mut value = serde_json::to_value(&record).unwrap();
        let fields = value.as_object_mut().unwrap();
        let Some(Value::Object(inner)) = fields.remove("training") else { panic!("no training") };
        fields.extend(inner);
        fields.insert("format".into(), 1.into());
        std::fs::write(run.spec(), value.to_string()).unwrap();
        assert_eq!(RunRecord::read(&run).unwrap(), record);
    }

    #[test]
    fn an_id_that_could_be_a_path_is_refused() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        for id in ["/etc/passwd", "../other", "", "0123456G", "0123456789", "DEADBEEF"] {
            RunRecord { id: id.into(), ..training() }.write(&run).unwrap();
            let error = RunRecord::read(&run).unwrap_err().to_string();
            assert!(error.contains("8 hexadecimal digits"), "{id}: {error}");
        }
    }

    #[test]
    fn a_bad_record_is_reported_with_its_path() {
        let state = tempfile::tempdir().unwrap();
        let run = Home::at(state.path()).create(None).unwrap();
        for text in ["", "{}", "[1]", r#"{"format":2,"nntop":"0.1.0","id":"1","created":1}"#] {
            std::fs::write(run.spec(), text).unwrap();
            let error = RunRecord::read(&run).unwrap_err().to_string();
            assert!(error.contains("spec.json: is not the record of a run"), "{text}: {error}");
        }
    }
}
