//! The images beside the selected one in the list, if there is room.

use super::cards::{CARD, cards};
use super::{DigitsView, List};
use crate::ui::theme::TextRole;
use crate::ui::view::ViewContext;
use crate::ui::widgets::write;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::ops::Range;

/// Rows above the images: a gap and a heading.
const ABOVE: u16 = 2;
/// Maximum number of images.
const MAX_COUNT: u32 = 24;

/// The ranks shown together with `rank`. They change by whole pages, so that moving through the
/// list changes only a mark, which takes few bytes.
pub(super) fn page([columns, rows]: [u32; 2], rank: u32) -> Range<u32> {
    let size = (columns * rows).max(1);
    let first = rank / size * size;
    first..first.saturating_add(size)
}

/// Draws the images beside the selected one; returns whether there is room for at least one.
pub(super) fn draw(
    view: &mut DigitsView,
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
    list: Option<List>,
) -> bool {
    let columns = u32::from((area.width + 1) / CARD[0]);
    let rows = u32::from(area.height.saturating_sub(ABOVE) / CARD[1]);
    let fits = columns > 0 && rows > 0;
    view.beside = if fits {
        [columns.min(MAX_COUNT), rows.min(MAX_COUNT / columns.min(MAX_COUNT))]
    } else {
        [0, 0]
    };
    let below = |rows| Rect { y: area.y + rows, height: area.height.saturating_sub(rows), ..area };
    view.beside_place = if fits { below(ABOVE) } else { Rect::ZERO };
    let Some(list) = list.filter(|list| fits && list.total > 1) else { return fits };
    let page = page(view.beside, list.selected_rank.unwrap_or(view.rank));
    let heading = context.theme.say("beside it in the list");
    write(buffer, below(1), 0, heading, context.theme.style(TextRole::Dim));
    let known = (0..).zip(page).filter_map(|(at, rank)| Some((at, list.card(rank)?)));
    cards(known, view.beside, view.beside_place, buffer, context);
    true
}
