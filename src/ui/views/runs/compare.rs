//! Charts of runs, overlaid: a grid of metrics.

use super::charts::{Chart, Look, MOST_CURVES, axis_name};
use super::desk::{Shared, shown, without_common};
use super::drawing::draw_config;
use super::prompt::{Asked, Prompt, Typed};
use crate::protocol::{CurveQuery, CurveSet, Grouping, RunAxis, RunCurve, Spread, What, printable};
use crate::ui::effect::Effect;
use crate::ui::theme::{Role, Theme};
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{ChartState, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::HashMap;

/// Smoothing weights that `s` goes through; TensorBoard begins with the second.
const WEIGHTS: [f64; 6] = [0.0, 0.6, 0.8, 0.9, 0.97, 0.99];
/// Charts a side of the grid at most.
const LARGEST: usize = 6;
/// A chart is not smaller than this.
const LEAST: [u16; 2] = [16, 6];
/// Without a choice of the user's, no smaller than this.
const READABLE: [u16; 2] = [36, 9];

/// The view.
#[derive(Debug)]
pub struct Compare {
    desk: Shared,
    look: Look,
    /// Charts a side; 0 for as many as there is room for.
    pub(super) side: usize,
    /// Only the chart in focus is shown.
    alone: bool,
    /// A page has the metrics of one group.
    by_group: bool,
    /// The place of the chart in focus among all metrics.
    focus: usize,
    config: bool,
    /// Words that the names of the metrics shown have in them.
    filter: String,
    prompt: Option<Prompt>,
    /// Curves by metric, and what they were asked with.
    cache: HashMap<String, (u64, CurveQuery, CurveSet)>,
    /// The charts as last drawn: the metric's place, its area, where its curves are.
    drawn: Vec<(usize, Rect, ChartState)>,
    /// How many metrics there are.
    count: usize,
    /// Charts on a page.
    shown: usize,
}

impl Compare {
    #[must_use]
    pub fn new(desk: Shared) -> Self {
        let look = Look {
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
            desk,
            look,
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

    /// The metrics of the charted runs that the filter lets through.
    fn metrics(&self) -> Vec<String> {
        let mut metrics = self.desk.borrow().metrics();
        let words: Vec<String> = self.filter.split_whitespace().map(str::to_lowercase).collect();
        metrics.retain(|name| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word))
        });
        metrics
    }

    fn curves(&mut self, metric: &str, columns: usize) -> CurveSet {
        let desk = self.desk.borrow();
        let query = self.look.query(metric, &desk, columns);
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

    /// Where the curves of the chart in focus were last drawn.
    fn focused(&self) -> Option<&ChartState> {
        let drawn = self.drawn.iter().find(|(place, ..)| *place == self.focus);
        let (.., state) = drawn.or(self.drawn.first())?;
        (!state.plot.is_empty()).then_some(state)
    }

    /// Moves the cursor by a number of columns of the chart in focus.
    fn move_cursor(&mut self, columns: f64) {
        let Some(state) = self.focused() else { return };
        let [low, high] = state.shown;
        let step = (high - low) / f64::from(state.plot.width.saturating_sub(1).max(1));
        let from = match self.look.cursor {
            Some(x) => self.look.to_axis(x),
            None => {
                if columns < 0.0 {
                    high
                } else {
                    low
                }
            }
        };
        let at = (from + columns * step).clamp(low, high);
        self.look.cursor = Some(self.look.of_axis(at));
    }

    /// Scales the part that is shown by a factor around the cursor, or its middle.
    fn zoom_by(&mut self, factor: f64) {
        let Some(state) = self.focused() else { return };
        let ([low, high], [first, last]) = (state.shown, state.whole);
        let cursor = self.look.cursor.map(|x| self.look.to_axis(x));
        let middle =
            cursor.filter(|x| (low..=high).contains(x)).unwrap_or(f64::midpoint(low, high));
        let [low, high] = [low, high].map(|end| middle + factor * (end - middle));
        if low <= first && high >= last {
            self.look.zoom = None;
        } else if high - low > 1e-6 * (last - first) {
            self.set_zoom([low.max(first), high.min(last)]);
        }
    }

    /// Moves the part that is shown by a share of its width.
    fn pan(&mut self, share: f64) {
        let Some(state) = self.focused() else { return };
        let ([low, high], [first, last]) = (state.shown, state.whole);
        let width = high - low;
        let from = (low + share * width).clamp(first, (last - width).max(first));
        if width < last - first {
            self.set_zoom([from, from + width]);
        }
    }

    /// Shows a part, given in the numbers of the axis.
    fn set_zoom(&mut self, part: [f64; 2]) {
        self.look.zoom = Some(part.map(|x| self.look.of_axis(x)));
    }

    /// The next way of putting runs together: none, by seed, by each hyper-parameter that differs.
    fn next_grouping(&self) -> Grouping {
        let desk = self.desk.borrow();
        let names: Vec<String> = desk.differing().into_iter().map(|(name, _)| name).collect();
        match &self.look.grouping {
            Grouping::None => Grouping::Seed,
            Grouping::Seed => names.first().cloned().map_or(Grouping::None, Grouping::Setting),
            Grouping::Setting(name) => {
                let next = names.iter().position(|known| known == name).map(|at| at + 1);
                let next = next.and_then(|at| names.get(at)).cloned();
                next.map_or(Grouping::None, Grouping::Setting)
            }
        }
    }

    /// The values that are read, or the newest ones, of the chart in focus: the value alone of one
    /// run, else a line a run.
    fn values(&self) -> Option<String> {
        let metric = self.metrics().get(self.focus)?.clone();
        let (.., set) = self.cache.get(&metric)?;
        let of = |curve: &RunCurve| match self.look.cursor {
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
            Typed::Changed => self.filter.clone_from(&prompt.text),
            Typed::Done => self.prompt = None,
            Typed::Cancelled => {
                self.prompt = None;
                self.filter.clear();
            }
            Typed::Nothing => return Effect::Ignored,
        }
        self.focus = 0;
        Effect::Redraw
    }

    /// The charts that are shown: the page of the one in focus, among how many pages.
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

    fn turn(&mut self, forward: bool) {
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
        let desk = self.desk.borrow();
        let runs = desk.charted().len();
        let look = &self.look;
        let mut parts = vec![
            theme.fill("{} runs ({})", &[&runs, &theme.say(desk.which())]),
            theme.fill("smoothing {}", &[&look.smoothing]),
            theme.fill("x: {}", &[&theme.say(axis_name(look.axis))]),
        ];
        if runs > MOST_CURVES && !look.is_grouped() {
            parts.push(theme.fill("the first {} are drawn", &[&MOST_CURVES]));
        }
        let spread = match look.spread {
            Spread::Deviation => "± one standard deviation",
            Spread::Bootstrap => "95% interval of the mean",
            Spread::Range => "least to greatest",
        };
        match &look.grouping {
            Grouping::None => {}
            Grouping::Seed => parts.push(theme.say("mean over seeds").to_owned()),
            Grouping::Setting(name) => {
                parts.push(theme.fill("mean by {}", &[&shown(name, 24)]));
            }
        }
        if look.is_grouped() {
            parts.push(theme.say(spread).to_owned());
        }
        if page.1 > 1 {
            parts.push(theme.fill("page {} of {}", &[&(page.0 + 1), &page.1]));
        }
        if look.outliers {
            parts.push(theme.say("outliers too").to_owned());
        }
        if let Some(prompt) = &self.prompt {
            let end = write(buffer, line, 0, "/", theme.style(Role::Accent));
            let text = shown(&prompt.text, usize::from(line.width / 2));
            let end = write_at(buffer, line, end, 0, &text, theme.style(Role::Text));
            write_at(buffer, line, end, 0, " ", theme.style(Role::Selected));
            return;
        }
        if !self.filter.is_empty() {
            parts.push(format!("/{}", shown(&self.filter, 24)));
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
        for (place, row) in rows.iter().enumerate().take(MOST_CURVES) {
            let name = row.label.as_deref().unwrap_or_else(|| without_common(&row.name, &names));
            let text = shown(name, 28);
            let left = names.len() - place;
            if usize::from(column) + text.chars().count() + 8 > usize::from(line.width) {
                let more = theme.fill("and {} more", &[&left]);
                write_at(buffer, line, column, 0, &more, theme.style(Role::Dim));
                break;
            }
            let style = theme.series(desk.colour(&row.name));
            column = write_at(buffer, line, column, 0, sign, style);
            column = write_at(buffer, line, column + 1, 0, &text, theme.style(Role::Text)) + 2;
        }
    }

    /// Charts across and down as last drawn.
    fn drawn_grid(&self) -> [usize; 2] {
        let first = self.drawn.first().map(|(_, area, _)| (area.x, area.y));
        let beside = |at: fn(&Rect) -> u16, same: u16| {
            self.drawn.iter().filter(|(_, area, _)| at(area) == same).count().max(1)
        };
        let Some((x, y)) = first else { return [1, 1] };
        [beside(|area| area.y, y), beside(|area| area.x, x)]
    }

    /// Charts across and down.
    fn grid(&self, area: Rect, count: usize) -> [usize; 2] {
        let most = |least: [u16; 2]| {
            [area.width / least[0], area.height / least[1]].map(|side| usize::from(side.max(1)))
        };
        if self.alone {
            return [1, 1];
        }
        if self.side > 0 {
            return most(LEAST).map(|most| self.side.min(most));
        }
        let [across, down] = most(READABLE);
        let across = across.min(3).min(count.max(1));
        [across, down.min(count.div_ceil(across).max(1))]
    }
}

impl View for Compare {
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

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
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
            KeyCode::Esc if self.look.cursor.is_some() => self.look.cursor = None,
            KeyCode::Esc if self.alone => self.alone = false,
            KeyCode::Char('+' | '=') => self.zoom_by(0.5),
            KeyCode::Char('-') => self.zoom_by(2.0),
            KeyCode::Char('0') => self.look.zoom = None,
            KeyCode::PageDown => self.turn(true),
            KeyCode::PageUp => self.turn(false),
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
                self.side = (self.side + 1).min(LARGEST);
            }
            KeyCode::Char('s') => {
                let next = WEIGHTS.iter().find(|weight| **weight > self.look.smoothing);
                self.look.smoothing = next.copied().unwrap_or(WEIGHTS[0]);
            }
            KeyCode::Char('x') => {
                (self.look.zoom, self.look.cursor) = (None, None);
                self.look.axis = match self.look.axis {
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
            KeyCode::Char('g') => self.look.grouping = self.next_grouping(),
            KeyCode::Char('b') => {
                self.look.spread = match self.look.spread {
                    Spread::Deviation => Spread::Bootstrap,
                    Spread::Bootstrap => Spread::Range,
                    Spread::Range => Spread::Deviation,
                }
            }
            KeyCode::Char('G') => self.by_group = !self.by_group,
            KeyCode::Char('c') => self.config = !self.config,
            KeyCode::Char('/') => {
                let text = self.filter.clone();
                self.prompt = Some(Prompt { asked: Asked::Filter, run: String::new(), text });
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

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &Context) -> Effect {
        let at = Position::new(event.column, event.row);
        let dragged = self.drawn.iter().position(|(.., state)| state.drag.is_some());
        let over = self.drawn.iter().position(|(_, area, _)| area.contains(at));
        let Some((place, _, state)) = dragged.or(over).map(|index| &mut self.drawn[index]) else {
            return Effect::Ignored;
        };
        let place = *place;
        let meant = state.mouse(event);
        let (zoom, cursor) = (state.zoom, state.cursor);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => self.focus = place,
            MouseEventKind::Down(MouseButton::Right) if meant => {
                (self.look.zoom, self.look.cursor) = (None, None);
            }
            _ if !meant => return Effect::Ignored,
            MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
                self.look.zoom = zoom.map(|part| part.map(|x| self.look.of_axis(x)));
            }
            MouseEventKind::Up(_) => match cursor {
                Some(x) => self.look.cursor = Some(self.look.of_axis(x)),
                None => self.look.zoom = zoom.map(|part| part.map(|x| self.look.of_axis(x))),
            },
            _ => {}
        }
        Effect::Redraw
    }

    fn updated(&mut self, context: &Context) -> Effect {
        let found = self.desk.borrow_mut().announce(context.theme);
        found.map_or(Effect::Ignored, Effect::Notify)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        self.desk.borrow_mut().refresh();
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
        if body.height > 7 && !self.look.is_grouped() {
            self.draw_legend(Rect { height: 1, ..body }, buffer, theme);
            body = Rect { y: body.y + 1, height: body.height - 1, ..body };
        }
        if self.config && body.width >= 60 {
            let width = body.width / 3;
            let side = Rect { x: body.right() - width, width, ..body };
            draw_config(&self.desk.borrow(), side, buffer, theme);
            body.width -= width;
        }
        let [columns, rows] = self.grid(body, metrics.len());
        self.shown = columns * rows;
        let (page, at, pages) = self.page(&metrics);
        self.draw_state(line, (at, pages), buffer, theme);
        if metrics.is_empty() {
            let desk = self.desk.borrow();
            let text = match (desk.table.loading, desk.table.rows.is_empty()) {
                (true, _) => "looking for logs…",
                (false, true) => {
                    "no logs of a known kind were found; `nntop watch --explain` says why"
                }
                (false, false) => "no metrics to draw; mark runs in the table (1)",
            };
            write(buffer, body, 0, theme.say(text), theme.style(Role::Dim));
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
            let chart = Chart { metric, set: &set, look: &self.look, lit, drag };
            let state = chart.draw(cell, &self.desk.borrow(), buffer, theme);
            self.drawn.push((place, cell, state));
        }
    }
}
