//! Overlaid charts of several runs: a grid of metrics.

use super::charts::{ChartOptions, MAX_CURVES, MetricChart, axis_name};
use super::drawing::draw_config;
use super::prompt::{Prompt, PromptEffect, PromptKind};
use super::run_list::{SharedRunList, shown, strip_common_path};
use crate::protocol::{
    CurveQuery, CurveSet, Grouping, ProbeQuery, RunAxis, RunCurve, Spread, printable,
};
use crate::ui::effect::Effect;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{ChartState, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// Smoothing weights that `s` cycles through; TensorBoard's default is the second.
const WEIGHTS: [f64; 6] = [0.0, 0.6, 0.8, 0.9, 0.97, 0.99];
/// Maximum number of charts per side of the grid.
const MAX_SIDE: usize = 6;
/// Minimum size of a chart.
const MIN_SIZE: [u16; 2] = [16, 6];
/// Minimum size of a chart unless the user selected the grid.
const READABLE_SIZE: [u16; 2] = [36, 9];

/// The curves of the charted runs, one chart per metric.
#[derive(Debug)]
pub struct CompareView {
    shared: SharedRunList,
    options: ChartOptions,
    /// Number of charts per side; 0 for as many as fit.
    pub(super) side: usize,
    /// Only the focused chart is shown.
    alone: bool,
    /// A page contains the metrics of one group.
    by_group: bool,
    /// Index of the focused metric.
    focus: usize,
    config: bool,
    /// Only metrics whose names contain these words are shown.
    filter: String,
    prompt: Option<Prompt>,
    /// The curves of each metric, with the revision of the table and the query that they answer.
    cache: HashMap<String, (u64, CurveQuery, CurveSet)>,
    /// The charts when they were last drawn: metric index, area and state.
    drawn: Vec<(usize, Rect, ChartState)>,
    /// Number of metrics.
    count: usize,
    /// Number of charts on a page.
    shown: usize,
}

impl CompareView {
    #[must_use]
    pub fn new(shared: SharedRunList) -> Self {
        let options = ChartOptions {
            axis: RunAxis::Step,
            smoothing: WEIGHTS[1],
            log_x: false,
            log_y: false,
            outliers: false,
            grouping: Grouping::None,
            spread: Spread::Deviation,
            zoom: None,
            cursor: None,
        };
        Self {
            shared,
            options,
            side: 0,
            alone: false,
            by_group: false,
            focus: 0,
            config: false,
            filter: String::new(),
            prompt: None,
            cache: HashMap::new(),
            drawn: Vec::new(),
            count: 0,
            shown: 1,
        }
    }

    /// The metrics of the charted runs that match the filter.
    fn metrics(&self) -> Vec<String> {
        let mut metrics = self.shared.borrow().metrics();
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        metrics.retain(|name| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word))
        });
        metrics
    }

    fn curves(&mut self, metric: &str, columns: usize) -> CurveSet {
        let shared = self.shared.borrow();
        let query = self.options.query(metric, &shared, columns);
        let revision = shared.table.revision;
        if let Some((at, asked, set)) = self.cache.get(metric)
            && *at == revision
            && *asked == query
        {
            return set.clone();
        }
        match shared.source.curves(&query) {
            Some(set) => {
                self.cache.insert(metric.to_owned(), (revision, query, set.clone()));
                set
            }
            // Keep the known curves while the runs are being read.
            None => {
                self.cache.get(metric).map_or_else(CurveSet::default, |(_, _, set)| set.clone())
            }
        }
    }

    /// The state of the focused chart when it was last drawn.
    fn focused(&self) -> Option<&ChartState> {
        let drawn = self.drawn.iter().find(|(place, ..)| *place == self.focus);
        let (.., state) = drawn.or(self.drawn.first())?;
        (!state.plot.is_empty()).then_some(state)
    }

    /// Moves the cursor by a number of columns of the focused chart.
    fn move_cursor(&mut self, columns: f64) {
        let Some(state) = self.focused() else { return };
        let [low, high] = state.shown;
        let step = (high - low) / f64::from(state.plot.width.saturating_sub(1).max(1));
        let from = match self.options.cursor {
            Some(x) => self.options.to_axis(x),
            None => {
                if columns < 0.0 {
                    high
                } else {
                    low
                }
            }
        };
        let at = (from + columns * step).clamp(low, high);
        self.options.cursor = Some(self.options.of_axis(at));
    }

    /// Zooms by a factor around the cursor, or around the middle.
    fn zoom_by(&mut self, factor: f64) {
        let Some(state) = self.focused() else { return };
        let ([low, high], [first, last]) = (state.shown, state.whole);
        let cursor = self.options.cursor.map(|x| self.options.to_axis(x));
        let middle =
            cursor.filter(|x| (low..=high).contains(x)).unwrap_or(f64::midpoint(low, high));
        let [low, high] = [low, high].map(|end| middle + factor * (end - middle));
        if low <= first && high >= last {
            self.options.zoom = None;
        } else if high - low > 1e-6 * (last - first) {
            self.set_zoom([low.max(first), high.min(last)]);
        }
    }

    /// Pans by a fraction of the visible width.
    fn pan(&mut self, share: f64) {
        let Some(state) = self.focused() else { return };
        let ([low, high], [first, last]) = (state.shown, state.whole);
        let width = high - low;
        let from = (low + share * width).clamp(first, (last - width).max(first));
        if width < last - first {
            self.set_zoom([from, from + width]);
        }
    }

    /// Zooms to a range in axis units.
    fn set_zoom(&mut self, part: [f64; 2]) {
        self.options.zoom = Some(part.map(|x| self.options.of_axis(x)));
    }

    /// The next grouping: none, by seed, then by each hyper-parameter that differs.
    fn next_grouping(&self) -> Grouping {
        let shared = self.shared.borrow();
        let names: Vec<String> = shared.differing().into_iter().map(|(name, _)| name).collect();
        match &self.options.grouping {
            Grouping::None => Grouping::Seed,
            Grouping::Seed => names.first().cloned().map_or(Grouping::None, Grouping::Setting),
            Grouping::Setting(name) => {
                let next = names.iter().position(|known| known == name).map(|at| at + 1);
                let next = next.and_then(|at| names.get(at)).cloned();
                next.map_or(Grouping::None, Grouping::Setting)
            }
        }
    }

    /// The values of the focused chart at the cursor, or the newest ones: only the value for a
    /// single run, otherwise one line per run.
    fn values(&self) -> Option<String> {
        let metric = self.metrics().get(self.focus)?.clone();
        let (.., set) = self.cache.get(&metric)?;
        let of = |curve: &RunCurve| match self.options.cursor {
            Some(_) => curve.near.map(|[x, raw, _]| (x, raw)),
            None => curve.raw.last().copied(),
        };
        let values: Vec<(&str, f64, f64)> = set
            .curves
            .iter()
            .filter_map(|curve| of(curve).map(|(x, y)| (curve.name.as_str(), x, y)))
            .collect();
        match values.as_slice() {
            [] => None,
            [(_, _, only)] => Some(only.to_string()),
            many => {
                let lines = many.iter().map(|(run, x, y)| format!("{}\t{x}\t{y}", printable(run)));
                Some(lines.collect::<Vec<_>>().join("\n"))
            }
        }
    }

    fn type_key(&mut self, key: KeyEvent) -> Effect {
        let Some(prompt) = &mut self.prompt else { return Effect::Ignored };
        match prompt.key(key) {
            PromptEffect::Changed => self.filter.clone_from(&prompt.text),
            PromptEffect::Done => self.prompt = None,
            PromptEffect::Cancelled => {
                self.prompt = None;
                self.filter.clear();
            }
            PromptEffect::Nothing => return Effect::Ignored,
        }
        self.focus = 0;
        Effect::Redraw
    }

    /// The indices of the metrics on the page with the focused one, the index of that page, and the
    /// number of pages.
    fn page(&self, metrics: &[String]) -> (std::ops::Range<usize>, usize, usize) {
        if self.alone {
            return (self.focus..self.focus + 1, self.focus, metrics.len());
        }
        let group = |name: &str| name.split_once('/').map_or("", |(group, _)| group).to_owned();
        let mut pages = Vec::new();
        let mut start = 0;
        while start < metrics.len() {
            let mut end = (start + self.shown.max(1)).min(metrics.len());
            if self.by_group {
                let of = group(&metrics[start]);
                let others = (start..end).find(|&place| group(&metrics[place]) != of);
                end = others.unwrap_or(end);
            }
            pages.push(start..end);
            start = end;
        }
        let at = pages.iter().position(|page| page.contains(&self.focus)).unwrap_or(0);
        (pages.get(at).cloned().unwrap_or(0..0), at, pages.len())
    }

    fn turn_page(&mut self, forward: bool) {
        let metrics = self.metrics();
        let (page, ..) = self.page(&metrics);
        if forward && page.end < metrics.len() {
            self.focus = page.end;
        } else if !forward && page.start > 0 {
            self.focus = page.start - 1;
            self.focus = self.page(&metrics).0.start;
        }
    }

    fn draw_state(&self, line: Rect, page: (usize, usize), buffer: &mut Buffer, theme: &Theme) {
        let shared = self.shared.borrow();
        let runs = shared.charted().len();
        let options = &self.options;
        let mut parts = vec![
            theme.fill("{} runs ({})", &[&runs, &theme.say(shared.which())]),
            theme.fill("smoothing {}", &[&options.smoothing]),
            theme.fill("x: {}", &[&theme.say(axis_name(options.axis))]),
        ];
        if runs > MAX_CURVES && !options.is_grouped() {
            parts.push(theme.fill("the first {} are drawn", &[&MAX_CURVES]));
        }
        let spread = match options.spread {
            Spread::Deviation => "± one standard deviation",
            Spread::Bootstrap => "95% interval of the mean",
            Spread::Range => "least to greatest",
        };
        match &options.grouping {
            Grouping::None => {}
            Grouping::Seed => parts.push(theme.say("mean over seeds").to_owned()),
            Grouping::Setting(name) => {
                parts.push(theme.fill("mean by {}", &[&shown(name, 24)]));
            }
        }
        if options.is_grouped() {
            parts.push(theme.say(spread).to_owned());
        }
        if page.1 > 1 {
            parts.push(theme.fill("page {} of {}", &[&(page.0 + 1), &page.1]));
        }
        if options.outliers {
            parts.push(theme.say("outliers too").to_owned());
        }
        if let Some(prompt) = &self.prompt {
            let end = write(buffer, line, 0, "/", theme.style(TextRole::Accent));
            let text = shown(&prompt.text, usize::from(line.width / 2));
            let end = write_at(buffer, line, end, 0, &text, theme.style(TextRole::Text));
            write_at(buffer, line, end, 0, " ", theme.style(TextRole::Selected));
            return;
        }
        if !self.filter.is_empty() {
            parts.push(format!("/{}", shown(&self.filter, 24)));
        }
        write(buffer, line, 0, &parts.join(" · "), theme.style(TextRole::Dim));
    }

    /// Draws the names of the runs in their colours, as many as fit.
    fn draw_legend(&self, line: Rect, buffer: &mut Buffer, theme: &Theme) {
        let shared = self.shared.borrow();
        let rows = shared.charted();
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        let sign = if theme.unicode { "━" } else { "-" };
        let mut column = 0;
        for (place, row) in rows.iter().enumerate().take(MAX_CURVES) {
            let name = row.label.as_deref().unwrap_or_else(|| strip_common_path(&row.name, &names));
            let text = shown(name, 28);
            let left = names.len() - place;
            if usize::from(column) + text.chars().count() + 8 > usize::from(line.width) {
                let more = theme.fill("and {} more", &[&left]);
                write_at(buffer, line, column, 0, &more, theme.style(TextRole::Dim));
                break;
            }
            let style = theme.series(shared.colour(&row.name));
            column = write_at(buffer, line, column, 0, sign, style);
            column = write_at(buffer, line, column + 1, 0, &text, theme.style(TextRole::Text)) + 2;
        }
    }

    /// Columns and rows of charts when they were last drawn.
    fn drawn_grid(&self) -> [usize; 2] {
        let first = self.drawn.first().map(|(_, area, _)| (area.x, area.y));
        let beside = |at: fn(&Rect) -> u16, same: u16| {
            self.drawn.iter().filter(|(_, area, _)| at(area) == same).count().max(1)
        };
        let Some((x, y)) = first else { return [1, 1] };
        [beside(|area| area.y, y), beside(|area| area.x, x)]
    }

    /// Columns and rows of charts.
    fn grid(&self, area: Rect, count: usize) -> [usize; 2] {
        let most = |least: [u16; 2]| {
            [area.width / least[0], area.height / least[1]].map(|side| usize::from(side.max(1)))
        };
        if self.alone {
            return [1, 1];
        }
        if self.side > 0 {
            return most(MIN_SIZE).map(|most| self.side.min(most));
        }
        let [across, down] = most(READABLE_SIZE);
        let across = across.min(3).min(count.max(1));
        [across, down.min(count.div_ceil(across).max(1))]
    }
}

impl View for CompareView {
    fn id(&self) -> ViewId {
        ViewId::Compare
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "The marked runs, one chart a metric; a curve has the colour of its run everywhere.",
            "The raw values stand faintly behind the smoothed ones. The y axis spans the 5th to the 95th percentile; values outside are drawn at the edge.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "s", does: "smoothing" },
            KeyHelp { keys: "x", does: "x axis" },
            KeyHelp { keys: "←→", does: "read values" },
            KeyHelp { keys: "+-", does: "zoom, 0 all" },
            KeyHelp { keys: "⇧←→", does: "move what is zoomed in on" },
            KeyHelp { keys: "PgDn", does: "next charts" },
            KeyHelp { keys: "↑↓", does: "chart, Enter alone" },
            KeyHelp { keys: "[]", does: "fewer, more charts" },
            KeyHelp { keys: "c", does: "configuration" },
            KeyHelp { keys: "g", does: "mean over seeds or by a setting" },
            KeyHelp { keys: "b", does: "band around the mean" },
            KeyHelp { keys: "l", does: "logarithmic y, L x" },
            KeyHelp { keys: "o", does: "outliers" },
            KeyHelp { keys: "/", does: "only some metrics" },
            KeyHelp { keys: "G", does: "a page a group of metrics" },
            KeyHelp { keys: "y", does: "copy the values" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &ViewContext) -> Effect {
        if self.prompt.is_some() {
            return self.type_key(key);
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return Effect::Ignored;
        }
        let big = key.modifiers.contains(KeyModifiers::SHIFT);
        match key.code {
            KeyCode::Left if big => self.pan(-0.25),
            KeyCode::Right if big => self.pan(0.25),
            KeyCode::Left => self.move_cursor(-1.0),
            KeyCode::Right => self.move_cursor(1.0),
            KeyCode::Up => self.focus = self.focus.saturating_sub(1),
            KeyCode::Down => self.focus = (self.focus + 1).min(self.count.saturating_sub(1)),
            KeyCode::Enter => self.alone = !self.alone,
            KeyCode::Esc if self.options.cursor.is_some() => self.options.cursor = None,
            KeyCode::Esc if self.alone => self.alone = false,
            KeyCode::Char('+' | '=') => self.zoom_by(0.5),
            KeyCode::Char('-') => self.zoom_by(2.0),
            KeyCode::Char('0') => self.options.zoom = None,
            KeyCode::PageDown => self.turn_page(true),
            KeyCode::PageUp => self.turn_page(false),
            KeyCode::Home => self.focus = 0,
            KeyCode::End => self.focus = self.count.saturating_sub(1),
            KeyCode::Char('[') => {
                let [across, down] = self.drawn_grid();
                self.side = if self.side == 0 { across.max(down) } else { self.side };
                self.side = self.side.saturating_sub(1).max(1);
            }
            KeyCode::Char(']') => {
                let [across, down] = self.drawn_grid();
                self.side = if self.side == 0 { across.min(down) } else { self.side };
                self.side = (self.side + 1).min(MAX_SIDE);
            }
            KeyCode::Char('s') => {
                let next = WEIGHTS.iter().find(|weight| **weight > self.options.smoothing);
                self.options.smoothing = next.copied().unwrap_or(WEIGHTS[0]);
            }
            KeyCode::Char('x') => {
                (self.options.zoom, self.options.cursor) = (None, None);
                self.options.axis = match self.options.axis {
                    RunAxis::Step => RunAxis::Epoch,
                    RunAxis::Epoch => RunAxis::Relative,
                    RunAxis::Relative => RunAxis::Process,
                    RunAxis::Process => RunAxis::Wall,
                    RunAxis::Wall => RunAxis::Step,
                }
            }
            KeyCode::Char('l') => self.options.log_y = !self.options.log_y,
            KeyCode::Char('L') => self.options.log_x = !self.options.log_x,
            KeyCode::Char('o') => self.options.outliers = !self.options.outliers,
            KeyCode::Char('g') => self.options.grouping = self.next_grouping(),
            KeyCode::Char('b') => {
                self.options.spread = match self.options.spread {
                    Spread::Deviation => Spread::Bootstrap,
                    Spread::Bootstrap => Spread::Range,
                    Spread::Range => Spread::Deviation,
                }
            }
            KeyCode::Char('G') => self.by_group = !self.by_group,
            KeyCode::Char('c') => self.config = !self.config,
            KeyCode::Char('/') => {
                let text = self.filter.clone();
                self.prompt = Some(Prompt { kind: PromptKind::Filter, run: String::new(), text });
            }
            KeyCode::Char('y') => return self.values().map_or(Effect::Redraw, Effect::Copy),
            KeyCode::Backspace => return Effect::OpenView(ViewId::Runs),
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn paste(&mut self, text: &str) -> Effect {
        let Some(prompt) = &mut self.prompt else { return Effect::Ignored };
        prompt.text.extend(text.chars().filter(|c| !c.is_control()).take(1000));
        self.filter.clone_from(&prompt.text);
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        let at = Position::new(event.column, event.row);
        let dragged = self.drawn.iter().position(|(.., state)| state.drag.is_some());
        let over = self.drawn.iter().position(|(_, area, _)| area.contains(at));
        let Some((place, _, state)) = dragged.or(over).map(|index| &mut self.drawn[index]) else {
            return Effect::Ignored;
        };
        let place = *place;
        let used = state.mouse(event);
        let (zoom, cursor) = (state.zoom, state.cursor);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.focus = place,
            MouseEventKind::Down(MouseButton::Right) if used => {
                (self.options.zoom, self.options.cursor) = (None, None);
            }
            _ if !used => return Effect::Ignored,
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                self.options.zoom = zoom.map(|part| part.map(|x| self.options.of_axis(x)));
            }
            MouseEventKind::Up(_) => match cursor {
                Some(x) => self.options.cursor = Some(self.options.of_axis(x)),
                None => self.options.zoom = zoom.map(|part| part.map(|x| self.options.of_axis(x))),
            },
            _ => {}
        }
        Effect::Redraw
    }

    fn updated(&mut self, context: &ViewContext) -> Effect {
        let found = self.shared.borrow_mut().announce(context.theme);
        found.map_or(Effect::Ignored, Effect::Notify)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        self.shared.borrow_mut().refresh();
        let metrics = self.metrics();
        self.count = metrics.len();
        self.focus = self.focus.min(self.count.saturating_sub(1));
        let drags: HashMap<usize, [u16; 2]> = self
            .drawn
            .drain(..)
            .filter_map(|(place, _, state)| Some((place, state.drag?)))
            .collect();
        let area = area.intersection(buffer.area);
        if area.height < 3 || area.width < 8 {
            return;
        }
        let line = Rect { height: 1, ..area };
        let mut body = Rect { y: area.y + 1, height: area.height - 1, ..area };
        if body.height > 7 && !self.options.is_grouped() {
            self.draw_legend(Rect { height: 1, ..body }, buffer, theme);
            body = Rect { y: body.y + 1, height: body.height - 1, ..body };
        }
        if self.config && body.width >= 60 {
            let width = body.width / 3;
            let side = Rect { x: body.right() - width, width, ..body };
            draw_config(&self.shared.borrow(), side, buffer, theme);
            body.width -= width;
        }
        let [columns, rows] = self.grid(body, metrics.len());
        self.shown = columns * rows;
        let (page, at, pages) = self.page(&metrics);
        self.draw_state(line, (at, pages), buffer, theme);
        if metrics.is_empty() {
            let shared = self.shared.borrow();
            let text = match (shared.table.loading, shared.table.rows.is_empty()) {
                (true, _) => "looking for logs…",
                (false, true) => {
                    "no logs of a known kind were found; `nntop watch --explain` says why"
                }
                (false, false) => "no metrics to draw; mark runs in the table (1)",
            };
            write(buffer, body, 0, theme.say(text), theme.style(TextRole::Dim));
            return;
        }
        let part = |length: u16, parts: usize, at: usize| (usize::from(length) * at / parts) as u16;
        for (index, place) in page.enumerate() {
            let (column, row) = (index % columns, index / columns);
            let (left, right) =
                (part(body.width, columns, column), part(body.width, columns, column + 1));
            let (top, bottom) = (part(body.height, rows, row), part(body.height, rows, row + 1));
            let cell = Rect {
                x: body.x + left,
                y: body.y + top,
                width: right - left,
                height: bottom - top,
            };
            let metric = &metrics[place];
            let set = self.curves(metric, 2 * usize::from(cell.width));
            let lit = place == self.focus && columns * rows > 1;
            let drag = drags.get(&place).copied();
            let chart = MetricChart { metric, set: &set, options: &self.options, lit, drag };
            let state = chart.draw(cell, &self.shared.borrow(), buffer, theme);
            self.drawn.push((place, cell, state));
        }
    }
}
