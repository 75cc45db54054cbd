//! The selection that all views share: a moment of the run, a test image, a layer.

use crate::protocol::{Content, Moment, Outcome, Probe, ProbeQuery, RunView};

/// The shared selection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Selection {
    /// Live, or an earlier epoch.
    pub moment: Moment,
    /// Index of a test image.
    pub digit: u32,
    /// Index of a layer.
    pub layer: u32,
}

impl Selection {
    /// The probes of a view at the selected moment and, if there is a run, the probe for the epochs
    /// of its snapshots, which the keys `[` and `]` step through.
    pub(super) fn probes(&self, queries: Vec<ProbeQuery>, of_run: bool) -> Vec<Probe> {
        let probes = queries.into_iter().map(|what| Probe { what, at: self.moment });
        probes.chain(of_run.then(|| Probe::live(ProbeQuery::Snapshots))).collect()
    }

    /// Selects a test image, limited to the last one.
    pub(super) fn select_digit(&mut self, index: u32, run: &RunView) {
        let last = run.info.as_ref().map_or(0, |info| info.test_size.saturating_sub(1));
        self.digit = index.min(last);
    }

    /// The stored epoch before (−1) or after (1) the selected one; live after the newest.
    pub(super) fn neighbour_epoch(&self, step: i64, run: &RunView) -> Moment {
        let mut kept = snapshot_epochs(run);
        if matches!(run.outcome, Some(Outcome::Completed(_))) {
            // The last epoch of a complete run is the same as live.
            kept.retain(|epoch| *epoch < run.epoch());
        }
        let shown = match self.moment {
            Moment::Live => u32::MAX,
            Moment::Epoch(epoch) => epoch,
        };
        if step < 0 {
            let before = kept.iter().rev().find(|epoch| **epoch < shown).or(kept.first());
            return before.map_or(self.moment, |epoch| Moment::Epoch(*epoch));
        }
        let after = kept.iter().find(|epoch| **epoch > shown);
        after.map_or(Moment::Live, |epoch| Moment::Epoch(*epoch))
    }
}

/// The epochs that can be selected, in order: those with a snapshot, or all epochs if the session
/// is too old to report them.
pub(super) fn snapshot_epochs(run: &RunView) -> Vec<u32> {
    let frame = run.frames.get(&Probe::live(ProbeQuery::Snapshots));
    match frame.map(|frame| &frame.content) {
        Some(Content::Snapshots { epochs }) if !epochs.is_empty() => epochs.clone(),
        _ => run.epochs.points().iter().map(|stats| stats.epoch).collect(),
    }
}
