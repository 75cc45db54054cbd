//! Recovers skipped events from a snapshot.

use super::{Event, RunView};

impl RunView {
    /// The log lines, saved files and outcome of this view that an `earlier` view lacks. A client
    /// that falls behind is sent a snapshot in place of the events it missed.
    #[must_use]
    pub fn missed_events(&self, earlier: &Self) -> Vec<Event> {
        let saved = added(&earlier.saved, &self.saved).iter().cloned().map(Event::Saved);
        let logged = added(&earlier.log, &self.log).iter().cloned().map(Event::Log);
        let ended = self.outcome.iter().filter(|_| earlier.outcome.is_none());
        saved.chain(logged).chain(ended.cloned().map(Event::Finished)).collect()
    }
}

/// The entries appended to a list that may have dropped its oldest entries.
fn added<'a, T: PartialEq>(before: &[T], now: &'a [T]) -> &'a [T] {
    let kept = (0..before.len()).map(|lost| &before[lost..]).find(|kept| now.starts_with(kept));
    &now[kept.map_or(0, <[T]>::len)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appended_entries_are_found_after_the_oldest_were_dropped() {
        assert_eq!(added(&[1, 2, 3], &[1, 2, 3]), &[] as &[i32]);
        assert_eq!(added(&[1, 2, 3], &[2, 3, 4, 5]), &[4, 5]);
        assert_eq!(added(&[3, 3], &[3, 3, 3]), &[3]);
        assert_eq!(added(&[1, 2], &[7, 8]), &[7, 8]);
        assert_eq!(added(&[], &[7]), &[7]);
    }
}
