//! What a snapshot tells beside the state: the facts whose events were skipped.

use super::{Event, RunView};

impl RunView {
    /// The lines said, files saved and the end that an `earlier` view of the run does not know: a
    /// fast run outruns a reader on a loaded machine, who is then sent a snapshot instead of events.
    #[must_use]
    pub fn facts_since(&self, earlier: &Self) -> Vec<Event> {
        let saved = added(&earlier.saved, &self.saved).iter().cloned().map(Event::Saved);
        let said = added(&earlier.log, &self.log).iter().cloned().map(Event::Log);
        let ended = self.outcome.iter().filter(|_| earlier.outcome.is_none());
        saved.chain(said).chain(ended.cloned().map(Event::Finished)).collect()
    }
}

/// What was appended to a list that may have lost its oldest entries since.
fn added<'a, T: PartialEq>(before: &[T], now: &'a [T]) -> &'a [T] {
    let kept = (0..before.len()).map(|lost| &before[lost..]).find(|kept| now.starts_with(kept));
    &now[kept.map_or(0, <[T]>::len)..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_found_though_the_oldest_entries_are_gone() {
        assert_eq!(added(&[1, 2, 3], &[1, 2, 3]), &[] as &[i32]);
        assert_eq!(added(&[1, 2, 3], &[2, 3, 4, 5]), &[4, 5]);
        assert_eq!(added(&[3, 3], &[3, 3, 3]), &[3]);
        assert_eq!(added(&[1, 2], &[7, 8]), &[7, 8]);
        assert_eq!(added(&[], &[7]), &[7]);
    }
}
