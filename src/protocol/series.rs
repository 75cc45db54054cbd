//! A series of values in bounded memory.

use serde::{Deserialize, Serialize};

/// Values over epochs in at most `2 * LIMIT` points. Whenever it is full, every second value is
/// dropped; the oldest and the newest are always kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series<T> {
    points: Vec<T>,
    /// Only every `stride`th value is kept, apart from the newest.
    stride: u64,
    /// Number of values pushed.
    seen: u64,
}

/// Thinning starts at twice this many points.
const LIMIT: usize = 4096;

impl<T> Default for Series<T> {
    fn default() -> Self {
        Self { points: Vec::new(), stride: 1, seen: 0 }
    }
}

impl<T> Series<T> {
    /// Adds the newest value.
    pub fn push(&mut self, value: T) {
        let newest_is_kept = self.seen == 0 || (self.seen - 1).is_multiple_of(self.stride);
        if !newest_is_kept {
            self.points.pop();
        }
        self.points.push(value);
        self.seen += 1;
        if self.points.len() >= 2 * LIMIT {
            self.thin();
        }
    }

    fn thin(&mut self) {
        let newest = self.points.pop();
        let mut index = 0;
        self.points.retain(|_| {
            index += 1;
            index % 2 == 1
        });
        self.points.extend(newest);
        self.stride *= 2;
    }

    /// The series as it was before the first value for which `belongs` is false, which must also be
    /// false for all later ones.
    #[must_use]
    pub fn up_to(&self, belongs: impl Fn(&T) -> bool) -> Self
    where
        T: Clone,
    {
        let count = self.points.partition_point(|point| belongs(point));
        if count == self.points.len() {
            return self.clone();
        }
        let seen = (count as u64).saturating_sub(1) * self.stride + u64::from(count > 0);
        Self { points: self.points[..count].to_vec(), stride: self.stride, seen }
    }

    /// The values kept, oldest first.
    #[must_use]
    pub fn points(&self) -> &[T] {
        &self.points
    }

    /// The newest value.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.points.last()
    }

    /// Number of values pushed.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stays_bounded_ordered_and_keeps_both_ends(count in 1_u64..40_000) {
            let mut series = Series::default();
            for value in 0..count {
                series.push(value);
            }
            let points = series.points();
            prop_assert!(points.len() <= 2 * LIMIT);
            prop_assert_eq!(points[0], 0);
            prop_assert_eq!(*points.last().unwrap(), count - 1);
            prop_assert!(points.windows(2).all(|pair| pair[0] < pair[1]));
        }

        #[test]
        fn up_to_restores_the_earlier_series(count in 1_u64..20_000, end in 0_u64..20_000, more in 0_u64..100) {
            let mut series = Series::default();
            (0..count).for_each(|value| series.push(value));
            let mut cut = series.up_to(|value| *value < end);
            prop_assert!(cut.points().iter().all(|value| *value < end));
            // The cut series can be extended like any other.
            let next = cut.last().map_or(0, |last| last + 1);
            (next..next + more).for_each(|value| cut.push(value));
            prop_assert!(cut.points().windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert_eq!(cut.last().copied(), (next + more).checked_sub(1));
        }
    }
}
