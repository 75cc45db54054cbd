//! Limits the number of frames and bytes per second.

use std::time::{Duration, Instant};

/// Limits of the output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Maximum number of frames per second, above 0.
    pub frames_per_second: f64,
    /// Average bytes per second for updates, above 0; keys are answered at once.
    pub bytes_per_second: f64,
    /// Maximum burst of bytes, also in answer to a key: larger frames are sent in parts. Without
    /// it, frames are always complete.
    pub bytes_at_once: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frames_per_second: 10.0, bytes_per_second: 22_000.0, bytes_at_once: None }
    }
}

impl Limits {
    /// For slow connections: at most 2.2 KB per second on average, and 6 KB at once.
    #[must_use]
    pub fn low_bandwidth() -> Self {
        let bytes_at_once = Some(6_000.0);
        Self { frames_per_second: 2.0, bytes_per_second: 2_200.0, bytes_at_once }
    }
}

/// Maximum allowance if frames are always complete, in seconds at the average rate.
const ALLOWANCE_SECONDS: f64 = 1.5;
/// Fraction of the burst that updates leave for the answer to the next key.
const RESERVED_FOR_KEYS: f64 = 0.5;
/// Minimum number of bytes for a part of a frame.
const MIN_PART: f64 = 600.0;

/// A token bucket: every frame uses up an allowance that grows with time.
#[derive(Debug)]
pub(super) struct FramePacer {
    limits: Limits,
    /// Bytes that may be written; negative after a large frame.
    allowance: f64,
    last: Instant,
    prioritized: bool,
}

impl FramePacer {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self { limits, allowance: max_allowance(&limits), last: now, prioritized: true }
    }

    /// Maximum size in bytes of a frame that is drawn now.
    pub(super) fn budget(&self, now: Instant) -> usize {
        match self.limits.bytes_at_once {
            Some(most) => (self.allowance_at(now) - self.reserved(most)).max(0.0) as usize,
            None => usize::MAX,
        }
    }

    /// The allowance at a time.
    fn allowance_at(&self, now: Instant) -> f64 {
        let earned = (now - self.last).as_secs_f64() * self.limits.bytes_per_second;
        (self.allowance + earned).min(max_allowance(&self.limits))
    }

    /// The bytes of the allowance that are reserved for the answer to the next key.
    fn reserved(&self, most: f64) -> f64 {
        if self.prioritized { 0.0 } else { RESERVED_FOR_KEYS * most }
    }

    /// Whether a frame may be drawn now.
    pub(super) fn may_draw(&self, now: Instant) -> bool {
        self.next_frame() <= now
    }

    /// When the next frame may be drawn.
    pub(super) fn next_frame(&self) -> Instant {
        if let Some(most) = self.limits.bytes_at_once {
            let missing = (self.reserved(most) + MIN_PART - self.allowance).max(0.0);
            let pause = if self.prioritized { 0.0 } else { 1.0 / self.limits.frames_per_second };
            let seconds = (missing / self.limits.bytes_per_second).max(pause);
            return self.last + Duration::from_secs_f64(seconds);
        }
        if self.prioritized {
            return self.last;
        }
        let debt = (-self.allowance).max(0.0) / self.limits.bytes_per_second;
        self.last + Duration::from_secs_f64(debt.max(1.0 / self.limits.frames_per_second))
    }

    /// Whether the allowance is at least 90% of its maximum, enough for a change of a large part of
    /// the screen, or the frame answers a request of the user.
    pub(super) fn can_afford_pictures(&self, now: Instant) -> bool {
        self.prioritized || self.allowance_at(now) >= 0.9 * max_allowance(&self.limits)
    }

    /// Records a frame, or a part of one. The answer to a key has priority until its frame is
    /// complete.
    pub(super) fn drawn(&mut self, now: Instant, bytes: usize, is_whole: bool) {
        self.allowance = self.allowance_at(now) - bytes as f64;
        self.last = now;
        self.prioritized &= !is_whole;
    }

    /// Gives priority to the answer to a request of the user, and to the frames that follow from
    /// it.
    pub(super) fn prioritize(&mut self) {
        self.prioritized = true;
        if self.limits.bytes_at_once.is_none() {
            self.allowance = self.allowance.max(max_allowance(&self.limits));
        }
    }
}

/// The maximum allowance in bytes.
fn max_allowance(limits: &Limits) -> f64 {
    limits.bytes_at_once.unwrap_or(ALLOWANCE_SECONDS * limits.bytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_delays_the_next_one() {
        let limits =
            Limits { frames_per_second: 10.0, bytes_per_second: 1000.0, bytes_at_once: None };
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pacer = FramePacer::new(limits, start);
        assert!(pacer.may_draw(start));
        pacer.drawn(start, 10, true);
        assert!(!pacer.may_draw(after(99)));
        assert!(pacer.may_draw(after(100)));
        pacer.drawn(after(100), 3500, true);
        assert!(!pacer.may_draw(after(1900)));
        assert!(pacer.may_draw(after(2200)));
        assert!(!pacer.can_afford_pictures(after(2200)));
        pacer.prioritize();
        assert!(pacer.may_draw(after(100)));
    }

    #[test]
    fn the_burst_limit_holds_for_every_second() {
        let limits = Limits::low_bandwidth();
        let start = Instant::now();
        let mut pacer = FramePacer::new(limits, start);
        // A screen that always changes more than can be sent, and for a while a key every 150 ms.
        let mut sent = vec![0; 60_000];
        let mut answered = Vec::new();
        let mut asked = None;
        for tick in 0..60_000 {
            let now = start + Duration::from_millis(tick);
            if (20_000..40_000).contains(&tick) && tick % 150 == 0 {
                pacer.prioritize();
                asked.get_or_insert(tick);
            }
            if pacer.may_draw(now) {
                let bytes = pacer.budget(now);
                sent[tick as usize] = bytes;
                answered.extend(asked.take().map(|asked| tick - asked));
                pacer.drawn(now, bytes, tick % 7 == 0);
            }
        }
        let most: usize = sent.windows(1000).map(|second| second.iter().sum()).max().unwrap();
        assert!(most as f64 <= limits.bytes_per_second + 6000.0, "{most} bytes in a second");
        let all: usize = sent.iter().sum();
        assert!(all as f64 <= 60.0 * limits.bytes_per_second + 6000.0, "{all} bytes in a minute");
        assert_eq!(answered[0], 0, "the first key is answered at once");
    }

    #[test]
    fn the_average_rate_is_limited() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut pacer = FramePacer::new(limits, start);
        let mut written = 0;
        for tick in 0..10_000 {
            let now = start + Duration::from_millis(tick);
            if pacer.may_draw(now) {
                let bytes = if pacer.can_afford_pictures(now) { 40_000 } else { 700 };
                pacer.drawn(now, bytes, true);
                written += bytes;
            }
        }
        assert!(written < 300_000, "{written} bytes in ten seconds");
    }
}
