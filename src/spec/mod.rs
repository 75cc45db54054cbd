//! The recipe of a run: parsing, validation, defaults, description, presets, and building the
//! network.

pub(crate) mod build;
pub(crate) mod dataset;
pub mod defaults;
pub(crate) mod describe;
pub(crate) mod presets;
pub(crate) mod readout;
pub(crate) mod recipe;
mod syntax;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod validate;

pub use build::build;
pub use defaults::{ChosenDefault, SpecifiedFields};
pub use describe::describe;
pub use presets::{PRESETS, Preset, preset};
pub use readout::Readout;
pub use recipe::{EarlyStopping, Expansion, Optimizer, Schedule, Spec};
pub use syntax::toml_problem;
pub use validate::SpecError;
