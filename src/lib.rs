//! nntop: the neural-network lab that lives in a terminal.

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
