//! Draws the digits view.

use super::cards::{CARD, cards, image, verdict};
use super::{DigitsView, List, filter, neighbours, votes};
use crate::protocol::{Card, Content, DigitOrder, Frame, ProbeQuery};
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::ViewContext;
use crate::ui::widgets::{Bars, NamedBar, Pane, write, write_at, write_wrapped};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::Widget;

pub(super) fn draw(view: &mut DigitsView, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    let list = view.list(context);
    let note = list.map_or_else(String::new, |list| context.as_of(list.frame));
    let title = title(view, list, theme);
    let inside = Pane::new(&title, theme).note(&note).draw(area, buffer);
    let line = u16::from(view.typing.is_some() || view.filter_error.is_some());
    let [prompt, body] =
        Layout::vertical([Constraint::Length(line), Constraint::Fill(1)]).areas(inside);
    if let Some(text) = &view.typing {
        let end = write(buffer, prompt, 0, &format!("/{text}"), theme.style(TextRole::Title));
        write_at(buffer, prompt, end, 0, " ", theme.style(TextRole::Selected));
        let hint = theme.say("all right wrong is N said N");
        write_at(buffer, prompt, end + 2, 0, hint, theme.style(TextRole::Dim));
    } else if let Some(filter_error) = &view.filter_error {
        write(buffer, prompt, 0, &filter_error.text(theme), theme.style(TextRole::Warning));
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

/// The filter in words.
fn in_words(view: &DigitsView, theme: &Theme) -> String {
    let words = filter::describe(view.filter);
    words.split(' ').map(|word| theme.say(word)).collect::<Vec<_>>().join(" ")
}

fn title(view: &DigitsView, list: Option<List>, theme: &Theme) -> String {
    let order = match view.order {
        DigitOrder::Index => "",
        DigitOrder::ConfidentlyWrong => theme.say(" · most confidently wrong first"),
    };
    let place = match list {
        Some(List { total: 0, .. }) => theme.say("none").to_string(),
        Some(List { total, selected_rank: Some(rank), .. }) => {
            theme.fill("{} of {}", &[&rank.saturating_add(1), &total])
        }
        Some(List { total, .. }) => format!("{total}"),
        None => String::new(),
    };
    format!("{} · {} · {place}{order}", theme.say("Digits"), in_words(view, theme))
}

fn sheet(
    view: &DigitsView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    list: Option<List>,
) {
    if let Some(why) = view.unavailable(context) {
        let theme = context.theme;
        return write_wrapped(buffer, area, theme.say(why), theme.style(TextRole::Warning));
    }
    let Some(list) = list else { return };
    cards((0..).zip(list.cards), view.grid, area, buffer, context);
}

fn one(
    view: &mut DigitsView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    list: Option<List>,
) {
    let theme = context.theme;
    if let Some(why) = view.unavailable(context) {
        return write_wrapped(buffer, area, theme.say(why), theme.style(TextRole::Warning));
    }
    if list.is_none() && view.wanted.is_some() {
        // Which image belongs here is not known yet.
        let text = match view.measuring(context) {
            Some((done, total)) => {
                theme.fill("looking at the test images: {} of {}", &[&done, &total])
            }
            None => theme.say("waiting for the network…").to_string(),
        };
        write(buffer, area, 0, &text, theme.style(TextRole::Dim));
        return;
    }
    let frame = context.frame(&ProbeQuery::Digit { index: context.digit });
    let Some(Content::Digit { card, outputs, votes }) = frame.map(|frame| &frame.content) else {
        return context.write_missing(frame, area, buffer);
    };
    let narrow = area.width < 50;
    let beside = if narrow { 14 } else { (area.width / 3).clamp(26, 44) };
    let picture = Rect { width: area.width.saturating_sub(beside + 2), ..area };
    let drawn = image(card, picture, buffer, context);
    let text = Rect {
        x: area.x + drawn.width + 2,
        width: area.width.saturating_sub(drawn.width + 2),
        ..area
    };
    let taken = heading(view, card, text, buffer, context, list, frame);
    let below = Rect { y: text.y + taken, height: text.height.saturating_sub(taken), ..text };
    let below = votes::draw(votes, card, below.intersection(area), buffer, context);
    let rows = (outputs.len() as u16).min(below.height);
    let rest = Rect { y: below.y + rows, height: below.height - rows, ..below };
    let below = Rect { width: below.width.min(beside + 20), ..below };
    if neighbours::draw(view, rest, buffer, context, list) {
        bars(card, outputs, Rect { height: rows, ..below }, buffer, context);
    } else {
        bars(card, outputs, below, buffer, context);
    }
}

/// Writes label and prediction; returns the number of rows used.
fn heading(
    view: &DigitsView,
    card: &Card,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    list: Option<List>,
    frame: Option<&Frame>,
) -> u16 {
    let theme = context.theme;
    let (verdict, role) = verdict(card, context);
    write(buffer, area, 0, &verdict, theme.style(role));
    let left = left_the_list(view, list, frame, theme);
    if area.height < 16 {
        if let Some(sentence) = &left {
            write(buffer, area, 1, sentence, theme.style(TextRole::Warning));
        }
        return 1 + u16::from(left.is_some());
    }
    let is = theme.fill("true label {}", &[&context.class(card.label)]);
    write(buffer, area, 1, &is, theme.style(TextRole::Text));
    let confidence = format!("{:.3}", card.confidence);
    let said = theme.fill("prediction {} at {}", &[&context.class(card.prediction), &confidence]);
    write(buffer, area, 2, &said, theme.style(TextRole::Text));
    let index = theme.fill("test image {}", &[&card.index]);
    write(buffer, area, 3, &index, theme.style(TextRole::Dim));
    if let Some(sentence) = &left {
        write(buffer, area, 4, sentence, theme.style(TextRole::Warning));
    }
    6
}

/// Draws the outputs as bars, in two columns if they do not fit in one.
fn bars(card: &Card, outputs: &[f32], area: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let theme = context.theme;
    let narrow = area.width < 24;
    let row = |(&output, class): (&f32, u32)| {
        let role = match class {
            class if class == card.label => TextRole::Good,
            class if class == card.prediction => TextRole::Bad,
            _ => TextRole::Text,
        };
        let mark = if class == card.prediction { "›" } else { " " };
        NamedBar {
            name: format!("{mark}{}", context.class(class)),
            share: f64::from(output),
            value: if narrow { format!("{output:.2}") } else { format!("{output:.3}") },
            style: theme.style(role),
        }
    };
    let rows: Vec<NamedBar> = outputs.iter().zip(0_u32..).map(row).collect();
    let height = usize::from(area.height);
    let columns = if height < rows.len() { 2 } else { 1 };
    let each = rows.len().div_ceil(columns).min(height.max(1));
    let areas = Layout::horizontal(vec![Constraint::Fill(1); columns]).spacing(1).split(area);
    for (part, area) in rows.chunks(each.max(1)).zip(areas.iter()) {
        (&Bars { rows: part.to_vec(), theme: *theme }).render(*area, buffer);
    }
}

/// A sentence if the selected image is no longer in the list.
fn left_the_list(
    view: &DigitsView,
    list: Option<List>,
    frame: Option<&Frame>,
    theme: &Theme,
) -> Option<String> {
    let list = list?;
    let known = matches!(&list.frame.probe.what, ProbeQuery::Digits(q) if Some(q.selected?) == digit(frame));
    (known && list.selected_rank.is_none() && view.wanted.is_none())
        .then(|| theme.fill("not among: {}", &[&in_words(view, theme)]))
}

fn digit(frame: Option<&Frame>) -> Option<u32> {
    match frame?.probe.what {
        ProbeQuery::Digit { index } => Some(index),
        _ => None,
    }
}
