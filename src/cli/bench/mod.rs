//! `nntop bench`: the speed of training and inference, compared with the peak of this machine.

mod frame;
mod networks;
mod peak;

use super::args::BenchArgs;
use super::output::{self, Output};
use crate::linalg::cpu_path;
use serde::Serialize;
use std::io;
use std::process::ExitCode;

/// A line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
#[serde(tag = "bench", rename_all = "kebab-case")]
pub(super) enum BenchRecord {
    /// Peak of the cores, measured in registers, and the kernel path (`NNTOP_CPU`).
    Peak { threads: usize, gflops: f64, cpu: &'static str },
    /// Training, without evaluation.
    Training(Speed),
    /// Inference on the test images.
    Inference(Speed),
    /// Composing a frame of the overview, without a terminal.
    Frame { columns: u16, rows: u16, milliseconds: f64 },
}

/// Speed of training or inference of a network.
#[derive(Serialize)]
pub(super) struct Speed {
    network: &'static str,
    cost: &'static str,
    batch: u32,
    threads: usize,
    /// Images per measurement; with --quick only part of them for slow networks.
    images: usize,
    /// Number of measurements.
    times: usize,
    /// Median of the measurements.
    images_per_second: f64,
    /// Seconds for 50,000 images of training or 10,000 of inference.
    seconds_per_epoch: f64,
    /// The same for the fastest measurement.
    fastest_seconds_per_epoch: f64,
    /// Counts every weight, including zero inputs: see `flops_counted`.
    gflops: f64,
    /// Fraction of the peak of this number of threads.
    share_of_peak: f64,
    flops_counted: &'static str,
}

/// Runs the benchmarks, and prints each line as soon as it is known.
pub(super) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut report = BenchReport { json: args.json, out: output::out(), network: "", batch: 0 };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut counts = vec![1];
    if cores > 1 {
        counts.push(cores);
    }
    let mut peaks = Vec::new();
    for &threads in &counts {
        let flops = peak::measure(threads);
        peaks.push((threads, flops));
        report.print(&BenchRecord::Peak { threads, gflops: flops / 1e9, cpu: cpu_path()? })?;
    }
    report.explain()?;
    let wanted = |name: &str| args.only.as_ref().is_none_or(|only| name.contains(only));
    networks::measure(&peaks, args.quick, wanted, |line| report.print(&line))?;
    if wanted("frame") {
        report.print(&frame::measure()?)?;
    }
    Ok(ExitCode::SUCCESS)
}

struct BenchReport {
    json: bool,
    out: Output<'static>,
    /// Network and batch size of the previous line.
    network: &'static str,
    batch: u32,
}

/// Width of a full bar in characters.
const BAR: f64 = 24.0;

/// How the operations for `gflops` are counted.
const COUNTED: &str = "dense: every weight for every image, zeros included";

/// Explanation printed above the table.
const EXPLANATION: &str = "\
Median and minimum seconds per epoch without evaluation (infer: for all test images). GFLOP/s count
every weight for every image, including zeros. Zeros are skipped (80% of the pixels and most deltas of
a convolution), so a row can exceed 100% of the peak. Small networks and mini-batches are trained on
one thread; for mini-batches of 24 images or more another thread prepares the next one.";

impl BenchReport {
    fn explain(&mut self) -> io::Result<()> {
        if self.json { Ok(()) } else { self.out.lines(&format!("\n{EXPLANATION}")) }
    }

    fn print(&mut self, line: &BenchRecord) -> anyhow::Result<()> {
        if self.json {
            self.out.json(line)?;
            return Ok(());
        }
        match line {
            BenchRecord::Peak { threads, gflops, cpu } => {
                let peak = format!("{threads} thread(s): {gflops:.0} GFLOP/s");
                writeln!(self.out, "peak, {peak}; {cpu} kernels")?;
            }
            BenchRecord::Training(speed) => self.speed("train", speed)?,
            BenchRecord::Inference(speed) => self.speed("infer", speed)?,
            BenchRecord::Frame { columns, rows, milliseconds } => {
                writeln!(self.out, "dashboard, a frame at {columns}×{rows}: {milliseconds:.2} ms")?;
            }
        }
        Ok(())
    }

    fn speed(&mut self, what: &str, speed: &Speed) -> io::Result<()> {
        let full = (speed.share_of_peak * BAR).round() as usize;
        let unicode = output::out_is_terminal();
        let bar = if unicode { "█" } else { "#" }.repeat(full.min(BAR as usize));
        if speed.network != self.network || speed.batch != self.batch {
            (self.network, self.batch) = (speed.network, speed.batch);
            writeln!(self.out)?;
            writeln!(self.out, "{}, {}, batch {}", speed.network, speed.cost, speed.batch)?;
        }
        writeln!(
            self.out,
            "  {what:<5} {} thread(s) {:>9.0} images/s {:>7.3} s, {:>7.3} s {:>6.1} GFLOP/s {:>4.0}% \
             {bar}",
            speed.threads,
            speed.images_per_second,
            speed.seconds_per_epoch,
            speed.fastest_seconds_per_epoch,
            speed.gflops,
            100.0 * speed.share_of_peak,
        )
    }
}
