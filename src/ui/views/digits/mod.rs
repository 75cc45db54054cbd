//! Test images, one or many at once, with the network's predictions.
//!
//! The selection is an image and not a position in the list, so it stays when training changes the
//! list.

mod cards;
mod draw;
mod filter;
mod neighbours;
mod votes;

use crate::protocol::{
    Card, Content, DigitFilter, DigitOrder, DigitQuery, Frame, PredictionFilter, ProbeQuery,
};
use crate::ui::effect::Effect;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use filter::FilterError;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Number of cards requested around the selected one when a single image is shown.
const AROUND: u32 = 32;
/// Maximum number of cards on a contact sheet.
const SHEET: u32 = 240;

/// One test image with the network's outputs, or the filtered test images as a contact sheet.
#[derive(Debug, Default)]
pub struct DigitsView {
    filter: DigitFilter,
    /// The filter to restore when the user leaves the digits that were opened from another view.
    earlier: Option<DigitFilter>,
    order: DigitOrder,
    sheet: bool,
    /// Rank from which the list is requested.
    offset: u32,
    /// The last known rank of the selected image.
    rank: u32,
    /// The rank of the image to select once it is known.
    wanted: Option<u32>,
    /// The filter being typed.
    typing: Option<String>,
    /// Why the last filter was rejected.
    filter_error: Option<FilterError>,
    /// Columns, rows and area of the contact sheet when it was last drawn.
    grid: [u32; 2],
    place: Rect,
    /// The same for the images beside the selected one; empty if there is no room.
    beside: [u32; 2],
    beside_place: Rect,
}

/// The part of the list that has been received.
#[derive(Clone, Copy)]
struct List<'a> {
    frame: &'a Frame,
    total: u32,
    offset: u32,
    cards: &'a [Card],
    selected_rank: Option<u32>,
}

impl List<'_> {
    fn card(&self, rank: u32) -> Option<&Card> {
        rank.checked_sub(self.offset).and_then(|at| self.cards.get(at as usize))
    }
}

impl DigitsView {
    /// The misclassified images, from the first one on.
    pub(in crate::ui) fn wrong() -> Self {
        let filter = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
        Self { filter, wanted: Some(0), ..Self::default() }
    }

    fn query(&self, context: &ViewContext) -> DigitQuery {
        DigitQuery {
            filter: self.filter,
            order: self.order,
            offset: self.offset,
            count: if self.sheet { (self.grid[0] * self.grid[1]).clamp(1, SHEET) } else { AROUND },
            pixels: self.wants_pixels(),
            selected: Some(context.digit),
        }
    }

    /// Whether images other than the selected one are drawn.
    fn wants_pixels(&self) -> bool {
        self.sheet || self.beside[0] > 0
    }

    /// The answer to the current query, or the newest one for the same list.
    fn list<'a>(&self, context: &ViewContext<'a>) -> Option<List<'a>> {
        let listed = |frame: &&Frame| matches!(frame.content, Content::Digits { .. });
        let exact = context.frame(&ProbeQuery::Digits(self.query(context))).filter(listed);
        let same = |what: &ProbeQuery| {
            matches!(what, ProbeQuery::Digits(q)
                if (q.filter, q.order, q.pixels) == (self.filter, self.order, self.wants_pixels())
                    && q.offset == self.offset)
        };
        let frame = exact.or_else(|| context.latest_frame(same))?;
        let (ProbeQuery::Digits(query), Content::Digits { total, selected_rank, cards }) =
            (&frame.probe.what, &frame.content)
        else {
            return None;
        };
        // An answer for another selection still gives the rank of this image if it lists the image.
        let listed = || {
            let at = cards.iter().position(|card| card.index == context.digit)?;
            Some(query.offset.saturating_add(at as u32))
        };
        let selected_rank =
            if query.selected == Some(context.digit) { *selected_rank } else { listed() };
        Some(List { frame, total: *total, offset: query.offset, cards, selected_rank })
    }

    /// The progress of the evaluation, while the list waits for it.
    fn measuring(&self, context: &ViewContext) -> Option<(u32, u32)> {
        match context.frame(&ProbeQuery::Digits(self.query(context)))?.content {
            Content::Measuring { done, total } => Some((done, total)),
            _ => None,
        }
    }

    /// Why there is no list, if it is unavailable.
    fn unavailable<'a>(&self, context: &ViewContext<'a>) -> Option<&'a str> {
        match &context.frame(&ProbeQuery::Digits(self.query(context)))?.content {
            Content::Unavailable(why) => Some(why),
            _ => None,
        }
    }

    /// Moves the selection through the list by a number of ranks.
    fn go(&mut self, step: i64, context: &ViewContext) -> Effect {
        let Some(list) = self.list(context) else {
            // The list is pending; remember the step.
            let wanted = i64::from(self.wanted.unwrap_or(self.rank)) + step;
            self.wanted = Some(wanted.clamp(0, i64::from(u32::MAX)) as u32);
            return Effect::Redraw;
        };
        let here = self.wanted.or(list.selected_rank);
        let wanted = match here {
            Some(rank) => i64::from(rank) + step,
            // The image left the list: its successor is one step forward.
            None if step > 0 => i64::from(self.rank) + step - 1,
            None => i64::from(self.rank) + step,
        };
        self.want(wanted.clamp(0, i64::from(list.total.saturating_sub(1))) as u32, context)
    }

    fn want(&mut self, rank: u32, context: &ViewContext) -> Effect {
        self.wanted = Some(rank);
        self.follow(context)
    }

    /// Selects the wanted image if it is known, or else requests its part of the list.
    fn follow(&mut self, context: &ViewContext) -> Effect {
        let list = self.list(context);
        if let Some(list) = list
            && let Some(rank) = list.selected_rank
            && self.wanted.is_none()
        {
            self.rank = rank;
        }
        let Some(wanted) = self.wanted else { return Effect::Ignored };
        self.scroll_to(wanted);
        let Some(list) = list else { return Effect::Redraw };
        if list.total == 0 {
            self.wanted = None;
            return Effect::Redraw;
        }
        match list.card(wanted.min(list.total - 1)) {
            Some(card) => {
                (self.rank, self.wanted) = (wanted, None);
                Effect::SelectDigit(card.index)
            }
            None => Effect::Redraw,
        }
    }

    /// Scrolls the window of the list to a rank.
    fn scroll_to(&mut self, rank: u32) {
        if self.sheet {
            let [columns, rows] = self.grid.map(|side| side.max(1));
            let (row, top) = (rank / columns, self.offset / columns);
            self.offset = top.clamp(row.saturating_add(1).saturating_sub(rows), row) * columns;
        } else {
            let page = neighbours::page(self.beside, rank);
            if page.start < self.offset || page.end > self.offset.saturating_add(AROUND) {
                self.offset = page.start.saturating_sub(AROUND / 2);
            }
        }
    }

    /// Temporarily shows the digits of a filter, until [`Self::close`].
    pub(in crate::ui) fn open(&mut self, filter: DigitFilter) {
        self.earlier.get_or_insert(self.filter);
        self.set_filter(filter);
    }

    /// Restores the filter from before [`Self::open`].
    pub(in crate::ui) fn close(&mut self) {
        if let Some(filter) = self.earlier.take() {
            self.set_filter(filter);
        }
    }

    /// Shows the digits of a filter, from the first one on.
    fn set_filter(&mut self, filter: DigitFilter) -> Effect {
        self.filter = filter;
        self.restart()
    }

    /// Starts another list.
    fn restart(&mut self) -> Effect {
        (self.offset, self.rank, self.wanted) = (0, 0, Some(0));
        Effect::Redraw
    }

    fn type_key(&mut self, code: KeyCode, context: &ViewContext) -> Effect {
        let Some(text) = &mut self.typing else { return Effect::Ignored };
        match code {
            KeyCode::Esc => self.typing = None,
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(character) => text.push(character),
            KeyCode::Enter => {
                let classes = context.run.info.as_ref().map_or(0, |info| info.classes.len());
                let parsed = filter::parse(text, classes as u32);
                self.typing = None;
                match parsed {
                    Ok(filter) => return self.set_filter(filter),
                    Err(filter_error) => self.filter_error = Some(filter_error),
                }
            }
            _ => {}
        }
        Effect::Redraw
    }
}

impl View for DigitsView {
    fn id(&self) -> ViewId {
        ViewId::Digits
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "A test image, its true label, and the network's prediction; the bars are the outputs.",
            "✓ is classified correctly, ✗ is not. w lists the misclassified ones, Enter shows many at once.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "←→", does: "browse" },
            KeyHelp { keys: "w r a", does: "wrong, right, all" },
            KeyHelp { keys: "/", does: "filter, such as: wrong is 4 said 9" },
            KeyHelp { keys: "o", does: "order: by index, or most confidently wrong first" },
            KeyHelp { keys: "Enter", does: "contact sheet" },
        ]
    }

    fn probes(&self, context: &ViewContext) -> Vec<ProbeQuery> {
        vec![ProbeQuery::Digits(self.query(context)), ProbeQuery::Digit { index: context.digit }]
    }

    fn key(&mut self, key: KeyEvent, context: &ViewContext) -> Effect {
        if self.typing.is_some() {
            return self.type_key(key.code, context);
        }
        self.filter_error = None;
        let columns = if self.sheet { i64::from(self.grid[0].max(1)) } else { 1 };
        let page = if self.sheet { columns * i64::from(self.grid[1].max(1)) } else { 10 };
        match key.code {
            KeyCode::Left | KeyCode::Char('h') => self.go(-1, context),
            KeyCode::Right | KeyCode::Char('l') => self.go(1, context),
            KeyCode::Up | KeyCode::Char('k') => self.go(-columns, context),
            KeyCode::Down | KeyCode::Char('j') => self.go(columns, context),
            KeyCode::PageUp => self.go(-page, context),
            KeyCode::PageDown => self.go(page, context),
            KeyCode::Home => self.want(0, context),
            KeyCode::End => self.go(i64::from(u32::MAX), context),
            KeyCode::Char('w') => {
                self.set_filter(DigitFilter { verdict: PredictionFilter::Wrong, ..self.filter })
            }
            KeyCode::Char('r') => {
                self.set_filter(DigitFilter { verdict: PredictionFilter::Right, ..self.filter })
            }
            KeyCode::Char('a') => self.set_filter(DigitFilter::default()),
            KeyCode::Char('o') => {
                self.order = match self.order {
                    DigitOrder::Index => DigitOrder::ConfidentlyWrong,
                    DigitOrder::ConfidentlyWrong => DigitOrder::Index,
                };
                self.restart()
            }
            KeyCode::Char('/') => {
                self.typing = Some(String::new());
                Effect::Redraw
            }
            KeyCode::Enter | KeyCode::Char('g') => {
                self.sheet = !self.sheet;
                self.scroll_to(self.rank);
                Effect::Redraw
            }
            KeyCode::Esc if self.sheet => {
                self.sheet = false;
                self.scroll_to(self.rank);
                Effect::Redraw
            }
            _ => Effect::Ignored,
        }
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, context: &ViewContext) -> Effect {
        let row = if self.sheet { i64::from(self.grid[0].max(1)) } else { 1 };
        match event.kind {
            MouseEventKind::ScrollDown => self.go(row, context),
            MouseEventKind::ScrollUp => self.go(-row, context),
            MouseEventKind::Down(MouseButton::Left) => {
                let (place, grid, first) = if self.sheet {
                    (self.place, self.grid, self.offset)
                } else {
                    let first = neighbours::page(self.beside, self.rank).start;
                    (self.beside_place, self.beside, first)
                };
                let hit = cards::hit(place, grid, event.column, event.row);
                hit.map_or(Effect::Ignored, |at| self.want(first.saturating_add(at), context))
            }
            _ => Effect::Ignored,
        }
    }

    fn updated(&mut self, context: &ViewContext) -> Effect {
        self.follow(context)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        draw::draw(self, area, buffer, context);
    }
}

#[cfg(test)]
mod tests;
