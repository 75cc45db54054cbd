//! nntop: the neural-network lab that lives in a terminal.

pub mod cli;
pub mod data;
pub mod digit;
pub mod engine;
pub mod experiments;
pub mod explorables;
pub mod nn;
pub mod protocol;
pub mod rng;
pub mod session;
pub mod ui;
