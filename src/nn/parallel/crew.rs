//! Threads that share the work of a mini-batch.
//!
//! A step has a few parts of a fraction of a millisecond each, and between them something that one
//! thread does alone. A thread that sleeps meanwhile takes longer to wake than the others take
//! alone, so it looks out for the next part for a moment first. One that comes too late, for the
//! machine has other work, is not waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle, Thread};

/// How often a thread looks for what it waits for before it sleeps: for some tenths of a
/// millisecond.
const LOOKS: u32 = 20_000;

/// What every thread of a crew does that comes in time; done once more it does nothing.
type Task<'a> = dyn Fn() + Sync + 'a;

/// A thread and its helpers, which end with it.
#[derive(Debug)]
pub(crate) struct Crew {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
}

/// What the helpers see.
#[derive(Default)]
struct Shared {
    /// Counts the tasks, so that a new one is noticed.
    number: AtomicU32,
    /// The task under way, and who waits for its end.
    task: Mutex<Option<(&'static Task<'static>, Thread)>>,
    /// Helpers that have taken it up and are not done with it. Counts up while the task is locked.
    busy: AtomicUsize,
    /// Whether no task will come any more.
    dismissed: AtomicBool,
    panicked: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("busy", &self.busy).finish_non_exhaustive()
    }
}

impl Crew {
    /// The calling thread and helpers, `threads` in all; fewer where the system refuses them.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let helper = |index| {
            let shared = Arc::clone(&shared);
            Builder::new().name(format!("nntop-work-{index}")).spawn(move || shared.help()).ok()
        };
        let helpers = (1..threads).map_while(helper).collect();
        Self { shared, helpers }
    }

    /// Works on every item: the caller from the first one on, helpers from the last one back. So of
    /// what is worked on in every step, two threads mostly meet what they still have in their
    /// caches. Allocates nothing.
    ///
    /// # Panics
    /// Where the work does, on whichever thread.
    pub(crate) fn each<T: Send>(
        &mut self,
        items: impl DoubleEndedIterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        self.share(items, work, DoubleEndedIterator::next_back);
    }

    /// [`Crew::each`] of what can be had in order alone.
    pub(super) fn each_in_order<T: Send>(
        &mut self,
        items: impl Iterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        self.share(items, work, Iterator::next);
    }

    /// The caller takes the next item, helpers what `help` takes.
    fn share<T: Send, I: Iterator<Item = T> + Send>(
        &mut self,
        items: I,
        work: impl Fn(T) + Sync,
        help: impl Fn(&mut I) -> Option<T> + Sync,
    ) {
        if self.helpers.is_empty() {
            return items.for_each(work);
        }
        let caller = thread::current().id();
        let items = Mutex::new(items);
        self.run(&|| {
            let is_caller = thread::current().id() == caller;
            let take = || {
                let mut items = lock(&items);
                if is_caller { items.next() } else { help(&mut items) }
            };
            while let Some(item) = take() {
                work(item);
            }
        });
    }

    /// Threads, the calling one among them.
    pub(super) fn threads(&self) -> usize {
        1 + self.helpers.len()
    }

    /// What `mine` finds on the calling thread, while `other` is done on another one, unless that
    /// one comes too late. Allocates nothing.
    ///
    /// # Panics
    /// Where one of them does.
    pub(super) fn both<R: Send>(
        &mut self,
        mine: impl FnOnce() -> R + Send,
        other: impl FnOnce() + Send,
    ) -> R {
        let caller = thread::current().id();
        let (mine, other) = (Mutex::new(Some(mine)), Mutex::new(Some(other)));
        let found = Mutex::new(None);
        self.run(&|| {
            let is_caller = thread::current().id() == caller;
            if is_caller && let Some(mine) = { lock(&mine).take() } {
                *lock(&found) = Some(mine());
            }
            if let Some(other) = { lock(&other).take() } {
                other();
            }
        });
        let found = { lock(&found).take() };
        found.expect("the caller has done its part once the task is over")
    }

    fn run<'a>(&mut self, task: &'a Task<'a>) {
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes, and the task lives until this function ends, which is
        // not before `end` is dropped: then no helper can find the task or works on it any more.
        let task = unsafe { std::mem::transmute::<&'a Task<'a>, &'static Task<'static>>(task) };
        *lock(&shared.task) = Some((task, thread::current()));
        self.call();
        let end = End(shared);
        task();
        drop(end);
        assert!(!shared.panicked.swap(false, Ordering::Relaxed), "a helper's work panicked");
    }

    /// Makes the helpers look at the task.
    fn call(&self) {
        self.shared.number.fetch_add(1, Ordering::Release);
        self.helpers.iter().for_each(|helper| helper.thread().unpark());
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.shared.dismissed.store(true, Ordering::Relaxed);
        self.call();
        for helper in self.helpers.drain(..) {
            // What it had to tell was told when its task ended.
            let _ = helper.join();
        }
    }
}

/// The end of a task, also where it unwinds: no helper is left with it.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        *lock(&self.0.task) = None;
        wait_until(|| self.0.busy.load(Ordering::Acquire) == 0);
    }
}

impl Shared {
    /// A helper's life: task after task.
    fn help(&self) {
        let mut done = 0;
        loop {
            wait_until(|| self.number.load(Ordering::Acquire) != done);
            done = self.number.load(Ordering::Acquire);
            if self.dismissed.load(Ordering::Relaxed) {
                return;
            }
            let Some((task, waiting)) = self.take_up() else { continue };
            if catch_unwind(AssertUnwindSafe(task)).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            // From here on the task may be gone.
            if self.busy.fetch_sub(1, Ordering::AcqRel) == 1 {
                waiting.unpark();
            }
        }
    }

    /// The task under way, unless it is over; whoever asked for it waits from now on.
    fn take_up(&self) -> Option<(&'static Task<'static>, Thread)> {
        let task = lock(&self.task);
        if task.is_some() {
            self.busy.fetch_add(1, Ordering::Relaxed);
        }
        task.clone()
    }
}

/// Looks out for a moment, then sleeps until woken.
fn wait_until(ready: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if ready() {
            return;
        }
        std::hint::spin_loop();
    }
    while !ready() {
        thread::park();
    }
}

/// A panic while the lock was held has left nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        for threads in 1..5 {
            let mut crew = Crew::new(threads);
            let mut numbers = vec![0_usize; 100];
            // Often, so that helpers are met awake and asleep.
            for round in 0..300 {
                let items = numbers.iter_mut().take(round % 100);
                if round % 2 == 0 {
                    crew.each(items, |number| *number += 1);
                } else {
                    crew.each_in_order(items, |number| *number += 1);
                }
                if round % 50 == 0 {
                    thread::sleep(std::time::Duration::from_millis(2));
                }
            }
            let expected: Vec<usize> =
                (0..100).map(|at| (0..300).filter(|round| at < round % 100).count()).collect();
            assert_eq!(numbers, expected, "{threads} threads");
        }
    }

    #[test]
    fn two_things_are_done_once_each_and_the_first_by_who_asks() {
        for threads in 1..4 {
            let mut crew = Crew::new(threads);
            assert_eq!(crew.threads(), threads);
            for round in 1..200 {
                let caller = thread::current().id();
                let mut other = 0;
                let mine = crew.both(|| thread::current().id(), || other += round);
                assert_eq!((mine, other), (caller, round));
                if round % 50 == 0 {
                    thread::sleep(std::time::Duration::from_millis(2));
                }
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_crew_goes_on() {
        let mut crew = Crew::new(3);
        for bad in 0..20 {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                crew.each(0..20, |item| assert_ne!(item, bad));
            }));
            assert!(caught.is_err());
        }
        let count = AtomicUsize::new(0);
        crew.each(0..20, |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(count.into_inner(), 20);
    }
}
