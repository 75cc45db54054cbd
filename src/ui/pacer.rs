//! When a frame may be drawn: a bound on frames a second, and one on bytes a second.

use std::time::{Duration, Instant};

/// How much may be drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Frames a second at most, above 0.
    pub frames_per_second: f64,
    /// Bytes a second that news may cause on average, above 0; keys are answered at once.
    pub bytes_per_second: f64,
    /// Bytes that may be sent beyond that in any second, also in answer to a key: a frame that takes
    /// more comes in pieces. Whole frames where there is no such bound.
    pub bytes_at_once: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { frames_per_second: 10.0, bytes_per_second: 22_000.0, bytes_at_once: None }
    }
}

impl Limits {
    /// For a slow line: at most 3 KB a second, and in no second more than 6 KB above that.
    #[must_use]
    pub fn low_bandwidth() -> Self {
        let bytes_at_once = Some(6_000.0);
        Self { frames_per_second: 2.0, bytes_per_second: 2_200.0, bytes_at_once }
    }
}

/// Seconds' worth of bytes that may be saved up, where frames are whole.
const SAVED_UP: f64 = 1.5;
/// News leaves so much of what may be sent at once to the answer of the next key, as a fraction.
const KEPT_FOR_KEYS: f64 = 0.5;
/// A piece of a frame is worth sending from so many bytes on.
const LEAST_PIECE: f64 = 600.0;

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
        Self { limits, allowance: most_saved(&limits), last: now, hurried: true }
    }

    /// Bytes that a frame drawn now may take.
    pub(super) fn budget(&self, now: Instant) -> usize {
        match self.limits.bytes_at_once {
            Some(most) => (self.grown(now) - self.kept(most)).max(0.0) as usize,
            None => usize::MAX,
        }
    }

    /// What is saved up by now.
    fn grown(&self, now: Instant) -> f64 {
        let grown = (now - self.last).as_secs_f64() * self.limits.bytes_per_second;
        (self.allowance + grown).min(most_saved(&self.limits))
    }

    /// What is not for news.
    fn kept(&self, most: f64) -> f64 {
        if self.hurried { 0.0 } else { KEPT_FOR_KEYS * most }
    }

    /// Whether a frame may be drawn now.
    pub(super) fn may_draw(&self, now: Instant) -> bool {
        self.next_frame() <= now
    }

    /// When the next frame may be drawn.
    pub(super) fn next_frame(&self) -> Instant {
        if let Some(most) = self.limits.bytes_at_once {
            let missing = (self.kept(most) + LEAST_PIECE - self.allowance).max(0.0);
            let pause = if self.hurried { 0.0 } else { 1.0 / self.limits.frames_per_second };
            let seconds = (missing / self.limits.bytes_per_second).max(pause);
            return self.last + Duration::from_secs_f64(seconds);
        }
        if self.hurried {
            return self.last;
        }
        let debt = (-self.allowance).max(0.0) / self.limits.bytes_per_second;
        self.last + Duration::from_secs_f64(debt.max(1.0 / self.limits.frames_per_second))
    }

    /// Whether there is enough saved up for what changes much of the screen.
    pub(super) fn can_afford_pictures(&self, now: Instant) -> bool {
        self.hurried || self.grown(now) >= 0.9 * most_saved(&self.limits)
    }

    /// A frame of so many bytes was drawn, or a piece of one: what a key has asked for goes on
    /// coming first.
    pub(super) fn drawn(&mut self, now: Instant, bytes: usize, is_whole: bool) {
        self.allowance = self.grown(now) - bytes as f64;
        self.last = now;
        self.hurried &= !is_whole;
    }

    /// A person waits for an answer: it comes at once, and so does what it leads to.
    pub(super) fn hurry(&mut self) {
        self.hurried = true;
        if self.limits.bytes_at_once.is_none() {
            self.allowance = self.allowance.max(most_saved(&self.limits));
        }
    }
}

/// Bytes that may be saved up.
fn most_saved(limits: &Limits) -> f64 {
    limits.bytes_at_once.unwrap_or(SAVED_UP * limits.bytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_frame_is_paid_for_by_waiting() {
        let limits =
            Limits { frames_per_second: 10.0, bytes_per_second: 1000.0, bytes_at_once: None };
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut pacer = Pacer::new(limits, start);
        assert!(pacer.may_draw(start));
        pacer.drawn(start, 10, true);
        assert!(!pacer.may_draw(after(99)));
        assert!(pacer.may_draw(after(100)));
        pacer.drawn(after(100), 3500, true);
        assert!(!pacer.may_draw(after(1900)));
        assert!(pacer.may_draw(after(2200)));
        assert!(!pacer.can_afford_pictures(after(2200)));
        pacer.hurry();
        assert!(pacer.may_draw(after(100)));
    }

    #[test]
    fn on_a_slow_line_no_second_has_more_than_its_rate_and_a_frame() {
        let limits = Limits::low_bandwidth();
        let start = Instant::now();
        let mut pacer = Pacer::new(limits, start);
        // A screen that is always worth more than can be sent, and a key every 150 ms for a while.
        let mut sent = vec![0; 60_000];
        let mut answered = Vec::new();
        let mut asked = None;
        for tick in 0..60_000 {
            let now = start + Duration::from_millis(tick);
            if (20_000..40_000).contains(&tick) && tick % 150 == 0 {
                pacer.hurry();
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
    fn on_average_no_more_is_written_than_allowed() {
        let limits = Limits::default();
        let start = Instant::now();
        let mut pacer = Pacer::new(limits, start);
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
