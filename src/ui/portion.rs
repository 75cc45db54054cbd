//! Splits a frame into parts, for connections on which a whole one would take seconds.

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell};
use std::io;
use unicode_width::UnicodeWidthStr;

/// Number of cells that are sent together.
const CELLS: usize = 24;
/// Bytes of a frame in addition to its cells: start, end and cursor.
const OVERHEAD: usize = 64;

/// Applies as many changes to the shown frame as fit in `bytes`, starting at a row. Returns the
/// resulting frame and the row to continue at; `None` if the frame is complete.
///
/// # Errors
/// Never: cells are encoded into memory.
pub(super) fn portion(
    shown: &Buffer,
    next: Buffer,
    first_row: u16,
    bytes: usize,
) -> io::Result<(Buffer, Option<u16>)> {
    if bytes == usize::MAX {
        return Ok((next, None));
    }
    // The terminal is cleared when its size changes.
    let mut frame = if shown.area == next.area { shown.clone() } else { Buffer::empty(next.area) };
    let before = frame.clone();
    let mut changes = before.diff(&next);
    let middle = changes.partition_point(|(_, y, _)| *y < first_row);
    changes.rotate_left(middle);
    let mut left = bytes.saturating_sub(OVERHEAD);
    for some in changes.chunks(CELLS) {
        let Some(rest) = left.checked_sub(encoded(some)?) else {
            return Ok((frame, some.first().map(|(_, y, _)| *y)));
        };
        left = rest;
        for &(x, y, cell) in some {
            frame[(x, y)] = cell.clone();
            let is_wide = cell.symbol().width() > 1;
            if is_wide && x + 1 < frame.area.right() {
                frame[(x + 1, y)] = next[(x + 1, y)].clone();
            }
        }
    }
    Ok((next, None))
}

/// The number of bytes of cells on a terminal.
fn encoded(cells: &[(u16, u16, &Cell)]) -> io::Result<usize> {
    let mut out = Vec::new();
    CrosstermBackend::new(&mut out).draw(cells.iter().copied())?;
    Ok(out.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    fn screen(letter: &str) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 30));
        for position in buffer.area.positions() {
            let colour = Color::Rgb(position.x as u8, position.y as u8, 7);
            buffer[position].set_symbol(letter).set_style(Style::new().fg(colour));
        }
        buffer
    }

    #[test]
    fn parts_add_up_to_the_whole_frame() {
        let (mut shown, next) = (Buffer::empty(Rect::new(0, 0, 1, 1)), screen("x"));
        let (mut row, mut pieces) = (0, 0);
        loop {
            let (frame, rest) = portion(&shown, next.clone(), row, 6000).unwrap();
            let before = if shown.area == frame.area { shown } else { Buffer::empty(frame.area) };
            assert!(encoded(&before.diff(&frame)).unwrap() <= 6000);
            shown = frame;
            pieces += 1;
            match rest {
                None => break,
                Some(next_row) => row = next_row,
            }
        }
        assert_eq!(shown, next);
        assert!(pieces > 5, "{pieces}");
    }

    #[test]
    fn a_changing_area_does_not_starve_the_rest() {
        let mut shown = Buffer::empty(Rect::new(0, 0, 100, 30));
        let mut row = 0;
        for number in 0..60 {
            let mut next = screen("x");
            for x in 0..100 {
                next[(x, 0)].set_symbol(if number % 2 == 0 { "-" } else { "+" });
            }
            let (frame, rest) = portion(&shown, next, row, 3000).unwrap();
            shown = frame;
            row = rest.unwrap_or(0);
        }
        assert_eq!(shown[(99, 29)].symbol(), "x");
    }

    #[test]
    fn without_a_limit_the_frame_is_complete() {
        let (frame, rest) = portion(&screen("a"), screen("b"), 9, usize::MAX).unwrap();
        assert_eq!((frame, rest), (screen("b"), None));
    }
}
