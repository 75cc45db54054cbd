//! nntop: the neural-network lab that lives in a terminal.

pub mod book;
pub mod cli;
pub mod data;
pub mod explore;
pub mod jobs;
pub(crate) mod linalg;
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
