//! `nntop browse`: a saved model, or the predictions of any classifier, in the dashboard.

use super::args::BrowseArgs;
use super::dashboard;
use super::display::DisplayArgs;
use super::error::{Usage, of_spawn};
use super::setup;
use crate::protocol::RunKind;
use crate::train::{SpawnError, open_model, open_predictions};
use crate::ui::{DashboardSetup, ViewId};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// Opens a model or a table of predictions.
pub(super) fn run(args: &BrowseArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.predictions {
        return predictions(file, args, display);
    }
    let Some(model) = &args.model else {
        return Err(Usage::because("give a model, or --predictions FILE").into());
    };
    let model = args.import.load(model, args.data.shape.size)?;
    let data = args.data.open()?;
    let data = model.split(Arc::new(data));
    let networks = model.members.count() as u32;
    let handle = open_model(model, data).map_err(|error| match error {
        SpawnError::Model(error) => Usage::value("<MODEL>", error).into(),
        error => of_spawn(error),
    })?;
    if let Err(why) = dashboard::terminal() {
        let problem = format!("{why}; `nntop eval` measures a model without one");
        return Err(Usage::because(problem).into());
    }
    let setup = DashboardSetup { model: Some(networks), ..setup::of_process(display) };
    dashboard::show_as(handle, setup, display)
}

/// Opens a table of predictions on the misclassified images.
fn predictions(file: &Path, args: &BrowseArgs, display: &DisplayArgs) -> anyhow::Result<ExitCode> {
    let mut predictions = args.data.predictions(file)?;
    if !predictions.has_pictures() && args.data.data.is_some() {
        let data = args.data.open()?;
        predictions =
            predictions.with_pictures(&data).map_err(|problem| Usage::value("--data", problem))?;
    }
    if let Err(why) = dashboard::terminal() {
        return Err(Usage::because(why.to_string()).into());
    }
    let handle = open_predictions(predictions).map_err(of_spawn)?;
    let setup = DashboardSetup {
        kind: RunKind::Predictions,
        view: ViewId::Digits,
        ..setup::of_process(display)
    };
    dashboard::show_as(handle, setup, display)
}
