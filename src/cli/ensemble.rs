//! Ensembles: trained by `nntop train --ensemble`, or combined by `nntop ensemble`.

use super::args::{EnsembleArgs, OutputArgs};
use super::dashboard::{self, DashboardOutcome};
use super::display::DisplayArgs;
use super::error::Usage;
use super::headless;
use super::model_arg;
use super::output;
use super::setup;
use crate::jobs::{EnsembleRecipe, Options, train_ensemble};
use crate::model::Model;
use crate::protocol::{Outcome, Pace};
use crate::ui::{DashboardSetup, Exit};
use anyhow::{Context, bail};
use std::process::ExitCode;

/// Trains an ensemble in this process: in the dashboard, or printing lines if there is an `output`.
pub(super) fn train(
    ensemble: EnsembleRecipe,
    pace: Pace,
    output: Option<&OutputArgs>,
    display: &DisplayArgs,
    notice: Option<String>,
) -> anyhow::Result<ExitCode> {
    let options = Options { seed: ensemble.spec.seed, pace, ..Options::default() };
    let running = train_ensemble(ensemble, options).context("cannot start a thread")?;
    if let Some(output) = output {
        return headless::run(&running.commands, &running.events, output, display.notify);
    }
    let setup = DashboardSetup { notice, ..setup::of_process(display) };
    let DashboardOutcome { exit, view } =
        dashboard::follow(&running.commands, &running.events, setup, display)?;
    running.join();
    if exit? != Exit::Gone {
        dashboard::summarize(&view, display.theme().language());
    }
    match view.outcome {
        Some(Outcome::Failed(reason) | Outcome::Diverged { hint: reason, .. }) => bail!("{reason}"),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Combines saved models.
pub(super) fn join(args: &EnsembleArgs) -> anyhow::Result<ExitCode> {
    Model::check_ending(&args.file).map_err(|error| Usage::value("<FILE>", error))?;
    let load = |model: &std::path::PathBuf| model_arg::load(model);
    let models = args.models.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    let model = Model::join(models).map_err(|error| Usage::value("<MODEL>", error))?;
    let bytes = model.save(&args.file)?;
    let (networks, file) = (model.members.count(), args.file.display());
    writeln!(output::out(), "{file}: {networks} networks, {bytes} bytes")?;
    Ok(ExitCode::SUCCESS)
}
