//! Counts as vertical bars.

use super::{write, write_right};
use crate::ui::numbers::minus;
use crate::ui::theme::{TextRole, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Sparkline, Widget};

/// Counts of values between `low` and `high`, in equal bins.
#[derive(Clone, Copy, Debug)]
pub struct Histogram<'a> {
    pub low: f32,
    pub high: f32,
    pub counts: &'a [u32],
    pub theme: Theme,
}

impl Widget for &Histogram<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        if area.height < 2 || self.counts.is_empty() {
            return;
        }
        let plot = Rect { height: area.height - 1, ..area };
        let across = usize::from(plot.width).max(1);
        let bins = self.counts.len();
        // Stretched or shrunk to the width: a column shows the bin at its centre.
        let columns =
            (0..across).map(|x| u64::from(self.counts[(2 * x + 1) * bins / (2 * across)]));
        let spark = Sparkline::default().data(columns).style(self.theme.series(0));
        if self.theme.unicode {
            spark.render(plot, buffer);
        } else {
            let ascii = ratatui::symbols::bar::Set {
                full: "#",
                seven_eighths: "#",
                three_quarters: "#",
                five_eighths: "#",
                half: "|",
                three_eighths: ".",
                one_quarter: ".",
                one_eighth: ".",
                empty: " ",
            };
            spark.bar_set(ascii).render(plot, buffer);
        }
        let scale = Rect { y: area.bottom() - 1, height: 1, ..area };
        let dim = self.theme.style(TextRole::Dim);
        write(buffer, scale, 0, &minus(&format!("{:.2}", self.low)), dim);
        write_right(buffer, scale, 0, &minus(&format!("{:.2}", self.high)), dim);
    }
}
