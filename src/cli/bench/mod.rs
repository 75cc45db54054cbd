//! `nntop bench`: how fast this machine could be, and how fast we are.

mod frame;
mod networks;
mod peak;

use super::args::BenchArgs;
use serde::Serialize;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// A line of `--json`. Fields are added, never renamed.
#[derive(Serialize)]
#[serde(tag = "bench", rename_all = "kebab-case")]
pub(super) enum Line {
    /// What the cores can do at most, in registers.
    Peak { threads: usize, gflops: f64 },
    /// Training, mini-batches alone.
    Training(Speed),
    /// Answering the test images.
    Inference(Speed),
    /// Composing the dashboard's overview, without a terminal.
    Frame { columns: u16, rows: u16, milliseconds: f64 },
}

/// How fast a network is trained or asked.
#[derive(Serialize)]
pub(super) struct Speed {
    network: &'static str,
    cost: &'static str,
    batch: u32,
    threads: usize,
    /// Images that were shown to measure it: of long rows a part of them, when in a hurry.
    images: usize,
    /// Median over the epochs measured.
    images_per_second: f64,
    /// For 50,000 images when training, 10,000 when asking, at that pace.
    seconds_per_epoch: f64,
    /// Counting every weight, whether its input is zero or not.
    gflops: f64,
    share_of_peak: f64,
}

/// Measures, and prints a line each as soon as it is known.
pub(super) fn run(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report { json: args.json, out: io::stdout(), network: "", batch: 0 };
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut counts = vec![1];
    if cores > 1 {
        counts.push(cores);
    }
    let mut peaks = Vec::new();
    for &threads in &counts {
        let flops = peak::measure(threads);
        peaks.push((threads, flops));
        report.print(&Line::Peak { threads, gflops: flops / 1e9 })?;
    }
    networks::measure(&peaks, args.quick, |line| report.print(&line))?;
    report.print(&frame::measure()?)?;
    Ok(ExitCode::SUCCESS)
}

struct Report {
    json: bool,
    out: io::Stdout,
    /// Of the line before.
    network: &'static str,
    batch: u32,
}

/// Width of a full bar.
const BAR: f64 = 24.0;

impl Report {
    fn print(&mut self, line: &Line) -> anyhow::Result<()> {
        if self.json {
            writeln!(self.out, "{}", serde_json::to_string(line)?)?;
            return Ok(());
        }
        match line {
            Line::Peak { threads, gflops } => {
                writeln!(self.out, "peak, {threads} thread(s): {gflops:.0} GFLOP/s")?;
            }
            Line::Training(speed) => self.speed("train", speed)?,
            Line::Inference(speed) => self.speed("ask", speed)?,
            Line::Frame { columns, rows, milliseconds } => {
                writeln!(self.out, "dashboard, a frame at {columns}×{rows}: {milliseconds:.2} ms")?;
            }
        }
        Ok(())
    }

    fn speed(&mut self, what: &str, speed: &Speed) -> io::Result<()> {
        let full = (speed.share_of_peak * BAR).round() as usize;
        let unicode = self.out.is_terminal();
        let bar = if unicode { "█" } else { "#" }.repeat(full.min(BAR as usize));
        if speed.network != self.network || speed.batch != self.batch {
            (self.network, self.batch) = (speed.network, speed.batch);
            writeln!(self.out, "\n{}, {}, batch {}", speed.network, speed.cost, speed.batch)?;
        }
        writeln!(
            self.out,
            "  {what:<5} {} thread(s) {:>9.0} images/s {:>8.3} s {:>6.1} GFLOP/s {:>4.0}% {bar}",
            speed.threads,
            speed.images_per_second,
            speed.seconds_per_epoch,
            speed.gflops,
            100.0 * speed.share_of_peak,
        )
    }
}
