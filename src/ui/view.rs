//! What a view is. Adding one is a file under `views/` and a line in its table.

use super::theme::Theme;
use crate::protocol::{Command, DigitFilter, Moment, RunView, What};
use crossterm::event::{KeyEvent, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Everything a view draws from.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub run: &'a RunView,
    pub theme: &'a Theme,
    /// The moment shown: live, or an earlier epoch while scrubbing through time.
    pub moment: Moment,
    /// The test image selected, shared by all views.
    pub digit: u32,
    /// The layer selected, shared by all views.
    pub layer: u32,
}

/// What a key or click in a view leads to.
#[derive(Clone, Debug, PartialEq)]
pub enum Reaction {
    /// Not for this view: the next layer out may take it.
    Ignored,
    /// The view changed; draw it again.
    Redraw,
    /// Ask the run for something.
    Send(Command),
    /// Select a test image everywhere.
    SelectDigit(u32),
    /// Select a layer everywhere.
    SelectLayer(u32),
    /// Go to the digits of a filter, such as a cell of the confusion matrix.
    OpenDigits(DigitFilter),
}

/// A key and what it does, for the help overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHelp {
    pub keys: &'static str,
    pub does: &'static str,
}

/// One screen of the dashboard.
pub trait View {
    /// The name on its tab.
    fn name(&self) -> &'static str;

    /// The keys that only this view takes.
    fn keys(&self) -> &'static [KeyHelp];

    /// What must be computed for it while it is visible.
    fn probes(&self, context: &Context) -> Vec<What>;

    /// A key press.
    fn key(&mut self, key: KeyEvent, context: &Context) -> Reaction;

    /// A mouse event inside `area`, where the view was last drawn.
    fn mouse(&mut self, _event: MouseEvent, _area: Rect, _context: &Context) -> Reaction {
        Reaction::Ignored
    }

    /// Draws into any area, down to nothing at all.
    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context);

    /// Shows the digits of a filter; only the digits view does something.
    fn open_digits(&mut self, _filter: DigitFilter) {}
}
