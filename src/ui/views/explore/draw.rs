//! Lays out the explorables view: list, sliders, figures, explanations.

use super::{ExploreFocus, ExploreView, sliders};
use crate::protocol::{Explorable, Figure, FigureBody, Neuron};
use crate::ui::theme::TextRole;
use crate::ui::view::ViewContext;
use crate::ui::views::figures::body;
use crate::ui::widgets::{ChartState, Pane, wrap, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use unicode_width::UnicodeWidthStr;

/// Minimum size with a visible list.
const WIDE: [u16; 2] = [100, 30];
/// Columns of the sliders beside the figures, without and with the list.
const SLIDERS: u16 = 32;
const SLIDERS_WIDE: u16 = 42;
/// Minimum columns for two figures side by side.
const TWO_FIGURES: u16 = 72;
/// Minimum columns for two images side by side.
const TWO_IMAGES: u16 = 40;
/// Preferred rows of a chart.
const COMFORTABLE_ROWS: u16 = 10;
/// Minimum height of all figures for captions with their own rows.
const CAPTIONED: u16 = 24;
/// Minimum height of a figure.
const MIN_ROWS: u16 = 6;

/// Draws the view and stores the areas of its parts for the mouse.
pub(super) fn draw(view: &mut ExploreView, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    view.places = super::ExploreAreas::default();
    let Some(explorable) = view.list.get(view.open).cloned() else {
        write(buffer, area, 0, "…", context.theme.style(TextRole::Dim));
        return;
    };
    let wide = area.width >= WIDE[0] && area.height >= WIDE[1];
    if wide {
        let [left, right] = beside(area, SLIDERS_WIDE);
        let wanted = (sliders::rows(&explorable) + 2).min(area.height * 2 / 3);
        let [panel, list] =
            Layout::vertical([Constraint::Length(wanted), Constraint::Fill(1)]).areas(left);
        draw_list(view, list, buffer, context);
        draw_sliders(view, panel, buffer, context, &explorable);
        let words = words(&explorable, right.width.saturating_sub(4), [true; 2], context);
        let height = words.len() as u16 + 2;
        let [figures, text] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(right);
        draw_figures(view, figures, buffer, context);
        draw_words(&words, text, buffer, context);
    } else if view.focus == ExploreFocus::List {
        draw_list(view, area, buffer, context);
    } else if area.width >= 2 * SLIDERS {
        let [left, right] = beside(area, SLIDERS);
        draw_left(view, left, buffer, context, &explorable);
        draw_figures(view, right, buffer, context);
    } else {
        let wanted = (sliders::rows(&explorable) + 2).min(area.height / 2);
        let [panel, figures] =
            Layout::vertical([Constraint::Length(wanted), Constraint::Fill(1)]).areas(area);
        draw_sliders(view, panel, buffer, context, &explorable);
        draw_figures(view, figures, buffer, context);
    }
}

/// Draws the sliders and below them the texts about what to try and to notice, one at a time if
/// both do not fit.
fn draw_left(
    view: &mut ExploreView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    explorable: &Explorable,
) {
    let touched = view.sliders.values != explorable.defaults();
    let panel = sliders::rows(explorable) + 2;
    let words = |parts| words(explorable, area.width.saturating_sub(4), parts, context);
    let both = words([true; 2]);
    let fits = panel + both.len() as u16 + 2 <= area.height;
    let words = if fits { both } else { words([!touched, touched]) };
    let text = words.len() as u16 + 2;
    let panel = panel.clamp(area.height.min(5), area.height.saturating_sub(text).max(8));
    let [panel, text] =
        Layout::vertical([Constraint::Length(panel), Constraint::Fill(1)]).areas(area);
    draw_sliders(view, panel, buffer, context, explorable);
    draw_words(&words, text, buffer, context);
}

fn draw_sliders(
    view: &mut ExploreView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    explorable: &Explorable,
) {
    let place = format!("{}/{}", view.open + 1, view.list.len());
    let note = if view.playing { context.theme.say("playing").into() } else { place };
    let inside = Pane::new(&explorable.title, context.theme).note(&note).draw(area, buffer);
    let focused = view.focus == ExploreFocus::Sliders;
    view.places.spots =
        sliders::draw(explorable, &view.sliders, focused, inside, buffer, context.theme);
}

fn draw_list(view: &mut ExploreView, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    let focused = view.focus == ExploreFocus::List;
    let inside = Pane::new("Explorables", theme).lit(focused).draw(area, buffer);
    let height = usize::from(inside.height);
    let most = view.list.len().saturating_sub(height);
    let first = view.open.saturating_sub(height / 2).min(most);
    for (row, (index, explorable)) in
        (0..inside.height).zip(view.list.iter().enumerate().skip(first))
    {
        let open = index == view.open;
        let role = match (open, focused) {
            (true, true) => TextRole::Selected,
            (true, false) => TextRole::Accent,
            (false, _) => TextRole::Text,
        };
        let mark = if open { "›" } else { " " };
        write(buffer, inside, row, mark, theme.style(TextRole::Accent));
        let chapter = format!("{}", explorable.chapter);
        write_at(buffer, inside, 2, row, &chapter, theme.style(TextRole::Dim));
        write_at(buffer, inside, 4, row, &explorable.title, theme.style(role));
    }
    (view.places.list, view.places.first) = (inside, first);
}

fn draw_figures(view: &mut ExploreView, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let Some(shown) = view.shown.take() else { return };
    let chosen: Vec<usize> = match view.alone {
        Some(index) if index < shown.figures.len() => vec![index],
        _ => (0..shown.figures.len()).collect(),
    };
    let chosen = if area.height < 2 * MIN_ROWS && area.width < TWO_FIGURES {
        chosen.into_iter().take(1).collect()
    } else {
        chosen
    };
    for (index, place) in arrange(&shown.figures, &chosen, area) {
        draw_figure(view, &shown.figures, index, place, buffer, context);
        view.places.figures.push((index, place));
    }
    view.shown = Some(shown);
}

fn draw_figure(
    view: &mut ExploreView,
    figures: &[Figure],
    index: usize,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) {
    let figure = &figures[index];
    let before = view.before.iter().find(|before| before.id == figure.id);
    let changed = before.is_some_and(|before| before.body != figure.body);
    let note = match view.alone {
        Some(_) => context.theme.fill("{} of {} · f next", &[&(index + 1), &figures.len()]),
        None if changed => context.theme.say("changed").into(),
        None => String::new(),
    };
    let inside =
        Pane::new(&figure.title, context.theme).note(&note).lit(changed).draw(area, buffer);
    let caption = wrap(&figure.caption, inside.width.saturating_sub(2));
    let lines = caption.len() as u16;
    let room = inside.height >= lines + content(&figure.body).unwrap_or(9);
    let foot = if figure.caption.is_empty() || !room { 0 } else { lines };
    let [picture, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(foot)]).areas(inside);
    let mut first = view.scroll;
    let old = before.map(|before| &before.body);
    // Only a figure shown alone keeps the state of its chart: its zoom and its hidden curves.
    let chart = if view.alone.is_some() { &mut view.chart } else { &mut ChartState::default() };
    body::draw(&figure.body, old, picture, buffer, context, &mut first, chart);
    if view.alone.is_some() {
        view.scroll = first;
    }
    let below = Rect { x: below.x + 1, width: below.width.saturating_sub(2), ..below };
    for (row, line) in (0..below.height).zip(&caption) {
        write(buffer, below, row, line, context.theme.style(TextRole::Dim));
    }
}

fn beside(area: Rect, left: u16) -> [Rect; 2] {
    Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]).areas(area)
}

/// The rows of a body with a fixed height; `None` if its height adapts to the area.
fn content(body: &FigureBody) -> Option<u16> {
    match body {
        FigureBody::Table { header, rows } => {
            Some(rows.len() as u16 + u16::from(!header.is_empty()))
        }
        FigureBody::Bars { bars, .. } => Some(bars.len() as u16),
        FigureBody::Text(lines) => Some(lines.len() as u16),
        // A chain of neurons at one height is drawn without frames, which takes at most two rows.
        FigureBody::Wiring { neurons, .. } => {
            let [first, rest @ ..] = neurons.as_slice() else { return None };
            let level = |neuron: &Neuron| (neuron.at[1] - first.at[1]).abs() < 1e-6;
            rest.iter().all(level).then_some(2)
        }
        _ => None,
    }
}

/// The areas of the figures, in rows that share the height.
fn arrange(figures: &[Figure], chosen: &[usize], area: Rect) -> Vec<(usize, Rect)> {
    let rows = rows(figures, chosen, area);
    let high = |row: &Vec<usize>| {
        let fixed: Option<Vec<u16>> = row.iter().map(|&i| needed(&figures[i], area)).collect();
        match fixed.and_then(|rows| rows.into_iter().max()) {
            Some(needed) if rows.len() > 1 => {
                Constraint::Length(needed.min(area.height.saturating_sub(MIN_ROWS)))
            }
            _ => Constraint::Fill(row.iter().map(|&i| weight(&figures[i])).max().unwrap_or(1)),
        }
    };
    let heights = Layout::vertical(rows.iter().map(high)).split(area);
    let mut places = Vec::new();
    for (row, line) in rows.iter().zip(heights.iter()) {
        let wide = |&index: &usize| match natural_width(&figures[index].body) {
            Some(width) if row.len() > 1 => Constraint::Length(width.min(line.width / 2)),
            _ => Constraint::Fill(1),
        };
        let columns = Layout::horizontal(row.iter().map(wide)).split(*line);
        places.extend(row.iter().copied().zip(columns.iter().copied()));
    }
    places
}

/// The figures of each row: images and tables side by side, and charts if there are few rows. Low
/// figures have a row of their own.
fn rows(figures: &[Figure], chosen: &[usize], area: Rect) -> Vec<Vec<usize>> {
    let is_short = |&index: &usize| {
        needed(&figures[index], area).is_some_and(|rows| rows <= (area.height / 3).max(4))
    };
    let short: u16 =
        chosen.iter().filter(|i| is_short(i)).filter_map(|&i| needed(&figures[i], area)).sum();
    let tall = chosen.iter().filter(|i| !is_short(i)).count() as u16;
    let crowded = area.height.saturating_sub(short) < tall * COMFORTABLE_ROWS;
    let is_image = |index: usize| matches!(figures[index].body, FigureBody::Images { .. });
    let is_narrow = |index: usize| {
        use FigureBody::{Bars, Images, Surface, Table};
        matches!(figures[index].body, Surface { .. } | Images { .. } | Table { .. } | Bars { .. })
    };
    let wide = area.width >= TWO_FIGURES;
    let pairs = |left: usize, right: usize| match (is_short(&right), wide) {
        (true, wide) => wide && is_image(left),
        (false, true) => crowded || is_narrow(left) || is_narrow(right),
        (false, false) => area.width >= TWO_IMAGES && is_image(left) && is_image(right),
    };
    let mut rows: Vec<Vec<usize>> = Vec::new();
    for &index in chosen {
        match rows.last_mut() {
            Some(row) if row.len() == 1 && !is_short(&row[0]) && pairs(row[0], index) => {
                row.push(index);
            }
            _ => rows.push(vec![index]),
        }
    }
    rows
}

/// The weight of a figure when the height is divided among figures without a fixed height.
fn weight(figure: &Figure) -> u16 {
    match &figure.body {
        FigureBody::Images { height, .. } => (*height / 2 + 3).min(40) as u16,
        _ => 12,
    }
}

/// The columns of a figure with a fixed width, including its frame; `None` for other figures.
fn natural_width(body: &FigureBody) -> Option<u16> {
    let FigureBody::Table { header, rows } = body else { return None };
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width());
        cells.chain([header[column].width()]).max().unwrap_or(0)
    };
    let columns: usize = (0..header.len()).map(|column| widest(column) + 2).sum();
    Some(columns as u16 + 2)
}

/// The rows of a figure with a fixed height, including its frame, and its caption if the area has
/// at least [`CAPTIONED`] rows.
fn needed(figure: &Figure, area: Rect) -> Option<u16> {
    let caption = match figure.caption.as_str() {
        "" => 0,
        _ if area.height < CAPTIONED => 0,
        caption => caption.width().div_ceil(usize::from(area.width.max(8) - 4)) as u16,
    };
    content(&figure.body).map(|rows| rows + caption + 2)
}

/// Columns of the headings before the texts; 0 if they are above the texts.
fn indent(width: u16) -> u16 {
    if width >= 50 { 8 } else { 0 }
}

/// The lines of what to try and to notice, each with its heading, if any, and its text.
fn words(
    explorable: &Explorable,
    width: u16,
    parts: [bool; 2],
    context: &ViewContext,
) -> Vec<[String; 2]> {
    let texts = [("Try", &explorable.to_try), ("Notice", &explorable.to_notice)];
    let mut lines = Vec::new();
    for ((head, text), _) in texts.into_iter().zip(parts).filter(|(_, wanted)| *wanted) {
        let mut head = context.theme.say(head).to_string();
        if indent(width) == 0 {
            lines.push([std::mem::take(&mut head), String::new()]);
        }
        let wrapped = wrap(text, width.saturating_sub(indent(width))).into_iter();
        lines.extend(wrapped.map(|line| [std::mem::take(&mut head), line]));
    }
    lines
}

fn draw_words(lines: &[[String; 2]], area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    if area.height < 3 {
        return;
    }
    let inside = Pane::new("", theme).draw(area, buffer);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    for (row, [head, line]) in (0..inside.height).zip(lines) {
        write(buffer, inside, row, head, theme.style(TextRole::Accent));
        write_at(buffer, inside, indent(inside.width), row, line, theme.style(TextRole::Text));
    }
}
