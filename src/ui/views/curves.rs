//! Accuracy and cost over the epochs, large.

use crate::protocol::{EpochStats, Moment, What};
use crate::ui::effect::Effect;
use crate::ui::numbers::{percent, percent_2, short};
use crate::ui::theme::Role;
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Line, LineChart, Mark, Pane};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

/// Epochs shown when zoomed in.
const WINDOW: usize = 20;
/// From so many epochs on, the untrained network is left out: it is so bad that beside it all that
/// is learned later looks flat.
const ENOUGH: usize = 4;
/// Rows from which a chart has a frame.
const FRAMED: u16 = 8;

/// Which epochs are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Span {
    /// Those in which something was learned.
    #[default]
    Trained,
    Newest,
    All,
}

/// The view.
#[derive(Debug, Default)]
pub struct Curves {
    span: Span,
    /// A logarithmic cost axis.
    log: bool,
}

impl View for Curves {
    fn id(&self) -> ViewId {
        ViewId::Curves
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "z", does: "zoom: newest 20, from epoch 0, from epoch 1" },
            KeyHelp { keys: "g", does: "logarithmic cost" },
            KeyHelp { keys: "←→", does: "read an epoch" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &Context) -> Effect {
        let newest = context.run.epoch();
        match (key.code, context.moment) {
            (KeyCode::Char('z'), _) => {
                self.span = match self.span {
                    Span::Trained => Span::Newest,
                    Span::Newest => Span::All,
                    Span::All => Span::Trained,
                }
            }
            (KeyCode::Char('g'), _) => self.log = !self.log,
            (KeyCode::Left | KeyCode::Char('h'), Moment::Live) => {
                return Effect::Show(Moment::Epoch(newest));
            }
            (KeyCode::Left | KeyCode::Char('h'), Moment::Epoch(epoch)) => {
                return Effect::Show(Moment::Epoch(epoch.saturating_sub(1)));
            }
            (KeyCode::Right | KeyCode::Char('l'), Moment::Epoch(epoch)) if epoch < newest => {
                return Effect::Show(Moment::Epoch(epoch + 1));
            }
            (KeyCode::Right | KeyCode::Char('l') | KeyCode::End, _) => {
                return Effect::Show(Moment::Live);
            }
            (KeyCode::Home, _) => return Effect::Show(Moment::Epoch(0)),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let points = context.run.epochs.points();
        let shown = match self.span {
            Span::Trained => trained(points),
            Span::Newest => &points[points.len().saturating_sub(WINDOW)..],
            Span::All => points,
        };
        if area.width >= 100 || area.height < 16 {
            let halves = Layout::horizontal([Constraint::Fill(1); 2]).split(area);
            let narrow = area.width < 60;
            accuracy(if narrow { area } else { halves[0] }, buffer, context, shown);
            if !narrow {
                cost(halves[1], buffer, context, shown, self.log);
            }
        } else {
            let halves = Layout::vertical([Constraint::Fill(1); 2]).split(area);
            accuracy(halves[0], buffer, context, shown);
            cost(halves[1], buffer, context, shown, self.log);
        }
    }
}

/// The epochs after the untrained network, once they are enough for a curve.
pub(super) fn trained(epochs: &[EpochStats]) -> &[EpochStats] {
    match epochs {
        [first, rest @ ..] if first.epoch == 0 && epochs.len() >= ENOUGH => rest,
        _ => epochs,
    }
}

/// Draws accuracies over epochs in a pane.
pub(super) fn accuracy(area: Rect, buffer: &mut Buffer, context: &Context, epochs: &[EpochStats]) {
    let lines = [
        line("training", 0, epochs, context, |stats| stats.train_accuracy, percent_2),
        line("validation", 1, epochs, context, |stats| stats.validation_accuracy, percent_2),
        line("test", 2, epochs, context, |stats| stats.test_accuracy, percent_2),
    ];
    chart("Accuracy", area, buffer, context, lines.into(), percent, Some(1.0), false);
}

/// Draws costs over epochs in a pane.
pub(super) fn cost(
    area: Rect,
    buffer: &mut Buffer,
    context: &Context,
    epochs: &[EpochStats],
    log: bool,
) {
    let lines = [
        line("training", 0, epochs, context, |stats| stats.train_cost, short),
        line("validation", 1, epochs, context, |stats| stats.validation_cost, short),
        line("test", 2, epochs, context, |stats| stats.test_cost, short),
    ];
    chart("Cost", area, buffer, context, lines.into(), short, None, log);
}

fn line(
    name: &str,
    series: usize,
    epochs: &[EpochStats],
    context: &Context,
    pick: fn(&EpochStats) -> Option<f64>,
    text: fn(f64) -> String,
) -> Line {
    let point = |stats: &EpochStats| Some((f64::from(stats.epoch), pick(stats)?));
    let points: Vec<(f64, f64)> = epochs.iter().filter_map(point).collect();
    let value = context.stats().and_then(pick).map_or_else(String::new, text);
    let name = if points.is_empty() { String::new() } else { context.theme.say(name).into() };
    Line { name, points, value, style: context.theme.series(series), ..Line::default() }
}

#[allow(clippy::too_many_arguments, reason = "one call draws a whole chart")]
fn chart(
    title: &str,
    area: Rect,
    buffer: &mut Buffer,
    context: &Context,
    lines: Vec<Line>,
    y_text: fn(f64) -> String,
    highest: Option<f64>,
    log: bool,
) {
    let theme = context.theme;
    let note =
        context.stats().map_or_else(String::new, |stats| theme.fill("epoch {}", &[&stats.epoch]));
    // A frame around so few rows would leave none for the curves.
    let framed = area.height >= FRAMED;
    let inside = if framed { Pane::new(title, theme).note(&note).draw(area, buffer) } else { area };
    let mut marks: Vec<Mark> = context
        .run
        .tuned
        .iter()
        .map(|tuned| Mark { x: f64::from(tuned.epoch), style: theme.style(Role::Warning) })
        .collect();
    if let Moment::Epoch(epoch) = context.moment {
        marks.push(Mark { x: f64::from(epoch), style: theme.style(Role::Dim) });
    }
    let chart = LineChart {
        lines,
        marks,
        x_label: theme.say("epoch"),
        y_text,
        log,
        log_x: false,
        highest,
        fixed: None,
        theme: *theme,
    };
    (&chart).render(inside, buffer);
}
