//! The votes of an ensemble's networks on one image.

use crate::protocol::Card;
use crate::ui::theme::TextRole;
use crate::ui::view::ViewContext;
use crate::ui::widgets::{write, write_at};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use unicode_width::UnicodeWidthStr;

/// Draws the votes of the networks at the bottom of an area; returns the rest of it.
pub(super) fn draw(
    votes: &[u32],
    card: &Card,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
) -> Rect {
    if votes.is_empty() {
        return area;
    }
    let texts: Vec<String> =
        (1..).zip(votes).map(|(network, &vote)| text(network, vote, card, context)).collect();
    let cell = texts.iter().map(|text| text.width()).max().unwrap_or(1) as u16 + 2;
    let across = usize::from((area.width / cell).max(1));
    let rows = votes.len().div_ceil(across).min(usize::from(area.height / 2)) as u16;
    let [rest, heading, list] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(2), Constraint::Length(rows)])
            .areas(area);
    let theme = context.theme;
    let agree = votes.iter().filter(|&&vote| vote == card.prediction).count();
    let said = context.class(card.prediction);
    let line = theme.fill("{} of {} networks say {}", &[&agree, &votes.len(), &said]);
    write(buffer, heading, 1, &line, theme.style(TextRole::Text));
    for (index, (text, &vote)) in texts.iter().zip(votes).enumerate() {
        let role = if vote == card.label { TextRole::Good } else { TextRole::Bad };
        let (column, row) = ((index % across) as u16 * cell, (index / across) as u16);
        write_at(buffer, list, column, row, text, theme.style(role));
    }
    rest
}

/// A network's vote, marked as right or wrong by a sign.
fn text(network: usize, vote: u32, card: &Card, context: &ViewContext) -> String {
    let sign = if vote == card.label { "✓" } else { "✗" };
    format!("{network}: {} {sign}", context.class(vote))
}
