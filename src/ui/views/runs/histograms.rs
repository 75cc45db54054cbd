//! Histograms of a tensor over time: steps from left to right, values from bottom to top, and the
//! density of the values as brightness. Buckets are drawn between their own edges.

use super::chooser::Chooser;
use super::drawing::number;
use super::run_list::{SharedRunList, shown};
use crate::protocol::{ProbeQuery, SampleKind, TensorHistogram};
use crate::ui::effect::Effect;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{AxisUnit, Pane, Raster, ticks, write, write_at, write_right};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::widgets::Widget;

/// The names of the logged tensors, and the histograms of the selected one over the steps.
#[derive(Debug)]
pub struct HistogramsView {
    shared: SharedRunList,
    chooser: Chooser,
    /// Colours by the logarithm of the density, so that tails are visible.
    log: bool,
    /// The value of the cursor, as a fraction of the value axis from the bottom.
    value: f64,
    /// The revision of the table, run and name of the last request, and the histograms.
    known: Option<(u64, String, String, Vec<TensorHistogram>)>,
    /// The area of the map when it was last drawn, and the histogram index of each of its columns.
    map: Rect,
    columns: Vec<usize>,
}

impl HistogramsView {
    #[must_use]
    pub fn new(shared: SharedRunList) -> Self {
        Self {
            shared,
            chooser: Chooser::new(SampleKind::Histogram),
            log: false,
            value: 0.5,
            known: None,
            map: Rect::ZERO,
            columns: Vec::new(),
        }
    }

    /// Fetches the histograms of the selected name, unless they are up to date.
    fn fetch(&mut self) {
        let shared = self.shared.borrow();
        let Some(entry) = self.chooser.entry() else { return };
        let (run, name) = (&entry.run, &entry.series.name);
        let revision = shared.table.revision;
        let known = self.known.as_ref();
        if known.is_some_and(|(at, r, n, _)| (*at, r, n) == (revision, run, name)) {
            return;
        }
        if let Some(histograms) = shared.source.histograms(run, name) {
            self.known = Some((revision, run.clone(), name.clone(), histograms));
        }
    }

    /// The bucket under the cursor, and its step.
    fn bucket(&self) -> Option<(i64, [f64; 3])> {
        let histograms = &self.known.as_ref()?.3;
        let [low, high] = extent(histograms)?;
        let value = low + self.value * (high - low);
        let histogram = histograms.get(self.chooser.place())?;
        let inside = |bucket: &&[f64; 3]| bucket[0] <= value && value <= bucket[1];
        let bucket = histogram.buckets.iter().find(inside);
        Some((histogram.step, *bucket.unwrap_or(&[value, value, 0.0])))
    }

    fn draw_map(&mut self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some((.., histograms)) = &self.known else { return };
        let Some([low, high]) = extent(histograms).filter(|_| area.height > 2 && area.width > 14)
        else {
            write(buffer, area, 0, theme.say("no values to draw"), theme.style(TextRole::Dim));
            return;
        };
        let labels = 9;
        let map = Rect {
            x: area.x + labels,
            width: area.width - labels,
            height: area.height - 2,
            ..area
        };
        let (width, height) = (usize::from(map.width), 2 * usize::from(map.height));
        let columns = columns(histograms, width);
        let edges: Vec<f64> =
            (0..=height).map(|edge| high - (high - low) * edge as f64 / height as f64).collect();
        let mut values = vec![0.0_f32; width * height];
        for (column, &place) in columns.iter().enumerate() {
            for row in 0..height {
                let density = density(&histograms[place], edges[row + 1], edges[row]);
                values[row * width + column] = density as f32;
            }
        }
        let largest = values.iter().copied().fold(0.0_f32, f32::max);
        if self.log && largest > 0.0 {
            // log₁₀(1 + 999 v/largest) / 3: from 0 to 1, over three decades below the maximum.
            for value in &mut values {
                *value = (1.0 + 999.0 * *value / largest).log10() / 3.0;
            }
        }
        let top = if self.log { 1.0 } else { largest };
        (&Raster::image(&values, [width, height], top, theme)).render(map, buffer);
        let dim = theme.style(TextRole::Dim);
        for tick in ticks([low, high], usize::from(map.height / 3).clamp(2, 8), AxisUnit::Plain) {
            let share = (tick.at - low) / (high - low);
            let row = ((1.0 - share) * f64::from(map.height - 1)).round() as u16;
            let label = Rect { width: labels - 1, ..area };
            write_right(buffer, label, row, &tick.label, dim);
        }
        self.draw_cursor(map, &columns, buffer, theme);
        let steps = [columns.first(), columns.last()].map(|place| {
            place.and_then(|&place| histograms.get(place)).map_or(0, |histogram| histogram.step)
        });
        let line = Rect { x: map.x, y: map.bottom(), width: map.width, height: 1 };
        write(buffer, line, 0, &theme.fill("step {}", &[&steps[0]]), dim);
        write_right(buffer, line, 0, &steps[1].to_string(), dim);
        (self.map, self.columns) = (map, columns);
    }

    /// Marks the selected step below the map, and the value beside it.
    fn draw_cursor(&self, map: Rect, columns: &[usize], buffer: &mut Buffer, theme: &Theme) {
        let style = theme.style(TextRole::Accent);
        let place = self.chooser.place();
        let column = columns.partition_point(|&at| at < place).min(columns.len().saturating_sub(1));
        let below = Rect { y: map.bottom(), height: 1, ..map };
        let sign = if theme.unicode { "▲" } else { "^" };
        write_at(buffer, below, column as u16, 0, sign, style);
        let row = ((1.0 - self.value) * f64::from(map.height - 1)).round() as u16;
        let beside = Rect { x: map.x - 1, width: 1, ..map };
        write(buffer, beside, row, if theme.unicode { "▶" } else { ">" }, style);
    }
}

/// The lowest and highest edge of all buckets that are not empty, with a margin if they are equal;
/// `None` if all buckets are empty.
fn extent(histograms: &[TensorHistogram]) -> Option<[f64; 2]> {
    let buckets = histograms.iter().flat_map(|histogram| &histogram.buckets);
    let full = buckets.filter(|b| b[2] > 0.0 && b[0].is_finite() && b[1].is_finite());
    let [low, high] = full.fold(None, |extent: Option<[f64; 2]>, bucket| {
        let [low, high] = extent.unwrap_or([bucket[0], bucket[1]]);
        Some([low.min(bucket[0]), high.max(bucket[1])])
    })?;
    if high > low {
        Some([low, high])
    } else {
        let margin = 0.05 * low.abs().max(0.1);
        Some([low - margin, high + margin])
    }
}

/// The index of the histogram of each column: the one with the nearest step.
fn columns(histograms: &[TensorHistogram], width: usize) -> Vec<usize> {
    let last = histograms.len().saturating_sub(1);
    let steps: Vec<i64> = histograms.iter().map(|histogram| histogram.step).collect();
    let (Some(&from), Some(&to)) = (steps.first(), steps.last()) else { return Vec::new() };
    if !steps.is_sorted() || to == from {
        // The training was restarted, or all steps are equal: use the order of the log.
        return (0..width).map(|column| (column * (last + 1) / width).min(last)).collect();
    }
    let place = |column: usize| {
        let middle = from as f64 + (to - from) as f64 * (column as f64 + 0.5) / width as f64;
        let after = steps.partition_point(|&step| (step as f64) < middle).min(last);
        let before = after.saturating_sub(1);
        let distance = |place: usize| (steps[place] as f64 - middle).abs();
        if distance(before) <= distance(after) { before } else { after }
    };
    (0..width).map(place).collect()
}

/// The density between two edges: the fraction of the values between them, divided by their
/// distance. Within a bucket, values are taken as uniformly distributed.
fn density(histogram: &TensorHistogram, low: f64, high: f64) -> f64 {
    let total: f64 = histogram.buckets.iter().map(|bucket| bucket[2]).sum();
    if total <= 0.0 || high <= low {
        return 0.0;
    }
    let first = histogram.buckets.partition_point(|bucket| bucket[1] < low);
    let mut count = 0.0;
    for &[left, right, number] in &histogram.buckets[first..] {
        if left > high {
            break;
        }
        if right > left {
            let overlap = (right.min(high) - left.max(low)).max(0.0);
            count += number * overlap / (right - left);
        } else if (low..high).contains(&left) {
            // All values are equal.
            count += number;
        }
    }
    count / total / (high - low)
}

impl View for HistogramsView {
    fn id(&self) -> ViewId {
        ViewId::Histograms
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "The distribution of a tensor's values, over time: steps from left to right, values from bottom to top.",
            "The brighter, the more values; the buckets are those of the log.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "choose" },
            KeyHelp { keys: "←→", does: "step, Home End" },
            KeyHelp { keys: "PgUp PgDn", does: "value" },
            KeyHelp { keys: "l", does: "logarithmic colours" },
            KeyHelp { keys: "y", does: "copy the bucket" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::Char('l') => self.log = !self.log,
            KeyCode::PageUp => self.value = (self.value + 0.02).min(1.0),
            KeyCode::PageDown => self.value = (self.value - 0.02).max(0.0),
            KeyCode::Char('y') => {
                let copied = self.bucket().map(|(step, [left, right, count])| {
                    format!("{step}\t{left}\t{right}\t{count}")
                });
                return copied.map_or(Effect::Redraw, Effect::Copy);
            }
            _ if self.chooser.key(key) => {}
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        if self.chooser.mouse(event) {
            return Effect::Redraw;
        }
        let at = Position::new(event.column, event.row);
        let is_click = matches!(
            event.kind,
            MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
        );
        if !is_click || !self.map.contains(at) {
            return Effect::Ignored;
        }
        if let Some(&place) = self.columns.get(usize::from(at.x - self.map.x)) {
            self.chooser.show(place);
        }
        let rows = f64::from(self.map.height.saturating_sub(1).max(1));
        self.value = 1.0 - f64::from(at.y - self.map.y) / rows;
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let rest = {
            let mut shared = self.shared.borrow_mut();
            shared.refresh();
            let nothing = "these runs have logged no histograms";
            self.chooser.draw(&shared, nothing, area, buffer, theme)
        };
        let Some(rest) = rest else { return };
        self.fetch();
        let Some(entry) = self.chooser.entry() else { return };
        let title = shown(&entry.series.name, usize::from(rest.width / 3));
        let note = match self.bucket() {
            Some((step, [left, right, count])) => theme.fill(
                "step {}: {} values from {} to {}",
                &[&step, &number(count), &number(left), &number(right)],
            ),
            None => String::new(),
        };
        let inside = Pane::new(&title, theme).note(&note).draw(rest, buffer);
        self.draw_map(inside, buffer, theme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(step: i64, buckets: &[[f64; 3]]) -> TensorHistogram {
        TensorHistogram { step, buckets: buckets.to_vec() }
    }

    #[test]
    fn a_bucket_is_spread_over_its_width() {
        let histogram = histogram(0, &[[0.0, 1.0, 3.0], [1.0, 3.0, 1.0], [5.0, 5.0, 4.0]]);
        assert!((density(&histogram, 0.0, 0.5) - 3.0 / 8.0).abs() < 1e-12);
        assert!((density(&histogram, 0.5, 1.5) - (1.5 + 0.25) / 8.0).abs() < 1e-12);
        assert!((density(&histogram, 4.5, 5.5) - 4.0 / 8.0).abs() < 1e-12, "one value");
        assert_eq!(density(&histogram, 3.5, 4.0).to_string(), "0");
        let all: f64 = (0..12)
            .map(|at| 0.5 * density(&histogram, 0.5 * f64::from(at), 0.5 * f64::from(at + 1)))
            .sum();
        assert!((all - 1.0).abs() < 1e-12, "the total is preserved");
    }

    #[test]
    fn columns_follow_the_steps_and_fill_the_gaps() {
        let of = |steps: &[i64], width| {
            let histograms: Vec<TensorHistogram> =
                steps.iter().map(|&s| histogram(s, &[])).collect();
            columns(&histograms, width)
        };
        assert_eq!(of(&[0, 10], 4), [0, 0, 1, 1]);
        assert_eq!(of(&[0, 1, 2, 10], 5), [1, 2, 2, 3, 3]);
        assert_eq!(of(&[5], 3), [0, 0, 0]);
        assert_eq!(of(&[0, 5, 2, 7], 4), [0, 1, 2, 3]);
        assert_eq!(of(&[], 3), Vec::<usize>::new());
    }
}
