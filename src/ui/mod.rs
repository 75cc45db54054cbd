//! The dashboard. It depends only on the protocol, not on networks or data sets.

mod app;
mod background;
mod chrome;
mod effect;
mod environment;
mod event_loop;
mod experiment_name;
mod info;
mod keymap;
mod language;
mod messages;
mod numbers;
mod overlay;
mod pacer;
mod palette;
mod png;
mod portion;
mod ramp;
mod recipe;
mod request;
mod screen;
mod selection;
mod sending;
mod setup;
mod shapes;
mod svg;
mod theme;
mod title;
mod view;
mod view_id;
mod views;
mod widgets;

pub use app::App;
pub use effect::{Continuation, Exit};
pub use environment::Environment;
pub use event_loop::{Error, run};
pub use experiment_name::ExperimentName;
pub use language::Language;
pub use pacer::Limits;
pub use png::{PngError, png};
pub use screen::notification;
pub use setup::{
    DashboardSetup, OpenedDashboard, Opener, SavePicture, SavePictureError, TerminalExtras,
};
pub use svg::{svg, text};
pub use theme::{ColorDepth, Theme};
pub use view_id::ViewId;
