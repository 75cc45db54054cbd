//! Jobs that consist of several training runs: parallel runs, ensembles, hyper-parameter searches,
//! and the context of the book's experiments.

mod channels;
mod context;
mod ensemble;
mod error;
mod measure;
mod options;
mod parallel_runs;
mod run;
mod running;
pub mod search;

pub use context::{JobContext, Tolerance};
pub use ensemble::{EnsembleRecipe, network_directory, train_ensemble};
pub use error::ExperimentError;
pub(crate) use measure::{EpochValue, accuracy_chart};
pub use measure::{chart, curve, median, percent};
pub use options::Options;
pub use run::{PlannedRun, TrainedRun, TrainingRecord};
pub use running::{Experiment, Running};
