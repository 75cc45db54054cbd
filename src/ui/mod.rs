//! The dashboard. It knows the protocol and nothing else: never a network, never a data set.

pub mod svg;
pub mod theme;
pub mod view;
pub mod views;
pub mod widgets;
