//! The table of supported formats.

use super::record::{LogReader, Sink};
use super::text::{PatternText, Text, Utf16};
use super::{
    config, csv, jsonl, mlflow, nntop, sqlite, stores, tensorboard, text, trainer_state, wandb,
};
use std::fs;
use std::path::{Path, PathBuf};

/// The start of a file, from which its format is recognised.
#[derive(Clone, Copy, Debug)]
pub struct FileStart<'a> {
    pub path: &'a Path,
    /// At most [`SAMPLE`] bytes.
    pub head: &'a [u8],
    /// Whether the user named this file, rather than a directory above it.
    pub named: bool,
}

/// Number of bytes at the start of a file used to recognise its format.
pub const SAMPLE: usize = 64 << 10;

/// Reads a complete file that is rewritten rather than appended to.
pub type WholeReader = fn(&Path, Vec<u8>, &mut dyn Sink) -> Result<(), String>;

/// How a file is read.
pub enum ReaderKind {
    /// Data is appended; the reader continues where it stopped.
    Stream(Box<dyn LogReader>),
    /// The file is rewritten as a whole.
    Whole(WholeReader),
}

impl std::fmt::Debug for ReaderKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stream(_) => "Stream",
            Self::Whole(_) => "Whole",
        })
    }
}

/// The content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRole {
    /// It contains metrics.
    Metrics,
    /// It contains the configuration of the run.
    Config,
}

/// A format: how it is recognised and read, and which run a file belongs to.
#[derive(Clone, Copy)]
pub struct LogFormat {
    /// The short name shown by `--explain`.
    pub name: &'static str,
    pub role: FileRole,
    /// Recognises a file; returns the reason, `None` if it has another format.
    pub recognise: fn(&FileStart<'_>) -> Option<String>,
    pub open: fn(&Path, &[u8]) -> ReaderKind,
    /// The path that identifies the run: a directory, or the file itself.
    pub run: fn(&Path) -> PathBuf,
}

impl std::fmt::Debug for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Format({})", self.name)
    }
}

/// All formats; the first one that recognises a file is used.
pub const FORMATS: [LogFormat; 15] = [
    LogFormat {
        name: "TensorBoard events",
        role: FileRole::Metrics,
        recognise: |sample| {
            let name = file_name(sample.path);
            let named = name.contains("tfevents") && !name.ends_with(".profile-empty");
            let begins = tensorboard::has_magic(sample.head);
            // Empty, or zeros that a network file system will fill in.
            let empty = sample.head.iter().take(12).all(|&byte| byte == 0);
            match (named, begins) {
                (_, true) => Some("records with TensorFlow's checksums".to_owned()),
                (true, false) if empty => Some("named as an event file, empty so far".to_owned()),
                _ => None,
            }
        },
        open: |_, _| ReaderKind::Stream(Box::new(tensorboard::EventFileReader::default())),
        run: directory,
    },
    LogFormat {
        name: "Weights & Biases",
        role: FileRole::Metrics,
        recognise: |sample| {
            let begins = wandb::has_magic(sample.head);
            let empty = sample.head.is_empty() && extension(sample.path) == "wandb";
            (begins || empty).then(|| "the magic bytes of a .wandb file".to_owned())
        },
        open: |_, _| ReaderKind::Stream(Box::new(wandb::WandbFile::default())),
        run: directory,
    },
    LogFormat {
        name: "SQLite store",
        role: FileRole::Metrics,
        recognise: |sample| {
            sample.head.starts_with(sqlite::MAGIC).then(|| "an SQLite database".to_owned())
        },
        open: |_, _| ReaderKind::Whole(read_store),
        run: Path::to_path_buf,
    },
    LogFormat {
        name: "MLflow metric",
        role: FileRole::Metrics,
        recognise: |sample| {
            let run = mlflow::run_of(sample.path, "metrics")?;
            Some(format!("a metric below {}/meta.yaml", file_name(run)))
        },
        open: |path, _| ReaderKind::Stream(Box::new(mlflow::MetricFile::new(path))),
        run: |path| {
            mlflow::run_of(path, "metrics").map_or_else(|| directory(path), Path::to_path_buf)
        },
    },
    LogFormat {
        name: "MLflow parameter",
        role: FileRole::Config,
        recognise: |sample| {
            let run = mlflow::run_of(sample.path, "params")?;
            Some(format!("a parameter below {}/meta.yaml", file_name(run)))
        },
        open: |_, _| {
            ReaderKind::Whole(|path, bytes, sink| mlflow::read_parameter(path, &bytes, sink))
        },
        run: |path| {
            mlflow::run_of(path, "params").map_or_else(|| directory(path), Path::to_path_buf)
        },
    },
    LogFormat {
        name: "MLflow run",
        role: FileRole::Config,
        recognise: |sample| {
            let text = text_of(sample.head)?;
            let is_run = file_name(sample.path) == "meta.yaml" && text.contains("run_id:");
            is_run.then(|| "the meta.yaml of a run".to_owned())
        },
        open: |_, _| ReaderKind::Whole(|_, bytes, sink| mlflow::read_meta(&bytes, sink)),
        run: directory,
    },
    LogFormat {
        name: "Hugging Face trainer state",
        role: FileRole::Metrics,
        recognise: |sample| {
            let is_json = extension(sample.path) == "json";
            text_of(sample.head).filter(|_| is_json).and_then(trainer_state::recognise)
        },
        open: |_, _| ReaderKind::Whole(|_, bytes, sink| trainer_state::read(&bytes, sink)),
        run: checkpointed,
    },
    LogFormat {
        name: "Hydra overrides",
        role: FileRole::Config,
        recognise: |sample| {
            let is_overrides = sample.path.ends_with(".hydra/overrides.yaml");
            is_overrides.then(|| "what was changed on Hydra's command line".to_owned())
        },
        open: |_, _| ReaderKind::Whole(|_, bytes, sink| config::read_overrides(&bytes, sink)),
        run: above_hydra,
    },
    LogFormat {
        name: "configuration",
        role: FileRole::Config,
        recognise: |sample| {
            let names = [
                ".hydra/config.yaml",
                "hparams.yaml",
                "args.yaml",
                "opt.yaml",
                "config.yaml",
                "hparams.yml",
            ];
            let known = names.iter().find(|name| sample.path.ends_with(name))?;
            Some(format!("a configuration by its name, {known}"))
        },
        open: |_, _| ReaderKind::Whole(|_, bytes, sink| config::read_yaml(&bytes, sink)),
        run: above_hydra,
    },
    LogFormat {
        name: "configuration (JSON)",
        role: FileRole::Config,
        recognise: |sample| {
            let names = [
                "params.json",
                "args.json",
                "hparams.json",
                "config.json",
                "hyperparameters.json",
                "commandline_args.json",
            ];
            let known = names.iter().find(|name| sample.path.ends_with(name))?;
            let text = text_of(sample.head)?;
            text.trim_start()
                .starts_with('{')
                .then(|| format!("a configuration by its name, {known}"))
        },
        open: |_, _| ReaderKind::Whole(|_, bytes, sink| config::read_json(&bytes, sink)),
        run: directory,
    },
    LogFormat {
        name: "nntop run",
        role: FileRole::Metrics,
        recognise: |sample| {
            let is_one = text_of(sample.head).is_some_and(nntop::has_magic);
            let is_old = file_name(sample.path) == "events.old.jsonl";
            (is_one && !is_old).then(|| "the events of a run of nntop".to_owned())
        },
        open: |_, _| ReaderKind::Stream(Box::new(nntop::EventLog::default())),
        run: directory,
    },
    LogFormat {
        name: "JSON lines",
        role: FileRole::Metrics,
        recognise: |sample| {
            let kinds = ["jsonl", "json", "ndjson", "log", "txt", "out"];
            let fits = sample.named || kinds.contains(&extension(sample.path));
            let text = text_of(sample.head).filter(|text| fits && !nntop::has_magic(text));
            text.and_then(jsonl::recognise)
        },
        open: |_, _| ReaderKind::Stream(Box::new(jsonl::JsonLinesReader::default())),
        run: by_known_name,
    },
    LogFormat {
        name: "table (CSV)",
        role: FileRole::Metrics,
        recognise: |sample| {
            let fits = sample.named || ["csv", "tsv", "txt"].contains(&extension(sample.path));
            let why = text_of(sample.head).filter(|_| fits).and_then(csv::recognise)?;
            // A table found below a directory may be data, so it needs a step column.
            let counts = sample.named || is_known_name(sample.path) || !why.contains("rows count");
            counts.then_some(why)
        },
        open: |_, _| ReaderKind::Stream(Box::new(csv::CsvReader::default())),
        run: by_known_name,
    },
    LogFormat {
        name: "printed text (UTF-16)",
        role: FileRole::Metrics,
        recognise: |sample| {
            let begins =
                sample.head.starts_with(&[0xff, 0xfe]) || sample.head.starts_with(&[0xfe, 0xff]);
            begins.then(|| "text with the byte-order mark of UTF-16".to_owned())
        },
        open: |_, _| ReaderKind::Stream(Box::new(Utf16::new(Text::default()))),
        run: Path::to_path_buf,
    },
    LogFormat {
        name: "printed text",
        role: FileRole::Metrics,
        recognise: |sample| {
            let kinds = ["log", "txt", "out", "err", "stdout", "stderr", ""];
            let fits = sample.named || kinds.contains(&extension(sample.path));
            let is_text = !sample.head.contains(&0);
            let text = String::from_utf8_lossy(sample.head);
            (fits && is_text).then(|| text::recognise(&text)).flatten()
        },
        open: |_, _| ReaderKind::Stream(Box::new(Text::default())),
        run: Path::to_path_buf,
    },
];

/// Text that is read with a user-defined pattern.
///
/// # Errors
/// If the pattern is invalid.
pub fn with_pattern(pattern: &str) -> Result<PatternText, String> {
    PatternText::new(pattern)
}

/// The format of a file, and the reason; `None` if it is unknown.
#[must_use]
pub fn recognise(sample: &FileStart<'_>) -> Option<(&'static LogFormat, String)> {
    FORMATS.iter().find_map(|format| (format.recognise)(sample).map(|why| (format, why)))
}

/// Why a file has no known format, if there is a useful explanation.
#[must_use]
pub fn refusal(sample: &FileStart<'_>) -> Option<&'static str> {
    let path = sample.path;
    if path.ancestors().any(|dir| file_name(dir) == ".aim") || file_name(path).contains("aim-repo")
    {
        return Some(
            "Aim keeps its runs in a private database that is not supported; export them with `aim`",
        );
    }
    if file_name(path).contains("tfevents") && !file_name(path).ends_with(".profile-empty") {
        return Some("named as an event file, but it does not start like one");
    }
    if sample.head.contains(&0) {
        return Some("binary, of no known format");
    }
    if text_of(sample.head).and_then(csv::recognise).is_some() {
        return Some("a table without a step column; name the file itself to read it");
    }
    None
}

fn read_store(path: &Path, bytes: Vec<u8>, sink: &mut dyn Sink) -> Result<(), String> {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    // A non-empty journal means that the database is currently being written.
    if fs::metadata(beside("-journal")).is_ok_and(|journal| journal.len() > 0) {
        return Err("it is being written to".to_owned());
    }
    let log = fs::read(beside("-wal")).ok();
    stores::read(bytes, log.as_deref(), sink)
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

/// The longest valid UTF-8 text at the start; `None` for binary data.
fn text_of(head: &[u8]) -> Option<&str> {
    if head.contains(&0) {
        return None;
    }
    match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        Err(error) if head.len() - error.valid_up_to() < 4 => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

fn directory(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_path_buf()
}

/// Whether a file has a name that frameworks use for the only log in a run's directory.
fn is_known_name(path: &Path) -> bool {
    let names = [
        "metrics.csv",
        "results.csv",
        "progress.csv",
        "summary.csv",
        "result.json",
        "metrics.json",
        "scalars.json",
        "progress.json",
        "metrics.jsonl",
        "log.csv",
        "history.csv",
        "training.csv",
    ];
    names.contains(&file_name(path).as_ref())
}

/// The run's path: the directory for names used by frameworks, otherwise the file.
fn by_known_name(path: &Path) -> PathBuf {
    let is_one_of_a_directory = is_known_name(path) && file_name(path) != "training.csv";
    if is_one_of_a_directory { directory(path) } else { path.to_path_buf() }
}

/// The run's path: the directory, or the one above a checkpoint's.
fn checkpointed(path: &Path) -> PathBuf {
    let dir = directory(path);
    if file_name(&dir).starts_with("checkpoint-") { directory(&dir) } else { dir }
}

/// The run's path: the directory, or the one above `.hydra`.
fn above_hydra(path: &Path) -> PathBuf {
    let dir = directory(path);
    if file_name(&dir) == ".hydra" { directory(&dir) } else { dir }
}
