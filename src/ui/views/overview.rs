//! The overview: progress, curves, weights and a test image.

use super::curves::{self, EpochChart};
use crate::protocol::{Content, EpochStats, Moment, ProbeQuery, Tune};
use crate::ui::effect::Effect;
use crate::ui::numbers::{duration, percent_2, short, thousands};
use crate::ui::recipe::of_recipe;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Bars, ChartState, Gauge, NamedBar, Pane, Raster, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Maximum number of units in the strip of heatmaps.
const STRIP: u32 = 24;

/// Progress, accuracy, cost, the weights of the first units and a test image on one screen.
#[derive(Debug, Default)]
pub struct OverviewView {
    accuracy: ChartState,
    cost: ChartState,
    /// Number of units in the strip when it was last drawn.
    units: u32,
}

impl View for OverviewView {
    fn id(&self) -> ViewId {
        ViewId::Overview
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "The bars show how far the epoch and the run are; below them the accuracy and the best ones so far.",
            "The maps show what the first hidden units look for: orange weights add to a unit, blue ones take away.",
            "The digit is a test image; the bars beside it are the network's outputs, the green one its true label.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[KeyHelp { keys: "←→", does: "another digit" }]
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        let mut probes = vec![ProbeQuery::Digit { index: context.digit }];
        if let Some(&layer) = context.weighted_layers().first() {
            probes.push(self.weights(layer));
        }
        probes
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::Left | KeyCode::Char('h') => {
                Effect::SelectDigit(context.digit.saturating_sub(1))
            }
            KeyCode::Right | KeyCode::Char('l') => Effect::SelectDigit(context.digit + 1),
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        curves::over_epochs_mouse([&mut self.accuracy, &mut self.cost], event, context)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let points = curves::trained(context.run.epochs.points());
        if area.width < 60 || area.height < 14 {
            let [bars, chart] =
                Layout::vertical([Constraint::Length(3.min(area.height)), Constraint::Fill(1)])
                    .areas(area);
            progress(bars, buffer, context);
            if context.model.is_some() {
                recipe(chart, buffer, context);
            } else {
                EpochChart::default().accuracy(chart, buffer, context, points, &mut self.accuracy);
            }
            return;
        }
        // From 34 rows on, the panes at the bottom have 15 rows inside their frames: enough for the
        // 14 rows of a digit of 28 pixels.
        let bottom = if area.height >= 34 { 17 } else { area.height / 2 - 1 };
        let [bars, charts, below] = Layout::vertical([
            Constraint::Length(3),
            Constraint::Fill(1),
            Constraint::Length(bottom),
        ])
        .areas(area);
        progress(bars, buffer, context);
        if context.model.is_some() {
            recipe(charts, buffer, context);
        } else {
            let [left, right] = Layout::horizontal([Constraint::Fill(1); 2]).areas(charts);
            EpochChart::default().accuracy(left, buffer, context, points, &mut self.accuracy);
            EpochChart::default().cost(right, buffer, context, points, &mut self.cost);
        }
        let digit_width = (2 * bottom + 26).min(area.width / 2);
        let [weights, digit] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(digit_width)]).areas(below);
        self.strip(weights, buffer, context);
        one_digit(digit, buffer, context);
    }
}

/// The recipe of a saved model, which has no curves.
fn recipe(area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    const VALUES: u16 = 18;
    let theme = context.theme;
    let inside = Pane::new("The model", theme).draw(area, buffer);
    let Some(info) = &context.run.info else { return };
    for (row, (name, value)) in (0..inside.height).zip(of_recipe(info, theme)) {
        write(buffer, inside, row, &name, theme.style(TextRole::Dim));
        write_at(buffer, inside, VALUES, row, &value, theme.style(TextRole::Text));
    }
}

/// The progress of epoch and run, speed, remaining time, and the best results so far.
fn progress(area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let (run, theme) = (context.run, context.theme);
    let area = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let [epoch_line, run_line, best_line] =
        Layout::vertical([Constraint::Length(1); 3]).areas(area);
    let total = run.info.as_ref().map_or(0, |info| info.epochs);
    if run.outcome.is_some() {
        ended(run_line, buffer, context);
    } else if let Some(progress) = &run.progress {
        let share = f64::from(progress.batch) / f64::from(progress.batches.max(1));
        let whole = (f64::from(progress.epoch) + share) / f64::from(total.max(1));
        let rate = progress.samples_per_second;
        let epoch = Gauge {
            label: "epoch".into(),
            share,
            note: theme.fill("{} images/s", &[&format!("{:>9}", thousands(rate))]),
            theme: *theme,
        };
        (&epoch).render(epoch_line, buffer);
        let left = progress.seconds_left;
        let left = left.map(|seconds| theme.fill("{} left", &[&duration(seconds, theme)]));
        let gauge = Gauge {
            label: "run  ".into(),
            share: whole,
            note: padded(&left.unwrap_or_default(), epoch.note.width()),
            theme: *theme,
        };
        (&gauge).render(run_line, buffer);
    }
    best(best_line, buffer, context);
}

/// The progress of a run that has ended, and its duration.
fn ended(line: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let (run, theme) = (context.run, context.theme);
    let total = run.info.as_ref().map_or(0, |info| info.epochs);
    if total == 0 || context.model.is_some() {
        return;
    }
    let training = run.epochs.points().iter().map(|stats| stats.train_seconds).sum();
    let seconds = run.progress.as_ref().map_or(training, |progress| progress.elapsed_seconds);
    let gauge = Gauge {
        label: "run  ".into(),
        share: f64::from(run.epoch()) / f64::from(total),
        note: theme.fill("took {}", &[&duration(seconds, theme)]),
        theme: *theme,
    };
    (&gauge).render(line, buffer);
}

fn best(line: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let (run, theme) = (context.run, context.theme);
    let mut column = 0;
    let mut pair = |name: &str, value: String, role| {
        let name = theme.say(name);
        // Numbers are omitted rather than truncated.
        if usize::from(column) + name.width() + 1 + value.width() <= usize::from(line.width) {
            column = write_at(buffer, line, column, 0, name, theme.style(TextRole::Dim));
            column = write_at(buffer, line, column + 1, 0, &value, theme.style(role)) + 3;
        }
    };
    let test = |stats: &EpochStats| stats.test_accuracy;
    if let (Some(_), Some(stats)) = (context.model, context.stats()) {
        for (name, value) in [
            ("test accuracy", stats.test_accuracy.map(percent_2)),
            ("validation accuracy", stats.validation_accuracy.map(percent_2)),
            ("test cost", stats.test_cost.map(short)),
        ] {
            if let Some(value) = value {
                pair(name, value, TextRole::Title);
            }
        }
        return;
    }
    if let Some(accuracy) = context.stats().and_then(test) {
        pair("test", percent_2(accuracy), TextRole::Title);
    }
    let validation = |stats: &EpochStats| stats.validation_accuracy;
    for (name, pick) in
        [("best test", test as fn(&EpochStats) -> _), ("best validation", validation)]
    {
        if let Some((epoch, accuracy)) = best_of(run.epochs.points(), pick) {
            let value = theme.fill("{} in epoch {}", &[&percent_2(accuracy), &epoch]);
            pair(name, value, TextRole::Good);
        }
    }
    if let Some(stats) = context.stats().filter(|stats| stats.train_seconds > 0.0) {
        pair(
            "epoch took",
            theme.fill("{} s", &[&format!("{:.3}", stats.train_seconds)]),
            TextRole::Text,
        );
    }
    if let Some(stats) = context.stats() {
        pair(
            if theme.unicode { "η" } else { "eta" },
            short(learning_rate(stats, context)),
            TextRole::Text,
        );
    }
}

/// The current learning rate: that of the selected epoch or, live, a newer manual change.
fn learning_rate(stats: &EpochStats, context: &ViewContext) -> f64 {
    let since = context.run.tuned.iter().filter(|tuned| tuned.epoch >= stats.epoch);
    let mut set = since.filter_map(|tuned| match tuned.change {
        Tune::LearningRate(eta) => Some(eta),
        _ => None,
    });
    let set = if context.moment == Moment::Live { set.next_back() } else { None };
    set.unwrap_or(stats.learning_rate)
}

/// The first epoch with the highest accuracy of a kind, and that accuracy.
fn best_of(epochs: &[EpochStats], pick: fn(&EpochStats) -> Option<f64>) -> Option<(u32, f64)> {
    let measured = epochs.iter().filter_map(|stats| Some((stats.epoch, pick(stats)?)));
    measured.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
}

impl OverviewView {
    /// The probe of the first units' weights, as many as were last drawn.
    fn weights(&self, layer: u32) -> ProbeQuery {
        // Before the first frame the number of units is not known.
        ProbeQuery::Weights {
            layer,
            first: 0,
            count: if self.units == 0 { STRIP } else { self.units },
        }
    }

    /// Draws the input weights of the first units, as many as fit.
    fn strip(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let inside = Pane::new("What the first units look for", theme).draw(area, buffer);
        let Some(&first) = context.weighted_layers().first() else { return };
        let of_it = |what: &ProbeQuery| matches!(what, ProbeQuery::Weights { layer, first: 0, .. } if *layer == first);
        let exact = context.frame(&self.weights(first));
        let frame = exact.or_else(|| context.latest_frame(of_it));
        let Some(frame) = frame else { return };
        let Content::Weights { rows, largest } = &frame.content else {
            return context.write_missing(Some(frame), inside, buffer);
        };
        let Some(tensor) = rows.first() else { return };
        let tile = Rect { width: tile_width(inside.width), height: inside.height.min(7), ..inside };
        let fitted = context.weights_raster(first, tensor, *largest).fitted(tile);
        if fitted.area() == 0 {
            return;
        }
        let [across, down] =
            [(inside.width + 1) / (fitted.width + 1), (inside.height + 1) / (fitted.height + 1)];
        self.units = u32::from(across * down).clamp(1, STRIP);
        for (at, tensor) in (0..across * down).zip(rows) {
            let place = Rect {
                x: inside.x + at % across * (fitted.width + 1),
                y: inside.y + at / across * (fitted.height + 1),
                ..fitted
            };
            (&context.weights_raster(first, tensor, *largest)).render(place, buffer);
        }
    }
}

/// Columns of a heatmap, at most 14 (half the width of MNIST's images), so that whole heatmaps with
/// gaps of one column fill a row.
fn tile_width(room: u16) -> u16 {
    const MAX_WIDTH: u16 = 14;
    let count = (room + 1).div_ceil(MAX_WIDTH + 1).max(1);
    ((room + 1) / count).saturating_sub(1)
}

/// Draws the selected image with its prediction.
fn one_digit(area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let (theme, run) = (context.theme, context.run);
    let title = theme.fill("Test image {}", &[&context.digit]);
    let inside = Pane::new(&title, theme).draw(area, buffer);
    let Some(frame) = context.frame(&ProbeQuery::Digit { index: context.digit }) else { return };
    let Content::Digit { card, outputs, .. } = &frame.content else {
        return context.write_missing(Some(frame), inside, buffer);
    };
    let size =
        run.info.as_ref().map_or([0, 0], |i| [i.image_width as usize, i.image_height as usize]);
    let pixels: Vec<f32> = card.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    let raster = Raster::image(&pixels, size, 255.0, theme);
    let half = Rect { width: inside.width.saturating_sub(22), ..inside };
    (&raster).render(half, buffer);
    let taken = raster.fitted(half).width;
    let beside =
        Rect { x: inside.x + taken + 1, width: inside.width.saturating_sub(taken + 1), ..inside };
    let right = card.prediction == card.label;
    let (mark, role) = if right { ("✓", TextRole::Good) } else { ("✗", TextRole::Bad) };
    let (said, is) = (context.class(card.prediction), context.class(card.label));
    let answer = if right { said } else { theme.fill("{}, is {}", &[&said, &is]) };
    let verdict = format!("{mark} {answer}");
    write(buffer, beside, 0, &verdict, theme.style(role));
    let rows = outputs.iter().zip(0_u32..).map(|(&output, class)| NamedBar {
        name: context.class(class),
        share: f64::from(output),
        value: format!("{output:.2}"),
        style: if class == card.label {
            theme.style(TextRole::Good)
        } else {
            theme.style(TextRole::Text)
        },
    });
    let bars = Bars { rows: rows.collect(), theme: *theme };
    let below = Rect { y: beside.y + 1, height: beside.height.saturating_sub(1), ..beside };
    (&bars).render(below, buffer);
}

/// Text aligned to the right in `width` columns.
fn padded(text: &str, width: usize) -> String {
    " ".repeat(width.saturating_sub(text.width())) + text
}
