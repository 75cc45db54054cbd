//! The x axis of a command's charts: steps, or the time since the first value, with or without
//! pauses.

use crate::protocol::{MarkKind, RunView};

/// The quantity on the x axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum XAxis {
    #[default]
    Step,
    /// Seconds since the first value.
    Relative,
    /// Seconds since the first value, without the time in which the run was held or suspended.
    Training,
}

impl XAxis {
    /// The next one, cyclically.
    pub(super) fn next(self) -> Self {
        match self {
            Self::Step => Self::Relative,
            Self::Relative => Self::Training,
            Self::Training => Self::Step,
        }
    }

    /// Its label, in English.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Relative => "seconds",
            Self::Training => "seconds without pauses",
        }
    }
}

/// Converts steps to positions on an axis.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeAxis {
    axis: XAxis,
    /// Steps and the wall times at which they were reported, sorted by step.
    clock: Vec<(f64, f64)>,
    /// Start and end of each pause as wall times.
    pauses: Vec<(f64, f64)>,
}

impl TimeAxis {
    pub(super) fn of(run: &RunView, axis: XAxis) -> Self {
        if axis == XAxis::Step {
            return Self::default();
        }
        let points = run.clock.points().into_iter().map(|(step, time)| (step as f64, time));
        let mut clock: Vec<(f64, f64)> = points.collect();
        clock.sort_by(|a, b| a.0.total_cmp(&b.0));
        let pauses = if axis == XAxis::Training { pauses(run) } else { Vec::new() };
        Self { axis, clock, pauses }
    }

    /// The position of a step.
    pub(super) fn at(&self, step: f64) -> f64 {
        if self.axis == XAxis::Step {
            return step;
        }
        let Some(&(_, start)) = self.clock.first() else { return 0.0 };
        self.seconds(start, self.wall_time(step))
    }

    /// The wall time of a step, interpolated linearly.
    fn wall_time(&self, step: f64) -> f64 {
        let after = self.clock.partition_point(|point| point.0 < step);
        match (after.checked_sub(1).map(|at| self.clock[at]), self.clock.get(after)) {
            (Some((s0, t0)), Some(&(s1, t1))) => t0 + (t1 - t0) * (step - s0) / (s1 - s0),
            (None, Some(&(_, time))) | (Some((_, time)), None) => time,
            (None, None) => 0.0,
        }
    }

    /// Seconds between two wall times, without pauses.
    fn seconds(&self, from: f64, to: f64) -> f64 {
        let overlap = |&(begin, end): &(f64, f64)| (end.min(to) - begin.max(from)).max(0.0);
        to - from - self.pauses.iter().map(overlap).sum::<f64>()
    }
}

/// Start and end of each pause as wall times; a current pause has no end yet.
fn pauses(run: &RunView) -> Vec<(f64, f64)> {
    let (mut pauses, mut begun) = (Vec::new(), None::<f64>);
    for mark in &run.marks {
        match mark.kind {
            MarkKind::Held | MarkKind::Suspended => begun = begun.or(Some(mark.wall_time)),
            MarkKind::Resumed => pauses.extend(begun.take().map(|begin| (begin, mark.wall_time))),
            MarkKind::Saved | MarkKind::Changed => {}
        }
    }
    pauses.extend(begun.map(|begin| (begin, f64::INFINITY)));
    pauses
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Event, Mark, Metrics};

    #[test]
    fn pauses_are_excluded_from_the_time() {
        let mut run = RunView::default();
        for (step, wall_time) in [(0, 100.0), (10, 110.0), (20, 150.0)] {
            let values = vec![("loss".to_owned(), 1.0)];
            run.apply(&Event::Metrics(Metrics { step, epoch: None, wall_time, values }));
        }
        for (kind, wall_time) in [(MarkKind::Held, 112.0), (MarkKind::Resumed, 142.0)] {
            run.apply(&Event::Mark(Mark { kind, step: 12, wall_time }));
        }
        // Whole seconds.
        let at =
            |axis| [0.0, 5.0, 20.0].map(|step| TimeAxis::of(&run, axis).at(step).round() as i64);
        assert_eq!(at(XAxis::Step), [0, 5, 20]);
        assert_eq!(at(XAxis::Relative), [0, 5, 50]);
        assert_eq!(at(XAxis::Training), [0, 5, 20]);
    }
}
