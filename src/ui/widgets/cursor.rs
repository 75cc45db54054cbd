//! A cursor in a grid of cells, moved by arrows, `h j k l`, Home, End, PgUp and PgDn.

use crossterm::event::KeyCode;

/// The shape of a grid with a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridShape {
    /// Total number of cells.
    pub count: usize,
    /// Number of cells per row.
    pub columns: usize,
    /// Rows that PgUp and PgDn move by; 0 if they have another purpose.
    pub page: usize,
    /// Whether left and right continue in the next row or stop at the edges.
    pub wraps: bool,
}

impl GridShape {
    /// The position after a key; `None` if the key does not move the cursor.
    #[must_use]
    pub fn moved(self, at: usize, code: KeyCode) -> Option<usize> {
        let columns = self.columns.max(1);
        let last = self.count.saturating_sub(1);
        let column = at % columns;
        let next = match code {
            KeyCode::Left | KeyCode::Char('h') if self.wraps || column > 0 => at.saturating_sub(1),
            KeyCode::Right | KeyCode::Char('l') if self.wraps || column + 1 < columns => at + 1,
            KeyCode::Left | KeyCode::Right | KeyCode::Char('h' | 'l') => at,
            KeyCode::Up | KeyCode::Char('k') => self.up(at, columns),
            KeyCode::Down | KeyCode::Char('j') => self.down(at, columns),
            KeyCode::PageUp if self.page > 0 => at.saturating_sub(self.page * columns),
            KeyCode::PageDown if self.page > 0 => at + self.page * columns,
            KeyCode::Home => 0,
            KeyCode::End => last,
            _ => return None,
        };
        Some(next.min(last))
    }

    fn up(self, at: usize, columns: usize) -> usize {
        if self.wraps { at.saturating_sub(columns) } else { at.checked_sub(columns).unwrap_or(at) }
    }

    fn down(self, at: usize, columns: usize) -> usize {
        if self.wraps || at + columns < self.count { at + columns } else { at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapping_grid_continues_in_the_next_row() {
        let shape = GridShape { count: 10, columns: 4, page: 2, wraps: true };
        let go = |at, code| shape.moved(at, code).unwrap();
        assert_eq!(go(3, KeyCode::Right), 4);
        assert_eq!(go(1, KeyCode::Up), 0);
        assert_eq!(go(8, KeyCode::Down), 9);
        assert_eq!(go(0, KeyCode::PageDown), 8);
        assert_eq!(go(5, KeyCode::End), 9);
        assert_eq!(shape.moved(5, KeyCode::Enter), None);
    }

    #[test]
    fn a_matrix_stops_at_its_edges() {
        let shape = GridShape { count: 12, columns: 4, page: 0, wraps: false };
        for (at, code, to) in [
            (3, KeyCode::Right, 3),
            (4, KeyCode::Left, 4),
            (1, KeyCode::Up, 1),
            (9, KeyCode::Down, 9),
            (5, KeyCode::Char('j'), 9),
            (5, KeyCode::Char('l'), 6),
        ] {
            assert_eq!(shape.moved(at, code), Some(to), "{at} {code:?}");
        }
        assert_eq!(shape.moved(5, KeyCode::PageDown), None);
    }
}
