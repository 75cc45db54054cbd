//! Explorables: sliders on the left, figures on the right.

mod draw;
mod slider_values;
mod sliders;
mod touch;

use crate::protocol::{Command, Event, Explorable, Explored, Figure, ProbeQuery, SliderKind};
use crate::ui::effect::Effect;
use crate::ui::language::Language;
use crate::ui::view::{KeyHelp, View, ViewContext};
use crate::ui::view_id::ViewId;
use crate::ui::views::figures::curves_in;
use crate::ui::widgets::ChartState;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use slider_values::SliderValues;
use sliders::SliderArea;

/// The focus of the keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ExploreFocus {
    #[default]
    Sliders,
    List,
}

/// An explorable: its sliders, its figures, and what to try and to notice.
#[derive(Debug, Default)]
pub(in crate::ui) struct ExploreView {
    /// The explorables, once they have been received.
    list: Vec<Explorable>,
    /// Index of the open one.
    open: usize,
    /// An id to open once the list is known.
    wanted: Option<String>,
    sliders: SliderValues,
    focus: ExploreFocus,
    /// Index of the figure that is shown alone.
    alone: Option<usize>,
    playing: bool,
    /// A request is pending.
    asked: bool,
    shown: Option<Explored>,
    /// The figures of the same explorable before the last change of a value.
    before: Vec<Figure>,
    /// Rows that tables and texts are scrolled down.
    scroll: usize,
    /// The state of the chart that is shown alone.
    chart: ChartState,
    /// Areas of the parts when they were last drawn.
    places: ExploreAreas,
    /// The slider that is dragged, and the value that the drag writes into the cells of a grid.
    held: Option<(SliderArea, f64)>,
}

/// Areas of the parts when they were last drawn, for the mouse.
#[derive(Debug, Default)]
struct ExploreAreas {
    spots: Vec<SliderArea>,
    /// The area of the list, and the index of its first row.
    list: Rect,
    first: usize,
    figures: Vec<(usize, Rect)>,
}

impl ExploreView {
    /// The view, open at an explorable.
    pub(in crate::ui) fn opened(id: &str) -> Self {
        Self { wanted: Some(id.into()), ..Self::default() }
    }

    /// The next request to the run, after the view was drawn; only one is pending at a time. The
    /// answer is passed to [`Self::answered`].
    pub(in crate::ui) fn explore_request(&mut self) -> Option<Command> {
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
        Some(Command::Explore { id, values: self.sliders.values.clone() })
    }

    /// Takes the answer to a request; returns true if the user is waiting for it.
    pub(in crate::ui) fn answered(&mut self, answer: &Event, language: Language) -> bool {
        match answer {
            Event::Explorables(list) => self.take_list(list, language),
            Event::Explored(explored) => self.take_figures(explored, language),
            _ => return false,
        }
        self.asked = false;
        !self.playing
    }

    /// Opens an explorable by its id or a prefix of it; returns false if there is none.
    pub(in crate::ui) fn open_explorable(&mut self, id: &str) -> bool {
        if self.list.is_empty() {
            self.wanted = Some(id.into());
            return true;
        }
        self.position_of(id).inspect(|&index| self.open(index)).is_some()
    }

    /// The position of the first explorable whose id starts with a text.
    fn position_of(&self, id: &str) -> Option<usize> {
        self.list.iter().position(|explorable| explorable.id.starts_with(id))
    }

    fn explorable(&self) -> Option<&Explorable> {
        self.list.get(self.open)
    }

    fn open(&mut self, index: usize) {
        let Some(last) = self.list.len().checked_sub(1) else { return };
        self.open = index.min(last);
        self.sliders = SliderValues::at(&self.list[self.open]);
        self.alone = None;
        self.playing = false;
        self.held = None;
        self.scroll = 0;
        self.before.clear();
    }

    /// Whether the figures belong to the current values.
    fn is_current(&self) -> bool {
        self.explorable().zip(self.shown.as_ref()).is_some_and(|(explorable, shown)| {
            explorable.id == shown.id && shown.values == self.sliders.values
        })
    }

    /// Advances the time slider by a hundredth of its range, rounded up to whole steps; the
    /// playback stops at the end.
    fn play_on(&mut self) {
        let Some(explorable) = self.list.get(self.open) else { return };
        let Some(time) = explorable.sliders.iter().position(|s| s.control == SliderKind::Time)
        else {
            self.playing = false;
            return;
        };
        let slider = &explorable.sliders[time];
        let now = self.sliders.values[explorable.place(time).start];
        // At most 100 frames: about ten seconds at ten frames per second.
        let stride = ((slider.high - slider.low) / 100.0 / slider.step).ceil() * slider.step;
        self.sliders.set_at(time, 0, now + stride, explorable);
        self.playing = now < slider.high;
    }

    /// Starts or stops the playback; starts from the beginning if time is at its end.
    fn toggle_play(&mut self) {
        let Some(explorable) = self.list.get(self.open) else { return };
        let time = explorable.sliders.iter().position(|s| s.control == SliderKind::Time);
        let Some(time) = time else { return };
        self.playing = !self.playing;
        let slider = &explorable.sliders[time];
        if self.playing && self.sliders.values[explorable.place(time).start] >= slider.high {
            self.sliders.set_at(time, 0, slider.low, explorable);
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
        self.chart = ChartState::default();
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
                self.focus = ExploreFocus::Sliders;
            }
            _ => return Effect::Ignored,
        }
        Effect::Redraw
    }

    fn slider_key(&mut self, key: KeyEvent) -> Effect {
        let Some(explorable) = self.list.get(self.open) else { return Effect::Ignored };
        let values = &mut self.sliders;
        let ten = if key.modifiers.contains(KeyModifiers::SHIFT) { 10.0 } else { 1.0 };
        if let Some(typed) = &mut values.typed {
            match key.code {
                KeyCode::Enter => values.enter(explorable),
                KeyCode::Esc => values.typed = None,
                KeyCode::Backspace => drop(typed.pop()),
                KeyCode::Char(character) => drop(values.type_in(character)),
                _ => values.typed = None,
            }
            self.playing = false;
            return Effect::Redraw;
        }
        let slider = explorable.sliders.get(values.selected);
        let [low, high] = slider.map_or([0.0; 2], |slider| [slider.low, slider.high]);
        let drawn = slider.is_some_and(slider_values::is_drawn);
        let toggle = slider.is_some_and(|slider| slider.control == SliderKind::Toggle);
        match key.code {
            KeyCode::Up | KeyCode::Char('k') => values.move_vertically(false, explorable),
            KeyCode::Down | KeyCode::Char('j') => values.move_vertically(true, explorable),
            KeyCode::Left | KeyCode::Char('h') => values.move_horizontally(-ten, explorable),
            KeyCode::Right | KeyCode::Char('l') => values.move_horizontally(ten, explorable),
            KeyCode::PageUp => values.step(10.0, explorable),
            KeyCode::PageDown => values.step(-10.0, explorable),
            KeyCode::Home => values.set(low, explorable),
            KeyCode::End => values.set(high, explorable),
            KeyCode::Char('+') => values.step(1.0, explorable),
            KeyCode::Char('-') if drawn => values.step(-1.0, explorable),
            KeyCode::Char('=') => values.begin_typing(),
            KeyCode::Char(' ') if toggle => return self.press(),
            KeyCode::Enter => return self.press(),
            KeyCode::Char('r') => values.reset(explorable),
            _ => return Effect::Ignored,
        }
        // Moving a slider by hand stops the playback.
        self.playing = false;
        Effect::Redraw
    }

    /// Enter on a slider.
    fn press(&mut self) -> Effect {
        let Some(explorable) = self.list.get(self.open) else { return Effect::Ignored };
        if !self.sliders.press(explorable) {
            self.toggle_play();
        }
        Effect::Redraw
    }

    fn take_list(&mut self, list: &[Explorable], language: Language) {
        self.list = list.iter().map(|explorable| language.explorable(explorable)).collect();
        let wanted = self.wanted.take();
        self.open(wanted.and_then(|id| self.position_of(&id)).unwrap_or(self.open));
    }

    fn take_figures(&mut self, explored: &Explored, language: Language) {
        let same = self.shown.take().filter(|shown| shown.id == explored.id);
        self.before = same.map_or_else(Vec::new, |shown| shown.figures);
        let figures = language.figures(&explored.figures);
        self.shown = Some(Explored { figures, ..explored.clone() });
    }
}

impl View for ExploreView {
    fn id(&self) -> ViewId {
        ViewId::Explore
    }

    fn about(&self) -> &'static [&'static str] {
        &[
            "Ideas of the book to play with: move a slider at the left, and watch the figures at the right.",
            "What the last move changed is highlighted.",
        ]
    }

    fn keys(&self) -> &'static [KeyHelp] {
        &[
            KeyHelp { keys: "↑↓", does: "slider" },
            KeyHelp { keys: "←→", does: "move it" },
            KeyHelp { keys: "=", does: "type it" },
            KeyHelp { keys: "Enter", does: "switch" },
            KeyHelp { keys: "r", does: "reset" },
            KeyHelp { keys: "p", does: "play" },
            KeyHelp { keys: "< >", does: "another" },
            KeyHelp { keys: "o", does: "list" },
            KeyHelp { keys: "f", does: "figure" },
            KeyHelp { keys: "c", does: "hide a curve" },
            KeyHelp { keys: "⇧←→", does: "ten steps, as PgUp and PgDn" },
            KeyHelp { keys: "+ −", does: "raise or lower a drawn value" },
            KeyHelp { keys: "Home End", does: "lowest and highest value" },
            KeyHelp { keys: "mouse", does: "drag sliders, draw, enlarge figures" },
        ]
    }

    fn probes(&self, _context: &ViewContext) -> Vec<ProbeQuery> {
        Vec::new()
    }

    fn key(&mut self, key: KeyEvent, _context: &ViewContext) -> Effect {
        match (key.code, self.focus) {
            _ if self.sliders.typed.is_some() => return self.slider_key(key),
            (KeyCode::Esc, ExploreFocus::Sliders) if self.alone.is_some() => {
                (self.alone, self.chart) = (None, ChartState::default());
            }
            (KeyCode::Char('c'), _) if self.alone.is_some() => {
                let figures = self.shown.as_ref().map(|shown| &shown.figures);
                let figure = figures.zip(self.alone).and_then(|(all, index)| all.get(index));
                self.chart.hide_next(curves_in(figure));
            }
            (KeyCode::Char('<'), _) => self.open(self.open.saturating_sub(1)),
            (KeyCode::Char('>'), _) => self.open(self.open + 1),
            (KeyCode::Char('p'), _) => self.toggle_play(),
            (KeyCode::Char('f'), _) => self.next_figure(),
            (KeyCode::Char('o'), ExploreFocus::Sliders) => self.focus = ExploreFocus::List,
            (code, ExploreFocus::List) => return self.list_key(code),
            (_, ExploreFocus::Sliders) => return self.slider_key(key),
        }
        Effect::Redraw
    }

    fn mouse(&mut self, event: MouseEvent, _area: Rect, _context: &ViewContext) -> Effect {
        touch::touch(self, event)
    }

    fn render(&mut self, area: Rect, buffer: &mut Buffer, context: &ViewContext) {
        draw::draw(self, area, buffer, context);
    }
}

#[cfg(test)]
mod tests;
