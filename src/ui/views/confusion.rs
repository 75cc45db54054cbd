//! Who is taken for whom: counts of (true label, predicted label) on the test set.

use crate::protocol::{Content, DigitFilter, Verdict, What};
use crate::ui::theme::Role;
use crate::ui::view::{Context, KeyHelp, Reaction, View, as_of};
use crate::ui::widgets::{Pane, write, write_at};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

/// Columns of a cell.
const CELL: u16 = 6;
/// Columns of the true labels' names.
const NAMES: u16 = 9;

/// The view.
#[derive(Debug, Default)]
pub struct Confusion {
    /// True label down, predicted label across.
    row: u32,
    column: u32,
    /// First label on the screen, down and across.
    first: [u32; 2],
    /// Where the cells are, as last drawn.
    cells: Rect,
}

impl View for Confusion {
    fn name(&self) -> &'static str {
        "Confusion"
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→↑↓", does: "another cell" },
            KeyHelp { keys: "Enter", does: "its digits" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        vec![What::Confusion]
    }

    fn key(&mut self, key: KeyEvent, context: &Context) -> Reaction {
        let last = classes(context).saturating_sub(1);
        match key.code {
            KeyCode::Left | KeyCode::Char('h') => self.column = self.column.saturating_sub(1),
            KeyCode::Right | KeyCode::Char('l') => self.column = (self.column + 1).min(last),
            KeyCode::Up | KeyCode::Char('k') => self.row = self.row.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.row = (self.row + 1).min(last),
            KeyCode::Home => (self.row, self.column) = (0, 0),
            KeyCode::End => (self.row, self.column) = (last, last),
            KeyCode::Enter => return self.open(),
            _ => return Reaction::Ignored,
        }
        Reaction::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &Context) -> Reaction {
        let inside = self.cells.contains((event.column, event.row).into());
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !inside {
            return Reaction::Ignored;
        }
        let last = classes(context).saturating_sub(1);
        let column = u32::from((event.column - self.cells.x) / CELL) + self.first[1];
        let row = u32::from(event.row - self.cells.y) + self.first[0];
        if (row, column) == (self.row, self.column) {
            return self.open();
        }
        (self.row, self.column) = (row.min(last), column.min(last));
        Reaction::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        let theme = context.theme;
        let frame = context.frame(&What::Confusion);
        let note = frame.map_or_else(String::new, as_of);
        let inside = Pane::new("Confusion on the test set", theme).note(&note).draw(area, buffer);
        let (classes, counts) = match frame.map(|frame| &frame.content) {
            Some(Content::Confusion { classes, counts }) => (*classes, counts.as_slice()),
            Some(Content::Unavailable(why)) => {
                write(buffer, inside, 0, why, theme.style(Role::Warning));
                return;
            }
            _ => {
                write(
                    buffer,
                    inside,
                    0,
                    "waiting for the first evaluation…",
                    theme.style(Role::Dim),
                );
                return;
            }
        };
        if classes == 0 || inside.height < 4 || inside.width < NAMES + CELL {
            return;
        }
        self.lay_out(inside, classes);
        let matrix = Matrix { classes, counts };
        self.draw(inside, buffer, context, &matrix);
    }
}

impl Confusion {
    fn open(&self) -> Reaction {
        Reaction::OpenDigits(DigitFilter {
            verdict: Verdict::All,
            label: Some(self.row),
            predicted: Some(self.column),
        })
    }

    /// Places the cells and scrolls to the selected one.
    fn lay_out(&mut self, inside: Rect, classes: u32) {
        let width = (inside.width.saturating_sub(NAMES)) / CELL;
        let height = inside.height.saturating_sub(3);
        let shown = [u32::from(height).min(classes), u32::from(width).min(classes)];
        for (axis, selected) in [self.row, self.column].into_iter().enumerate() {
            let lowest = (selected + 1).saturating_sub(shown[axis]);
            self.first[axis] = self.first[axis].clamp(lowest, selected);
        }
        self.cells = Rect {
            x: inside.x + NAMES,
            y: inside.y + 1,
            width: shown[1] as u16 * CELL,
            height: shown[0] as u16,
        };
    }

    fn draw(&self, inside: Rect, buffer: &mut Buffer, context: &Context, matrix: &Matrix) {
        let theme = context.theme;
        let dim = theme.style(Role::Dim);
        write(buffer, inside, 0, "is↓ said→", dim);
        let columns = self.cells.width / CELL;
        for column in 0..columns {
            let predicted = self.first[1] + u32::from(column);
            let name = format!("{:>5.5}", context.class(predicted));
            let role = if predicted == self.column { Role::Accent } else { Role::Dim };
            write_at(buffer, inside, NAMES + column * CELL, 0, &name, theme.style(role));
        }
        let recall_at = NAMES + columns * CELL + 2;
        write_at(buffer, inside, recall_at, 0, "found", dim);
        for row in 0..self.cells.height {
            let label = self.first[0] + u32::from(row);
            let role = if label == self.row { Role::Accent } else { Role::Dim };
            let name = format!("{:>8.8}", context.class(label));
            write(buffer, inside, row + 1, &name, theme.style(role));
            for column in 0..columns {
                self.cell(row, column, buffer, context, matrix);
            }
            let recall = percent(matrix.at(label, label), matrix.row(label));
            write_at(buffer, inside, recall_at, row + 1, &recall, theme.style(Role::Text));
        }
        let summary = self.summary(context, matrix);
        write(buffer, inside, self.cells.height + 2, &summary, theme.style(Role::Text));
    }

    fn cell(&self, row: u16, column: u16, buffer: &mut Buffer, context: &Context, matrix: &Matrix) {
        let theme = context.theme;
        let label = self.first[0] + u32::from(row);
        let predicted = self.first[1] + u32::from(column);
        let count = matrix.at(label, predicted);
        let text = if count == 0 { "  ·  ".to_string() } else { format!("{count:>5}") };
        let place = Rect {
            x: self.cells.x + column * CELL,
            y: self.cells.y + row,
            width: CELL - 1,
            height: 1,
        };
        // Right answers and errors have scales of their own: errors are few.
        let right = label == predicted;
        let largest = if right { matrix.row(label) } else { matrix.largest_error() };
        let share = count as f32 / largest.max(1) as f32;
        let mut style = if count == 0 {
            theme.style(Role::Dim)
        } else {
            let background = theme.diverging(if right { -0.55 * share } else { 0.85 * share });
            let background = if background == Color::Reset {
                Style::default()
            } else {
                Style::default().bg(background)
            };
            background.patch(theme.style(Role::Text))
        };
        if (label, predicted) == (self.row, self.column) {
            style = style
                .patch(theme.style(Role::Selected))
                .add_modifier(ratatui::style::Modifier::REVERSED);
        }
        write(buffer, place, 0, &text, style);
    }

    fn summary(&self, context: &Context, matrix: &Matrix) -> String {
        let count = matrix.at(self.row, self.column);
        let (is, said) = (context.class(self.row), context.class(self.column));
        let of = matrix.row(self.row);
        let errors = matrix.total() - matrix.right();
        format!("{count} of {of} × {is} read as {said} · {errors} wrong of {}", matrix.total())
    }
}

/// Counts, true label down.
struct Matrix<'a> {
    classes: u32,
    counts: &'a [u32],
}

impl Matrix<'_> {
    fn at(&self, label: u32, predicted: u32) -> u32 {
        let index = label as usize * self.classes as usize + predicted as usize;
        self.counts.get(index).copied().unwrap_or(0)
    }

    fn row(&self, label: u32) -> u32 {
        (0..self.classes).map(|predicted| self.at(label, predicted)).sum()
    }

    fn right(&self) -> u32 {
        (0..self.classes).map(|label| self.at(label, label)).sum()
    }

    fn total(&self) -> u32 {
        self.counts.iter().sum()
    }

    fn largest_error(&self) -> u32 {
        let cells = (0..self.classes).flat_map(|l| (0..self.classes).map(move |p| (l, p)));
        cells.filter(|(l, p)| l != p).map(|(l, p)| self.at(l, p)).max().unwrap_or(0)
    }
}

fn classes(context: &Context) -> u32 {
    context.run.info.as_ref().map_or(0, |info| info.classes.len() as u32)
}

fn percent(part: u32, whole: u32) -> String {
    if whole == 0 {
        "    –".into()
    } else {
        format!("{:>5.1}%", 100.0 * f64::from(part) / f64::from(whole))
    }
}
