//! Threads that share the work of a mini-batch.
//!
//! A step has a few parallel parts of a fraction of a millisecond each, with serial work in
//! between. Waking a sleeping thread would take longer than its work, so threads spin for a moment
//! before they sleep. The caller does not wait for helpers that wake too late because the machine
//! is busy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle, Thread};

/// How often a thread checks its condition before it sleeps: a few tenths of a millisecond.
const SPINS: u32 = 20_000;

/// Run by every thread that wakes in time; does nothing if the work is already done.
type PoolTask<'a> = dyn Fn() + Sync + 'a;

/// The calling thread and its helpers, which end when the pool is dropped.
#[derive(Debug)]
pub(crate) struct ThreadPool {
    shared: Arc<PoolState>,
    helpers: Vec<JoinHandle<()>>,
}

/// State shared with the helpers.
struct PoolState {
    /// Number of tasks so far; helpers detect a new task by the change.
    generation: AtomicU32,
    /// The current task, and the thread that waits for it.
    task: Mutex<Option<(&'static PoolTask<'static>, Thread)>>,
    /// Number of helpers running the task; incremented only while `task` is locked.
    running: AtomicUsize,
    /// Whether the pool was dropped.
    closed: AtomicBool,
    panicked: AtomicBool,
    spins: u32,
}

impl std::fmt::Debug for PoolState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolState").field("running", &self.running).finish_non_exhaustive()
    }
}

impl ThreadPool {
    /// A pool of `threads`, the calling one included; fewer if the system refuses to start them.
    pub(crate) fn new(threads: usize) -> Self {
        Self::with_spins(threads, SPINS)
    }

    fn with_spins(threads: usize, spins: u32) -> Self {
        let shared = Arc::new(PoolState {
            generation: AtomicU32::new(0),
            task: Mutex::new(None),
            running: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            spins,
        });
        let helper = |index| {
            let shared = Arc::clone(&shared);
            Builder::new().name(format!("nntop-work-{index}")).spawn(move || shared.help()).ok()
        };
        let helpers = (1..threads).map_while(helper).collect();
        Self { shared, helpers }
    }

    /// Number of threads, the calling one included.
    pub(crate) fn threads(&self) -> usize {
        1 + self.helpers.len()
    }

    /// Calls `work` with every item: the caller takes items from the front, helpers from the back.
    /// If every step has the same items, each of two threads mostly finds its own in its cache.
    /// Allocates nothing.
    ///
    /// # Panics
    /// If `work` does, on any thread.
    pub(crate) fn each<T: Send>(
        &mut self,
        items: impl DoubleEndedIterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        self.share(items, work, DoubleEndedIterator::next_back);
    }

    /// [`ThreadPool::each`] for iterators that are not double-ended; all threads take from the
    /// front.
    ///
    /// # Panics
    /// As [`ThreadPool::each`].
    pub(crate) fn each_in_order<T: Send>(
        &mut self,
        items: impl Iterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        self.share(items, work, Iterator::next);
    }

    /// The caller takes the next item; helpers use `take`.
    fn share<T: Send, I: Iterator<Item = T> + Send>(
        &mut self,
        items: I,
        work: impl Fn(T) + Sync,
        take: impl Fn(&mut I) -> Option<T> + Sync,
    ) {
        if self.helpers.is_empty() {
            return items.for_each(work);
        }
        let caller = thread::current().id();
        let items = Mutex::new(items);
        self.run(&|| {
            let is_caller = thread::current().id() == caller;
            let next = || {
                let mut items = lock(&items);
                if is_caller { items.next() } else { take(&mut items) }
            };
            while let Some(item) = next() {
                work(item);
            }
        });
    }

    /// Runs `mine` on the calling thread and `other` on a helper, or after `mine` if no helper is
    /// ready. Allocates nothing.
    ///
    /// # Panics
    /// If one of them does.
    pub(crate) fn both<R: Send>(
        &mut self,
        mine: impl FnOnce() -> R + Send,
        other: impl FnOnce() + Send,
    ) -> R {
        let caller = thread::current().id();
        let (mine, other) = (Mutex::new(Some(mine)), Mutex::new(Some(other)));
        let result = Mutex::new(None);
        self.run(&|| {
            let is_caller = thread::current().id() == caller;
            if is_caller && let Some(mine) = { lock(&mine).take() } {
                *lock(&result) = Some(mine());
            }
            if let Some(other) = { lock(&other).take() } {
                other();
            }
        });
        let result = { lock(&result).take() };
        result.expect("the caller has run its part when the task is over")
    }

    /// Runs a task on all threads until it is done.
    fn run<'a>(&mut self, task: &'a PoolTask<'a>) {
        let shared = &*self.shared;
        // The flag may be left over from a task whose caller panicked.
        shared.panicked.store(false, Ordering::Relaxed);
        // The guard is created before the task is published, so that the task is withdrawn however
        // this function is left.
        let guard = TaskGuard(shared);
        // SAFETY: only the lifetime changes. The task lives until this function returns, after the
        // guard was dropped, when no helper can find the task or is still running it.
        let task =
            unsafe { std::mem::transmute::<&'a PoolTask<'a>, &'static PoolTask<'static>>(task) };
        *lock(&shared.task) = Some((task, thread::current()));
        self.wake();
        task();
        drop(guard);
        assert!(!shared.panicked.load(Ordering::Relaxed), "a helper's work panicked");
    }

    /// Wakes the helpers.
    fn wake(&self) {
        self.shared.generation.fetch_add(1, Ordering::Release);
        self.helpers.iter().for_each(|helper| helper.thread().unpark());
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Relaxed);
        self.wake();
        for helper in self.helpers.drain(..) {
            // Panics of its work were reported when the task ended.
            let _ = helper.join();
        }
    }
}

/// Ends a task, also when unwinding: withdraws it and waits for the helpers that run it.
struct TaskGuard<'a>(&'a PoolState);

impl Drop for TaskGuard<'_> {
    fn drop(&mut self) {
        *lock(&self.0.task) = None;
        self.0.wait_until(|| self.0.running.load(Ordering::Acquire) == 0);
    }
}

impl PoolState {
    /// The loop of a helper.
    fn help(&self) {
        let mut done = 0;
        loop {
            self.wait_until(|| self.generation.load(Ordering::Acquire) != done);
            done = self.generation.load(Ordering::Acquire);
            if self.closed.load(Ordering::Relaxed) {
                return;
            }
            let Some((task, waiting)) = self.begin() else { continue };
            if catch_unwind(AssertUnwindSafe(task)).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            // From here on the task may be dropped.
            if self.running.fetch_sub(1, Ordering::AcqRel) == 1 {
                waiting.unpark();
            }
        }
    }

    /// The current task, if it is not over; its caller keeps it alive from now on.
    fn begin(&self) -> Option<(&'static PoolTask<'static>, Thread)> {
        let task = lock(&self.task);
        if task.is_some() {
            self.running.fetch_add(1, Ordering::Relaxed);
        }
        task.clone()
    }

    /// Spins for a moment, then sleeps until `ready`.
    fn wait_until(&self, ready: impl Fn() -> bool) {
        for _ in 0..self.spins {
            if ready() {
                return;
            }
            std::hint::spin_loop();
        }
        while !ready() {
            thread::park();
        }
    }
}

/// Locks a mutex even if it is poisoned: a panic leaves nothing here in an inconsistent state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Number of rounds, reduced for Miri, which is a thousand times slower.
    const fn rounds(count: usize) -> usize {
        if cfg!(miri) { count / 50 } else { count }
    }

    /// Pools whose helpers sleep immediately, spin briefly, and spin long.
    fn pools(threads: usize) -> [ThreadPool; 3] {
        [0, 100, if cfg!(miri) { 1000 } else { SPINS }]
            .map(|spins| ThreadPool::with_spins(threads, spins))
    }

    #[test]
    fn every_item_is_processed_once() {
        for mut pool in (1..5).flat_map(pools) {
            let mut numbers = vec![0_usize; 100];
            for round in 0..rounds(500) {
                let items = numbers.iter_mut().take(round % 100);
                if round % 2 == 0 {
                    pool.each(items, |number| *number += 1);
                } else {
                    pool.each_in_order(items, |number| *number += 1);
                }
            }
            let expected: Vec<usize> = (0..100)
                .map(|at| (0..rounds(500)).filter(|round| at < round % 100).count())
                .collect();
            assert_eq!(numbers, expected, "{} threads", pool.threads());
        }
    }

    #[test]
    fn both_parts_run_once_and_the_first_on_the_calling_thread() {
        for mut pool in (1..4).flat_map(pools) {
            for round in 1..rounds(200) {
                let caller = thread::current().id();
                let mut other = 0;
                let mine = pool.both(|| thread::current().id(), || other += round);
                assert_eq!((mine, other), (caller, round));
            }
        }
    }

    #[test]
    fn helpers_take_part() {
        let mut pool = ThreadPool::new(2);
        // Each part waits for the other: a single thread would never finish.
        let barrier = std::sync::Barrier::new(2);
        pool.each(0..2, |_| {
            barrier.wait();
        });
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_stays_usable() {
        for mut pool in pools(3) {
            for bad in 0..rounds(1000) / 50 {
                let caught = catch_unwind(AssertUnwindSafe(|| {
                    pool.each(0..20, |item| assert_ne!(item, bad));
                }));
                assert!(caught.is_err());
            }
            let count = AtomicUsize::new(0);
            pool.each(0..20, |_| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(count.into_inner(), 20);
        }
    }

    /// A helper that still runs a task whose borrowed data was dropped would use freed memory.
    #[test]
    fn no_helper_outlives_a_task() {
        for mut pool in pools(3) {
            for round in 0..rounds(2000) {
                let counts: Vec<AtomicUsize> = (0..8).map(|_| AtomicUsize::new(0)).collect();
                let panics = round % 7 == 0;
                let work = |count: &AtomicUsize| {
                    count.fetch_add(1, Ordering::Relaxed);
                    assert!(!panics, "expected panic");
                };
                let run = AssertUnwindSafe(|| pool.each(counts.iter(), work));
                assert_eq!(catch_unwind(run).is_err(), panics);
                let counts: Vec<usize> = counts.into_iter().map(AtomicUsize::into_inner).collect();
                assert!(panics || counts == [1; 8], "{counts:?}");
            }
        }
    }

    #[test]
    fn pools_can_be_created_and_dropped_repeatedly() {
        for round in 0..rounds(200) {
            let mut pool = ThreadPool::with_spins(3, [0, 50, 100][round % 3]);
            let mut sum = [0; 4];
            if round % 2 == 0 {
                pool.each(sum.iter_mut(), |number| *number += 1);
                assert_eq!(sum, [1; 4]);
            }
        }
    }
}
