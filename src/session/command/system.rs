//! The system resources that the processes of a command use, according to `/proc`.

use super::child::ProcessGroup;
use super::gpu::Gpus;
use crate::protocol::{Event, Metrics, SystemUse};
use crate::session::record::now;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// Interval between two measurements for the screens.
const INTERVAL: Duration = Duration::from_secs(2);
/// Every `KEPT`-th measurement is stored as metrics.
const KEPT: u32 = 5;
/// Maximum number of processes that are measured.
const MAX_PROCESSES: usize = 10_000;
const MEBIBYTE: f64 = 1_048_576.0;

/// Measures until the sender of `ended` is dropped; `step` is the current step, for the metrics.
pub(super) fn measure(
    group: ProcessGroup,
    events: &Sender<Event>,
    step: &Arc<AtomicI64>,
    ended: &Receiver<()>,
) {
    let mut meter = ResourceMeter::new(group);
    for count in 0_u32.. {
        match ended.recv_timeout(if count == 0 { Duration::ZERO } else { INTERVAL }) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => return,
        }
        let system = meter.read();
        if count % KEPT == 1 {
            let values = metrics(&system);
            let step = step.load(Ordering::Relaxed);
            let metrics = Metrics { step, epoch: None, wall_time: now(), values };
            // The recorder lives as long as the session.
            let _ = events.send(Event::Metrics(metrics));
        }
        let _ = events.send(Event::System(system));
    }
}

fn metrics(system: &SystemUse) -> Vec<(String, f64)> {
    let mut values = vec![
        ("system/cpu".to_owned(), system.cpu),
        ("system/memory_mib".to_owned(), system.memory as f64 / MEBIBYTE),
        ("system/threads".to_owned(), f64::from(system.threads)),
    ];
    for (index, gpu) in system.gpus.iter().enumerate() {
        let named = |what: &str, value| (format!("system/gpu{index}/{what}"), value);
        values.extend([
            named("load", gpu.load),
            named("memory_mib", gpu.memory as f64 / MEBIBYTE),
            named("temperature", f64::from(gpu.temperature)),
            named("power", gpu.power),
        ]);
    }
    values
}

/// Sums the resource usage of a command's processes.
#[derive(Debug)]
struct ResourceMeter {
    group: ProcessGroup,
    gpus: Gpus,
    /// The time of the last measurement and the clock ticks that each process had used.
    last: Option<(Instant, BTreeMap<u32, u64>)>,
}

/// Fields of `/proc/PID/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    /// Clock ticks of CPU time.
    ticks: u64,
    threads: u32,
    /// Resident memory in pages.
    pages: u64,
}

impl ResourceMeter {
    fn new(group: ProcessGroup) -> Self {
        Self { group, gpus: Gpus::find(), last: None }
    }

    fn read(&mut self) -> SystemUse {
        let now = Instant::now();
        let mut system = SystemUse { gpus: self.gpus.read(), ..SystemUse::default() };
        let mut ticks = BTreeMap::new();
        for pid in self.processes() {
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // Processes that have ended in the meantime are not counted.
            let Some(stat) = Stat::parse(&text) else { continue };
            system.processes += 1;
            system.threads += stat.threads;
            system.memory += stat.pages * rustix::param::page_size() as u64;
            ticks.insert(pid, stat.ticks);
        }
        if let Some((then, before)) = &self.last {
            let used =
                |(pid, now): (&u32, &u64)| now.saturating_sub(*before.get(pid).unwrap_or(&0));
            let used: u64 = ticks.iter().map(used).sum();
            let seconds = (now - *then).as_secs_f64().max(0.001);
            system.cpu = used as f64 / rustix::param::clock_ticks_per_second() as f64 / seconds;
        }
        self.last = Some((now, ticks));
        system
    }

    /// The command and its descendants, including those that this process has adopted.
    fn processes(&self) -> Vec<u32> {
        let mut found = match self.group {
            ProcessGroup::Command(_) => children(std::process::id()),
            ProcessGroup::Script(_) => vec![self.group.leader()],
        };
        let mut next = 0;
        while let Some(&pid) = found.get(next)
            && found.len() < MAX_PROCESSES
        {
            found.extend(children(pid));
            next += 1;
        }
        found
    }
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let listed = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(listed.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    children
}

impl Stat {
    /// Parses `/proc/PID/stat`. The second field is a name in parentheses that may contain
    /// anything; the others are numbers.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The first remaining field is field 3 in proc(5): 14 and 15 are times, 20 threads, 24
        // pages.
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self {
            ticks: number(14)? + number(15)?,
            threads: u32::try_from(number(20)?).ok()?,
            pages: number(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_parsed_for_any_process_name() {
        let text = "12 (a) b (c) S 1 12 12 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 3 0 100 4096 42 0";
        assert_eq!(Stat::parse(text), Some(Stat { ticks: 12, threads: 3, pages: 42 }));
        assert_eq!(Stat::parse("12 (a"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_uses_memory_and_threads() {
        let pid = rustix::process::getpid();
        let mut meter =
            ResourceMeter { group: ProcessGroup::Script(pid), gpus: Gpus::none(), last: None };
        let system = meter.read();
        assert!(system.memory > 0 && system.threads > 0 && system.processes > 0, "{system:?}");
        assert!(meter.read().cpu >= 0.0);
        let names: Vec<String> = metrics(&system).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["system/cpu", "system/memory_mib", "system/threads"]);
    }
}
