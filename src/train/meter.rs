//! Measures the speed of training. The caller supplies the time.

use super::checkpoint::Clock;
use std::time::{Duration, Instant};

/// Time constant of the displayed rate, in seconds.
const MEMORY: f64 = 2.0;

/// Measures the time spent on mini-batches, and the elapsed time without pauses.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SpeedMeter {
    pub clock: Clock,
    recent_seconds: f64,
    recent_samples: f64,
    last: Option<Instant>,
}

impl SpeedMeter {
    /// Continues from earlier measurements.
    pub(super) fn resumed(clock: Clock) -> Self {
        Self { clock, ..Self::default() }
    }

    /// Counts a mini-batch of `samples` images.
    pub(super) fn batch(&mut self, took: Duration, samples: usize) {
        let seconds = took.as_secs_f64();
        self.clock.epoch_seconds += seconds;
        self.clock.epoch_samples += samples as u64;
        let keep = (-seconds / MEMORY).exp();
        self.recent_seconds = self.recent_seconds * keep + seconds;
        self.recent_samples = self.recent_samples * keep + samples as f64;
    }

    /// Recent images per second, counting only time spent on mini-batches.
    pub(super) fn rate(&self) -> f64 {
        ratio(self.recent_samples, self.recent_seconds)
    }

    /// Images per second in the current epoch.
    pub(super) fn epoch_rate(&self) -> f64 {
        ratio(self.clock.epoch_samples as f64, self.clock.epoch_seconds)
    }

    /// Starts a new epoch.
    pub(super) fn end_epoch(&mut self) {
        self.clock.epoch_seconds = 0.0;
        self.clock.epoch_samples = 0;
    }

    /// Advances the run's clock to `now`.
    pub(super) fn tick(&mut self, now: Instant) {
        if let Some(last) = self.last.replace(now) {
            self.clock.elapsed_seconds += now.saturating_duration_since(last).as_secs_f64();
        }
    }

    /// Stops the run's clock until the next tick, for a pause.
    pub(super) fn hold(&mut self) {
        self.last = None;
    }
}

fn ratio(samples: f64, seconds: f64) -> f64 {
    if seconds > 0.0 { samples / seconds } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_images_per_second_of_mini_batches() {
        let mut meter = SpeedMeter::default();
        assert!(meter.rate().abs() < 1e-9);
        for _ in 0..100 {
            meter.batch(Duration::from_millis(1), 10);
        }
        assert!((meter.epoch_rate() - 10_000.0).abs() < 1.0);
        assert!((meter.rate() - 10_000.0).abs() < 1.0);
        meter.end_epoch();
        assert!(meter.clock.epoch_seconds.abs() < 1e-9);
        assert!((meter.rate() - 10_000.0).abs() < 1.0, "the recent rate continues over epochs");
    }

    #[test]
    fn the_recent_rate_adapts() {
        let mut meter = SpeedMeter::default();
        meter.batch(Duration::from_secs(10), 1000);
        for _ in 0..10_000 {
            meter.batch(Duration::from_millis(2), 10);
        }
        assert!((meter.rate() - 5000.0).abs() < 50.0, "{}", meter.rate());
    }

    #[test]
    fn pauses_are_not_counted() {
        let mut meter = SpeedMeter::default();
        let start = Instant::now();
        meter.tick(start);
        meter.tick(start + Duration::from_secs(2));
        meter.hold();
        meter.tick(start + Duration::from_secs(60));
        meter.tick(start + Duration::from_secs(61));
        assert!((meter.clock.elapsed_seconds - 3.0).abs() < 1e-6);
    }
}
