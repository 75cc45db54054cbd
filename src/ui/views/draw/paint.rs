//! Draws the canvas, the answer and the sliders.

use super::{DrawAreas, DrawFocus, DrawView};
use crate::picture::Drawing;
use crate::protocol::Classified;
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{View, ViewContext};
use crate::ui::widgets::{Bars, NamedBar, Pane, Raster, draw_track, wrap, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

/// Pixels of the canvas, across and down: those of MNIST's images.
const PIXELS: u16 = 28;
/// Size in cells of the pane with the network's input.
const INPUT: [u16; 2] = [30, 16];
/// The same with the image at twice the size.
const INPUT_LARGE: [u16; 2] = [58, 30];
/// Minimum columns beside the canvas, rows of the list of keys, and columns of the answer.
const BESIDE: u16 = 62;
const KEYS: u16 = 13;
const ANSWER: u16 = 30;
/// Rows of the pane with the sliders, in one column and in two.
const SLIDERS: [u16; 2] = [8, 5];
/// Columns before a slider's track (pointer and name) and behind it (value).
const NAME: u16 = 11;
const VALUE: u16 = 8;

/// Minimum width of the answer with which the keys are listed in their own pane.
const LISTED: u16 = 26;
/// The most important keys, listed beside a small canvas.
const FIRST_KEYS: [(&str, &str); 8] = [
    ("space", "paint"),
    ("Enter", "pen down"),
    ("←→↑↓", "move"),
    ("x", "erase"),
    ("b", "brush"),
    ("u", "undo"),
    ("c", "clear"),
    ("a", "sliders"),
];

/// Draws the view; returns the areas of its parts.
pub(super) fn paint(
    view: &DrawView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) -> DrawAreas {
    if area.width >= 100 && area.height >= 30 {
        // A pixel is at least two columns wide and one row high, so that the mouse can point at
        // each one.
        let across = area.width.saturating_sub(BESIDE + 2) / PIXELS;
        let factor = across.min((area.height - 2) / (PIXELS / 2)).max(2);
        let canvas = [factor * PIXELS + 2, factor * PIXELS / 2 + 2];
        let [left, right] =
            Layout::horizontal([Constraint::Length(canvas[0]), Constraint::Fill(1)]).areas(area);
        let left = Rect { height: canvas[1], ..left };
        let larger = area.height >= INPUT_LARGE[1] + SLIDERS[0] + KEYS
            && right.width >= INPUT_LARGE[0] + ANSWER;
        let picture = if larger { INPUT_LARGE } else { INPUT };
        let [above, below] =
            Layout::vertical([Constraint::Length(picture[1]), Constraint::Fill(1)]).areas(right);
        let [input, prediction] =
            Layout::horizontal([Constraint::Length(picture[0]), Constraint::Fill(1)]).areas(above);
        let [sliders, keys] =
            Layout::vertical([Constraint::Length(SLIDERS[0]), Constraint::Fill(1)]).areas(below);
        key_list(view, keys, buffer, context.theme);
        in_panes(view, [left, input, prediction, sliders], buffer, context)
    } else if area.width >= 76 && area.height >= INPUT[1] + SLIDERS[1] {
        let [above, below] =
            Layout::vertical([Constraint::Length(INPUT[1]), Constraint::Fill(1)]).areas(area);
        let [canvas, input, prediction] = Layout::horizontal([
            Constraint::Length(INPUT[0]),
            Constraint::Length(INPUT[0]),
            Constraint::Fill(1),
        ])
        .areas(above);
        in_panes(view, [canvas, input, prediction, below], buffer, context)
    } else {
        small(view, area, buffer, context)
    }
}

fn in_panes(
    view: &DrawView,
    [canvas, input, prediction, sliders]: [Rect; 4],
    buffer: &mut Buffer,
    context: &ViewContext,
) -> DrawAreas {
    let theme = context.theme;
    let tool = if canvas.width < 40 { short_tool(view).into() } else { tool(view, theme) };
    let inside = Pane::new("Draw", theme).note(&tool).draw(canvas, buffer);
    let drawn = paint_canvas(view, inside, buffer, theme);
    let inside = Pane::new("As the network sees it", theme).draw(input, buffer);
    picture(&view.input, inside, buffer, theme);
    let inside = Pane::new("Prediction", theme).draw(prediction, buffer);
    answer(view, inside, buffer, context);
    let inside = Pane::new("Distortion and confidence", theme).draw(sliders, buffer);
    DrawAreas { canvas: drawn, sliders: paint_sliders(view, inside, buffer, theme) }
}

/// Draws canvas and prediction side by side. While the sliders have the focus, the network's input
/// replaces the canvas, and the sliders replace the outputs below the prediction.
fn small(view: &DrawView, area: Rect, buffer: &mut Buffer, context: &ViewContext) -> DrawAreas {
    let theme = context.theme;
    let wide = (area.width / 2).min(2 * area.height);
    let [left, right] =
        Layout::horizontal([Constraint::Length(wide), Constraint::Fill(1)]).spacing(1).areas(area);
    answer(view, right, buffer, context);
    if view.focus == DrawFocus::Sliders {
        picture(&view.input, left, buffer, theme);
        let below = Rect {
            y: right.y + right.height.min(3),
            height: right.height.saturating_sub(3),
            ..right
        };
        blank(below, buffer);
        return DrawAreas {
            canvas: Rect::ZERO,
            sliders: paint_sliders(view, below, buffer, theme),
        };
    }
    DrawAreas { canvas: paint_canvas(view, left, buffer, theme), sliders: Vec::new() }
}

/// Lists the keys if there is room.
fn key_list(view: &DrawView, area: Rect, buffer: &mut Buffer, theme: &Theme) {
    if area.height < 6 {
        return;
    }
    let inside = Pane::new("Keys", theme).draw(area, buffer);
    for (row, key) in (0..inside.height).zip(view.keys()) {
        write(buffer, inside, row, theme.say(key.keys), theme.style(TextRole::Accent));
        write_at(buffer, inside, 7, row, theme.say(key.does), theme.style(TextRole::Dim));
    }
}

fn blank(area: Rect, buffer: &mut Buffer) {
    let area = area.intersection(buffer.area);
    for position in area.positions() {
        buffer[position].reset();
    }
}

fn tool(view: &DrawView, theme: &Theme) -> String {
    let tool = match (view.tool.erases, view.down) {
        (true, false) => "{} eraser",
        (true, true) => "{} eraser, pen down",
        (false, false) => "{} brush",
        (false, true) => "{} brush, pen down",
    };
    let brush = theme.say(view.tool.brush.name());
    if view.canvas.picture.channels == 1 || view.tool.erases {
        return theme.fill(tool, &[&brush]);
    }
    let colour = theme.say(view.tool.colour.name());
    format!("{} · C: {colour}", theme.fill(tool, &[&brush]))
}

/// The name of the tool.
fn short_tool(view: &DrawView) -> &'static str {
    match (view.tool.erases, view.down) {
        (true, true) => "erasing",
        (true, false) => "eraser",
        (false, true) => "pen down",
        (false, false) if view.canvas.picture.channels == 3 => view.tool.colour.name(),
        (false, false) => view.tool.brush.name(),
    }
}

/// Draws a picture; returns the cells it covers.
fn picture(picture: &Drawing, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let values: Vec<f32> = picture.ink.iter().map(|&ink| f32::from(ink)).collect();
    let raster = Raster::image(&values, [picture.width, picture.height], 255.0, theme);
    (&raster).render(area, buffer);
    raster.fitted(area)
}

fn paint_canvas(view: &DrawView, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let place = picture(&view.canvas.picture, area, buffer, theme);
    if view.focus == DrawFocus::Canvas && place.area() > 0 {
        cursor(view, place, buffer, theme);
    }
    place
}

/// Marks the pixel under the cursor: its cells, or its half of a cell.
fn cursor(view: &DrawView, place: Rect, buffer: &mut Buffer, theme: &Theme) {
    let Drawing { width, height, .. } = view.canvas.picture;
    let cell = |at: usize, cells: u16, size: usize| (at * usize::from(cells) / size) as u16;
    let [column, row] = view.cursor;
    let (x, y) = (cell(column, place.width, width), cell(row, place.height, height));
    let wide = (usize::from(place.width) / width).max(1) as u16;
    let symbol = match (view.tool.erases, theme.unicode) {
        (_, false) => '+',
        // Two pixels per cell: the half block shows which one.
        (_, true) if theme.has_half_blocks() && usize::from(place.height) * 2 == height => {
            if row % 2 == 0 { '▀' } else { '▄' }
        }
        (false, true) => '┼',
        (true, true) => '×',
    };
    for x in x..(x + wide).min(place.width) {
        let at = (place.x + x, place.y + y);
        if let Some(cell) = buffer.cell_mut(at) {
            let paper = cell.bg;
            cell.set_char(symbol).set_style(theme.style(TextRole::Accent)).set_bg(paper);
        }
    }
}

/// Draws the prediction and the outputs as bars.
fn answer(view: &DrawView, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    if view.canvas.picture.is_blank() {
        let hint = theme.fill("draw a digit, or t takes test image {}", &[&context.digit]);
        let lines = wrap(&hint, area.width);
        for (row, line) in (0..).zip(&lines) {
            write(buffer, area, row, line, theme.style(TextRole::Dim));
        }
        let below = lines.len() as u16 + 1;
        let keys = if area.width < LISTED { &FIRST_KEYS[..] } else { &[] };
        for (row, (keys, does)) in (below..area.height).zip(keys) {
            write(buffer, area, row, theme.say(keys), theme.style(TextRole::Accent));
            write_at(buffer, area, 6, row, theme.say(does), theme.style(TextRole::Dim));
        }
        return;
    }
    let Some(answer) = view.current_answer().or(view.answer.as_ref()) else {
        write(buffer, area, 0, theme.say("waiting for the network…"), theme.style(TextRole::Dim));
        return;
    };
    let is_current = answer.id == view.id;
    let (verdict, role) = verdict(view, answer, context);
    let role = if is_current { role } else { TextRole::Dim };
    write(buffer, area, 0, &verdict, theme.style(role));
    let note = if is_current { "" } else { theme.say("of an earlier stroke…") };
    write(buffer, area, 1, note, theme.style(TextRole::Dim));
    let gap = if area.height > 13 { 3 } else { 1 + u16::from(area.height > 10 || !is_current) };
    let below = Rect { y: area.y + gap, height: area.height.saturating_sub(gap), ..area };
    bars(answer, is_current, below.intersection(area), buffer, context);
}

/// The prediction in words, and the role of the text.
fn verdict(view: &DrawView, answer: &Classified, context: &ViewContext) -> (String, TextRole) {
    let strength = answer.outputs.get(answer.prediction as usize).copied().unwrap_or(0.0);
    let name = context.class(answer.prediction);
    if strength < view.sliders.threshold() {
        (context.theme.fill("I don't know: {}?", &[&name]), TextRole::Warning)
    } else {
        (context.theme.fill("{} at {}", &[&name, &format!("{strength:.3}")]), TextRole::Good)
    }
}

fn bars(
    answer: &Classified,
    is_current: bool,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let theme = context.theme;
    let row = |(&output, class): (&f32, u32)| {
        let is_said = class == answer.prediction;
        let role = match (is_current, is_said) {
            (false, _) => TextRole::Dim,
            (true, true) => TextRole::Accent,
            (true, false) => TextRole::Text,
        };
        NamedBar {
            name: format!("{}{}", if is_said { "›" } else { " " }, context.class(class)),
            share: f64::from(output),
            value: format!("{output:.2}"),
            style: theme.style(role),
        }
    };
    let rows: Vec<NamedBar> = answer.outputs.iter().zip(0_u32..).map(row).collect();
    let columns = if usize::from(area.height) < rows.len() { 2 } else { 1 };
    let each = rows.len().div_ceil(columns).max(1);
    let areas = Layout::horizontal(vec![Constraint::Fill(1); columns]).spacing(1).split(area);
    for (part, area) in rows.chunks(each).zip(areas.iter()) {
        (&Bars { rows: part.to_vec(), theme: *theme }).render(*area, buffer);
    }
}

/// Draws the sliders in one column, or two if the height requires it; returns their tracks.
fn paint_sliders(view: &DrawView, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Vec<Rect> {
    let all = &view.sliders.all;
    let two = usize::from(area.height) < all.len() && area.width >= 2 * (NAME + VALUE + 4);
    let columns = if two { 2 } else { 1 };
    let each = all.len().div_ceil(columns);
    let areas = Layout::horizontal(vec![Constraint::Fill(1); columns]).spacing(2).split(area);
    // If not all fit, the selected one is among the visible ones.
    let height = usize::from(area.height).max(1);
    let first = (view.sliders.selected % each + 1).saturating_sub(height);
    let place = |index: usize| {
        let (column, row) = (areas[index / each], index % each);
        let line = row.checked_sub(first).filter(|row| *row < usize::from(area.height));
        line.map_or(Rect::ZERO, |line| Rect { y: column.y + line as u16, height: 1, ..column })
    };
    (0..all.len()).map(|index| slider(view, index, place(index), buffer, theme)).collect()
}

/// Draws a slider in one line; returns its track.
fn slider(view: &DrawView, index: usize, line: Rect, buffer: &mut Buffer, theme: &Theme) -> Rect {
    let slider = &view.sliders.all[index];
    if line.area() == 0 {
        return Rect::ZERO;
    }
    let is_selected = view.focus == DrawFocus::Sliders && view.sliders.selected == index;
    let role = if is_selected { TextRole::Accent } else { TextRole::Text };
    let pointer = if is_selected { "›" } else { " " };
    write(buffer, line, 0, &format!("{pointer}{}", theme.say(slider.name)), theme.style(role));
    let track = Rect {
        x: line.x + NAME.min(line.width),
        width: line.width.saturating_sub(NAME + VALUE),
        ..line
    };
    draw_track(slider.share(), is_selected, track, buffer, theme);
    let value = Rect { x: track.right(), width: VALUE, ..line }.intersection(line);
    write_at(buffer, value, 1, 0, &slider.text(theme), theme.style(role));
    track
}
