//! Examines and reads files on several threads.

use super::run_files::RunFiles;
use super::slice::TimeSlice;
use std::sync::Mutex;

/// Number of threads for this many tasks, at most 8.
fn threads(tasks: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(8).min(tasks)
}

/// Processes all tasks; the order of the results is unspecified.
pub fn in_parallel<T: Send, R: Send>(tasks: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = threads(tasks.len());
    if count <= 1 {
        return tasks.into_iter().map(work).collect();
    }
    let queue = Mutex::new(tasks.into_iter());
    let results = Mutex::new(Vec::new());
    // A poisoned lock means that another thread panicked; the scope propagates that panic.
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                while let Some(task) = next() {
                    let result = work(task);
                    if let Ok(mut results) = results.lock() {
                        results.push(result);
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default()
}

/// Reads the files of runs on several threads during a slice; returns whether there was new data,
/// and whether more is left.
pub fn poll_units(
    units: Vec<&mut RunFiles>,
    end: bool,
    poll: u64,
    slice: TimeSlice<'_>,
) -> (bool, bool) {
    let count = units.len();
    let queue = Mutex::new(units.into_iter());
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let work = || {
        let mut scratch = Vec::new();
        let (mut any, mut more) = (false, false);
        while !slice.is_over()
            && let Some(unit) = next()
        {
            unit.last_poll = poll;
            any |= unit.poll(end, &mut scratch);
            more |= unit.is_behind();
        }
        (any, more)
    };
    let (any, more) = if threads(count) <= 1 {
        work()
    } else {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads(count)).map(|_| scope.spawn(work)).collect();
            let (mut any, mut more) = (false, false);
            for handle in handles {
                // A thread that panicked may have read something; the panic was already reported.
                let (read, is_behind) = handle.join().unwrap_or((true, false));
                (any, more) = (any || read, more || is_behind);
            }
            (any, more)
        })
    };
    let left = queue.into_inner().is_ok_and(|queue| queue.len() > 0);
    (any, more || left)
}
