//! File access that is safe for untrusted paths: bounded reads of regular files, and atomic writes.

pub mod atomic;
pub mod read;
