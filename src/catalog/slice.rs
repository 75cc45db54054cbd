//! How long reading may lock the catalog before a front end gets its turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A limit for one part of reading.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice<'a> {
    /// When it ends; `None` for no limit.
    deadline: Option<Instant>,
    /// Number of frames that wait for the catalog; one ends the slice.
    waiting: Option<&'a AtomicUsize>,
}

impl<'a> Slice<'a> {
    /// A slice that ends after `time`, or once anyone waits.
    #[must_use]
    pub fn new(time: Duration, waiting: Option<&'a AtomicUsize>) -> Self {
        Self { deadline: Instant::now().checked_add(time), waiting }
    }

    /// A slice that ends after `time`, or with this one.
    #[must_use]
    pub fn shortened_to(self, time: Duration) -> Self {
        let shorter = Self::new(time, self.waiting);
        let deadline = match (self.deadline, shorter.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { deadline, ..shorter }
    }

    /// Whether no further file should be started.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.waiting.is_some_and(|waiting| waiting.load(Ordering::Relaxed) > 0)
            || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_ends_with_its_time_or_when_someone_waits() {
        let hour = Duration::from_secs(3600);
        let waiting = AtomicUsize::new(0);
        let slice = Slice::new(hour, Some(&waiting));
        assert!(!slice.is_over() && !slice.shortened_to(hour).is_over());
        assert!(slice.shortened_to(Duration::ZERO).is_over());
        assert!(Slice::new(Duration::ZERO, None).shortened_to(hour).is_over());
        assert!(!Slice::default().is_over() && !Slice::new(Duration::MAX, None).is_over());
        waiting.store(1, Ordering::Relaxed);
        assert!(slice.is_over() && slice.shortened_to(hour).is_over());
    }
}
