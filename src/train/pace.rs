//! Slow motion: when the next mini-batch may start.
//!
//! Instants are supplied by the caller, which waits while receiving commands, so that a command can
//! end the wait.

use crate::protocol::Pace;
use std::time::{Duration, Instant};

/// Shorter waits are accumulated, because each has a cost; 250 steps per second look continuous.
const SHORTEST_WAIT: Duration = Duration::from_millis(4);
/// The longest interval, one hour, so that no pace overflows.
const LONGEST_INTERVAL: f64 = 3600.0;

/// Spreads mini-batches evenly over time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct MiniBatchPacer {
    interval: Option<Duration>,
    due: Option<Instant>,
}

impl MiniBatchPacer {
    /// Sets the pace; `batches` is the number of mini-batches per epoch. A pace that is not a
    /// positive number means full speed.
    pub(super) fn set(&mut self, pace: Pace, batches: usize) {
        let seconds = match pace {
            Pace::Full => 0.0,
            Pace::SecondsPerEpoch(seconds) => seconds / batches.max(1) as f64,
            Pace::BatchesPerSecond(rate) => 1.0 / rate,
        };
        let slow = seconds > 0.0;
        self.interval = slow.then(|| Duration::from_secs_f64(seconds.min(LONGEST_INTERVAL)));
        self.due = None;
    }

    /// Records that a mini-batch ended at `now`; returns the time to wait until, if any. Time lost
    /// in evaluations or pauses is not made up for.
    pub(super) fn wait_until(&mut self, now: Instant) -> Option<Instant> {
        let interval = self.interval?;
        let due = self.due.map_or(now + interval, |due| (due + interval).max(now));
        self.due = Some(due);
        (due - now >= SHORTEST_WAIT).then_some(due)
    }

    /// Forgets the last mini-batch, after a pause.
    pub(super) fn restart(&mut self) {
        self.due = None;
    }

    /// The time between two mini-batches in slow motion.
    pub(super) fn interval(&self) -> Option<Duration> {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Simulates mini-batches of the given length; returns the time they take.
    fn run(pacer: &mut MiniBatchPacer, batches: u32, work: Duration) -> Duration {
        let start = Instant::now();
        let mut now = start;
        for _ in 0..batches {
            now += work;
            now = pacer.wait_until(now).unwrap_or(now);
        }
        now - start
    }

    #[test]
    fn full_speed_never_waits() {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(Pace::Full, 5000);
        assert_eq!(run(&mut pacer, 5000, Duration::from_micros(20)), Duration::from_millis(100));
    }

    #[test]
    fn an_epoch_takes_the_requested_seconds() {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(Pace::SecondsPerEpoch(1.0), 5000);
        let took = run(&mut pacer, 5000, Duration::from_micros(20)).as_secs_f64();
        assert!((took - 1.0).abs() < 0.01, "{took}");
    }

    #[test]
    fn slow_motion_keeps_its_rate() {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(Pace::BatchesPerSecond(4.0), 5000);
        let took = run(&mut pacer, 8, Duration::from_millis(1)).as_secs_f64();
        assert!((took - 2.0).abs() < 0.01, "{took}");
    }

    #[test]
    fn a_machine_too_slow_for_the_pace_is_not_slowed_further() {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(Pace::SecondsPerEpoch(1.0), 100);
        let work = Duration::from_millis(30);
        let took = run(&mut pacer, 100, work);
        assert!(took <= work * 101, "{took:?}");
    }

    #[test]
    fn lost_time_is_not_made_up_for() {
        let mut pacer = MiniBatchPacer::default();
        pacer.set(Pace::BatchesPerSecond(10.0), 100);
        let start = Instant::now();
        let interval = Duration::from_millis(100);
        assert_eq!(pacer.wait_until(start), Some(start + interval));
        let later = start + Duration::from_secs(60);
        assert_eq!(pacer.wait_until(later), None);
        assert_eq!(pacer.wait_until(later), Some(later + interval));
        pacer.restart();
        assert_eq!(pacer.wait_until(later), Some(later + interval));
    }

    #[test]
    fn extreme_paces_neither_panic_nor_hang() {
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
            let mut pacer = MiniBatchPacer::default();
            for pace in [Pace::SecondsPerEpoch(seconds), Pace::BatchesPerSecond(seconds)] {
                pacer.set(pace, 1);
                let now = Instant::now();
                if let Some(due) = pacer.wait_until(now) {
                    assert!(due - now <= Duration::from_secs_f64(LONGEST_INTERVAL));
                }
            }
        }
    }
}
