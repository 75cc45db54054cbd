// Models of the thread pool, which loom runs with many orders of its threads' steps. `.ci/loom` appends
// this file to a copy of `src/linalg/thread_pool.rs` that uses loom's threads and atomics.

#[cfg(test)]
mod models {
    use super::*;
    use loom::cell::UnsafeCell;

    /// A number whose accesses loom checks: it fails if the pool does not order them.
    struct Checked(UnsafeCell<usize>);

    // SAFETY: loom reports simultaneous accesses instead of performing them.
    unsafe impl Sync for Checked {}

    impl Checked {
        fn new() -> Self {
            Self(UnsafeCell::new(0))
        }

        fn increment(&self) {
            // SAFETY: loom has checked that no other thread has access.
            self.0.with_mut(|number| unsafe { *number += 1 });
        }

        fn get(&self) -> usize {
            // SAFETY: as in `increment`.
            self.0.with(|number| unsafe { *number })
        }
    }

    /// Runs a model with every order of steps that preempts threads at most three times: all orders
    /// would take minutes.
    fn explore(model: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(model);
    }

    #[test]
    fn every_item_is_processed_once_before_the_task_ends() {
        explore(|| {
            let mut pool = ThreadPool::with_spins(2, 0);
            for _ in 0..2 {
                let numbers = [Checked::new(), Checked::new()];
                pool.each(numbers.iter(), Checked::increment);
                numbers.iter().for_each(Checked::increment);
                assert!(numbers.iter().all(|number| number.get() == 2));
            }
        });
    }

    #[test]
    fn both_parts_run_once_before_the_task_ends() {
        explore(|| {
            let mut pool = ThreadPool::with_spins(2, 0);
            let [mine, other] = [Checked::new(), Checked::new()];
            pool.both(|| mine.increment(), || other.increment());
            assert_eq!((mine.get(), other.get()), (1, 1));
        });
    }
}
