//! The confusion matrix: counts of (true label, predicted label) on the test set.

use crate::protocol::{Content, DigitFilter, PredictionFilter, ProbeQuery};
use crate::ui::effect::Effect;
use crate::ui::numbers::percent_of;
use crate::ui::theme::TextRole;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{
    GridShape, Pane, shortened, wrap, write, write_at, write_right, write_wrapped,
};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthStr;

/// Maximum columns of a cell.
const MAX_WIDTH: u16 = 24;
/// Columns of a cell for three digits and a gap.
const TIGHT: u16 = 4;
/// Maximum rows of a cell.
const MAX_HEIGHT: u16 = 5;
/// Minimum height of a cell with a gap below it.
const SPACED: u16 = 3;
/// Maximum columns of a name; longer ones are truncated.
const MAX_NAME_LENGTH: usize = 8;
/// Columns to the right of the cells: number of images of a class, and the fraction classified
/// correctly.
const SUMS: u16 = 15;

/// The confusion matrix with coloured counts, and the size and the recall of each class.
#[derive(Debug, Default)]
pub struct ConfusionView {
    /// The selected cell: true label and predicted label.
    row: u32,
    column: u32,
    /// First visible row and column.
    first: [u32; 2],
    /// The area of the cells when they were last drawn.
    cells: Rect,
    /// Columns and rows of a cell, and columns of the names, when they were last drawn.
    cell: [u16; 2],
    names: u16,
    /// All classes fit only with three characters per cell: the diagonal shows percentages.
    tight: bool,
}

impl View for ConfusionView {
    fn id(&self) -> ViewId {
        ViewId::Confusion
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Rows are true labels, columns are predicted labels; each number counts test images.",
            "Blue cells on the diagonal are right, orange ones are mistakes. Enter shows the images of a cell.",
            "At the right: images of the label, and the share of them that was classified correctly.",
            "Where there is no room for that, the diagonal shows the share in percent.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→↑↓", does: "another cell" },
            KeyHelp { keys: "Enter", does: "its digits" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        vec![ProbeQuery::Confusion]
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        let classes = classes(context);
        let columns = classes as usize;
        let matrix = GridShape { count: columns * columns, columns, page: 0, wraps: false };
        let at = self.row as usize * columns + self.column as usize;
        if let Some(cell) = matrix.moved(at, key.code) {
            let cell = cell as u32;
            (self.row, self.column) = (cell / classes.max(1), cell % classes.max(1));
            return Effect::Redraw;
        }
        if key.code == KeyCode::Enter { self.open() } else { Effect::Ignored }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let inside = self.cells.contains((event.column, event.row).into());
        if event.kind != MouseEventKind::Down(MouseButton::Left) || !inside {
            return Effect::Ignored;
        }
        let last = classes(context).saturating_sub(1);
        let [width, height] = self.cell.map(|side| side.max(1));
        let column = u32::from((event.column - self.cells.x) / width) + self.first[1];
        let row = u32::from((event.row - self.cells.y) / height) + self.first[0];
        if (row, column) == (self.row, self.column) {
            return self.open();
        }
        (self.row, self.column) = (row.min(last), column.min(last));
        Effect::Redraw
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let frame = context.frame(&ProbeQuery::Confusion);
        let note = frame.map_or_else(String::new, |frame| context.as_of(frame));
        let title = if area.width >= 72 {
            "Confusion on the test set: rows true label, columns prediction"
        } else {
            "Rows: true label, columns: prediction"
        };
        let inside = Pane::new(title, theme).note(&note).draw(area, buffer);
        let (classes, counts) = match frame.map(|frame| &frame.content) {
            Some(Content::Confusion { classes, counts }) => (*classes, counts.as_slice()),
            Some(Content::Unavailable(why)) => {
                return write_wrapped(
                    buffer,
                    inside,
                    theme.say(why),
                    theme.style(TextRole::Warning),
                );
            }
            Some(Content::Measuring { done, total }) => {
                let text = theme.fill("looking at the test images: {} of {}", &[done, total]);
                write(buffer, inside, 0, &text, theme.style(TextRole::Dim));
                return;
            }
            _ => {
                write(
                    buffer,
                    inside,
                    0,
                    theme.say("waiting for the first evaluation…"),
                    theme.style(TextRole::Dim),
                );
                return;
            }
        };
        let matrix = ConfusionCounts { classes, counts };
        self.lay_out(inside, &matrix, context);
        if self.cells.area() == 0 {
            return;
        }
        self.draw(inside, buffer, context, &matrix);
    }
}

impl ConfusionView {
    fn open(&self) -> Effect {
        Effect::OpenDigits(DigitFilter {
            verdict: PredictionFilter::All,
            label: Some(self.row),
            predicted: Some(self.column),
        })
    }

    /// Lays out the cells as large as possible, and scrolls to the selected one if they do not fit.
    fn lay_out(&mut self, inside: Rect, matrix: &ConfusionCounts, context: &ViewContext) {
        let classes = matrix.classes;
        let longest = (0..classes).map(|class| context.class(class).width()).max().unwrap_or(0);
        self.names = longest.clamp(2, MAX_NAME_LENGTH) as u16 + 1;
        let sums = if inside.width >= 60 { SUMS } else { 0 };
        let mut width = inside.width.saturating_sub(self.names + sums);
        // Predicted labels above the cells; sums, a gap and a sentence below.
        let sentence = wrap(&self.summary(context, matrix), inside.width).len().min(2) as u16;
        let count = classes.clamp(1, 1000) as u16;
        let digits = matrix.digits();
        self.tight = count.saturating_mul(digits + 1) > width
            && matrix.largest_error() < 1000
            && count.saturating_mul(TIGHT) + (longest.clamp(1, MAX_NAME_LENGTH) as u16)
                < inside.width;
        if self.tight {
            self.names = longest.clamp(1, MAX_NAME_LENGTH) as u16 + 1;
            width = inside.width - self.names;
        }
        let least = if self.tight { TIGHT } else { digits + 1 };
        let height = inside.height.saturating_sub(sentence + if self.tight { 1 } else { 3 });
        self.cell =
            [(width / count).clamp(least, MAX_WIDTH), (height / count).clamp(1, MAX_HEIGHT)];
        let shown = [height / self.cell[1], width / self.cell[0]].map(|n| n.min(count));
        for (axis, selected) in [self.row, self.column].into_iter().enumerate() {
            let lowest = (selected + 1).saturating_sub(u32::from(shown[axis]).max(1));
            self.first[axis] = self.first[axis].clamp(lowest, selected);
        }
        let cells = Rect {
            x: inside.x + self.names,
            y: inside.y + 1,
            width: shown[1] * self.cell[0],
            height: shown[0] * self.cell[1],
        };
        self.cells = if classes == 0 { Rect::ZERO } else { cells.intersection(inside) };
    }

    /// The cell of a row and a column on the screen.
    fn place(&self, row: u16, column: u16) -> Rect {
        let [width, height] = self.cell;
        Rect {
            x: self.cells.x + column * width,
            y: self.cells.y + row * height,
            // A gap to the next cell, beside it and, if there is room, below it.
            width: width - 1,
            height: (height - u16::from(height >= SPACED)).max(1),
        }
    }

    fn draw(
        &self,
        inside: Rect,
        buffer: &mut Buffer,
        context: &ViewContext,
        matrix: &ConfusionCounts,
    ) {
        let theme = context.theme;
        let dim = theme.style(TextRole::Dim);
        let corner = if self.names > 8 { theme.say("is↓ said→") } else { "↓→" };
        write(buffer, inside, 0, corner, dim);
        let [width, height] = self.cell;
        let (columns, rows) = (self.cells.width / width, self.cells.height / height);
        for column in 0..columns {
            let predicted = self.first[1] + u32::from(column);
            let role = if predicted == self.column { TextRole::Accent } else { TextRole::Dim };
            let head = Rect { y: inside.y, height: 1, ..counts(self.place(0, column)) };
            let name = shortened(&context.class(predicted), head.width.into());
            write_right(buffer, head, 0, &name, theme.style(role));
            if self.tight {
                continue;
            }
            let foot = Rect { y: self.cells.bottom(), ..head };
            let total = sum((0..matrix.classes).map(|label| matrix.at(label, predicted)));
            write_right(buffer, foot.intersection(inside), 0, &total.to_string(), dim);
        }
        for row in 0..rows {
            let label = self.first[0] + u32::from(row);
            let place = self.place(row, 0);
            let middle = place.y + (place.height - 1) / 2 - inside.y;
            let role = if label == self.row { TextRole::Accent } else { TextRole::Dim };
            let name = shortened(&context.class(label), usize::from(self.names - 1));
            let side = Rect { width: self.names - 1, ..inside };
            write_right(buffer, side, middle, &name, theme.style(role));
            for column in 0..columns {
                self.cell(row, column, buffer, context, matrix);
            }
            let right = self.cells.right() - inside.x;
            let total = format!("{:>6}", matrix.row(label));
            let end = write_at(buffer, inside, right, middle, &total, dim);
            let recall = format!("{:>6}", percent_of(matrix.at(label, label), matrix.row(label)));
            write_at(buffer, inside, end + 1, middle, &recall, theme.style(TextRole::Text));
        }
        self.mark_more(inside, [rows, columns], buffer, context, matrix);
        let right = self.cells.right() - inside.x;
        for (name, end) in [("total", 6), ("found", 14)] {
            let place = Rect { x: inside.x + right, width: end, ..inside };
            write_right(buffer, place.intersection(inside), 0, theme.say(name), dim);
        }
        let summary = self.summary(context, matrix);
        let last = inside.height.saturating_sub(1);
        let lines = wrap(&summary, inside.width);
        let room = (last + 1).saturating_sub(lines.len().min(2) as u16);
        let gap = if self.tight { 0 } else { 2 };
        let below = (self.cells.bottom() + gap - inside.y).min(room);
        for (row, line) in (below..inside.height).zip(&lines) {
            write(buffer, inside, row, line, theme.style(TextRole::Text));
        }
    }

    /// Marks hidden rows and columns.
    fn mark_more(
        &self,
        inside: Rect,
        [rows, columns]: [u16; 2],
        buffer: &mut Buffer,
        context: &ViewContext,
        matrix: &ConfusionCounts,
    ) {
        let style = context.theme.style(TextRole::Accent);
        let hidden = |first: u32, shown: u16| first + u32::from(shown) < matrix.classes;
        if hidden(self.first[1], columns) || self.first[1] > 0 {
            let text = if hidden(self.first[1], columns) { "▶" } else { "◀" };
            let edge = self.cells.right().min(inside.right() - 1) - inside.x;
            write_at(buffer, inside, edge, 0, text, style);
        }
        if hidden(self.first[0], rows) || self.first[0] > 0 {
            let text = if hidden(self.first[0], rows) { "▼" } else { "▲" };
            write(buffer, inside, self.cells.bottom() - inside.y, text, style);
        }
    }

    fn cell(
        &self,
        row: u16,
        column: u16,
        buffer: &mut Buffer,
        context: &ViewContext,
        matrix: &ConfusionCounts,
    ) {
        let theme = context.theme;
        let label = self.first[0] + u32::from(row);
        let predicted = self.first[1] + u32::from(column);
        let count = matrix.at(label, predicted);
        let place = self.place(row, column);
        // Correct answers and errors have separate colour scales, because errors are rare.
        let right = label == predicted;
        let largest = if right { matrix.row(label) } else { matrix.largest_error() };
        let share = count as f32 / largest.max(1) as f32;
        let mut style = theme.style(if count == 0 { TextRole::Dim } else { TextRole::Text });
        if count > 0 {
            let ground = if right { -0.55 * share } else { 0.1 + 0.6 * share };
            style = style.patch(theme.shaded(ground));
        }
        if (label, predicted) == (self.row, self.column) {
            style = style.add_modifier(Modifier::REVERSED | Modifier::BOLD);
        }
        buffer.set_style(place.intersection(buffer.area), style);
        let text = match count {
            0 => "·".to_string(),
            _ if right && self.tight && count == matrix.row(label) => "100".into(),
            _ if right && self.tight => format!("{:.0}%", (100.0 * share).min(99.0)),
            _ => count.to_string(),
        };
        write_right(buffer, counts(place), (place.height - 1) / 2, &text, style);
    }

    fn summary(&self, context: &ViewContext, matrix: &ConfusionCounts) -> String {
        let count = matrix.at(self.row, self.column);
        let (is, said) = (context.class(self.row), context.class(self.column));
        let of = matrix.row(self.row);
        let errors = matrix.total().saturating_sub(matrix.right());
        context.theme.fill(
            "{} of {} × {} read as {} · {} wrong of {}",
            &[&count, &of, &is, &said, &errors, &matrix.total()],
        )
    }
}

/// The part of a cell in which its count is right-aligned.
fn counts(cell: Rect) -> Rect {
    Rect { width: cell.width - cell.width.saturating_sub(4) / 4, ..cell }
}

/// The saturating sum of counts: they come from a session, so they may be as large as `u32::MAX`.
fn sum(counts: impl Iterator<Item = u32>) -> u32 {
    counts.fold(0, u32::saturating_add)
}

/// Counts of shape (classes, classes), row-major: the row is the true label, the column the
/// predicted label.
struct ConfusionCounts<'a> {
    classes: u32,
    counts: &'a [u32],
}

impl ConfusionCounts<'_> {
    fn at(&self, label: u32, predicted: u32) -> u32 {
        let index = label as usize * self.classes as usize + predicted as usize;
        self.counts.get(index).copied().unwrap_or(0)
    }

    fn row(&self, label: u32) -> u32 {
        sum((0..self.classes).map(|predicted| self.at(label, predicted)))
    }

    fn right(&self) -> u32 {
        sum((0..self.classes).map(|label| self.at(label, label)))
    }

    fn total(&self) -> u32 {
        sum(self.counts.iter().copied())
    }

    /// Columns of the largest number in or below the cells, at least 3.
    fn digits(&self) -> u16 {
        let totals = (0..self.classes).map(|p| sum((0..self.classes).map(|l| self.at(l, p))));
        let largest: u32 = totals.max().unwrap_or(0);
        largest.to_string().len().max(3) as u16
    }

    fn largest_error(&self) -> u32 {
        let cells = (0..self.classes).flat_map(|l| (0..self.classes).map(move |p| (l, p)));
        cells.filter(|(l, p)| l != p).map(|(l, p)| self.at(l, p)).max().unwrap_or(0)
    }
}

fn classes(context: &ViewContext) -> u32 {
    context.run.info.as_ref().map_or(0, |info| info.classes.len() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Event, Frame, Probe, RunInfo, RunView};
    use crate::ui::theme::Theme;

    #[test]
    fn sums_of_the_largest_counts_saturate() {
        let matrix = ConfusionCounts { classes: 2, counts: &[u32::MAX; 4] };
        assert_eq!([matrix.total(), matrix.right(), matrix.row(0)], [u32::MAX; 3]);
        assert_eq!(matrix.digits(), 10);
    }

    #[test]
    fn the_diagonal_shows_percentages_if_counts_do_not_fit() {
        let mut run = RunView::default();
        let classes = (0..10).map(|class: u32| class.to_string()).collect();
        run.apply(&Event::Started(Box::new(RunInfo { classes, ..RunInfo::default() })));
        let count = |at: u32| if at.is_multiple_of(11) { 1100 } else { at % 7 };
        let content = Content::Confusion { classes: 10, counts: (0..100).map(count).collect() };
        let probe = Probe::live(ProbeQuery::Confusion);
        let frame = Frame { probe: probe.clone(), epoch: 1, batch: 0, content };
        run.frames.insert(probe, frame);
        let theme = Theme::default();
        let screen = |width| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, 17));
            ConfusionView::default().render(
                buffer.area,
                &mut buffer,
                &ViewContext::live(&run, &theme),
            );
            buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect::<String>()
        };
        assert!(screen(60).contains("1100") && !screen(60).contains("98%"));
        let narrow = screen(46);
        assert_eq!(narrow.matches("98%").count() + narrow.matches("97%").count(), 10, "{narrow}");
    }
}
