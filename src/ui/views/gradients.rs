//! Learning speed of each layer: the book's chapter 5, live.

use crate::protocol::{Content, EpochStats, LayerStats, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::numbers::{percent, short};
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::views::curves::{over_epochs, over_epochs_mouse};
use crate::ui::widgets::{
    AxisUnit, Bars, ChartLine, ChartState, LineChart, NamedBar, Pane, wrap, write, write_wrapped,
};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::widgets::Widget;

/// A quantity of a layer.
struct LayerQuantity {
    name: &'static str,
    meaning: &'static str,
    pick: fn(&LayerStats) -> f64,
    /// Logarithmic scale for norms and ratios; fractions go from 0 to 1.
    log: bool,
}

const QUANTITIES: [LayerQuantity; 5] = [
    LayerQuantity {
        name: "Speed of learning",
        meaning: "norm of the gradient of the cost in the biases (chapter 5)",
        pick: |layer| layer.bias_gradient_norm,
        log: true,
    },
    LayerQuantity {
        name: "Weight gradient",
        meaning: "norm of the gradient of the cost in the weights",
        pick: |layer| layer.weight_gradient_norm,
        log: true,
    },
    LayerQuantity {
        name: "Update ratio",
        meaning: "norm of one update over the norm of the weights; near 0.001 is healthy",
        pick: |layer| layer.update_ratio,
        log: true,
    },
    LayerQuantity {
        name: "Saturated",
        meaning: "activations within 1% of a bound of their range: they learn slowly",
        pick: |layer| layer.saturated,
        log: false,
    },
    LayerQuantity {
        name: "Dead",
        meaning: "units that are zero for every image of a mini-batch: they learn nothing from it",
        pick: |layer| layer.dead,
        log: false,
    },
];

impl LayerQuantity {
    fn text(&self, value: f64) -> String {
        match value {
            _ if value.is_nan() => "–".into(),
            _ if self.log => short(value),
            _ => percent(value),
        }
    }
}

/// Minimum columns and rows with a chart for every quantity.
const ALL: [u16; 2] = [100, 40];
/// Maximum columns of the bars.
const MAX_BARS_WIDTH: u16 = 64;

/// The gradient norms, update ratios and fractions of saturated and dead units of every layer: bars
/// at the selected moment, and curves over the epochs.
#[derive(Debug, Default)]
pub struct GradientsView {
    /// Index of the quantity on the chart.
    shown: usize,
    /// The areas of the quantities' bars when they were last drawn.
    sections: Vec<(usize, Rect)>,
    chart: ChartState,
    /// Whether the meanings of the quantities were last shown below their names.
    explained: bool,
    /// The charts of the other quantities, if there is room for all.
    others: [ChartState; QUANTITIES.len()],
}

impl View for GradientsView {
    fn id(&self) -> ViewId {
        ViewId::Gradients
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "How fast each layer learns: the norm of its gradient, and how far an update moves its weights.",
            "Where early layers have far smaller gradients than late ones, the gradient vanishes (chapter 5).",
            "Saturated units have outputs near the ends of their range; dead ones are zero for every image.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "another quantity" },
            KeyHelp { keys: "c", does: "hide a curve" },
            KeyHelp { keys: "< >", does: "less or more smoothing" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        vec![ProbeQuery::Gradients]
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let last = QUANTITIES.len() - 1;
        match key.code {
            KeyCode::Up | KeyCode::Left | KeyCode::Char('k' | 'h') => {
                self.shown = self.shown.saturating_sub(1);
            }
            KeyCode::Down | KeyCode::Right | KeyCode::Char('j' | 'l') => {
                self.shown = (self.shown + 1).min(last);
            }
            KeyCode::Char('c') => self.chart.hide_next(context.weighted_layers().len()),
            KeyCode::Char('<' | '>') => self.chart.smooth(key.code == KeyCode::Char('>')),
            KeyCode::Esc if self.chart.zoom.is_some() => self.chart.zoom = None,
            KeyCode::Home => self.shown = 0,
            KeyCode::End => self.shown = last,
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let at = Position::new(event.column, event.row);
        let effect = over_epochs_mouse([&mut self.chart], event, context);
        if effect != Effect::Ignored {
            return effect;
        }
        let shown = self.shown;
        let others = self.others.iter_mut().enumerate().filter(|(index, _)| *index != shown);
        for (_, other) in others {
            let effect = over_epochs_mouse([other], event, context);
            if effect != Effect::Ignored {
                self.chart.follow(other);
                self.chart.hidden.clone_from(&other.hidden);
                return effect;
            }
        }
        match event.kind {
            MouseEventKind::ScrollDown => self.key(KeyCode::Down.into(), context),
            MouseEventKind::ScrollUp => self.key(KeyCode::Up.into(), context),
            MouseEventKind::Down(MouseButton::Left) => {
                let hit = self.sections.iter().find(|(_, place)| place.contains(at));
                let Some(&(quantity, _)) = hit else { return Effect::Ignored };
                self.shown = quantity;
                Effect::Redraw
            }
            _ => Effect::Ignored,
        }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        self.sections.clear();
        self.explained = false;
        let (layers, note) = layers(context);
        if layers.is_empty() {
            let inside = Pane::new("Gradients", context.theme).draw(area, buffer);
            let waiting = unavailable(context).unwrap_or("waiting for the first mini-batch…");
            let theme = context.theme;
            return write_wrapped(buffer, inside, theme.say(waiting), theme.style(TextRole::Dim));
        }
        if area.width >= 90 && area.height >= 14 {
            let width = (area.width * 2 / 5).min(MAX_BARS_WIDTH);
            let [bars, charts] =
                Layout::horizontal([Constraint::Length(width), Constraint::Fill(1)]).areas(area);
            self.all_bars(bars, buffer, context, layers, &note);
            if charts.width >= ALL[0] && charts.height >= ALL[1] {
                self.all_histories(charts, buffer, context);
            } else {
                self.history(self.shown, charts, buffer, context);
            }
        } else {
            let frame = if area.height >= 12 { 3 } else { 0 };
            let wanted = layers.len() as u16 + frame;
            let [bars, chart] = Layout::vertical([
                Constraint::Length(wanted.min(area.height / 2).max(area.height.min(1))),
                Constraint::Fill(1),
            ])
            .areas(area);
            self.one_section(bars, buffer, context, layers, &note);
            self.history(self.shown, chart, buffer, context);
        }
    }
}

impl GradientsView {
    /// Draws a bar per layer for every quantity, starting at the selected one if they do not all
    /// fit.
    fn all_bars(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        layers: &[LayerStats],
        note: &str,
    ) {
        let theme = context.theme;
        let inside = Pane::new("Layer by layer", theme).note(note).draw(area, buffer);
        // If there is room, the meaning of each quantity is shown below its name.
        let meaning = |quantity: &LayerQuantity| {
            wrap(context.theme.say(quantity.meaning), inside.width.saturating_sub(2))
        };
        let meanings = QUANTITIES.iter().map(|quantity| meaning(quantity).len()).max();
        let meanings = meanings.unwrap_or(0) as u16;
        let plain = layers.len() as u16 + 2;
        let explained = QUANTITIES.len() as u16 * (plain + meanings) <= inside.height + 1;
        self.explained = explained;
        let needed = if explained { plain + meanings } else { plain };
        let fit = usize::from((inside.height + 1) / needed).clamp(1, QUANTITIES.len());
        let first = (self.shown + 1).saturating_sub(fit);
        for (place, index) in (0_u16..).zip(first..first + fit) {
            let y = inside.y + place * needed;
            let section = Rect { y, height: needed - 1, ..inside }.intersection(inside);
            let role = if index == self.shown { TextRole::Selected } else { TextRole::Title };
            let name = format!(" {} ", theme.say(QUANTITIES[index].name));
            write(buffer, section, 0, &name, theme.style(role));
            let mut above = 1;
            if explained {
                for line in meaning(&QUANTITIES[index]) {
                    let indented = Rect { x: section.x + 1, ..section }.intersection(section);
                    write(buffer, indented, above, &line, theme.style(TextRole::Dim));
                    above += 1;
                }
            }
            let bars = Rect {
                y: section.y + above,
                height: section.height.saturating_sub(above).min(layers.len() as u16),
                x: section.x + 1,
                width: section.width.saturating_sub(2),
            };
            draw_bars(bars, buffer, context, &QUANTITIES[index], layers);
            self.sections.push((index, section));
        }
    }

    /// The bars of the selected quantity.
    fn one_section(
        &mut self,
        area: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        layers: &[LayerStats],
        note: &str,
    ) {
        let quantity = &QUANTITIES[self.shown];
        let inside = Pane::new(quantity.name, context.theme).note(note).draw(area, buffer);
        draw_bars(inside, buffer, context, quantity, layers);
        self.sections.push((self.shown, area));
    }

    /// Draws a chart over the epochs for each quantity.
    fn all_histories(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let rows = QUANTITIES.len().div_ceil(2);
        let lines = Layout::vertical(vec![Constraint::Fill(1); rows]).split(area);
        let places = lines
            .iter()
            .flat_map(|line| Layout::horizontal([Constraint::Fill(1); 2]).split(*line).to_vec());
        for (index, place) in (0..QUANTITIES.len()).zip(places) {
            self.history(index, place, buffer, context);
        }
    }

    /// Draws a quantity over the epochs.
    fn history(&mut self, index: usize, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let (quantity, theme) = (&QUANTITIES[index], context.theme);
        let smoothing = self.chart.smoothing;
        let log = quantity.log.then(|| theme.say("logarithmic").to_string());
        let smooth = (smoothing > 0.0).then(|| theme.fill("smoothing {}", &[&smoothing]));
        let note: Vec<String> = log.into_iter().chain(smooth).collect();
        let mean = theme.say("means over the epoch").to_string();
        let note: Vec<String> = note.into_iter().chain([mean]).collect();
        let inside = Pane::new(quantity.name, theme).note(&note.join(" · ")).draw(area, buffer);
        // Beside the bars of all quantities, their meanings are already shown.
        let foot = u16::from(inside.height >= 10 && !self.explained);
        let [chart, meaning] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(foot)]).areas(inside);
        write(buffer, meaning, 0, theme.say(quantity.meaning), theme.style(TextRole::Dim));
        let line_chart = LineChart {
            y_unit: if quantity.log { AxisUnit::Plain } else { AxisUnit::Percent },
            value_text: if quantity.log { short } else { percent },
            log: quantity.log,
            highest: (!quantity.log).then_some(1.0),
            ..over_epochs(lines(context, quantity), context)
        };
        if index == self.shown {
            line_chart.draw(chart, buffer, &mut self.chart);
        } else {
            let other = &mut self.others[index];
            other.follow(&self.chart);
            other.hidden.clone_from(&self.chart.hidden);
            line_chart.draw(chart, buffer, other);
        }
    }
}

/// The statistics of the layers at the selected moment, and the moment in words.
fn layers<'a>(context: &ViewContext<'a>) -> (&'a [LayerStats], String) {
    if let Some(frame) = context.frame(&ProbeQuery::Gradients)
        && let Content::Gradients { layers } = &frame.content
        && !layers.is_empty()
    {
        return (layers, context.as_of(frame));
    }
    let stats = context.stats().filter(|stats| !stats.layers.is_empty());
    stats.map_or((&[], String::new()), |s| (&s.layers, context.theme.fill("epoch {}", &[&s.epoch])))
}

fn unavailable<'a>(context: &ViewContext<'a>) -> Option<&'a str> {
    match &context.frame(&ProbeQuery::Gradients)?.content {
        Content::Unavailable(why) => Some(why),
        _ => None,
    }
}

fn layer_name(context: &ViewContext, layer: u32) -> String {
    let info = context.run.info.as_ref().and_then(|info| info.layers.get(layer as usize));
    let number = layer + 1;
    info.map_or_else(|| number.to_string(), |info| format!("{number} {}", info.name))
}

fn draw_bars(
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    quantity: &LayerQuantity,
    layers: &[LayerStats],
) {
    let values: Vec<f64> = layers.iter().map(quantity.pick).collect();
    let decades = decades(&values);
    let rows = layers.iter().zip(&values).enumerate().map(|(index, (layer, &value))| NamedBar {
        name: layer_name(context, layer.layer),
        share: if quantity.log { log_share(value, decades) } else { value },
        value: format!("{:>7}", quantity.text(value)),
        style: context.theme.series(index),
    });
    (&Bars { rows: rows.collect(), theme: *context.theme }).render(area, buffer);
}

/// The range of decades, as exponents of ten, that contains all positive values; extended at the
/// bottom so that every bar is visible.
fn decades(values: &[f64]) -> [f64; 2] {
    let logs = || values.iter().filter(|v| **v > 0.0 && v.is_finite()).map(|v| v.log10());
    let low = logs().fold(f64::INFINITY, f64::min);
    let high = logs().fold(f64::NEG_INFINITY, f64::max);
    if low.is_finite() {
        [low.floor() - 1.0, high.ceil().max(low.floor() + 1.0)]
    } else {
        [0.0, 1.0]
    }
}

fn log_share(value: f64, [low, high]: [f64; 2]) -> f64 {
    if value > 0.0 { ((value.log10() - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
}

/// A curve per layer over the epochs, with its value at the selected epoch.
fn lines(context: &ViewContext, quantity: &LayerQuantity) -> Vec<ChartLine> {
    let epochs = context.run.epochs.points();
    let Some(layers) = epochs.iter().map(|stats| &stats.layers).find(|layers| !layers.is_empty())
    else {
        return Vec::new();
    };
    let at = |stats: &EpochStats, layer: u32| {
        let found = stats.layers.iter().find(|stats| stats.layer == layer);
        found.map(quantity.pick)
    };
    let line = |(index, layer): (usize, u32)| ChartLine {
        name: layer_name(context, layer),
        points: epochs
            .iter()
            .filter_map(|stats| Some((f64::from(stats.epoch), at(stats, layer)?)))
            .collect(),
        value: context
            .stats()
            .and_then(|stats| at(stats, layer))
            .map_or_else(String::new, |value| quantity.text(value)),
        style: context.theme.series(index),
        ..ChartLine::default()
    };
    layers.iter().map(|layer| layer.layer).enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_logarithmic() {
        let decades = decades(&[0.001, 0.01, 0.1]);
        let shares = [0.001, 0.01, 0.1].map(|value| log_share(value, decades));
        assert!((shares[1] - shares[0] - (shares[2] - shares[1])).abs() < 1e-9);
        assert!(shares[0] > 0.0, "the smallest bar is visible");
        assert!((shares[2] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn zero_and_nan_have_no_bar() {
        let decades = decades(&[0.0, f64::NAN]);
        assert!([0.0, f64::NAN].iter().all(|&norm| log_share(norm, decades) <= 0.0));
    }
}
