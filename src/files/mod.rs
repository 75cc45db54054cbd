//! Files that others may have put there: bounded reads of regular files, and writes that are whole
//! or not there.

pub mod atomic;
pub mod read;
