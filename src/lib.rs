//! nntop: a terminal dashboard for training neural networks.
//!
//! The program is [`cli::main`]; everything below it can be used as a library. Train a network of the
//! book and evaluate it:
//!
//! ```
//! use nntop::data::Dataset;
//! use nntop::model::Model;
//! use nntop::protocol::{Event, Outcome};
//! use nntop::spec::Spec;
//! use nntop::train::{RunHandle, RunOptions};
//!
//! let spec = Spec { epochs: 2, train_size: Some(5_000), ..Spec::default() };
//! let run = RunHandle::spawn(spec.clone(), RunOptions::default())?;
//! let outcome = run.events.iter().find_map(|event| match event {
//!     Event::Finished(outcome) => Some(outcome),
//!     _ => None, // Event::EpochEnded(stats) has costs and accuracies
//! });
//! assert!(matches!(outcome, Some(Outcome::Completed(_))));
//!
//! let data = Dataset::embedded();
//! let network = run.join().expect("a completed run has a network");
//! let evaluation = Model::of(spec, network, &data, 2).evaluate(&data.test);
//! assert!(evaluation.accuracy > Some(0.6));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The modules are layered, each importing only those below it: see `.github/CONTRIBUTING.md`.

// Printing goes through `cli::output`, which escapes control characters; see also `.clippy.toml`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro))]

pub mod book;
pub mod catalog;
pub mod cli;
pub mod data;
pub mod explore;
pub mod files;
pub mod jobs;
pub(crate) mod linalg;
pub mod logs;
pub mod model;
pub mod nn;
pub mod picture;
pub mod protocol;
pub mod reading;
pub mod rng;
pub mod session;
pub mod spec;
pub mod train;
pub mod ui;
