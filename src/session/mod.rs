//! A run that outlives its terminal: the hub, sockets, the session process and its clients.

mod hub;

pub use hub::{Attachment, Hub};
