//! Runs the parts of a computation on one thread or on a thread pool.

use super::thread_pool::ThreadPool;

/// Passed to layers, which split their work into parts that do not depend on the number of threads,
/// so that results do not depend on it either.
#[derive(Debug)]
pub enum Executor<'a> {
    /// The calling thread runs one part after the other.
    Serial,
    #[allow(private_interfaces, reason = "only the crate creates pools")]
    Pool(&'a mut ThreadPool),
}

impl Executor<'_> {
    /// Number of threads, the calling one included.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Serial => 1,
            Self::Pool(pool) => pool.threads(),
        }
    }

    /// Calls `work` with every item, on whichever thread is free. Allocates nothing.
    ///
    /// # Panics
    /// If `work` does.
    pub(crate) fn each<T: Send>(
        &mut self,
        items: impl DoubleEndedIterator<Item = T> + Send,
        work: impl Fn(T) + Sync,
    ) {
        match self {
            Self::Serial => items.for_each(work),
            Self::Pool(pool) => pool.each(items, work),
        }
    }

    /// Runs `mine` on the calling thread, and `other` at the same time or afterwards.
    ///
    /// # Panics
    /// If one of them does.
    pub(crate) fn both<R: Send>(
        &mut self,
        mine: impl FnOnce() -> R + Send,
        other: impl FnOnce() + Send,
    ) -> R {
        match self {
            Self::Serial => {
                let result = mine();
                other();
                result
            }
            Self::Pool(pool) => pool.both(mine, other),
        }
    }
}
