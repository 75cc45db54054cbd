//! `nntop browse`: a saved model in the dashboard.

use super::args::BrowseArgs;
use super::dashboard;
use super::display::DisplayArgs;
use super::error::{Usage, of_spawn};
use crate::train::{RunHandle, SpawnError};
use std::process::ExitCode;
use std::sync::Arc;

/// Measures the model and shows it.
pub(super) fn run(args: &BrowseArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let model = args.import.load(&args.model, args.data.shape.size)?;
    let data = args.data.open()?;
    let data = model.split(Arc::new(data));
    let handle = RunHandle::open(model, data).map_err(|error| match error {
        SpawnError::Model(error) => Usage::value("<MODEL>", error).into(),
        error => of_spawn(error),
    })?;
    if let Err(why) = dashboard::terminal() {
        let problem = format!("{why}; `nntop eval` measures a model without one");
        return Err(Usage::because(problem).into());
    }
    dashboard::show(handle, display, None)
}
