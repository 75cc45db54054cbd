//! Accuracy and cost over the epochs, large.

use crate::protocol::{EpochStats, Moment, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::numbers::{percent_2, short};
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{AxisUnit, ChartLine, ChartState, LineChart, Pane, VerticalMark};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use unicode_width::UnicodeWidthStr;

/// Number of epochs shown when zoomed in.
const WINDOW: usize = 20;
/// From this many measurements on, that of the untrained network (epoch 0) is omitted: its high
/// cost would flatten the later part of the curve.
const ENOUGH: usize = 4;
/// Minimum rows of a chart with a frame.
const FRAMED: u16 = 8;

/// The epochs to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Span {
    /// All but the untrained network.
    #[default]
    Trained,
    Newest,
    All,
}

impl Span {
    fn next(self) -> Self {
        match self {
            Self::Trained => Self::Newest,
            Self::Newest => Self::All,
            Self::All => Self::Trained,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Trained => "from epoch 1",
            Self::Newest => "newest 20",
            Self::All => "from epoch 0",
        }
    }
}

/// A chart of the accuracies and one of the costs over the epochs.
#[derive(Debug, Default)]
pub struct CurvesView {
    span: Span,
    /// A logarithmic cost axis.
    log: bool,
    accuracy: ChartState,
    cost: ChartState,
}

impl CurvesView {
    /// Selects another epoch, starting from the newest one.
    fn read(step: i64, context: &ViewContext) -> Effect {
        let newest = i64::from(context.run.epoch());
        let next = match context.moment {
            Moment::Live if step < 0 => newest,
            Moment::Live => return Effect::Show(Moment::Live),
            Moment::Epoch(epoch) => (i64::from(epoch) + step).max(0),
        };
        let live = next > newest;
        Effect::Show(if live { Moment::Live } else { Moment::Epoch(next as u32) })
    }

    /// How the charts are drawn, in words.
    fn mode(&self, theme: &Theme) -> Vec<String> {
        let mut parts = vec![theme.say(self.span.text()).to_string()];
        if self.accuracy.zoom.is_some() {
            parts = vec![theme.say("zoomed · Esc all").into()];
        }
        if self.accuracy.smoothing > 0.0 {
            parts.push(theme.fill("smoothing {}", &[&self.accuracy.smoothing]));
        }
        parts
    }
}

impl View for CurvesView {
    fn id(&self) -> ViewId {
        ViewId::Curves
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Accuracy is the share of images classified correctly; cost is what training makes small.",
            "Training data are what the network learns from, validation data steer the run, test data only measure it.",
            "An upright line in yellow marks a change of η, λ or μ; curves that meet in a cell take turns.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→", does: "read an epoch" },
            KeyHelp { keys: "z", does: "zoom: newest 20, from epoch 0, from epoch 1" },
            KeyHelp { keys: "g", does: "logarithmic cost" },
            KeyHelp { keys: "c", does: "hide a curve" },
            KeyHelp { keys: "< >", does: "less or more smoothing" },
            KeyHelp {
                keys: "mouse",
                does: "click reads or hides, drag and wheel zoom, right button: all",
            },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::Char('z') => {
                self.span = self.span.next();
                (self.accuracy.zoom, self.cost.zoom) = (None, None);
            }
            KeyCode::Char('g') => self.log = !self.log,
            KeyCode::Char('c') => {
                self.accuracy.hide_next(3);
                self.cost.hidden.clone_from(&self.accuracy.hidden);
            }
            KeyCode::Char('<' | '>') => {
                self.accuracy.smooth(key.code == KeyCode::Char('>'));
                self.cost.smoothing = self.accuracy.smoothing;
            }
            KeyCode::Esc if self.accuracy.zoom.is_some() => {
                self.accuracy.zoom = None;
                self.cost.follow(&self.accuracy);
            }
            KeyCode::Left | KeyCode::Char('h') => return Self::read(-1, context),
            KeyCode::Right | KeyCode::Char('l') => return Self::read(1, context),
            KeyCode::End => return Effect::Show(Moment::Live),
            KeyCode::Home => return Effect::Show(Moment::Epoch(0)),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        over_epochs_mouse([&mut self.accuracy, &mut self.cost], event, context)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let points = context.run.epochs.points();
        let shown = match self.span {
            Span::Trained => trained(points),
            Span::Newest => &points[points.len().saturating_sub(WINDOW)..],
            Span::All => points,
        };
        let mode = self.mode(context.theme);
        let beside = area.width >= 100 || area.height < 16;
        let layout = if beside { Layout::horizontal } else { Layout::vertical };
        let mut halves = layout([Constraint::Fill(1); 2]).split(area).to_vec();
        if beside && area.width < 60 {
            halves = vec![area, Rect::ZERO];
        }
        EpochChart { mode: &mode, log: false }.accuracy(
            halves[0],
            buffer,
            context,
            shown,
            &mut self.accuracy,
        );
        EpochChart { mode: &mode, log: self.log }.cost(
            halves[1],
            buffer,
            context,
            shown,
            &mut self.cost,
        );
    }
}

/// The epochs without the untrained network, once there are enough for a curve.
pub(super) fn trained(epochs: &[EpochStats]) -> &[EpochStats] {
    match epochs {
        [first, rest @ ..] if first.epoch == 0 && epochs.len() >= ENOUGH => rest,
        _ => epochs,
    }
}

/// A chart of accuracies or costs in a pane.
#[derive(Clone, Copy, Default)]
pub(super) struct EpochChart<'a> {
    /// How it is drawn, in words.
    pub mode: &'a [String],
    /// A logarithmic axis.
    pub log: bool,
}

impl EpochChart<'_> {
    /// Draws accuracies over epochs.
    pub(super) fn accuracy(
        self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        epochs: &[EpochStats],
        state: &mut ChartState,
    ) {
        let lines = [
            line(
                ["training", "train"],
                0,
                epochs,
                context,
                |stats| stats.train_accuracy,
                percent_2,
            ),
            line(
                ["validation", "val"],
                1,
                epochs,
                context,
                |stats| stats.validation_accuracy,
                percent_2,
            ),
            line(["test", "test"], 2, epochs, context, |stats| stats.test_accuracy, percent_2),
        ];
        let chart = LineChart {
            y_unit: AxisUnit::Percent,
            value_text: percent_2,
            highest: Some(1.0),
            ..over_epochs(lines.into(), context)
        };
        self.draw("Accuracy", &chart, area, buffer, context, state);
    }

    /// Draws costs over epochs.
    pub(super) fn cost(
        self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        epochs: &[EpochStats],
        state: &mut ChartState,
    ) {
        let lines = [
            line(["training", "train"], 0, epochs, context, |stats| stats.train_cost, short),
            line(["validation", "val"], 1, epochs, context, |stats| stats.validation_cost, short),
            line(["test", "test"], 2, epochs, context, |stats| stats.test_cost, short),
        ];
        let chart = LineChart { log: self.log, ..over_epochs(lines.into(), context) };
        self.draw("Cost", &chart, area, buffer, context, state);
    }

    fn draw(
        self,
        title: &str,
        chart: &LineChart,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        state: &mut ChartState,
    ) {
        let theme = context.theme;
        let epoch = context.stats().map(|stats| theme.fill("epoch {}", &[&stats.epoch]));
        let log = self.log.then(|| theme.say("logarithmic").to_string());
        let mut note: Vec<String> = self.mode.iter().cloned().chain(log).chain(epoch).collect();
        // Title and frame take some columns; the epoch is dropped first.
        let room = usize::from(area.width).saturating_sub(title.width() + 10);
        while note.len() > 1 && note.join(" · ").width() > room {
            note.pop();
        }
        // A frame would leave no rows for the curves.
        let inside = if area.height >= FRAMED {
            Pane::new(title, theme).note(&note.join(" · ")).draw(area, buffer)
        } else {
            area
        };
        chart.draw(inside, buffer, state);
    }
}

/// Passes a mouse event to one of several charts over epochs; the others follow it. A click selects
/// the epoch, as the arrow keys do, for all views.
pub(super) fn over_epochs_mouse<const CHARTS: usize>(
    mut charts: [&mut ChartState; CHARTS],
    event: MouseEvent,
    context: &ViewContext,
) -> Effect {
    let Some(index) = charts.iter_mut().position(|chart| chart.mouse(event)) else {
        return Effect::Ignored;
    };
    let clicked = charts[index].cursor.take();
    let changed = charts[index].clone();
    for chart in &mut charts {
        chart.follow(&changed);
    }
    if let Some(x) = clicked {
        return Effect::Show(Moment::Epoch(x.round().max(0.0) as u32));
    }
    let reset = event.kind == MouseEventKind::Down(MouseButton::Right);
    if reset && context.moment != Moment::Live {
        return Effect::Show(Moment::Live);
    }
    Effect::Redraw
}

/// A chart over epochs, with marks at manual changes and at the selected epoch.
pub(super) fn over_epochs<'a>(lines: Vec<ChartLine>, context: &ViewContext<'a>) -> LineChart<'a> {
    let theme = context.theme;
    let tuned = context.run.tuned.iter().map(|tuned| VerticalMark {
        x: f64::from(tuned.epoch),
        style: theme.style(TextRole::Warning),
    });
    let shown = match context.moment {
        Moment::Epoch(epoch) => {
            Some(VerticalMark { x: f64::from(epoch), style: theme.style(TextRole::Dim) })
        }
        Moment::Live => None,
    };
    LineChart {
        lines,
        marks: tuned.chain(shown).collect(),
        x_label: theme.say("epoch"),
        x_unit: AxisUnit::Whole,
        y_unit: AxisUnit::Plain,
        value_text: short,
        log: false,
        log_x: false,
        highest: None,
        fixed: None,
        theme: *theme,
    }
}

fn line(
    [name, short]: [&str; 2],
    series: usize,
    epochs: &[EpochStats],
    context: &ViewContext,
    pick: fn(&EpochStats) -> Option<f64>,
    text: fn(f64) -> String,
) -> ChartLine {
    let point = |stats: &EpochStats| Some((f64::from(stats.epoch), pick(stats)?));
    let points: Vec<(f64, f64)> = epochs.iter().filter_map(point).collect();
    let value = context.stats().and_then(pick).map_or_else(String::new, text);
    let name = if points.is_empty() { String::new() } else { context.theme.say(name).into() };
    let short = context.theme.say(short).into();
    ChartLine {
        name,
        short,
        points,
        value,
        style: context.theme.series(series),
        ..ChartLine::default()
    }
}
