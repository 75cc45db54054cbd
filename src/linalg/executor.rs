//! Who carries out the parts of a computation: one thread, or a pool.

use super::thread_pool::ThreadPool;

/// Passed down to layers, which cut their work into parts that do not depend on the number of
/// threads: so neither does the result.
#[derive(Debug)]
pub enum Executor<'a> {
    /// The calling thread, part after part.
    Serial,
    #[allow(private_interfaces, reason = "a pool is made and lent by the crate alone")]
    Pool(&'a mut ThreadPool),
}

impl Executor<'_> {
    /// Threads that work.
    pub(crate) fn threads(&self) -> usize {
        match self {
            Self::Serial => 1,
            Self::Pool(pool) => pool.threads(),
        }
    }

    /// Works on every item, on whichever thread is free. Allocates nothing.
    ///
    /// # Panics
    /// Where the work does.
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
    /// Where one of them does.
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
