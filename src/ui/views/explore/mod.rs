//! Explorables: sliders on the left, what they do on the right.

mod draw;
mod hand;
mod sliders;
mod touch;

use crate::protocol::{Command, Control, Event, Explorable, Explored, Figure, What};
use crate::ui::effect::Effect;
use crate::ui::language::Language;
use crate::ui::view::{Context, KeyHelp, View};
use crate::ui::view_id::ViewId;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use hand::Hand;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use sliders::Spot;

/// What the keys are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Focus {
    #[default]
    Sliders,
    List,
}

/// The view.
#[derive(Debug, Default)]
pub(in crate::ui) struct Explore {
    /// What there is to play with, once it is known.
    list: Vec<Explorable>,
    /// The one that is open.
    open: usize,
    /// An id to open once the list is known.
    wanted: Option<String>,
    hand: Hand,
    focus: Focus,
    /// The figure that is shown alone.
    alone: Option<usize>,
    playing: bool,
    /// A question is on its way; the next waits for its answer.
    asked: bool,
    shown: Option<Explored>,
    /// The figures before the last move of the same explorable.
    before: Vec<Figure>,
    /// Rows of tables and texts scrolled away.
    scroll: usize,
    /// What was last drawn where.
    places: Places,
    /// The slider that a pressed mouse button holds, and the value that it paints with.
    held: Option<(Spot, f64)>,
}

/// What was last drawn where, for the mouse.
#[derive(Debug, Default)]
struct Places {
    spots: Vec<Spot>,
    /// The rows of the list, and the first one's index.
    list: Rect,
    first: usize,
    figures: Vec<(usize, Rect)>,
}

impl Explore {
    /// The view, open at an explorable.
    pub(in crate::ui) fn opened(id: &str) -> Self {
        Self { wanted: Some(id.into()), ..Self::default() }
    }

    /// What has to be asked of the run, after the view was drawn; one question at a time. The
    /// answer comes through [`Self::answered`].
    pub(in crate::ui) fn question(&mut self) -> Option<Command> {
        if self.asked {
            return None;
        }
        if self.playing && self.is_current() {
            self.play_on();
        }
        if self.list.is_empty() {
            self.asked = true;
            return Some(Command::Explore { id: String::new(), values: Vec::new() });
        }
        if self.is_current() {
            return None;
        }
        let id = self.explorable()?.id.clone();
        self.asked = true;
        Some(Command::Explore { id, values: self.hand.values.clone() })
    }

    /// Takes the answer to a question; true where the user waits for it.
    pub(in crate::ui) fn answered(&mut self, answer: &Event, language: Language) -> bool {
        match answer {
            Event::Explorables(list) => self.take_list(list, language),
            Event::Explored(explored) => self.take_figures(explored, language),
            _ => return false,
        }
        self.asked = false;
        !self.playing
    }

    /// Opens an explorable by its id or the beginning of one; false where there is none.
    pub(in crate::ui) fn open_explorable(&mut self, id: &str) -> bool {
        if self.list.is_empty() {
            self.wanted = Some(id.into());
            return true;
        }
        let found = self.list.iter().position(|explorable| explorable.id.starts_with(id));
        found.inspect(|&index| self.open(index)).is_some()
    }

    fn explorable(&self) -> Option<&Explorable> {
        self.list.get(self.open)
    }

    fn open(&mut self, index: usize) {
        let Some(last) = self.list.len().checked_sub(1) else { return };
        self.open = index.min(last);
        self.hand = Hand::at(&self.list[self.open]);
        self.alone = None;
        self.playing = false;
        self.held = None;
        self.scroll = 0;
        self.before.clear();
    }

    /// Whether the figures shown are those of the values chosen.
    fn is_current(&self) -> bool {
        self.explorable().zip(self.shown.as_ref()).is_some_and(|(explorable, shown)| {
            explorable.id == shown.id && shown.values == self.hand.values
        })
    }

    /// Moves time on by a step; what is at the end stays there.
    fn play_on(&mut self) {
        let Some(explorable) = self.list.get(self.open) else { return };
        let Some(time) = explorable.sliders.iter().position(|s| s.control == Control::Time) else {
            self.playing = false;
            return;
        };
        let slider = &explorable.sliders[time];
        let now = self.hand.values[explorable.place(time).start];
        // Whatever its length, it is over within some ten seconds.
        let stride = ((slider.high - slider.low) / 100.0 / slider.step).ceil() * slider.step;
        self.hand.set_at(time, 0, now + stride, explorable);
        self.playing = now < slider.high;
    }

    /// Starts at the beginning where time is at its end.
    fn toggle_play(&mut self) {
        let Some(explorable) = self.list.get(self.open) else { return };
        let time = explorable.sliders.iter().position(|s| s.control == Control::Time);
        let Some(time) = time else { return };
        self.playing = !self.playing;
        let slider = &explorable.sliders[time];
        if self.playing && self.hand.values[explorable.place(time).start] >= slider.high {
            self.hand.set_at(time, 0, slider.low, explorable);
        }
    }

    fn next_figure(&mut self) {
        let count = self.shown.as_ref().map_or(0, |shown| shown.figures.len());
        self.alone = match self.alone {
            None if count > 1 => Some(0),
            Some(index) if index + 1 < count => Some(index + 1),
            _ => None,
        };
        self.scroll = 0;
    }

    fn list_key(&mut self, code: KeyCode) -> Effect {
        match code {
            KeyCode::Up | KeyCode::Char('k') => self.open(self.open.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => self.open(self.open + 1),
            KeyCode::PageUp => self.open(self.open.saturating_sub(5)),
            KeyCode::PageDown => self.open(self.open + 5),
            KeyCode::Home => self.open(0),
            KeyCode::End => self.open(usize::MAX),
            KeyCode::Enter | KeyCode::Esc | KeyCode::Right | KeyCode::Char('o' | 'l') => {
                self.focus = Focus::Sliders;
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn slider_key(&mut self, key: KeyEvent) -> Effect {
        let Some(explorable) = self.list.get(self.open) else { return Effect::Ignored };
        let hand = &mut self.hand;
        let ten = if key.modifiers.contains(KeyModifiers::SHIFT) { 10.0 } else { 1.0 };
        let slider = explorable.sliders.get(hand.selected);
        let [low, high] = slider.map_or([0.0; 2], |slider| [slider.low, slider.high]);
        let drawn = slider.is_some_and(hand::is_drawn);
        let toggle = slider.is_some_and(|slider| slider.control == Control::Toggle);
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => hand.upright(false, explorable),
            KeyCode::Down | KeyCode::Char('j') => hand.upright(true, explorable),
            KeyCode::Left | KeyCode::Char('h') => hand.sideways(-ten, explorable),
            KeyCode::Right | KeyCode::Char('l') => hand.sideways(ten, explorable),
            KeyCode::PageUp => hand.step(10.0, explorable),
            KeyCode::PageDown => hand.step(-10.0, explorable),
            KeyCode::Home => hand.set(low, explorable),
            KeyCode::End => hand.set(high, explorable),
            KeyCode::Char('+' | '=') => hand.step(1.0, explorable),
            KeyCode::Char('-') if drawn => hand.step(-1.0, explorable),
            KeyCode::Char(' ') if toggle => return self.press(),
            KeyCode::Char(c) if hand.type_in(c) => return Effect::Redraw,
            KeyCode::Backspace if !hand.typed.is_empty() => {
                hand.typed.pop();
            }
            KeyCode::Esc if !hand.typed.is_empty() => hand.typed.clear(),
            KeyCode::Enter if !hand.typed.is_empty() => hand.enter(explorable),
            KeyCode::Enter => return self.press(),
            KeyCode::Char('r') => hand.reset(explorable),
            _ => return Effect::Ignored,
        }
        // A hand on the sliders takes over from time.
        self.playing = false;
        Effect::Redraw
    }

    /// Enter on a slider.
    fn press(&mut self) -> Effect {
        let Some(explorable) = self.list.get(self.open) else { return Effect::Ignored };
        if !self.hand.press(explorable) {
            self.toggle_play();
        }
        Effect::Redraw
    }

    fn take_list(&mut self, list: &[Explorable], language: Language) {
        self.list = list.iter().map(|explorable| language.explorable(explorable)).collect();
        let wanted = self.wanted.take();
        let index = wanted.and_then(|id| list.iter().position(|explorable| explorable.id == id));
        self.open(index.unwrap_or(self.open));
    }

    fn take_figures(&mut self, explored: &Explored, language: Language) {
        let same = self.shown.take().filter(|shown| shown.id == explored.id);
        self.before = same.map_or_else(Vec::new, |shown| shown.figures);
        let figures = language.figures(&explored.figures);
        self.shown = Some(Explored { figures, ..explored.clone() });
    }
}

impl View for Explore {
    fn id(&self) -> ViewId {
        ViewId::Explore
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "slider" },
            KeyHelp { keys: "←→", does: "move it" },
            KeyHelp { keys: "0…9", does: "type it" },
            KeyHelp { keys: "Enter", does: "switch" },
            KeyHelp { keys: "r", does: "reset" },
            KeyHelp { keys: "p", does: "play" },
            KeyHelp { keys: "< >", does: "another" },
            KeyHelp { keys: "o", does: "list" },
            KeyHelp { keys: "f", does: "figure" },
            KeyHelp { keys: "⇧←→", does: "ten steps, as PgUp and PgDn" },
            KeyHelp { keys: "+ −", does: "raise or lower a drawn value" },
            KeyHelp { keys: "Home End", does: "lowest and highest value" },
            KeyHelp { keys: "mouse", does: "drag sliders, draw, enlarge figures" },
        ]
    }

    fn probes(&self, _context: &Context) -> Vec<What> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &Context) -> Effect {
        match (key.code, self.focus) {
            (KeyCode::Char('<'), _) => self.open(self.open.saturating_sub(1)),
            (KeyCode::Char('>'), _) => self.open(self.open + 1),
            (KeyCode::Char('p'), _) => self.toggle_play(),
            (KeyCode::Char('f'), _) => self.next_figure(),
            (KeyCode::Char('o'), Focus::Sliders) => self.focus = Focus::List,
            (code, Focus::List) => return self.list_key(code),
            (_, Focus::Sliders) => return self.slider_key(key),
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &Context) -> Effect {
        touch::touch(self, event)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &Context) {
        draw::draw(self, area, buffer, context);
    }
}

#[cfg(test)]
mod tests;
