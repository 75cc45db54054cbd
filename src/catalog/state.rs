//! The state of a run: running, held, stalled, ended, interrupted or failed.

use super::run::Run;
use crate::logs::WriterState;

/// The state of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchedState {
    Running,
    /// Paused by the user; can be resumed.
    Held,
    /// Nothing was logged for 20 times its usual interval, and for at least 5 minutes.
    Stalled,
    /// Its end was logged, or nothing for 200 times its usual interval and for at least an hour.
    Ended,
    /// An nntop run whose process died before it was complete; `nntop resume` continues it.
    Interrupted,
    Failed,
}

impl WatchedState {
    /// The state in one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Held => "held",
            Self::Stalled => "stalled",
            Self::Ended => "ended",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// A run counts as stalled, and later as ended, after this multiple of its usual interval between
/// points, but at least after this number of seconds.
const STALLED: (f64, f64) = (20.0, 300.0);
const ENDED: (f64, f64) = (200.0, 3600.0);

/// The state of a run; `now` and `written` (the last write to its files) are in seconds since
/// 1970.
#[must_use]
pub fn state_of(run: &Run, written: Option<f64>, now: f64) -> WatchedState {
    match run.reported_state() {
        Some(WriterState::Finished) => return WatchedState::Ended,
        Some(WriterState::Failed) => return WatchedState::Failed,
        Some(WriterState::Running) | None => {}
    }
    let silent = now - written.or(run.last_time()).unwrap_or(now);
    let pace = pace(run).unwrap_or(0.0);
    let beyond = |(times, least): (f64, f64)| silent > (times * pace).max(least);
    if beyond(ENDED) {
        WatchedState::Ended
    } else if beyond(STALLED) {
        WatchedState::Stalled
    } else {
        WatchedState::Running
    }
}

/// The usual interval between points in seconds: the median of the last 63 intervals of the metric
/// with the most points.
fn pace(run: &Run) -> Option<f64> {
    let metric = run.metrics.iter().max_by_key(|metric| metric.len())?;
    let from = metric.len().saturating_sub(64);
    let times: Vec<f64> =
        (from..metric.len()).filter_map(|i| Some(metric.point(i)?.wall_time)).collect();
    let mut intervals: Vec<f64> = times
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .filter(|interval| *interval >= 0.0)
        .collect();
    intervals.sort_by(f64::total_cmp);
    intervals.get(intervals.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::LogRecord;

    #[test]
    fn a_run_is_stalled_relative_to_its_own_pace() {
        let mut run = Run::new("r".to_owned());
        for step in 0..10 {
            let wall_time = step as f64 * 60.0;
            run.apply(0, &LogRecord::Scalar { name: "x", step, wall_time, value: 0.0 });
        }
        assert_eq!(state_of(&run, Some(540.0), 600.0), WatchedState::Running);
        assert_eq!(state_of(&run, Some(540.0), 540.0 + 1100.0), WatchedState::Running);
        assert_eq!(state_of(&run, Some(540.0), 540.0 + 1300.0), WatchedState::Stalled);
        assert_eq!(state_of(&run, Some(540.0), 540.0 + 13_000.0), WatchedState::Ended);
        run.apply(0, &LogRecord::State(WriterState::Failed));
        assert_eq!(state_of(&run, None, 600.0), WatchedState::Failed);
    }

    /// PyTorch's `add_hparams` reports a successful end at once, also before training.
    #[test]
    fn values_logged_after_a_reported_end_show_that_the_run_continues() {
        let mut run = Run::new("r".to_owned());
        let scalar = |step| {
            let wall_time = 100.0 + step as f64;
            LogRecord::Scalar { name: "x", step, wall_time, value: 0.0 }
        };
        run.apply(0, &LogRecord::StateAt { state: WriterState::Finished, wall_time: 100.0 });
        run.apply(0, &scalar(0));
        assert_eq!(state_of(&run, Some(100.0), 101.0), WatchedState::Ended, "written with the end");
        (1..10).for_each(|step| run.apply(0, &scalar(step)));
        assert_eq!(state_of(&run, Some(109.0), 110.0), WatchedState::Running);
        run.apply(0, &LogRecord::StateAt { state: WriterState::Finished, wall_time: 109.5 });
        assert_eq!(state_of(&run, Some(109.5), 110.0), WatchedState::Ended);
    }
}
