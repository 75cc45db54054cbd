//! How a picture was read: its cuts, its pieces, and the alternative segmentations.

use crate::protocol::{ProbeQuery, ReadDigit, ReadLine, Reading, Segmentation};
use crate::ui::effect::Effect;
use crate::ui::numbers::{decimals_2, percent};
use crate::ui::theme::{TextRole, Theme};
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::widgets::{Pane, Raster, write, write_at};
use crossterm::event::{KeyCode, KeyEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Below this number of rows, there is no room for frames and for all three parts.
const LOW: u16 = 14;
/// Rows below a piece: its prediction, the second best, its score.
const TEXT_ROWS: u16 = 3;
/// Minimum columns of a piece, for its text.
const MIN_WIDTH: u16 = 9;

/// A picture of digits with its cuts, the pieces with their predictions, and the segmentations.
#[derive(Clone, Debug, Default)]
pub(in crate::ui) struct ReadView {
    name: String,
    reading: Reading,
    /// Selected line, segmentation and digit.
    line: usize,
    segmentation: usize,
    digit: usize,
}

impl ReadView {
    /// The view of a picture with a name.
    pub(in crate::ui) fn of(name: &str, reading: &Reading) -> Self {
        Self { name: name.into(), reading: reading.clone(), ..Self::default() }
    }

    fn line(&self) -> Option<&ReadLine> {
        self.reading.lines.get(self.line)
    }

    fn segmentation(&self) -> Option<&Segmentation> {
        self.line()?.segmentations.get(self.segmentation)
    }

    /// Selects a line, segmentation and digit, clamped to those that exist.
    fn choose(&mut self, line: usize, segmentation: usize, digit: usize) -> Effect {
        self.line = line.min(self.reading.lines.len().saturating_sub(1));
        let ways = self.line().map_or(0, |line| line.segmentations.len());
        self.segmentation = segmentation.min(ways.saturating_sub(1));
        let digits = self.segmentation().map_or(0, |segmentation| segmentation.digits.len());
        self.digit = digit.min(digits.saturating_sub(1));
        Effect::Redraw
    }

    /// Draws the line of writing with its cuts; the selected piece is underlined.
    fn draw_picture(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let note = theme.fill("line {} of {}", &[&(self.line + 1), &self.reading.lines.len()]);
        let inside = Pane::new(&self.name, theme).note(&note).draw(area, buffer);
        let (Some(line), Some(segmentation)) = (self.line(), self.segmentation()) else { return };
        let whole = self.reading.width as usize;
        let pixels: Vec<f32> = (line.top..line.top + line.height)
            .flat_map(|row| {
                let start = row as usize * whole + line.left as usize;
                &self.reading.ink[start..start + line.width as usize]
            })
            .map(|ink| f32::from(*ink))
            .collect();
        let size = [line.width as usize, line.height as usize];
        let raster = Raster::image(&pixels, size, 255.0, theme);
        let high = Rect { height: inside.height.saturating_sub(1), ..inside };
        let drawn = raster.fitted(high);
        ratatui::widgets::Widget::render(&raster, high, buffer);
        for cut in &segmentation.cuts {
            draw_cut(cut, line, drawn, buffer, theme);
        }
        if let Some(digit) = segmentation.digits.get(self.digit) {
            let column =
                |x: u32| ((x - line.left) * u32::from(drawn.width) / line.width.max(1)) as u16;
            let (from, to) = (column(digit.left), column(digit.left + digit.width));
            let sign = if theme.unicode { "▔" } else { "=" };
            let under = sign.repeat(usize::from((to - from).max(1)));
            write_at(buffer, inside, from, drawn.height, &under, theme.style(TextRole::Accent));
        }
    }

    /// Draws each piece as the network's input, with its prediction and its score.
    fn draw_pieces(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some(segmentation) = self.segmentation() else { return };
        let note = theme.fill("{} digits", &[&segmentation.digits.len()]);
        let inside =
            Pane::new("Pieces as the network sees them", theme).note(&note).draw(area, buffer);
        let [across, down] = self.reading.seen.map(|side| side.max(1) as u16);
        let rows = inside.height.saturating_sub(TEXT_ROWS);
        let wide = (rows.saturating_mul(2) * across / down).clamp(MIN_WIDTH, across.max(MIN_WIDTH));
        let room = usize::from((inside.width + 2) / (wide + 2)).max(1);
        // Scroll to the selected piece.
        let first = (self.digit + 1).saturating_sub(room);
        for (at, digit) in segmentation.digits.iter().enumerate().skip(first).take(room) {
            let x = inside.x + (at - first) as u16 * (wide + 2);
            let place = Rect { x, width: wide, ..inside }.intersection(inside);
            self.draw_piece(digit, at == self.digit, place, buffer, theme);
        }
    }

    fn draw_piece(
        &self,
        digit: &ReadDigit,
        selected: bool,
        area: Rect,
        buffer: &mut Buffer,
        theme: &Theme,
    ) {
        let pixels: Vec<f32> = digit.pixels.iter().map(|ink| f32::from(*ink)).collect();
        let size = self.reading.seen.map(|side| side as usize);
        let raster = Raster::image(&pixels, size, 255.0, theme);
        let high = Rect { height: area.height.saturating_sub(TEXT_ROWS), ..area };
        let rows = raster.fitted(high).height;
        ratatui::widgets::Widget::render(&raster, high, buffer);
        let words = Rect { y: area.y + rows, height: area.height - rows, ..area };
        let style = theme.style(if selected { TextRole::Accent } else { TextRole::Title });
        let mark = if selected { "› " } else { "" };
        write(
            buffer,
            words,
            0,
            &format!("{mark}{} {}", digit.name, percent(f64::from(digit.strength))),
            style,
        );
        let dim = theme.style(TextRole::Dim);
        if let Some((name, strength)) = &digit.second {
            write(buffer, words, 1, &format!("{name} {}", percent(f64::from(*strength))), dim);
        }
        write(buffer, words, 2, &decimals_2(digit.score), score_style(digit.score, theme));
    }

    /// Draws the segmentations of the line, best first.
    fn draw_segmentations(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let Some(line) = self.line() else { return };
        let note =
            theme.fill("best {}; {} places to cut", &[&line.segmentations.len(), &line.tried]);
        let inside = Pane::new("Segmentations and scores", theme).note(&note).draw(area, buffer);
        let texts: Vec<String> = line.segmentations.iter().map(Segmentation::text).collect();
        let widest = texts.iter().map(|text| text.width()).max().unwrap_or(0);
        let first = (self.segmentation + 1).saturating_sub(usize::from(inside.height));
        let ways = line.segmentations.iter().zip(&texts).enumerate().skip(first);
        for (row, (at, (segmentation, text))) in (0..inside.height).zip(ways) {
            let style = theme.style(if at == self.segmentation {
                TextRole::Accent
            } else {
                TextRole::Text
            });
            let mark = if at == self.segmentation { "›" } else { " " };
            let scores: Vec<String> =
                segmentation.digits.iter().map(|digit| decimals_2(digit.score)).collect();
            let gap = " ".repeat(widest - text.width());
            let words = format!("{mark} {text}{gap}  {:>6}", decimals_2(segmentation.score));
            let end = write(buffer, inside, row, &words, style);
            let sum = format!("  = {}", scores.join(" "));
            write_at(buffer, inside, end, row, &sum, theme.style(TextRole::Dim));
        }
    }
}

/// Draws a cut over the picture of its line.
fn draw_cut(cut: &[u32], line: &ReadLine, drawn: Rect, buffer: &mut Buffer, theme: &Theme) {
    if line.width == 0 || line.height == 0 {
        return;
    }
    let style = theme.style(TextRole::Accent);
    // There are two pixels per row.
    for half in 0..2 * drawn.height {
        let row = u32::from(half) * line.height / (2 * u32::from(drawn.height));
        let Some(column) = cut.get(row as usize) else { return };
        let column = (column - line.left) * u32::from(drawn.width) / line.width;
        let x = drawn.x + (column as u16).min(drawn.width.saturating_sub(1));
        let Some(cell) = buffer.cell_mut((x, drawn.y + half / 2)) else { return };
        let color = style.fg.unwrap_or_default();
        if !theme.has_half_blocks() {
            cell.set_char('|').set_style(style);
        } else if half % 2 == 0 {
            cell.set_style(Style::default().fg(color));
        } else {
            cell.set_style(Style::default().bg(color));
        }
    }
}

fn score_style(score: f64, theme: &Theme) -> Style {
    theme.style(if score > -1.0 { TextRole::Good } else { TextRole::Bad })
}

impl View for ReadView {
    fn id(&self) -> ViewId {
        ViewId::Read
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "A picture of digits: where it was cut into pieces, and the prediction for each piece.",
            "A segmentation's score is the sum of its pieces' scores: the nearer to zero, the surer.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "← →", does: "another piece" },
            KeyHelp { keys: "↑ ↓", does: "another segmentation" },
            KeyHelp { keys: "PgUp PgDn", does: "another line of writing" },
        ]
    }

    fn probes(&self, _: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _: &ViewContext) -> Effect {
        let Self { line, segmentation, digit, .. } = *self;
        match key.code {
            KeyCode::Left | KeyCode::Char('h') => {
                self.choose(line, segmentation, digit.saturating_sub(1))
            }
            KeyCode::Right | KeyCode::Char('l') => self.choose(line, segmentation, digit + 1),
            KeyCode::Up | KeyCode::Char('k') => {
                self.choose(line, segmentation.saturating_sub(1), digit)
            }
            KeyCode::Down | KeyCode::Char('j') => self.choose(line, segmentation + 1, digit),
            KeyCode::PageUp => self.choose(line.saturating_sub(1), 0, 0),
            KeyCode::PageDown => self.choose(line + 1, 0, 0),
            KeyCode::Home => self.choose(line, 0, 0),
            KeyCode::End => self.choose(line, segmentation, usize::MAX),
            _ => Effect::Ignored,
        }
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        let theme = context.theme;
        let ways = self.line().map_or(0, |line| line.segmentations.len()) as u16;
        if area.height < LOW {
            // The picture, then the segmentations; low terminals have no room for pieces.
            let [top, below] = Layout::vertical([
                Constraint::Fill(1),
                Constraint::Length(ways.min(area.height / 3)),
            ])
            .areas(area);
            self.draw_picture(top, buffer, theme);
            self.draw_segmentations(below, buffer, theme);
            return;
        }
        let list = (ways + 2).min(area.height / 4).max(4);
        let [top, middle, below] =
            Layout::vertical([Constraint::Fill(1), Constraint::Fill(1), Constraint::Length(list)])
                .areas(area);
        self.draw_picture(top, buffer, theme);
        self.draw_pieces(middle, buffer, theme);
        self.draw_segmentations(below, buffer, theme);
    }
}
