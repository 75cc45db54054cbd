//! When a frame may be drawn: a bound on frames a second, and one on bytes a second.

use std::time::{Duration, Instant};

/// How much may be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Frames a second at most, above 0.
    pub frames_per_second: f64,
    /// Bytes a second that news may cause on average, above 0; keys are answered at once.
    pub bytes_per_second: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frames_per_second: 10.0, bytes_per_second: 22_000.0 }
    }
}

impl Limits {
    /// For a slow line: at most 3 KB a second.
    #[must_use]
    pub fn low_bandwidth() -> Self {
        Self { frames_per_second: 2.0, bytes_per_second: 2_200.0 }
    }
}

/// Seconds' worth of bytes that may be saved up.
const SAVED_UP: f64 = 1.5;

/// Pays for frames out of an allowance that grows with time.
#[derive(Debug)]
pub(super) struct Pacer {
    limits: Limits,
    /// Bytes that may be written; below 0 after a frame larger than that.
    allowance: f64,
    last: Instant,
    hurried: bool,
}

impl Pacer {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, allowance: SAVED_UP * limits.bytes_per_second, last: now, hurried: true }
    }

    /// Whether a frame may be drawn now.
    pub(super) fn may_draw(&self, now: Instant) -> bool {
        self.next_frame() <= now
    }

    /// When the next frame may be drawn.
    pub(super) fn next_frame(&self) -> Instant {
        if self.hurried {
            return self.last;
        }
        let debt = (-self.allowance).max(0.0) / self.limits.bytes_per_second;
        self.last + Duration::from_secs_f64(debt.max(1.0 / self.limits.frames_per_second))
    }

    /// Whether there is enough saved up for what changes much of the screen.
    pub(super) fn can_afford_pictures(&self, now: Instant) -> bool {
        let grown = (now - self.last).as_secs_f64() * self.limits.bytes_per_second;
        self.hurried || self.allowance + grown >= 0.9 * SAVED_UP * self.limits.bytes_per_second
    }

    /// A frame of so many bytes was drawn.
    pub(super) fn drawn(&mut self, now: Instant, bytes: usize) {
        let rate = self.limits.bytes_per_second;
        let grown = self.allowance + (now - self.last).as_secs_f64() * rate;
        self.allowance = grown.min(SAVED_UP * rate) - bytes as f64;
        self.last = now;
        self.hurried = false;
    }

    /// A person waits for an answer: it comes at once, and so does what it leads to.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
        self.allowance = self.allowance.max(SAVED_UP * self.limits.bytes_per_second);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_is_paid_for_by_waiting() {
        let limits = Limits { frames_per_second: 10.0, bytes_per_second: 1000.0 };
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pacer = Pacer::new(limits, start);
        assert!(pacer.may_draw(start));
        pacer.drawn(start, 10);
        assert!(!pacer.may_draw(after(99)));
        assert!(pacer.may_draw(after(100)));
        pacer.drawn(after(100), 3500);
        assert!(!pacer.may_draw(after(1900)));
        assert!(pacer.may_draw(after(2200)));
        assert!(!pacer.can_afford_pictures(after(2200)));
        pacer.hurry();
        assert!(pacer.may_draw(after(100)));
    }

    #[test]
    fn on_average_no_more_is_written_than_allowed() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut pacer = Pacer::new(limits, start);
        let mut written = 0;
        for tick in 0..10_000 {
            let now = start + Duration::from_millis(tick);
            if pacer.may_draw(now) {
                let bytes = if pacer.can_afford_pictures(now) { 40_000 } else { 700 };
                pacer.drawn(now, bytes);
                written += bytes;
            }
        }
        assert!(written < 300_000, "{written} bytes in ten seconds");
    }
}
