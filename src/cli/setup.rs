//! The setup of dashboards: of a run, of the table of runs, and of runs opened from that table.

use super::display::DisplayArgs;
use super::drawing;
use super::run_source::{self, FollowedRuns};
use crate::book::{EXPERIMENTS, Experiment};
use crate::protocol::RunKind;
use crate::session::{self, Attachment, ConnectError, Home, RunDir, RunRecord, SessionTask};
use crate::ui::{DashboardSetup, ExperimentName, OpenedDashboard, Opener, ViewId};
use std::sync::Arc;

/// The dashboard of a run of this process.
pub(super) fn of_process(display: &DisplayArgs) -> DashboardSetup {
    DashboardSetup {
        theme: display.theme(),
        extras: display.extras(),
        save_picture: Some(drawing::save),
        machine: machine(),
        opener: Some(opener(display)),
        experiments: experiments(),
        ..DashboardSetup::default()
    }
}

/// The dashboard of a run with a directory; that of an experiment opens on its figures.
pub(super) fn of_run(run: &RunDir, display: &DisplayArgs) -> DashboardSetup {
    // If the record cannot be read, show what is left.
    let task = RunRecord::read(run).map(|record| record.task);
    let view = if matches!(task, Ok(SessionTask::Experiment { .. })) {
        ViewId::Book
    } else {
        ViewId::Overview
    };
    let kind = task.map_or(RunKind::Training, |task| task.kind());
    let run_directory = run.path().display().to_string();
    DashboardSetup { name: run.name(), run_directory, view, kind, ..of_process(display) }
}

/// Opens the table of runs and the runs in it.
pub(super) fn opener(display: &DisplayArgs) -> Arc<dyn Opener> {
    Arc::new(Dashboards { display: display.clone() })
}

/// The book's experiments, for the Book view.
fn experiments() -> Vec<ExperimentName> {
    let name = |experiment: &Experiment| {
        let Experiment { id, chapter, title, expected, .. } = *experiment;
        ExperimentName { id, chapter, title, expected }
    };
    EXPERIMENTS.iter().map(name).collect()
}

/// The host's name, its processors and their architecture.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{name} · {processors} × {}", std::env::consts::ARCH)
}

/// Opens dashboards with the same display as the first one.
#[derive(Debug)]
struct Dashboards {
    display: DisplayArgs,
}

impl Opener for Dashboards {
    fn runs(&self) -> Result<OpenedDashboard, String> {
        let home = Home::of_user().map_err(|error| error.to_string())?;
        let catalog = crate::catalog::Catalog::new(vec![home.path().to_path_buf()]);
        let FollowedRuns { source, link } =
            run_source::follow(catalog).map_err(|error| error.to_string())?;
        let theme = self.display.theme();
        let opener = Some(opener(&self.display));
        let setup = DashboardSetup {
            theme,
            runs: Some(source),
            view: ViewId::Runs,
            opener,
            ..DashboardSetup::default()
        };
        Ok(OpenedDashboard { link, setup })
    }

    fn run(&self, name: &str) -> Result<OpenedDashboard, String> {
        let home = Home::of_user().map_err(|error| error.to_string())?;
        let run = home.find(name).map_err(|error| error.to_string())?;
        let setup = of_run(&run, &self.display);
        match session::attach(&run, Attachment::Control) {
            Ok(connection) => Ok(OpenedDashboard {
                link: connection.link,
                setup: DashboardSetup { detachable: true, ..setup },
            }),
            Err(ConnectError::NotLive(_)) => {
                let link = session::browse(&run, Attachment::Control);
                Ok(OpenedDashboard { link: link.map_err(|error| error.to_string())?, setup })
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
