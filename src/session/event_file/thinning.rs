//! Chooses the events of a long run that stay once its file has reached its limit.
//!
//! A script can report a thousand values a second for weeks. Until the limit is reached, every
//! event stays. Then metrics are thinned: of the events that report the same names, one in two, in
//! four, … stays, and so do the first, smallest, largest and last value of every name. Other events
//! stay if a [`RunView`] keeps them.

use super::TimedEvent;
use crate::protocol::{Event, Metrics, RunView};
use std::collections::HashMap;

/// A group of at most this many events is not thinned if thinning the larger ones suffices: there
/// is one accuracy per epoch, but a cost for every step.
const SMALL_GROUP: u64 = 4096;
/// At least one in this many events of a group stays each time the file is thinned.
const MAX_STRIDE: u64 = 64;

/// What [`EventSurvey::choose`] needs to know about the lines of a file.
#[derive(Debug, Default)]
pub(super) struct EventSurvey {
    lines: Vec<EventLine>,
    groups: Vec<MetricGroup>,
    group_of: HashMap<Vec<String>, usize>,
    extremes: HashMap<String, ExtremeLines>,
    newest: NewestLines,
    /// Bytes of events other than metrics that stay.
    other_bytes: u64,
}

/// A line of the file.
#[derive(Clone, Copy, Debug)]
struct EventLine {
    bytes: u64,
    kind: LineKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineKind {
    /// Metrics, with the number of their group.
    Metrics(usize),
    Kept,
    Dropped,
}

/// Events that report the same names.
#[derive(Clone, Copy, Debug, Default)]
struct MetricGroup {
    events: u64,
    bytes: u64,
    /// Events of the group that [`EventSurvey::choose`] has passed.
    seen: u64,
}

/// The lines with the extreme values of a name. Minimum and maximum are of finite values.
#[derive(Clone, Copy, Debug)]
struct ExtremeLines {
    first: usize,
    last: usize,
    min: Option<(f64, usize)>,
    max: Option<(f64, usize)>,
}

/// The lines that stay.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ThinningResult {
    /// Whether each line stays.
    pub keep: Vec<bool>,
    /// Number of events with metrics that do not stay.
    pub dropped: u64,
}

impl EventSurvey {
    /// Takes the next line of the file, with its length in bytes; `None` if it is not an event.
    pub(super) fn push(&mut self, line: Option<TimedEvent<Event>>, bytes: u64) {
        let at = self.lines.len();
        let kind = match line.map(|line| line.event) {
            None => LineKind::Dropped,
            Some(Event::Metrics(metrics)) => LineKind::Metrics(self.measure(at, &metrics, bytes)),
            Some(event) => {
                self.other_bytes += bytes;
                if let Some(older) = self.newest.take(&event, at) {
                    self.other_bytes -= self.lines[older].bytes;
                    self.lines[older].kind = LineKind::Dropped;
                }
                LineKind::Kept
            }
        };
        self.lines.push(EventLine { bytes, kind });
    }

    fn measure(&mut self, at: usize, metrics: &Metrics, bytes: u64) -> usize {
        for (name, value) in &metrics.values {
            if let Some(extremes) = self.extremes.get_mut(name) {
                extremes.add(at, *value);
            } else {
                let mut extremes = ExtremeLines { first: at, last: at, min: None, max: None };
                extremes.add(at, *value);
                self.extremes.insert(name.clone(), extremes);
            }
        }
        let names: Vec<String> = metrics.values.iter().map(|(name, _)| name.clone()).collect();
        let group = *self.group_of.entry(names).or_insert_with(|| {
            self.groups.push(MetricGroup::default());
            self.groups.len() - 1
        });
        self.groups[group].events += 1;
        self.groups[group].bytes += bytes;
        group
    }

    /// Chooses lines of about `target` bytes.
    pub(super) fn choose(mut self, target: u64) -> ThinningResult {
        let (small, stride) = self.stride(target);
        let mut keep: Vec<bool> = Vec::with_capacity(self.lines.len());
        for line in &self.lines {
            keep.push(match line.kind {
                LineKind::Kept => true,
                LineKind::Dropped => false,
                LineKind::Metrics(group) => {
                    let group = &mut self.groups[group];
                    group.seen += 1;
                    group.events <= small || (group.seen - 1).is_multiple_of(stride)
                }
            });
        }
        for extremes in self.extremes.values() {
            let lines = [extremes.min, extremes.max].into_iter().flatten().map(|(_, line)| line);
            for line in lines.chain([extremes.first, extremes.last]) {
                keep[line] = true;
            }
        }
        let lines = self.lines.iter().zip(&keep);
        let dropped =
            lines.filter(|(line, keep)| matches!(line.kind, LineKind::Metrics(_)) && !**keep);
        let dropped = dropped.count() as u64;
        ThinningResult { keep, dropped }
    }

    /// The size up to which a group is not thinned, and the stride at which larger ones are.
    fn stride(&self, target: u64) -> (u64, u64) {
        let strides = || (1..=MAX_STRIDE.ilog2()).map(|power| 1 << power);
        let mut choices =
            [SMALL_GROUP, 0].into_iter().flat_map(|small| strides().map(move |n| (small, n)));
        let bytes = |small: u64, stride: u64| {
            let of_group = |group: &MetricGroup| {
                if group.events <= small { group.bytes } else { group.bytes / stride }
            };
            self.other_bytes + self.groups.iter().map(of_group).sum::<u64>()
        };
        choices.find(|&(small, stride)| bytes(small, stride) <= target).unwrap_or((0, MAX_STRIDE))
    }
}

impl ExtremeLines {
    fn add(&mut self, at: usize, value: f64) {
        self.last = at;
        if value.is_finite() {
            self.min = Some(self.min.filter(|min| min.0 <= value).unwrap_or((value, at)));
            self.max = Some(self.max.filter(|max| max.0 >= value).unwrap_or((value, at)));
        }
    }
}

/// The lines of events of which a [`RunView`] keeps the newest, or the newest of a name.
#[derive(Debug, Default)]
struct NewestLines(HashMap<&'static str, Vec<(Option<String>, usize)>>);

impl NewestLines {
    /// Takes the line of an event; returns the one that it replaces.
    fn take(&mut self, event: &Event, at: usize) -> Option<usize> {
        let (kind, name, most) = match event {
            Event::Log(_) | Event::Refused(_) => ("log", None, RunView::LOG_LINES),
            Event::Mark(_) => ("mark", None, RunView::MARKS),
            Event::Saved(_) => ("saved", None, RunView::MARKS),
            Event::Tuned(_) => ("tuned", None, RunView::MARKS),
            Event::Described(_) => ("described", None, 1),
            Event::Tunable(tunable) => ("tunable", Some(&tunable.name), RunView::TUNABLES),
            Event::Media(media) => ("media", Some(&media.tag), RunView::MEDIA),
            Event::Figure(figure) => ("figure", Some(&figure.id), usize::MAX),
            _ => return None,
        };
        let list = self.0.entry(kind).or_default();
        let same = list.iter().position(|(known, _)| known.is_some() && known.as_ref() == name);
        let replaced = same.or_else(|| (list.len() >= most).then_some(0));
        let replaced = replaced.map(|index| list.remove(index).1);
        list.push((name.cloned(), at));
        replaced
    }
}
