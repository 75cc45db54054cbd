//! The dashboard. It knows the protocol and nothing else: never a network, never a data set.

mod after_end;
mod app;
mod chrome;
mod effect;
mod environment;
mod event_loop;
mod keymap;
mod language;
mod numbers;
mod overlay;
mod pacer;
mod palette;
mod portion;
mod screen;
mod selection;
mod setup;
mod svg;
mod theme;
mod view;
mod view_id;
mod views;
mod widgets;

pub use app::App;
pub use effect::{Exit, GoOn};
pub use environment::Environment;
pub use event_loop::{Error, run};
pub use language::Language;
pub use pacer::Limits;
pub use setup::{SavePicture, Setup};
pub use svg::{svg, text};
pub use theme::{ColorDepth, Theme};
pub use view_id::ViewId;
