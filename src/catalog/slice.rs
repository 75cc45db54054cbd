//! Limits for how long the catalog is locked by reading, so that front ends need not wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A limited time for reading files.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimeSlice<'a> {
    /// When it ends; `None` for no limit.
    deadline: Option<Instant>,
    /// Number of frames that wait for the catalog; the slice is over if there are any.
    waiting: Option<&'a AtomicUsize>,
}

impl<'a> TimeSlice<'a> {
    /// A slice that ends after `time`, or as soon as a frame waits.
    #[must_use]
    pub fn new(time: Duration, waiting: Option<&'a AtomicUsize>) -> Self {
        Self { deadline: Instant::now().checked_add(time), waiting }
    }

    /// A slice that ends after `time`, or with this one if that is earlier.
    #[must_use]
    pub fn shortened_to(self, time: Duration) -> Self {
        let shorter = Self::new(time, self.waiting);
        let deadline = match (self.deadline, shorter.deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Self { deadline, ..shorter }
    }

    /// Whether no other file should be read.
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
    fn a_slice_ends_after_its_time_or_when_a_frame_waits() {
        let hour = Duration::from_secs(3600);
        let waiting = AtomicUsize::new(0);
        let slice = TimeSlice::new(hour, Some(&waiting));
        assert!(!slice.is_over() && !slice.shortened_to(hour).is_over());
        assert!(slice.shortened_to(Duration::ZERO).is_over());
        assert!(TimeSlice::new(Duration::ZERO, None).shortened_to(hour).is_over());
        assert!(!TimeSlice::default().is_over() && !TimeSlice::new(Duration::MAX, None).is_over());
        waiting.store(1, Ordering::Relaxed);
        assert!(slice.is_over() && slice.shortened_to(hour).is_over());
    }
}
