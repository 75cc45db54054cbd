//! The dashboard's state: input and news in, effects out. Knows no terminal.

use super::chrome::{self, Chrome};
use super::effect::{Effect, Exit};
use super::keymap::{self, Action};
use super::overlay::Overlay;
use super::setup::Setup;
use super::view::{Context, Reaction, View};
use crate::protocol::{Command, Event, Frame, Moment, Pace, Probe, RunView, Step, Update, What};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::collections::BTreeMap;

macro_rules! context {
    ($app:expr) => {
        Context {
            run: &$app.run,
            theme: &$app.setup.theme,
            moment: $app.moment,
            digit: $app.digit,
            layer: $app.layer,
        }
    };
}

mod messages;
mod ways;

/// The dashboard.
pub struct App {
    pub(super) setup: Setup,
    pub(super) run: RunView,
    pub(super) views: Vec<Box<dyn View>>,
    pub(super) current: usize,
    pub(super) moment: Moment,
    digit: u32,
    layer: u32,
    pub(super) overlay: Option<Overlay>,
    /// Why what is shown is stale, once the run cannot be reached.
    pub(super) lost: Option<String>,
    /// A sentence in the footer until the next key.
    pub(super) notice: Option<String>,
    /// Where the view was last drawn.
    body: Rect,
    /// Columns of each tab in the tab line, as last drawn.
    pub(super) tabs: Vec<Rect>,
    watched: Vec<Probe>,
    /// Newer answers to probes than those shown: pictures change much of the screen, so they wait
    /// until the line can take them.
    waiting: BTreeMap<Probe, Frame>,
    /// An answer that somebody's hand waits for has come.
    hurry: bool,
    exit: Option<Exit>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("current", &self.current).finish_non_exhaustive()
    }
}

impl App {
    /// A dashboard that knows nothing of its run yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let notice = setup.notice.clone();
        let views = setup.views();
        let current = views.iter().position(|view| view.name() == setup.view).unwrap_or(0);
        Self {
            setup,
            run: RunView::default(),
            views,
            current,
            moment: Moment::Live,
            digit: 0,
            layer: 0,
            overlay: None,
            lost: None,
            notice,
            body: Rect::default(),
            tabs: Vec::new(),
            watched: Vec::new(),
            waiting: BTreeMap::new(),
            hurry: false,
            exit: None,
        }
    }

    /// Takes news of the run.
    pub fn update(&mut self, update: Update) -> Vec<Command> {
        match update {
            Update::Snapshot(view) => {
                self.waiting.clear();
                self.heed_snapshot(&view);
                self.run = *view;
            }
            Update::Event(Event::Frame(frame)) if self.run.frames.contains_key(&frame.probe) => {
                self.waiting.insert(frame.probe.clone(), *frame);
                return Vec::new();
            }
            Update::Event(event @ (Event::Explored(_) | Event::Explorables(_))) => {
                let context = context!(self);
                let mut views = self.views.iter_mut();
                self.hurry |= views.any(|v| v.answered(&event, &context) == Reaction::Redraw);
                return Vec::new();
            }
            Update::Event(event) => {
                self.heed(&event);
                self.run.apply(&event);
            }
            // The first reason is the cause; what follows comes of it.
            Update::Lost(why) => {
                self.lost.get_or_insert(why);
            }
        }
        self.drop_question();
        let reaction = self.views[self.current].updated(&context!(self));
        self.react(reaction)
    }

    /// Shows the newest answers to all probes.
    pub fn settle(&mut self) {
        for (_, frame) in std::mem::take(&mut self.waiting) {
            self.run.apply(&Event::Frame(Box::new(frame)));
        }
    }

    /// Whether newer answers wait to be shown.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether an answer came that somebody's hand waits for; said once.
    pub fn take_hurry(&mut self) -> bool {
        std::mem::take(&mut self.hurry)
    }

    /// A key press.
    pub fn key(&mut self, key: KeyEvent) -> Vec<Command> {
        self.notice = None;
        if keymap::action(key) == Some(Action::QuitNow) {
            // Whatever lies on top.
            return self.act(Action::QuitNow);
        }
        if let Some(overlay) = &mut self.overlay {
            let answer = overlay.key(key);
            return self.answer(answer);
        }
        let reaction = self.views[self.current].key(key, &context!(self));
        if reaction != Reaction::Ignored {
            return self.react(reaction);
        }
        keymap::action(key).map_or_else(Vec::new, |action| self.act(action))
    }

    /// A mouse event.
    pub fn mouse(&mut self, event: MouseEvent) -> Vec<Command> {
        if self.overlay.is_some() {
            return Vec::new();
        }
        let at = Position::new(event.column, event.row);
        if event.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(tab) = self.tabs.iter().position(|tab| tab.contains(at))
        {
            return self.show_view(tab);
        }
        if self.body.contains(at) {
            let reaction = self.views[self.current].mouse(event, self.body, &context!(self));
            return self.react(reaction);
        }
        Vec::new()
    }

    /// Draws everything.
    pub fn render(&mut self, buffer: &mut Buffer) {
        let area = buffer.area;
        self.body = chrome::body(area);
        self.tabs = self.chrome().draw(area, buffer);
        if let Some(page) = chrome::failure(&self.run) {
            chrome::draw_failure(&page, self.body, buffer, &self.setup.theme);
        } else {
            self.views[self.current].render(self.body, buffer, &context!(self));
        }
        if let Some(overlay) = &self.overlay {
            let view = &self.views[self.current];
            overlay.render(area, buffer, &self.setup.theme, view.name(), view.keys());
        }
        if self.setup.theme.unicode {
            chrome::keep_wide_whole(buffer);
        } else {
            chrome::to_ascii(buffer);
        }
    }

    fn chrome(&self) -> Chrome<'_> {
        Chrome {
            setup: &self.setup,
            run: &self.run,
            views: &self.views,
            current: self.current,
            moment: self.moment,
            lost: self.lost.as_deref(),
            notice: self.notice.as_deref(),
            is_going: self.run_is_going(),
        }
    }

    /// What is to be watched, where that changed since it was last asked.
    pub fn new_wishes(&mut self) -> Option<Command> {
        let whats: Vec<What> = self.views[self.current].probes(&context!(self));
        let at = self.moment;
        let probes: Vec<Probe> = whats.into_iter().map(|what| Probe { what, at }).collect();
        if probes == self.watched {
            return None;
        }
        self.watched.clone_from(&probes);
        Some(Command::Watch(probes))
    }

    /// What the view on the screen asks beside that, where it has a question.
    pub fn question(&mut self) -> Option<Command> {
        self.views[self.current].question()
    }

    /// How the dashboard was left, once it was.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Whether training could still go on.
    #[must_use]
    pub fn run_is_going(&self) -> bool {
        self.run.outcome.is_none() && self.lost.is_none() && !self.setup.is_without_run()
    }

    fn react(&mut self, reaction: Reaction) -> Vec<Command> {
        match reaction {
            Reaction::Ignored | Reaction::Redraw => Vec::new(),
            Reaction::SelectDigit(index) => self.effect(Effect::SelectDigit(index)),
            Reaction::Show(moment) => self.effect(Effect::Show(moment)),
            Reaction::SelectLayer(layer) => {
                self.layer = layer;
                Vec::new()
            }
            Reaction::Classify { .. } if self.lost.is_some() => Vec::new(),
            // A terminal that only looks may ask, too.
            Reaction::Classify { id, pixels } => vec![Command::Classify { id, pixels }],
            Reaction::SavePicture(picture) => {
                let told = self.setup.save_picture.map(|save| save(&picture));
                let unheard = || Err("no files are written here".into());
                self.notice = Some(told.unwrap_or_else(unheard).unwrap_or_else(|why| why));
                Vec::new()
            }
            Reaction::OpenDigits(filter) => {
                if let Some(index) = self.views.iter_mut().position(|v| v.open_digits(filter)) {
                    self.current = index;
                }
                Vec::new()
            }
        }
    }

    fn act(&mut self, action: Action) -> Vec<Command> {
        let send = |command| Effect::Send(command);
        let effect = match action {
            Action::Help => return self.open(Overlay::help()),
            Action::Palette => return self.open(Overlay::palette()),
            Action::Messages => return self.open_messages(),
            Action::Stop if self.run_is_going() => return self.open(Overlay::ask_stop()),
            Action::Stop => return Vec::new(),
            Action::NextView => return self.show_view(self.current + 1),
            Action::PreviousView => return self.show_view(self.current + self.views.len() - 1),
            Action::View(index) if index < self.views.len() => return self.show_view(index),
            Action::View(_) => return Vec::new(),
            Action::Out if self.moment != Moment::Live => Effect::Show(Moment::Live),
            Action::Out => return Vec::new(),
            Action::Quit => Effect::Quit,
            Action::QuitNow if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::QuitNow => Effect::Leave(Exit::Stop),
            Action::Detach if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::Detach => {
                self.notice = Some("this run lives in this terminal; it cannot be left".into());
                return Vec::new();
            }
            Action::PauseOrResume => send(self.pause_or_resume()),
            Action::StepBatch => send(Command::Step(Step::Batches(1))),
            Action::StepEpoch => send(Command::Step(Step::Epochs(1))),
            Action::Save => send(Command::Save),
            Action::FullSpeed => send(Command::Pace(Pace::Full)),
            Action::EpochASecond => send(Command::Pace(Pace::SecondsPerEpoch(1.0))),
            Action::SlowMotion => send(Command::Pace(Pace::BatchesPerSecond(10.0))),
            Action::EarlierEpoch => Effect::Show(self.neighbour(-1)),
            Action::LaterEpoch => Effect::Show(self.neighbour(1)),
            Action::Live => Effect::Show(Moment::Live),
        };
        self.effect(effect)
    }

    fn effect(&mut self, effect: Effect) -> Vec<Command> {
        match effect {
            Effect::Send(_) if self.setup.is_without_run() => {
                self.notice = Some("there is no run here".into());
            }
            Effect::Send(_) if self.lost.is_some() => {
                self.notice = Some("the run cannot be reached".into());
            }
            Effect::Send(_) if self.setup.read_only => {
                self.notice = Some("read-only: this terminal only looks".into());
            }
            Effect::Send(command) => return vec![command],
            Effect::Show(moment) => self.moment = moment,
            Effect::SelectDigit(index) => self.digit = index.min(self.last_digit()),
            Effect::OpenView(name) => return self.open_view(&name),
            Effect::Explore(id) => {
                match self.views.iter_mut().position(|view| view.open_explorable(&id)) {
                    Some(index) => self.current = index,
                    None => self.notice = Some(format!("there is no explorable {id:?}")),
                }
            }
            Effect::Messages => return self.open_messages(),
            Effect::Quit if !self.run_is_going() => self.exit = Some(Exit::Done),
            Effect::Quit if self.setup.read_only => self.exit = Some(Exit::Detach),
            Effect::Quit => return self.open(Overlay::ask_quit(self.setup.detachable)),
            Effect::Leave(exit) => self.exit = Some(exit),
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
