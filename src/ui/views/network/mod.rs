//! The network: the activations of its units for the selected image, and its strongest connections.
//!
//! An activation contributes weight × activation to the weighted input of the next layer. Following
//! the largest contributions backwards from an output finds the hidden units and pixels that count
//! most for and against it.

mod column;
mod draw;

use crate::protocol::{Card, Content, Frame, LayerInfo, ProbeQuery, Tensor};
use crate::ui::effect::Effect;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use column::{UnitColumn, units};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// Maximum number of weights of a layer whose weights are all requested.
const MAX_WEIGHTS: u64 = 128 * 128;

/// The layers as columns of units, with the strongest connections between them.
#[derive(Debug, Default)]
pub struct NetworkView {
    /// The selected layer and unit; the predicted output if none is selected.
    chosen: Option<(u32, usize)>,
    /// The columns of the layers when they were last drawn.
    columns: Vec<UnitColumn>,
}

/// The activations of all layers for one image.
#[derive(Clone, Copy)]
struct ForwardPass<'a> {
    frame: &'a Frame,
    layers: &'a [LayerInfo],
    activations: &'a [Tensor],
    card: &'a Card,
    /// Channels of the image: 1 or 3.
    channels: usize,
}

impl<'a> ForwardPass<'a> {
    fn new(context: &ViewContext<'a>) -> Option<Self> {
        let info = context.run.info.as_ref()?;
        let (layers, channels) = (&info.layers, info.channels());
        let frame = context.frame(&ProbeQuery::Activations { index: context.digit })?;
        let Content::Activations { layers: activations } = &frame.content else { return None };
        let digit = context.frame(&ProbeQuery::Digit { index: context.digit })?;
        let Content::Digit { card, .. } = &digit.content else { return None };
        let pass = Self { frame, layers, activations, card, channels };
        (activations.len() == layers.len()).then_some(pass)
    }

    /// The input of a layer: pixels from 0 to 1, or the activations of the previous layer.
    fn input(&self, layer: u32) -> Vec<f32> {
        let before = layer.checked_sub(1).and_then(|before| self.activations.get(before as usize));
        if let Some(tensor) = before {
            return tensor.values.clone();
        }
        // Weights are ordered map by map, so the channels of a colour image must be, too.
        let share = |&pixel: &u8| f32::from(pixel) / 255.0;
        let pixels = &self.card.pixels;
        let channels = self.channels;
        let plane = |channel| pixels.iter().skip(channel).step_by(channels).map(share);
        (0..channels).flat_map(plane).collect()
    }

    /// The selected unit, or the predicted output.
    fn selected(&self, chosen: Option<(u32, usize)>) -> (u32, usize) {
        let last = (self.layers.len() as u32).saturating_sub(1);
        let (layer, unit) = chosen.unwrap_or((last, self.card.prediction as usize));
        let layer = layer.min(last);
        let shape = self.activations.get(layer as usize).map_or([1, 1, 1], |tensor| tensor.shape);
        (layer, unit.min(units(shape).saturating_sub(1)))
    }
}

/// The incoming weights of each unit in the answer to a probe; empty if there is none yet.
fn rows<'a>(context: &ViewContext<'a>, what: &ProbeQuery) -> &'a [Tensor] {
    match context.frame(what).map(|frame| &frame.content) {
        Some(Content::Weights { rows, .. }) => rows,
        _ => &[],
    }
}

/// The probe of all weights of a layer after the first whose output is a vector, if there are at
/// most [`MAX_WEIGHTS`].
fn all_weights(layers: &[LayerInfo], layer: u32) -> Option<ProbeQuery> {
    let info = layers.get(layer as usize).filter(|info| info.output[1] == 1)?;
    let first = layer == 0;
    let few = info.weights > 0 && info.weights <= MAX_WEIGHTS && !first;
    few.then(|| ProbeQuery::Weights { layer, first: 0, count: units(info.output) as u32 })
}

/// The probe of the incoming weights of one unit.
fn one(layer: u32, unit: usize) -> ProbeQuery {
    ProbeQuery::Weights { layer, first: unit as u32, count: 1 }
}

/// The contribution weight × activation of each input to a unit's weighted input. `None` if the
/// layer is not dense or its weights are not known yet.
fn contributions(
    context: &ViewContext,
    pass: &ForwardPass,
    layer: u32,
    unit: usize,
) -> Option<Vec<f32>> {
    let all = all_weights(pass.layers, layer).map_or(&[][..], |what| rows(context, &what));
    let row = all.get(unit).or_else(|| rows(context, &one(layer, unit)).first())?;
    let input = pass.input(layer);
    (row.values.len() == input.len())
        .then(|| row.values.iter().zip(input).map(|(weight, input)| weight * input).collect())
}

impl NetworkView {
    /// Moves the selection by a number of columns, to the unit at the same height.
    fn go_across(&mut self, step: isize, pass: &ForwardPass) -> Effect {
        let (layer, unit) = pass.selected(self.chosen);
        let here = self.columns.iter().position(|column| column.layer == layer);
        let next = here.and_then(|here| self.columns.get(here.checked_add_signed(step)?));
        let (Some(here), Some(next)) = (here, next) else { return Effect::Redraw };
        let from = units(self.columns[here].shape).max(1);
        self.chosen = Some((next.layer, unit * next.shown / from));
        Effect::Redraw
    }

    fn go_along(&mut self, step: isize, pass: &ForwardPass) -> Effect {
        let (layer, unit) = pass.selected(self.chosen);
        let last = units(pass.activations[layer as usize].shape).saturating_sub(1);
        self.chosen = Some((layer, unit.saturating_add_signed(step).min(last)));
        Effect::Redraw
    }

    /// Selects the unit of the previous layer that contributes most to the selected one.
    fn go_to_strongest_input(&mut self, context: &ViewContext, pass: &ForwardPass) -> Effect {
        let (layer, unit) = pass.selected(self.chosen);
        let Some(before) = layer.checked_sub(1) else { return Effect::Redraw };
        let Some(contributions) = contributions(context, pass, layer, unit) else {
            return Effect::Redraw;
        };
        let strongest_input = contributions.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        // The inputs of one feature map belong to one unit.
        let [_, height, width] = pass.activations[before as usize].shape;
        let map = if height > 1 { (height * width) as usize } else { 1 };
        self.chosen = strongest_input.map(|(index, _)| (before, index / map)).or(self.chosen);
        Effect::Redraw
    }
}

impl View for NetworkView {
    fn id(&self) -> ViewId {
        ViewId::Network
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "A test image on its way through the layers: the brighter a unit, the larger its activation.",
            "Lines are the connections that add most: orange raises the weighted input of the \
             unit they lead to, blue lowers it.",
            "The list shows what each input adds to the selected unit: weight × activation.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→↑↓", does: "another unit" },
            KeyHelp { keys: "Enter", does: "walk back to its strongest input" },
            KeyHelp { keys: "Home", does: "the predicted output" },
            KeyHelp { keys: "PgUp PgDn", does: "another digit" },
        ]
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        let index = context.digit;
        let mut probes = vec![ProbeQuery::Activations { index }, ProbeQuery::Digit { index }];
        let Some(info) = &context.run.info else { return probes };
        let layers = 0..info.layers.len() as u32;
        probes.extend(layers.filter_map(|layer| all_weights(&info.layers, layer)));
        if let Some(pass) = ForwardPass::new(context) {
            let (layer, unit) = pass.selected(self.chosen);
            let weighted = info.layers.get(layer as usize).is_some_and(|info| info.weights > 0);
            if weighted && all_weights(&info.layers, layer).is_none() {
                probes.push(one(layer, unit));
            }
        }
        probes
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        match key.code {
            KeyCode::PageUp => return Effect::SelectDigit(context.digit.saturating_sub(1)),
            KeyCode::PageDown => return Effect::SelectDigit(context.digit + 1),
            _ => {}
        }
        let pass = ForwardPass::new(context);
        match (key.code, &pass) {
            (KeyCode::Home | KeyCode::Esc, _) if self.chosen.is_some() => {
                self.chosen = None;
                Effect::Redraw
            }
            (KeyCode::Left | KeyCode::Char('h'), Some(pass)) => self.go_across(-1, pass),
            (KeyCode::Right | KeyCode::Char('l'), Some(pass)) => self.go_across(1, pass),
            (KeyCode::Up | KeyCode::Char('k'), Some(pass)) => self.go_along(-1, pass),
            (KeyCode::Down | KeyCode::Char('j'), Some(pass)) => self.go_along(1, pass),
            (KeyCode::Enter, Some(pass)) => self.go_to_strongest_input(context, pass),
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        let at = Position::new(event.column, event.row);
        if event.kind != MouseEventKind::Down(MouseButton::Left) {
            return Effect::Ignored;
        }
        let hit = self.columns.iter().find_map(|column| Some((column.layer, column.hit(at)?)));
        self.chosen = hit.or(self.chosen);
        hit.map_or(Effect::Ignored, |_| Effect::Redraw)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        self.columns = draw::draw(self.chosen, area, buffer, context);
    }
}
