//! Charts of runs, overlaid: a grid of metrics.

use super::desk::{Shared, shown, without_common};
use super::drawing::{self, Look, axis_name, draw_config, nearest};
use super::number;
use crate::protocol::{CurveQuery, CurveSet, Grouping, RunAxis, RunCurve, What};
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::{Role, Theme};
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{ChartState, Line, LineChart, Mark, Pane, Unit, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::HashMap;

/// Curves in a chart at most; the first ones, where more runs are marked.
const MOST_CURVES: usize = 24;
/// Smoothing weights that `s` goes through; TensorBoard begins with the second.
const WEIGHTS: [f64; 5] = [0.0, 0.6, 0.9, 0.97, 0.99];
/// Charts a side of the grid at most.
const LARGEST: usize = 6;
/// A chart is not smaller than this.
const LEAST: (u16, u16) = (24, 7);

/// The view.
#[derive(Debug)]
pub struct Compare {
    desk: Shared,
    /// Charts a side; 0 for as many as there is room for.
    side: usize,
    page: usize,
    /// Charts on a page, as last drawn.
    shown: usize,
    axis: RunAxis,
    weight: usize,
    look: Look,
    by_seed: bool,
    /// The share of the x axis at which values are read.
    cursor: Option<f64>,
    config: bool,
    /// Curves by metric, and what they were asked with.
    cache: HashMap<String, (u64, CurveQuery, CurveSet)>,
}

impl Compare {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        Self {
            desk,
            side: 0,
            page: 0,
            shown: 1,
            axis: RunAxis::Step,
            weight: 1,
            look: Look { log_x: false, log_y: false, outliers: false, zoom: [0.0, 1.0] },
            by_seed: false,
            cursor: None,
            config: false,
            cache: HashMap::new(),
        }
    }

    fn curves(&mut self, metric: &str, columns: usize) -> CurveSet {
        let desk = self.desk.borrow();
        let mut runs: Vec<String> = desk
            .charted()
            .iter()
            .filter(|row| row.metrics.iter().any(|facts| facts.name == metric))
            .map(|row| row.name.clone())
            .collect();
        if !self.by_seed {
            runs.truncate(MOST_CURVES);
        }
        let query = CurveQuery {
            metric: metric.to_owned(),
            runs,
            axis: self.axis,
            grouping: if self.by_seed { Grouping::Seed } else { Grouping::None },
            smoothing: WEIGHTS[self.weight],
            range: None,
            // Zoomed in, more of the curve stands in each column.
            columns: (columns as f64 / (self.look.zoom[1] - self.look.zoom[0]).max(0.01)) as usize,
        };
        let revision = desk.table.revision;
        if let Some((at, asked, set)) = self.cache.get(metric)
            && *at == revision
            && *asked == query
        {
            return set.clone();
        }
        match desk.source.curves(&query) {
            Some(set) => {
                self.cache.insert(metric.to_owned(), (revision, query, set.clone()));
                set
            }
            // It is being read: what is known stays on the screen.
            None => {
                self.cache.get(metric).map_or_else(CurveSet::default, |(_, _, set)| set.clone())
            }
        }
    }

    fn move_cursor(&mut self, by: f64) {
        self.cursor =
            Some((self.cursor.unwrap_or(if by < 0.0 { 1.0 } else { 0.0 }) + by).clamp(0.0, 1.0));
    }

    /// Zooms around the cursor, or the middle.
    fn zoom_by(&mut self, factor: f64) {
        let [low, high] = self.look.zoom;
        let at = low + (high - low) * self.cursor.unwrap_or(0.5);
        let width = ((high - low) * factor).clamp(0.001, 1.0);
        let from = (at - width / 2.0).clamp(0.0, 1.0 - width);
        self.look.zoom = [from, from + width];
    }

    fn pan(&mut self, share: f64) {
        let [low, high] = self.look.zoom;
        let width = high - low;
        let from = (low + share * width).clamp(0.0, 1.0 - width);
        self.look.zoom = [from, from + width];
    }
}

impl View for Compare {
    fn id(&self) -> ViewId {
        ViewId::Compare
    }

    fn about(&self) -> &'static [&'static str] {
        &["The marked runs, one chart a metric; a curve has the colour of its run everywhere."]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "s", does: "smoothing" },
            KeyHelp { keys: "x", does: "x axis" },
            KeyHelp { keys: "←→", does: "read values" },
            KeyHelp { keys: "+-", does: "zoom, 0 all" },
            KeyHelp { keys: "PgDn", does: "next charts" },
            KeyHelp { keys: "c", does: "configuration" },
            KeyHelp { keys: "[]", does: "fewer, more charts" },
            KeyHelp { keys: "l", does: "logarithmic y, L x" },
            KeyHelp { keys: "o", does: "outliers" },
            KeyHelp { keys: "g", does: "mean over seeds" },
            KeyHelp { keys: "1", does: "runs" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return Effect::Ignored;
        }
        let big = key.modifiers.contains(KeyModifiers::SHIFT);
        match key.code {
            KeyCode::Left if big => self.pan(-0.25),
            KeyCode::Right if big => self.pan(0.25),
            KeyCode::Left => self.move_cursor(-0.02),
            KeyCode::Right => self.move_cursor(0.02),
            KeyCode::Esc if self.cursor.is_some() => self.cursor = None,
            KeyCode::Char('+' | '=') => self.zoom_by(0.5),
            KeyCode::Char('-') => self.zoom_by(2.0),
            KeyCode::Char('0') => self.look.zoom = [0.0, 1.0],
            KeyCode::PageDown | KeyCode::Char('n') => self.page += 1,
            KeyCode::PageUp | KeyCode::Char('b') => self.page = self.page.saturating_sub(1),
            KeyCode::Home => self.page = 0,
            KeyCode::Char('[') => self.side = self.side.saturating_sub(1).max(1),
            KeyCode::Char(']') => self.side = (self.side + 1).min(LARGEST),
            KeyCode::Char('s') => self.weight = (self.weight + 1) % WEIGHTS.len(),
            KeyCode::Char('x') => {
                self.axis = match self.axis {
                    RunAxis::Step => RunAxis::Epoch,
                    RunAxis::Epoch => RunAxis::Relative,
                    RunAxis::Relative => RunAxis::Process,
                    RunAxis::Process => RunAxis::Wall,
                    RunAxis::Wall => RunAxis::Step,
                }
            }
            KeyCode::Char('l') => self.look.log_y = !self.look.log_y,
            KeyCode::Char('L') => self.look.log_x = !self.look.log_x,
            KeyCode::Char('o') => self.look.outliers = !self.look.outliers,
            KeyCode::Char('g') => self.by_seed = !self.by_seed,
            KeyCode::Char('c') => self.config = !self.config,
            KeyCode::Char('1') | KeyCode::Backspace => return Effect::OpenView(ViewId::Runs),
            KeyCode::Char('2') => {}
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, area: Rect, _context: &Context) -> Effect {
        match event.kind {
            MouseEventKind::ScrollUp => self.zoom_by(0.8),
            MouseEventKind::ScrollDown => self.zoom_by(1.25),
            MouseEventKind::Down(_) | MouseEventKind::Drag(_) => {
                let side = self.shown.max(1) as f64;
                let columns = side.sqrt().ceil();
                let share =
                    f64::from(event.column.saturating_sub(area.x)) / f64::from(area.width.max(1));
                self.cursor = Some((share * columns).fract());
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        let metrics = {
            let mut desk = self.desk.borrow_mut();
            desk.refresh();
            desk.metrics()
        };
        let area = area.intersection(buffer.area);
        if area.height < 3 || area.width < 8 {
            return;
        }
        let line = Rect { height: 1, ..area };
        let mut body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if body.height > LEAST.1 && !self.by_seed {
            self.draw_legend(Rect { height: 1, ..body }, buffer, theme);
            body = Rect { y: body.y + 1, height: body.height - 1, ..body };
        }
        if self.config && body.width >= 60 {
            let width = body.width / 3;
            let side = Rect { x: body.right() - width, width, ..body };
            draw_config(&self.desk.borrow(), side, buffer, theme);
            body.width -= width;
        }
        let most =
            (usize::from(body.width / LEAST.0).max(1), usize::from(body.height / LEAST.1).max(1));
        let wanted = if self.side == 0 {
            let fitting = (metrics.len() as f64).sqrt().ceil() as usize;
            (fitting.min(3), metrics.len().div_ceil(fitting.clamp(1, 3)))
        } else {
            (self.side, self.side)
        };
        let (columns, rows) = (wanted.0.clamp(1, most.0), wanted.1.clamp(1, most.1));
        let shown_now = columns * rows;
        self.shown = shown_now;
        let pages = metrics.len().div_ceil(shown_now).max(1);
        self.page = self.page.min(pages - 1);
        self.draw_state(line, buffer, theme, pages);
        if metrics.is_empty() {
            let text = "no metrics to draw; mark runs in the table (1)";
            write(buffer, body, 0, theme.say(text), theme.style(Role::Dim));
            return;
        }
        let (width, height) = (body.width / columns as u16, body.height / rows as u16);
        for (place, metric) in
            metrics.iter().skip(self.page * shown_now).take(shown_now).enumerate()
        {
            let (column, row) = ((place % columns) as u16, (place / columns) as u16);
            let cell = Rect { x: body.x + column * width, y: body.y + row * height, width, height };
            self.draw_chart(metric, cell, buffer, theme);
        }
    }
}

impl Compare {
    fn draw_state(&self, line: Rect, buffer: &mut Buffer, theme: &Theme, pages: usize) {
        let desk = self.desk.borrow();
        let axis = theme.say(axis_name(self.axis));
        let runs = desk.charted().len();
        let marked = if desk.marked.is_empty() { "all" } else { "marked" };
        let mut parts = vec![
            format!("{runs} {} ({})", theme.say("runs"), theme.say(marked)),
            format!("{} {}", theme.say("smoothing"), WEIGHTS[self.weight]),
            format!("x: {axis}"),
        ];
        if runs > MOST_CURVES && !self.by_seed {
            parts.push(theme.fill("the first {} are drawn", &[&MOST_CURVES]));
        }
        if pages > 1 {
            parts.push(theme.fill("page {} of {}", &[&(self.page + 1), &pages]));
        }
        if self.by_seed {
            parts.push(theme.say("mean over seeds").to_owned());
        }
        write(buffer, line, 0, &parts.join(" · "), theme.style(Role::Dim));
    }

    /// The names of the runs in their colours, as many as there is room for.
    fn draw_legend(&self, line: Rect, buffer: &mut Buffer, theme: &Theme) {
        let desk = self.desk.borrow();
        let rows = desk.charted();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let sign = if theme.unicode { "━" } else { "-" };
        let mut column = 0;
        for (place, name) in names.iter().enumerate().take(MOST_CURVES) {
            let text = shown(without_common(name, &names), 28);
            let left = names.len() - place;
            if usize::from(column) + text.chars().count() + 8 > usize::from(line.width) {
                let more = theme.fill("and {} more", &[&left]);
                write_at(buffer, line, column, 0, &more, theme.style(Role::Dim));
                break;
            }
            let style = theme.series(desk.colour(name));
            column = write_at(buffer, line, column, 0, sign, style);
            column = write_at(buffer, line, column + 1, 0, &text, theme.style(Role::Text)) + 2;
        }
    }

    fn draw_chart(&mut self, metric: &str, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let title = shown(metric, usize::from(area.width.saturating_sub(8)));
        let inside = Pane::new(&title, theme).draw(area, buffer);
        let columns = usize::from(inside.width.max(1)) * 2;
        let set = self.curves(metric, columns);
        let Some((x, y)) = drawing::ranges(&set, self.look) else {
            write(buffer, inside, 0, theme.say("no values to draw"), theme.style(Role::Dim));
            return;
        };
        let at = self.cursor.map(|share| x[0] + (x[1] - x[0]) * share);
        let mut lines = Vec::new();
        for curve in &set.curves {
            lines.extend(self.lines_of(curve, &set, y, at, theme));
        }
        let marks = at.iter().map(|&x| Mark { x, style: theme.style(Role::Dim) }).collect();
        let x_label = match (at, self.axis) {
            (Some(at), _) => format!("{} {}", theme.say(axis_name(self.axis)), short(at)),
            (None, axis) => theme.say(axis_name(axis)).to_owned(),
        };
        let fixed = [x, y].map(|range| range);
        let log = |on: bool, range: [f64; 2]| if on { range.map(f64::log10) } else { range };
        let chart = LineChart {
            lines,
            marks,
            x_label: &x_label,
            x_unit: Unit::Plain,
            y_unit: Unit::Plain,
            value_text: short,
            log: self.look.log_y,
            log_x: self.look.log_x,
            highest: None,
            fixed: Some([log(self.look.log_x, fixed[0]), log(self.look.log_y, fixed[1])]),
            theme: *theme,
        };
        chart.draw(inside, buffer, &mut ChartState::default());
    }

    /// A curve as lines: its raw values faint behind, what was overtaken, its band, itself.
    fn lines_of(
        &self,
        curve: &RunCurve,
        set: &CurveSet,
        y: [f64; 2],
        at: Option<f64>,
        theme: &Theme,
    ) -> Vec<Line> {
        let desk = self.desk.borrow();
        let colour = if curve.members > 1 || self.by_seed {
            set.curves.iter().position(|other| other.name == curve.name).unwrap_or(0)
        } else {
            desk.colour(&curve.name)
        };
        let style = theme.series(colour);
        let faint = theme.style(Role::Border);
        // Values outside are drawn at the edge, never dropped.
        let clip = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points
                .iter()
                .map(|&(x, value)| {
                    (x, if value.is_nan() { value } else { value.clamp(y[0], y[1]) })
                })
                .collect()
        };
        let plain =
            |points: &[(f64, f64)], style| Line { points: clip(points), style, ..Line::default() };
        let mut lines: Vec<Line> =
            curve.superseded.iter().map(|piece| plain(piece, faint)).collect();
        if let Some([low, high]) = &curve.band {
            lines.push(plain(low, faint));
            lines.push(plain(high, faint));
        }
        let smoothed = WEIGHTS[self.weight] > 0.0 && curve.band.is_none();
        if smoothed {
            lines.push(plain(&curve.raw, faint));
        }
        let main = if smoothed { &curve.smooth } else { &curve.raw };
        let value = match at {
            Some(at) => nearest(main, at),
            None => main.last().map(|point| point.1),
        };
        // The legend above names them; under the cursor each value needs a name of its own.
        let names: Vec<&str> = set.curves.iter().map(|curve| curve.name.as_str()).collect();
        let name = if at.is_some() || self.by_seed || set.curves.len() == 1 {
            shown(without_common(&curve.name, &names), 24)
        } else {
            String::new()
        };
        let name = if curve.members > 1 { format!("{name} ×{}", curve.members) } else { name };
        lines.push(Line {
            name,
            value: value.map_or_else(String::new, number),
            ..plain(main, style)
        });
        lines
    }
}
