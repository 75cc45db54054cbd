//! The resource usage of a command's processes.

use crate::protocol::{GpuUse, ProbeQuery, SystemUse, printable};
use crate::ui::effect::Effect;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Columns of the names.
const NAMES: u16 = 14;

/// The CPU, memory and threads of a command's processes, and the GPUs of the machine.
#[derive(Debug, Default)]
pub(in crate::ui) struct SystemView;

impl View for SystemView {
    fn id(&self) -> ViewId {
        ViewId::System
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Processors, memory and threads of the command and of all processes that it has started.",
            "GPUs are those of the machine, whoever uses them.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, _key: KeyEvent, _context: &ViewContext) -> Effect {
        Effect::Ignored
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let inside = Pane::new("System", theme).draw(area, buffer);
        let Some(system) = &context.run.system else {
            write(buffer, inside, 0, theme.say("not measured yet"), theme.style(TextRole::Dim));
            return;
        };
        let mut rows = of_processes(system, theme);
        for gpu in &system.gpus {
            rows.push((String::new(), String::new()));
            rows.extend(of_gpu(gpu, theme));
        }
        for (row, (name, value)) in (0..inside.height).zip(&rows) {
            write(buffer, inside, row, name, theme.style(TextRole::Dim));
            write_at(buffer, inside, NAMES, row, value, theme.style(TextRole::Text));
        }
    }
}

fn of_processes(system: &SystemUse, theme: &Theme) -> Vec<(String, String)> {
    let SystemUse { cpu, memory, processes, threads, .. } = system;
    let row = |name: &str, value: String| (theme.say(name).to_string(), value);
    vec![
        row("processors", theme.fill("{} busy", &[&format!("{cpu:.2}")])),
        row("memory", bytes(*memory)),
        row("processes", processes.to_string()),
        row("threads", threads.to_string()),
    ]
}

fn of_gpu(gpu: &GpuUse, theme: &Theme) -> Vec<(String, String)> {
    let GpuUse { name, load, memory, memory_total, temperature, power } = gpu;
    let row = |name: &str, value: String| (theme.say(name).to_string(), value);
    let of = theme.fill("{} of {}", &[&bytes(*memory), &bytes(*memory_total)]);
    vec![
        ("GPU".into(), printable(name).into_owned()),
        row("load", format!("{:.0}%", 100.0 * load)),
        row("memory", of),
        row("temperature", format!("{temperature} °C")),
        row("power", format!("{power:.0} W")),
    ]
}

/// A size in the most readable unit.
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let exponent = (0..UNITS.len() - 1).find(|&at| bytes >> (10 * (at + 1)) == 0);
    let exponent = exponent.unwrap_or(UNITS.len() - 1);
    let value = bytes as f64 / f64::from(1_u32 << 10).powi(exponent as i32);
    if exponent == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", UNITS[exponent]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_use_binary_units() {
        for (size, text) in [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 30, "3.0 GiB")]
        {
            assert_eq!(bytes(size), text);
        }
    }
}
