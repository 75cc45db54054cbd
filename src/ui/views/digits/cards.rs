//! Images as cards in rows: an image with a line of text each.

use crate::protocol::Card;
use crate::ui::theme::TextRole;
use crate::ui::view::ViewContext;
use crate::ui::widgets::{Raster, write};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

/// Size of a card of the contact sheet in cells: the image, a line of text, a gap.
pub(super) const CARD: [u16; 2] = [15, 8];

/// The card of the contact sheet at a position on the screen.
pub(super) fn hit(place: Rect, grid: [u32; 2], column: u16, row: u16) -> Option<u32> {
    if !place.contains((column, row).into()) {
        return None;
    }
    let across = u32::from((column - place.x) / CARD[0]);
    let down = u32::from((row - place.y) / CARD[1]);
    (across < grid[0] && down < grid[1]).then_some(down * grid[0] + across)
}

/// Draws cards at their indices in the grid, row by row; those after the last row are omitted.
pub(super) fn cards<'a>(
    cards: impl Iterator<Item = (u32, &'a Card)>,
    grid: [u32; 2],
    area: Rect,
    buffer: &mut Buffer,
    context: &ViewContext,
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

fn one_card(card: &Card, place: Rect, buffer: &mut Buffer, context: &ViewContext) {
    let picture = Rect { height: place.height.saturating_sub(1), ..place };
    image(card, picture, buffer, context);
    let (verdict, role) = verdict(card, context);
    let role = if card.index == context.digit { TextRole::Selected } else { role };
    // The line is padded by its width in columns, not by its characters.
    let padding = usize::from(place.width).saturating_sub(verdict.width());
    let text = verdict + &" ".repeat(padding);
    write(buffer, place, place.height.saturating_sub(1), &text, context.theme.style(role));
}

/// Draws the pixels of a card; returns the area they take.
pub(super) fn image(card: &Card, area: Rect, buffer: &mut Buffer, context: &ViewContext) -> Rect {
    let info = context.run.info.as_ref();
    let size = info.map_or([0, 0], |info| [info.image_width as usize, info.image_height as usize]);
    let pixels: Vec<f32> = card.pixels.iter().map(|&pixel| f32::from(pixel)).collect();
    let raster = Raster::picture(&pixels, size, context.theme);
    (&raster).render(area, buffer);
    raster.fitted(area)
}

/// Whether the image is classified correctly, by a sign and a colour.
pub(super) fn verdict(card: &Card, context: &ViewContext) -> (String, TextRole) {
    let (is, said) = (context.class(card.label), context.class(card.prediction));
    if card.label == card.prediction {
        (format!("✓ {said}"), TextRole::Good)
    } else {
        (format!("✗ {}", context.theme.fill("{}, is {}", &[&said, &is])), TextRole::Bad)
    }
}
