//! The title of the terminal's window, and the notification at the end of a run.

use super::chrome;
use super::setup::DashboardSetup;
use crate::protocol::RunView;

/// The window's title: name, state, epoch, accuracy. Empty without a run.
pub(super) fn of(setup: &DashboardSetup, run: &RunView) -> String {
    if setup.is_without_run() {
        return String::new();
    }
    let (state, _) = chrome::state(run, &setup.theme);
    let mut parts = vec![state];
    let epochs = run.info.as_ref().map_or(0, |info| info.epochs);
    if epochs > 0 {
        parts.push(format!("{}/{epochs}", run.epoch()));
    }
    let latest = run.latest();
    let accuracy = latest.and_then(|stats| stats.validation_accuracy.or(stats.test_accuracy));
    parts.extend(accuracy.map(|accuracy| format!("{:.2}%", 100.0 * accuracy)));
    let name = if setup.name.is_empty() { "nntop".into() } else { format!("nntop {}", setup.name) };
    format!("{name}: {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Activity, EpochStats, Event, Outcome, RunInfo, Status};

    #[test]
    fn the_title_shows_state_epoch_and_accuracy() {
        let setup = DashboardSetup { name: "calm-heron".into(), ..DashboardSetup::default() };
        let mut run = RunView::default();
        assert_eq!(of(&setup, &run), "nntop calm-heron: starting…");
        run.apply(&Event::Started(Box::new(RunInfo { epochs: 30, ..RunInfo::default() })));
        run.apply(&Event::StatusChanged(Status {
            activity: Activity::Training,
            ..Status::default()
        }));
        run.apply(&Event::EpochEnded(EpochStats {
            epoch: 7,
            validation_accuracy: Some(0.953),
            ..EpochStats::default()
        }));
        assert_eq!(of(&setup, &run), "nntop calm-heron: training · 7/30 · 95.30%");
        run.apply(&Event::Finished(Outcome::Stopped));
        assert_eq!(of(&DashboardSetup::default(), &run), "nntop: stopped · 7/30 · 95.30%");
        let explorable =
            DashboardSetup { explorable: Some("x".into()), ..DashboardSetup::default() };
        assert_eq!(of(&explorable, &run), "");
    }
}
