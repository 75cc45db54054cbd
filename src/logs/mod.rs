//! Readers for the logs of other training tools: one file per format, and a table of them
//! ([`formats::FORMATS`]). A reader converts the bytes of a file to [`LogRecord`]s, piece by piece;
//! [`LogFile`] follows a file that grows, is truncated, damaged, rewritten or replaced.

mod columns;
pub mod config;
pub mod csv;
mod file;
pub mod formats;
pub mod json;
pub mod jsonl;
mod lines;
pub mod mlflow;
pub mod nntop;
pub mod number;
mod record;
pub mod sqlite;
pub mod stores;
pub mod tensorboard;
pub mod text;
pub mod trainer_state;
mod value;
pub mod wandb;
mod wire;
pub mod yaml;

pub use file::{LogFile, Poll};
pub use record::{HistogramBucket, LONGEST_RECORD, LogReader, LogRecord, Sink, WriterState};
pub use value::LogValue;
