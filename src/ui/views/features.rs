//! The response of a layer to the selected image: feature maps with their filters.

use crate::protocol::{Content, LayerInfo, ProbeQuery, Tensor};
use crate::ui::effect::Effect;
use crate::ui::numbers::short;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Bars, Grid, NamedBar, Pane, Raster, write};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::widgets::Widget;

/// Columns of the pane with the filter.
const SIDE: u16 = 32;

/// The output of a layer for the selected test image: feature maps, or activations as bars.
#[derive(Debug, Default)]
pub struct FeaturesView {
    selected: usize,
    /// The first visible unit.
    first: usize,
    /// The selected map is enlarged.
    enlarged: bool,
    grid: Grid,
}

/// The number of units of a layer: its feature maps, or the values of a vector.
fn units(layer: &LayerInfo) -> usize {
    let [maps, height, width] = layer.output;
    if height > 1 { maps as usize } else { (maps * width) as usize }
}

fn layer<'a>(context: &ViewContext<'a>) -> Option<(u32, &'a LayerInfo)> {
    let layers = &context.run.info.as_ref()?.layers;
    let index = (context.layer as usize).min(layers.len().checked_sub(1)?);
    Some((index as u32, &layers[index]))
}

impl FeaturesView {
    fn select(&mut self, unit: usize, context: &ViewContext) -> Effect {
        let units = layer(context).map_or(0, |(_, layer)| units(layer));
        self.selected = unit.min(units.saturating_sub(1));
        self.first = self.grid.scroll(self.first, self.selected, units);
        Effect::Redraw
    }

    fn go_layer(&mut self, step: isize, context: &ViewContext) -> Effect {
        let Some((index, _)) = layer(context) else { return Effect::Ignored };
        let count = context.run.info.as_ref().map_or(1, |info| info.layers.len());
        let next = (index as usize).saturating_add_signed(step).min(count.saturating_sub(1));
        (self.selected, self.first) = (0, 0);
        Effect::SelectLayer(next as u32)
    }

    /// The probe of the selected unit's weights, if its layer has any.
    fn filter(&self, context: &ViewContext) -> Option<ProbeQuery> {
        let (index, _) = layer(context).filter(|(_, layer)| layer.weights > 0)?;
        Some(ProbeQuery::Weights { layer: index, first: self.selected as u32, count: 1 })
    }

    /// Draws the feature maps of a layer, scaled to the brightest one.
    fn maps(&mut self, tensor: &Tensor, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let [maps, height, width] = tensor.shape.map(|side| side as usize);
        let pixels =
            |map: usize| tensor.values.get(map * height * width..(map + 1) * height * width);
        let largest = tensor.values.iter().fold(f32::MIN_POSITIVE, |most, a| most.max(a.abs()));
        let size = [width, height];
        // Activations such as tanh's can be negative; they are coloured like weights.
        let diverging = tensor.values.iter().any(|a| *a < 0.0);
        let raster = |pixels| {
            if diverging {
                Raster::heatmap(pixels, size, largest, theme)
            } else {
                Raster::image(pixels, size, largest, theme)
            }
        };
        self.grid = Grid::new(area, size, maps);
        self.selected = self.selected.min(maps.saturating_sub(1));
        self.first = self.grid.scroll(self.first, self.selected, maps);
        if self.enlarged {
            if let Some(pixels) = pixels(self.selected) {
                (&raster(pixels)).render(area, buffer);
            }
            return;
        }
        for (at, map) in (self.first..maps).take(self.grid.count()).enumerate() {
            let place = self.grid.place(at);
            let Some(pixels) = pixels(map).filter(|_| place.area() > 0) else { continue };
            let picture = Rect { height: place.height.saturating_sub(1).max(1), ..place };
            (&raster(pixels)).render(picture, buffer);
            let role = if map == self.selected { TextRole::Selected } else { TextRole::Dim };
            let label = format!("{map:^width$}", width = usize::from(place.width.min(6)));
            if place.height > 1 {
                write(buffer, place, place.height - 1, &label, theme.style(role));
            }
        }
    }

    /// Draws the activations of a vector as bars around the selected one.
    fn vector(&mut self, tensor: &Tensor, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let count = tensor.values.len();
        self.selected = self.selected.min(count.saturating_sub(1));
        let height = usize::from(area.height);
        self.grid = Grid::default();
        let first = self.selected.saturating_sub(height / 2).min(count.saturating_sub(height));
        self.first = first;
        let largest = tensor.values.iter().fold(f32::MIN_POSITIVE, |most, a| most.max(a.abs()));
        let is_output = layer(context).is_some_and(|(index, _)| {
            context.run.info.as_ref().is_some_and(|info| info.layers.len() == index as usize + 1)
        });
        let row = |(unit, &activation): (usize, &f32)| {
            let name = if is_output { context.class(unit as u32) } else { unit.to_string() };
            let selected = unit == self.selected;
            NamedBar {
                name: format!("{}{name:>4}", if selected { "›" } else { " " }),
                share: f64::from((activation / largest).abs()),
                value: short(f64::from(activation)),
                style: if selected { theme.style(TextRole::Accent) } else { theme.series(0) },
            }
        };
        let rows = tensor.values.iter().enumerate().skip(first).take(height).map(row).collect();
        (&Bars { rows, theme: *theme }).render(area, buffer);
    }

    /// Draws the image, and the weights of the selected unit.
    fn side(&self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let [above, below] = Layout::vertical([Constraint::Fill(1); 2]).areas(area);
        let title = theme.fill("Test image {}", &[&context.digit]);
        let inside = Pane::new(&title, theme).draw(above, buffer);
        let digit = context.frame(&ProbeQuery::Digit { index: context.digit });
        let info = context.run.info.as_ref();
        if let (Some(Content::Digit { card, .. }), Some(info)) = (digit.map(|f| &f.content), info) {
            let pixels: Vec<f32> = card.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
            let size = [info.image_width as usize, info.image_height as usize];
            (&Raster::picture(&pixels, size, theme)).render(inside, buffer);
        }
        let title = theme.fill("Weights of unit {}", &[&self.selected]);
        let inside = Pane::new(&title, theme).draw(below, buffer);
        let Some(what) = self.filter(context) else {
            write(
                buffer,
                inside,
                0,
                theme.say("this layer has no weights"),
                theme.style(TextRole::Dim),
            );
            return;
        };
        if let Some(Content::Weights { rows, .. }) =
            context.frame(&what).map(|frame| &frame.content)
            && let Some(tensor) = rows.first()
        {
            filters(tensor, inside, buffer, context);
        }
    }
}

impl View for FeaturesView {
    fn id(&self) -> ViewId {
        ViewId::Features
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "What a layer makes of the selected test image: feature maps, or the activations of its units.",
            "Beside it the image, and the weights of the selected unit.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→↑↓", does: "another unit" },
            KeyHelp { keys: "< >", does: "another layer" },
            KeyHelp { keys: "Enter", does: "enlarge it" },
            KeyHelp { keys: "PgUp PgDn", does: "another digit" },
        ]
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        let index = context.digit;
        let mut probes = vec![ProbeQuery::Activations { index }, ProbeQuery::Digit { index }];
        probes.extend(self.filter(context));
        probes
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let count = layer(context).map_or(0, |(_, layer)| units(layer));
        if let Some(unit) = self.grid.shape(count, false).moved(self.selected, key.code) {
            return self.select(unit, context);
        }
        match key.code {
            KeyCode::PageUp => Effect::SelectDigit(context.digit.saturating_sub(1)),
            KeyCode::PageDown => Effect::SelectDigit(context.digit + 1),
            KeyCode::Char('<') => self.go_layer(-1, context),
            KeyCode::Char('>') => self.go_layer(1, context),
            KeyCode::Enter => {
                self.enlarged = !self.enlarged;
                Effect::Redraw
            }
            KeyCode::Esc if self.enlarged => {
                self.enlarged = false;
                Effect::Redraw
            }
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let columns = self.grid.columns.max(1);
        match event.kind {
            MouseEventKind::ScrollDown => self.select(self.selected + columns, context),
            MouseEventKind::ScrollUp => self.select(self.selected.saturating_sub(columns), context),
            MouseEventKind::Down(MouseButton::Left) if !self.enlarged => {
                let hit = self.grid.hit(Position::new(event.column, event.row));
                hit.map_or(Effect::Ignored, |index| self.select(self.first + index, context))
            }
            _ => Effect::Ignored,
        }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let sidebar = if area.width >= 70 && area.height >= 12 { SIDE } else { 0 };
        let [main, side] =
            Layout::horizontal([Constraint::Fill(1), Constraint::Length(sidebar)]).areas(area);
        let frame = context.frame(&ProbeQuery::Activations { index: context.digit });
        let title = title(context);
        let note = frame.map_or_else(String::new, |frame| context.as_of_layers(frame));
        let inside = Pane::new(&title, theme).note(&note).draw(main, buffer);
        let tensor = match (frame.map(|frame| &frame.content), layer(context)) {
            (Some(Content::Activations { layers }), Some((index, _))) => layers.get(index as usize),
            _ => None,
        };
        let Some(tensor) = tensor else {
            return context.write_missing(frame, inside, buffer);
        };
        if tensor.shape[1] > 1 {
            self.maps(tensor, inside, buffer, context);
        } else {
            self.vector(tensor, inside, buffer, context);
        }
        if sidebar > 0 {
            self.side(side, buffer, context);
        }
    }
}

/// Draws the filters of all input maps side by side.
fn filters(tensor: &Tensor, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let index = layer(context).map_or(0, |(index, _)| index);
    let [maps, height, width] = context.weights_shape(index, tensor);
    let largest = tensor.values.iter().fold(f32::MIN_POSITIVE, |most, w| most.max(w.abs()));
    let size = [width, height];
    if height == 1 {
        // The weights of a vector: as many per row as fit.
        let across = usize::from(area.width).clamp(1, width.max(1));
        let mut values = tensor.values.clone();
        values.resize(values.len().div_ceil(across) * across, 0.0);
        let size = [across, values.len() / across];
        (&Raster::heatmap(&values, size, largest, context.theme)).render(area, buffer);
        return;
    }
    if context.weights_are_coloured(index, tensor) {
        (&context.weights_raster(index, tensor, largest)).render(area, buffer);
        return;
    }
    let grid = Grid::new(area, size, maps);
    for (at, values) in tensor.values.chunks(height * width).take(grid.count()).enumerate() {
        let place = grid.place(at);
        let picture = Rect { height: place.height.saturating_sub(1).max(1), ..place };
        if place.area() > 0 {
            (&Raster::heatmap(values, size, largest, context.theme)).render(picture, buffer);
        }
    }
}

fn title(context: &ViewContext) -> String {
    let theme = context.theme;
    layer(context).map_or_else(
        || theme.say("Features").into(),
        |(index, layer)| {
            let [maps, height, width] = layer.output;
            let what = if height > 1 {
                theme.fill("{} maps of {}×{}", &[&maps, &height, &width])
            } else {
                theme.fill("{} activations", &[&(maps * width)])
            };
            theme.fill("Layer {} · {} · {}", &[&(index + 1), &layer.name, &what])
        },
    )
}
