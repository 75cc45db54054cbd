//! The incoming weights of each unit as a heatmap.

use crate::protocol::{Content, Frame, ProbeQuery, Tensor};
use crate::ui::effect::Effect;
use crate::ui::numbers::{minus, short};
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{
    Grid, Histogram, Legend, Pane, Raster, cut, write, write_at, write_right,
};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Bins of the histogram.
const BINS: u32 = 60;
/// Columns of a unit's name before its row of weights.
const NAME: usize = 7;
/// Maximum rows of an enlarged row of weights.
const MAX_ROW_HEIGHT: u16 = 8;

/// The incoming weights of a layer's units as heatmaps, with their histogram and the biases.
#[derive(Debug, Default)]
pub struct WeightsView {
    selected: usize,
    /// The selected unit is enlarged.
    enlarged: bool,
    /// The first visible unit.
    first: usize,
    grid: Grid,
}

impl WeightsView {
    fn scroll_to_selection(&mut self, units: usize) {
        self.first = self.grid.scroll(self.first, self.selected, units);
    }

    /// The probe of the visible units.
    fn weights(&self, layer: u32) -> ProbeQuery {
        // Before the first answer the number of visible units is not known; request one unit.
        let (first, count) =
            if self.enlarged { (self.selected, 1) } else { (self.first, self.grid.count().max(1)) };
        ProbeQuery::Weights { layer, first: first as u32, count: count as u32 }
    }

    fn select(&mut self, unit: usize, context: &ViewContext) -> Effect {
        let units = units(context);
        self.selected = unit.min(units.saturating_sub(1));
        self.scroll_to_selection(units);
        Effect::Redraw
    }

    fn main(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        frame: Option<&Frame>,
    ) {
        let theme = context.theme;
        let index = layer(context) as usize;
        let name = context.run.info.as_ref().and_then(|info| info.layers.get(index));
        let title = name.map_or_else(
            || "Weights".to_string(),
            |layer| theme.fill("Weights of layer {} · {}", &[&(index + 1), &layer.name]),
        );
        // Frame and title take some columns.
        let room = usize::from(area.width).saturating_sub(title.width() + 10);
        let note = frame.map_or_else(String::new, |frame| self.note(frame, room, context));
        let inside = Pane::new(&title, theme).note(&note).draw(area, buffer);
        let Some(frame) = frame else {
            return context.write_missing(None, inside, buffer);
        };
        let (ProbeQuery::Weights { first, .. }, Content::Weights { rows, largest }) =
            (&frame.probe.what, &frame.content)
        else {
            return context.write_missing(Some(frame), inside, buffer);
        };
        let [legend, body] = Layout::vertical([
            Constraint::Length(u16::from(inside.height > 3)),
            Constraint::Fill(1),
        ])
        .areas(inside);
        (&Legend { largest: *largest, theme: *theme }).render(legend, buffer);
        let first = *first as usize;
        if let Some(tensor) = rows.first() {
            let size = context.weights_size(layer(context), tensor);
            let count = units(context);
            self.grid = if size[1] == 1 {
                inputs(size[0], legend, buffer, context);
                Grid::of_rows(body, count)
            } else {
                Grid::new(body, size, count)
            };
        }
        self.scroll_to_selection(units(context));
        if self.enlarged {
            if let Some(tensor) = self.selected.checked_sub(first).and_then(|at| rows.get(at)) {
                let raster = context.weights_raster(layer(context), tensor, *largest);
                if context.weights_size(layer(context), tensor)[1] == 1 {
                    let body = Rect { height: body.height.min(MAX_ROW_HEIGHT), ..body };
                    (&raster.stretched()).render(body, buffer);
                } else {
                    (&raster).render(body, buffer);
                }
            }
            return;
        }
        for (unit, tensor) in (first..).zip(rows) {
            let Some(at) = unit.checked_sub(self.first).filter(|at| *at < self.grid.count()) else {
                continue;
            };
            self.tile(at, unit, tensor, *largest, buffer, context);
        }
    }

    fn tile(
        &self,
        at: usize,
        unit: usize,
        tensor: &Tensor,
        largest: f32,
        buffer: &mut Buffer,
        context: &ViewContext,
    ) {
        let place = self.grid.place(at);
        if place.height == 0 || place.width == 0 {
            return;
        }
        let raster = context.weights_raster(layer(context), tensor, largest);
        if context.weights_size(layer(context), tensor)[1] == 1 {
            self.row(unit, raster, place, buffer, context);
            return;
        }
        let picture = Rect { height: place.height.saturating_sub(1).max(1), ..place };
        (&raster).render(picture, buffer);
        if place.height > 1 {
            let role = if unit == self.selected { TextRole::Selected } else { TextRole::Dim };
            let label = format!("{unit:^width$}", width = usize::from(place.width.min(6)));
            write(buffer, place, place.height - 1, &label, context.theme.style(role));
        }
    }

    /// Draws the weights of a unit whose inputs are not an image: its name, then a row of pixels.
    fn row(
        &self,
        unit: usize,
        raster: Raster,
        place: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
    ) {
        let is_output = context.run.info.as_ref().is_some_and(|info| {
            info.layers.len() == layer(context) as usize + 1 && info.classes.len() == units(context)
        });
        let name = if is_output { context.class(unit as u32) } else { unit.to_string() };
        let role = if unit == self.selected { TextRole::Selected } else { TextRole::Dim };
        let name = format!("{:>width$} ", cut(&name, NAME - 1), width = NAME - 1);
        // Rows that are high enough are separated by a gap.
        let height = place.height - u16::from(place.height > 1);
        write(buffer, place, (height - 1) / 2, &name, context.theme.style(role));
        let width = place.width.saturating_sub(NAME as u16);
        let picture = Rect { x: place.right() - width, width, height, ..place };
        (&raster.stretched()).render(picture, buffer);
    }

    /// The visible units, if not all are visible, and the epoch; shortened to `room` columns.
    fn note(&self, frame: &Frame, room: usize, context: &ViewContext) -> String {
        let (theme, count, shown) = (context.theme, units(context), self.grid.count());
        let when = context.as_of_layers(frame);
        if self.enlarged || shown == 0 || shown >= count {
            return when;
        }
        let last = (self.first + shown).min(count) - 1;
        let which = theme.fill("units {} to {} of {}", &[&self.first, &last, &count]);
        let short = format!("{}–{last}/{count}", self.first);
        let notes = [format!("{which} · {when}"), which, short];
        notes.into_iter().find(|note| note.width() <= room).unwrap_or_default()
    }

    fn side(&self, area: Rect, buffer: &mut Buffer, context: &ViewContext, frame: Option<&Frame>) {
        let theme = context.theme;
        let [unit, biases, histogram] = Layout::vertical([
            Constraint::Length(7),
            Constraint::Fill(1),
            Constraint::Length((area.height / 3).max(5)),
        ])
        .areas(area);
        let layer = layer(context);
        let values = match context.frame(&ProbeQuery::Biases { layer }).map(|frame| &frame.content)
        {
            Some(Content::Biases { values }) => values.as_slice(),
            _ => &[],
        };
        self.unit(unit, buffer, context, frame, values);
        let inside = Pane::new("Biases", theme).draw(biases, buffer);
        draw_biases(inside, buffer, context, values, self.selected);
        let inside = Pane::new("Distribution of the weights", theme).draw(histogram, buffer);
        if let Some(Content::Histogram { low, high, counts }) =
            context.frame(&ProbeQuery::Histogram { layer, bins: BINS }).map(|frame| &frame.content)
        {
            (&Histogram { low: *low, high: *high, counts, theme: *theme }).render(inside, buffer);
        }
    }

    /// Details of the selected unit.
    fn unit(
        &self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        frame: Option<&Frame>,
        biases: &[f32],
    ) {
        let theme = context.theme;
        let inside = Pane::new(&theme.fill("Unit {}", &[&self.selected]), theme).draw(area, buffer);
        let Some(frame) = frame else { return };
        let (ProbeQuery::Weights { first, .. }, Content::Weights { rows, .. }) =
            (&frame.probe.what, &frame.content)
        else {
            return;
        };
        let at = self.selected.checked_sub(*first as usize);
        let Some(tensor) = at.and_then(|at| rows.get(at)) else { return };
        let values = &tensor.values;
        let norm = values.iter().map(|w| f64::from(*w).powi(2)).sum::<f64>().sqrt();
        let low = values.iter().copied().fold(f32::INFINITY, f32::min);
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let bias = biases.get(self.selected).map_or_else(String::new, |b| short(f64::from(*b)));
        let figures = [
            ("bias", bias),
            ("smallest weight", short(f64::from(low))),
            ("largest weight", short(f64::from(high))),
            ("norm", short(norm)),
        ];
        for (row, (name, value)) in (0..).zip(figures) {
            write(buffer, inside, row, theme.say(name), theme.style(TextRole::Dim));
            write_at(buffer, inside, 17, row, &value, theme.style(TextRole::Text));
        }
    }
}

/// The selected layer, or the first one with weights.
fn layer(context: &ViewContext) -> u32 {
    let weighted = context.weighted_layers();
    let chosen = weighted.iter().find(|&&layer| layer == context.layer);
    chosen.or(weighted.first()).copied().unwrap_or(0)
}

/// Number of units of the selected layer.
fn units(context: &ViewContext) -> usize {
    let layers = context.run.info.as_ref().map(|info| &info.layers);
    let layer = layers.and_then(|layers| layers.get(layer(context) as usize));
    layer.map_or(0, |layer| {
        let [maps, _, width] = layer.output;
        if maps > 1 { maps as usize } else { width as usize }
    })
}

impl View for WeightsView {
    fn id(&self) -> ViewId {
        ViewId::Weights
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Each picture is a unit: its incoming weights, laid out as the image they read.",
            "Orange weights are above zero, blue ones below; the darker the background, the nearer to zero.",
            "The norm is the length of the weight vector: the root of the sum of its squares.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→↑↓", does: "another unit" },
            KeyHelp { keys: "Enter", does: "enlarge it" },
            KeyHelp { keys: "< >", does: "another layer" },
        ]
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        let layer = layer(context);
        vec![
            self.weights(layer),
            ProbeQuery::Biases { layer },
            ProbeQuery::Histogram { layer, bins: BINS },
        ]
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        if let Some(unit) = self.grid.shape(units(context), true).moved(self.selected, key.code) {
            return self.select(unit, context);
        }
        match key.code {
            KeyCode::Enter => {
                self.enlarged = !self.enlarged;
                Effect::Redraw
            }
            KeyCode::Esc if self.enlarged => {
                self.enlarged = false;
                Effect::Redraw
            }
            KeyCode::Char('<' | '>') => {
                let weighted = context.weighted_layers();
                let here = weighted.iter().position(|&l| l == layer(context)).unwrap_or(0);
                let count = weighted.len().max(1);
                let step = if key.code == KeyCode::Char('>') { 1 } else { count - 1 };
                (self.selected, self.first) = (0, 0);
                let next = weighted.get((here + step) % count);
                next.map_or(Effect::Ignored, |&layer| Effect::SelectLayer(layer))
            }
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let at = Position::new(event.column, event.row);
        match event.kind {
            MouseEventKind::ScrollDown => self.select(self.selected + self.grid.columns, context),
            MouseEventKind::ScrollUp => {
                self.select(self.selected.saturating_sub(self.grid.columns), context)
            }
            MouseEventKind::Down(MouseButton::Left) if !self.enlarged => {
                let hit = self.grid.hit(at);
                hit.map_or(Effect::Ignored, |index| self.select(self.first + index, context))
            }
            _ => Effect::Ignored,
        }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let sidebar = area.width >= 70 && area.height >= 12;
        let [main, side] = Layout::horizontal([
            Constraint::Fill(1),
            Constraint::Length(if sidebar { 34 } else { 0 }),
        ])
        .areas(area);
        let layer = layer(context);
        let wanted = self.weights(layer);
        let frame = context.frame(&wanted).or_else(|| {
            context
                .latest_frame(|w| matches!(w, ProbeQuery::Weights { layer: l, .. } if *l == layer))
        });
        self.main(main, buffer, context, frame);
        if sidebar {
            self.side(side, buffer, context, frame);
        }
    }
}

/// Biases as a list around the selected one.
fn draw_biases(
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    values: &[f32],
    selected: usize,
) {
    let theme = context.theme;
    let largest = values.iter().fold(0.0_f32, |most, bias| most.max(bias.abs()));
    let from = selected.saturating_sub(usize::from(area.height) / 2);
    let from = from.min(values.len().saturating_sub(usize::from(area.height)));
    for (row, (unit, &bias)) in (0..area.height).zip(values.iter().enumerate().skip(from)) {
        let role = if unit == selected { TextRole::Selected } else { TextRole::Dim };
        let text = minus(&format!("{unit:>4} {bias:>7.2} "));
        write(buffer, area, row, &text, theme.style(role));
        let strip = Rect { x: area.x + 14, y: area.y + row, width: 6, height: 1 };
        let pixels = [bias; 12];
        let raster = Raster::heatmap(&pixels, [6, 2], largest.max(f32::MIN_POSITIVE), theme);
        (&raster).render(strip.intersection(area), buffer);
    }
}

/// Writes which inputs the columns stand for, to the right of the legend, if there is room.
fn inputs(count: usize, line: Rect, buffer: &mut Buffer, context: &ViewContext) {
    const SCALE: usize = 40;
    let text =
        context.theme.fill("from left to right: inputs 0 to {}", &[&count.saturating_sub(1)]);
    if SCALE + text.width() <= usize::from(line.width) && line.height > 0 {
        write_right(buffer, line, 0, &text, context.theme.style(TextRole::Dim));
    }
}
