//! How the digits look.

use super::{Digits, List, filter, neighbours, votes};
use crate::protocol::{Card, Content, DigitOrder, Frame, What};
use crate::ui::theme::{Role, Theme};
use crate::ui::view::{Context, as_of};
use crate::ui::widgets::{Bars, Pane, Raster, Row, write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// A card of the contact sheet, in cells: the picture, a line of text, a gap.
pub(super) const CARD: [u16; 2] = [15, 8];

pub(super) fn draw(view: &mut Digits, area: Rect, buffer: &mut Buffer, context: &Context) {
    let theme = context.theme;
    let list = view.list(context);
    let note = list.map_or_else(String::new, |list| as_of(list.frame, context.theme));
    let title = title(view, list, theme);
    let inside = Pane::new(&title, theme).note(&note).draw(area, buffer);
    let line = u16::from(view.typing.is_some() || view.complaint.is_some());
    let [prompt, body] =
        Layout::vertical([Constraint::Length(line), Constraint::Fill(1)]).areas(inside);
    if let Some(text) = &view.typing {
        let end = write(buffer, prompt, 0, &format!("/{text}"), theme.style(Role::Title));
        write_at(buffer, prompt, end, 0, " ", theme.style(Role::Selected));
        let hint = theme.say("all right wrong is N said N");
        write_at(buffer, prompt, end + 2, 0, hint, theme.style(Role::Dim));
    } else if let Some(complaint) = &view.complaint {
        write(buffer, prompt, 0, &theme.tell(complaint), theme.style(Role::Warning));
    }
    view.place = body;
    view.grid =
        [u32::from((body.width + 1) / CARD[0]).max(1), u32::from(body.height / CARD[1]).max(1)];
    if view.sheet {
        sheet(view, body, buffer, context, list);
    } else {
        one(view, body, buffer, context, list);
    }
}

/// A filter in the reader's words.
fn in_words(view: &Digits, theme: &Theme) -> String {
    let words = filter::describe(view.filter);
    words.split(' ').map(|word| theme.say(word)).collect::<Vec<_>>().join(" ")
}

fn title(view: &Digits, list: Option<List>, theme: &Theme) -> String {
    let order = match view.order {
        DigitOrder::Index => "",
        DigitOrder::ConfidentlyWrong => theme.say(" · most confidently wrong first"),
    };
    let place = match list {
        Some(List { total: 0, .. }) => theme.say("none").to_string(),
        Some(List { total, selected_rank: Some(rank), .. }) => {
            theme.fill("{} of {}", &[&(rank + 1), &total])
        }
        Some(List { total, .. }) => format!("{total}"),
        None => String::new(),
    };
    format!("{} · {} · {place}{order}", theme.say("Digits"), in_words(view, theme))
}

/// The card of the contact sheet at a place on the screen.
pub(super) fn hit(place: Rect, grid: [u32; 2], column: u16, row: u16) -> Option<u32> {
    if !place.contains((column, row).into()) {
        return None;
    }
    let across = u32::from((column - place.x) / CARD[0]);
    let down = u32::from((row - place.y) / CARD[1]);
    (across < grid[0] && down < grid[1]).then_some(down * grid[0] + across)
}

fn sheet(view: &Digits, area: Rect, buffer: &mut Buffer, context: &Context, list: Option<List>) {
    let Some(list) = list else { return };
    cards((0..).zip(list.cards), view.grid, area, buffer, context);
}

/// Numbered cards, each at its place in rows from the left.
pub(super) fn cards<'a>(
    cards: impl Iterator<Item = (u32, &'a Card)>,
    grid: [u32; 2],
    area: Rect,
    buffer: &mut Buffer,
    context: &Context,
) {
    for (at, card) in cards {
        let (across, down) = (at % grid[0], at / grid[0]);
        if down >= grid[1] {
            return;
        }
        let place = Rect {
            x: area.x + across as u16 * CARD[0],
            y: area.y + down as u16 * CARD[1],
            width: CARD[0] - 1,
            height: CARD[1],
        };
        one_card(card, place.intersection(area), buffer, context);
    }
}

fn one_card(card: &Card, place: Rect, buffer: &mut Buffer, context: &Context) {
    let picture = Rect { height: place.height.saturating_sub(1), ..place };
    image(card, picture, buffer, context);
    let (verdict, role) = verdict(card, context);
    let role = if card.index == context.digit { Role::Selected } else { role };
    // Columns, not characters, fill the line.
    let air = usize::from(place.width).saturating_sub(verdict.width());
    let text = verdict + &" ".repeat(air);
    write(buffer, place, place.height.saturating_sub(1), &text, context.theme.style(role));
}

fn one(view: &mut Digits, area: Rect, buffer: &mut Buffer, context: &Context, list: Option<List>) {
    let theme = context.theme;
    let frame = context.frame(&What::Digit { index: context.digit });
    let Some(Content::Digit { card, outputs, votes }) = frame.map(|frame| &frame.content) else {
        write(buffer, area, 0, theme.say("waiting for the network…"), theme.style(Role::Dim));
        return;
    };
    let narrow = area.width < 50;
    let beside = if narrow { 14 } else { (area.width / 3).clamp(26, 44) };
    let picture = Rect { width: area.width.saturating_sub(beside + 2), ..area };
    let drawn = image(card, picture, buffer, context);
    let text = Rect {
        x: area.x + drawn.width + 2,
        width: area.width.saturating_sub(drawn.width + 2).min(beside + 20),
        ..area
    };
    let taken = heading(view, card, text, buffer, context, list, frame);
    let below = Rect { y: text.y + taken, height: text.height.saturating_sub(taken), ..text };
    let below = votes::draw(votes, card, below.intersection(area), buffer, context);
    let rows = (outputs.len() as u16).min(below.height);
    let rest = Rect { y: below.y + rows, height: below.height - rows, ..below };
    if neighbours::draw(view, rest, buffer, context, list) {
        bars(card, outputs, Rect { height: rows, ..below }, buffer, context);
    } else {
        bars(card, outputs, below, buffer, context);
    }
}

/// What the image is and what it was taken for; returns the rows it took.
fn heading(
    view: &Digits,
    card: &Card,
    area: Rect,
    buffer: &mut Buffer,
    context: &Context,
    list: Option<List>,
    frame: Option<&Frame>,
) -> u16 {
    let theme = context.theme;
    let (verdict, role) = verdict(card, context);
    write(buffer, area, 0, &verdict, theme.style(role));
    let left = left_the_list(view, list, frame, theme);
    if area.height < 16 {
        if let Some(sentence) = &left {
            write(buffer, area, 1, sentence, theme.style(Role::Warning));
        }
        return 1 + u16::from(left.is_some());
    }
    let is = theme.fill("true label {}", &[&context.class(card.label)]);
    write(buffer, area, 1, &is, theme.style(Role::Text));
    let confidence = format!("{:.3}", card.confidence);
    let said = theme.fill("prediction {} at {}", &[&context.class(card.prediction), &confidence]);
    write(buffer, area, 2, &said, theme.style(Role::Text));
    let index = theme.fill("test image {}", &[&card.index]);
    write(buffer, area, 3, &index, theme.style(Role::Dim));
    if let Some(sentence) = &left {
        write(buffer, area, 4, sentence, theme.style(Role::Warning));
    }
    6
}

/// The outputs as bars, in two columns where one is too short for all.
fn bars(card: &Card, outputs: &[f32], area: Rect, buffer: &mut Buffer, context: &Context) {
    let theme = context.theme;
    let narrow = area.width < 24;
    let row = |(&output, class): (&f32, u32)| {
        let role = match class {
            class if class == card.label => Role::Good,
            class if class == card.prediction => Role::Bad,
            _ => Role::Text,
        };
        let mark = if class == card.prediction { "›" } else { " " };
        Row {
            name: format!("{mark}{}", context.class(class)),
            share: f64::from(output),
            value: if narrow { format!("{output:.2}") } else { format!("{output:.3}") },
            style: theme.style(role),
        }
    };
    let rows: Vec<Row> = outputs.iter().zip(0_u32..).map(row).collect();
    let height = usize::from(area.height);
    let columns = if height < rows.len() { 2 } else { 1 };
    let each = rows.len().div_ceil(columns).min(height.max(1));
    let areas = Layout::horizontal(vec![Constraint::Fill(1); columns]).spacing(1).split(area);
    for (part, area) in rows.chunks(each.max(1)).zip(areas.iter()) {
        (&Bars { rows: part.to_vec(), theme: *theme }).render(*area, buffer);
    }
}

/// The selected image no longer belongs to the list, in words.
fn left_the_list(
    view: &Digits,
    list: Option<List>,
    frame: Option<&Frame>,
    theme: &Theme,
) -> Option<String> {
    let list = list?;
    let known =
        matches!(&list.frame.probe.what, What::Digits(q) if Some(q.selected?) == digit(frame));
    (known && list.selected_rank.is_none() && view.wanted.is_none())
        .then(|| theme.fill("not among: {}", &[&in_words(view, theme)]))
}

fn digit(frame: Option<&Frame>) -> Option<u32> {
    match frame?.probe.what {
        What::Digit { index } => Some(index),
        _ => None,
    }
}

/// Draws a card's pixels; returns the cells they took.
fn image(card: &Card, area: Rect, buffer: &mut Buffer, context: &Context) -> Rect {
    let info = context.run.info.as_ref();
    let size = info.map_or([0, 0], |info| [info.image_width as usize, info.image_height as usize]);
    let pixels: Vec<f32> = card.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    let raster = Raster::image(&pixels, size, 255.0, context.theme);
    (&raster).render(area, buffer);
    raster.fitted(area)
}

/// Right or wrong, told by a sign as well as by colour.
fn verdict(card: &Card, context: &Context) -> (String, Role) {
    let (is, said) = (context.class(card.label), context.class(card.prediction));
    if card.label == card.prediction {
        (format!("✓ {said}"), Role::Good)
    } else {
        (format!("✗ {}", context.theme.fill("{}, is {}", &[&said, &is])), Role::Bad)
    }
}
