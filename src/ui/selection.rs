//! What all views have selected together: a moment of the run, a test image, a layer.

use crate::protocol::{Moment, RunView};

/// The selection that views share.
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
    /// Selects a test image, the last one at most.
    pub(super) fn select_digit(&mut self, index: u32, run: &RunView) {
        let last = run.info.as_ref().map_or(0, |info| info.test_size.saturating_sub(1));
        self.digit = index.min(last);
    }

    /// The epoch so many epochs before or after the one shown; after the newest one comes now.
    pub(super) fn neighbour_epoch(&self, step: i64, run: &RunView) -> Moment {
        let newest = i64::from(run.epoch());
        let shown = match self.moment {
            Moment::Live => newest + 1,
            Moment::Epoch(epoch) => i64::from(epoch),
        };
        let wanted = (shown + step).max(0);
        if wanted > newest { Moment::Live } else { Moment::Epoch(wanted as u32) }
    }
}
