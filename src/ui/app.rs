//! The dashboard's state: keys, clicks and events of the run in, commands out. Knows no terminal.

use super::chrome::{self, Chrome};
use super::effect::{Effect, Exit};
use super::keymap::{self, Action};
use super::overlay::{Answer, Overlay};
use super::palette;
use super::selection::Selection;
use super::sending::{self, Reply};
use super::setup::Setup;
use super::view::{Context, View};
use super::view_id::ViewId;
use super::views::{Digits, Explore};
use crate::protocol::{
    Activity, Command, Event, Frame, Level, Moment, Pace, Probe, RunView, Step, Update,
};
use crossterm::event::{KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::any::Any;
use std::collections::BTreeMap;

/// The dashboard.
pub struct App {
    setup: Setup,
    run: RunView,
    views: Vec<Box<dyn View>>,
    /// The view that is shown, by its place in the list.
    current: usize,
    selection: Selection,
    overlay: Option<Overlay>,
    /// Why what is shown is stale, once the run cannot be reached.
    lost: Option<String>,
    /// A sentence in the footer until the next key.
    notice: Option<String>,
    /// Where the view was last drawn.
    body: Rect,
    /// Columns of each tab in the tab line, as last drawn.
    tabs: Vec<Rect>,
    /// The probes that the run was last asked for.
    watched: Vec<Probe>,
    /// Newer answers to probes than those shown: pictures change much of the screen, so they wait
    /// until the line can take them.
    waiting: BTreeMap<Probe, Frame>,
    /// An answer that the user waits for has come.
    urgent: bool,
    exit: Option<Exit>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("current", &self.current).finish_non_exhaustive()
    }
}

/// What views draw from. A macro, so that only the fields it names are borrowed.
macro_rules! context {
    ($app:expr) => {
        Context::new(&$app.run, &$app.setup.theme, $app.selection)
    };
}

impl App {
    /// A dashboard that knows nothing of its run yet.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let notice = setup.notice.clone();
        let views = setup.views();
        let current = views.iter().position(|view| view.id() == setup.view).unwrap_or(0);
        Self {
            setup,
            run: RunView::default(),
            views,
            current,
            selection: Selection::default(),
            overlay: None,
            lost: None,
            notice,
            body: Rect::default(),
            tabs: Vec::new(),
            watched: Vec::new(),
            waiting: BTreeMap::new(),
            urgent: false,
            exit: None,
        }
    }

    /// Takes news of the run.
    pub fn update(&mut self, update: Update) -> Option<Command> {
        match update {
            Update::Snapshot(view) => {
                self.waiting.clear();
                self.announce_snapshot(&view);
                self.run = *view;
            }
            Update::Event(Event::Frame(frame)) if self.run.frames.contains_key(&frame.probe) => {
                self.waiting.insert(frame.probe.clone(), *frame);
                return None;
            }
            Update::Event(event @ (Event::Explored(_) | Event::Explorables(_))) => {
                let language = self.setup.theme.language();
                let explore = self.view_mut::<Explore>();
                self.urgent |= explore.is_some_and(|view| view.answered(&event, language));
                return None;
            }
            Update::Event(event) => {
                self.announce(&event);
                self.run.apply(&event);
            }
            // The first reason is the cause; what follows comes of it.
            Update::Lost(why) => {
                self.lost.get_or_insert(why);
            }
        }
        // There is nothing left to decide about a run that is over.
        if self.overlay.as_ref().is_some_and(Overlay::is_about_a_live_run) && !self.run_is_going() {
            self.overlay = None;
        }
        let effect = self.views[self.current].updated(&context!(self));
        self.apply(effect)
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

    /// Whether an answer came that the user waits for; true once for each.
    pub fn take_hurry(&mut self) -> bool {
        std::mem::take(&mut self.urgent)
    }

    /// A key press.
    pub fn key(&mut self, key: KeyEvent) -> Option<Command> {
        self.notice = None;
        if keymap::action(key) == Some(Action::QuitNow) {
            // Whatever lies on top.
            return self.act(Action::QuitNow);
        }
        if let Some(overlay) = &mut self.overlay {
            let answer = overlay.key(key);
            return self.answer(answer);
        }
        let effect = self.views[self.current].key(key, &context!(self));
        if effect != Effect::Ignored {
            return self.apply(effect);
        }
        keymap::action(key).and_then(|action| self.act(action))
    }

    /// A mouse event.
    pub fn mouse(&mut self, event: MouseEvent) -> Option<Command> {
        if self.overlay.is_some() {
            return None;
        }
        let at = Position::new(event.column, event.row);
        if event.kind == MouseEventKind::Down(MouseButton::Left)
            && let Some(tab) = self.tabs.iter().position(|tab| tab.contains(at))
        {
            return self.show_view(tab);
        }
        if !self.body.contains(at) {
            return None;
        }
        let effect = self.views[self.current].mouse(event, self.body, &context!(self));
        self.apply(effect)
    }

    /// Draws everything.
    pub fn render(&mut self, buffer: &mut Buffer) {
        let area = buffer.area;
        self.body = chrome::body(area);
        let chrome = Chrome {
            setup: &self.setup,
            run: &self.run,
            views: &self.views,
            current: self.current,
            moment: self.selection.moment,
            lost: self.lost.as_deref(),
            notice: self.notice.as_deref(),
            is_going: self.run_is_going(),
        };
        self.tabs = chrome.draw(area, buffer);
        if let Some(page) = chrome::failure(&self.run) {
            chrome::draw_failure(&page, self.body, buffer, &self.setup.theme);
        } else {
            self.views[self.current].render(self.body, buffer, &context!(self));
        }
        if let Some(overlay) = &self.overlay {
            let view = &self.views[self.current];
            overlay.render(area, buffer, &self.setup.theme, view.id(), view.keys());
        }
        if self.setup.theme.unicode {
            chrome::keep_wide_whole(buffer);
        } else {
            chrome::to_ascii(buffer);
        }
    }

    /// What the run is to compute for the view on the screen, where that changed since it was last
    /// asked.
    pub fn new_wishes(&mut self) -> Option<Command> {
        let whats = self.views[self.current].probes(&context!(self));
        let probes = self.selection.probes(whats, !self.setup.is_without_run());
        if probes == self.watched {
            return None;
        }
        self.watched.clone_from(&probes);
        Some(Command::Watch(probes))
    }

    /// What the explorable on the screen has to be asked for, if anything.
    pub fn question(&mut self) -> Option<Command> {
        let view: &mut dyn Any = self.views[self.current].as_mut();
        view.downcast_mut::<Explore>()?.question()
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

    /// The view of a type, where there is one.
    fn view_mut<T: View>(&mut self) -> Option<&mut T> {
        self.views.iter_mut().find_map(|view| {
            let view: &mut dyn Any = view.as_mut();
            view.downcast_mut()
        })
    }

    /// Puts into the footer what must not be missed.
    fn announce(&mut self, event: &Event) {
        match event {
            Event::Saved(saved) => {
                self.notice = Some(self.setup.theme.fill("saved {}", &[&saved.path]));
            }
            Event::Log(line) if line.level != Level::Info => self.notice = Some(line.text.clone()),
            _ => {}
        }
    }

    /// The same for what happened while this dashboard was behind. From the time before it came,
    /// only messages.
    fn announce_snapshot(&mut self, now: &RunView) {
        if now.outcome.is_some() {
            return;
        }
        let was_here = self.run.info.is_some();
        for fact in now.facts_since(&self.run) {
            if was_here || matches!(fact, Event::Log(_)) {
                self.announce(&fact);
            }
        }
    }

    fn answer(&mut self, answer: Answer) -> Option<Command> {
        if answer == Answer::Stay {
            return None;
        }
        self.overlay = None;
        match answer {
            Answer::Stay | Answer::Close => None,
            Answer::Effect(effect) => self.apply(effect),
            Answer::Line(line) => match palette::parse(&line) {
                Ok(effect) => self.apply(effect),
                Err(sentence) => self.notify(sentence),
            },
        }
    }

    fn notify(&mut self, sentence: impl Into<String>) -> Option<Command> {
        self.notice = Some(sentence.into());
        None
    }

    fn open(&mut self, overlay: Overlay) -> Option<Command> {
        self.overlay = Some(overlay);
        None
    }

    fn open_view(&mut self, id: ViewId) -> Option<Command> {
        let index = self.views.iter().position(|view| view.id() == id)?;
        self.show_view(index)
    }

    fn show_view(&mut self, index: usize) -> Option<Command> {
        self.current = index % self.views.len();
        // What came while it was not on the screen is new to it.
        let effect = self.views[self.current].updated(&context!(self));
        self.apply(effect)
    }

    /// What a key of the key table does.
    fn act(&mut self, action: Action) -> Option<Command> {
        let effect = match action {
            Action::Help => return self.open(Overlay::help()),
            Action::Palette => return self.open(Overlay::palette()),
            Action::Messages => Effect::Messages,
            Action::Stop if self.run_is_going() => return self.ask_to_stop(),
            Action::Stop => return None,
            Action::NextView => return self.show_view(self.current + 1),
            Action::PreviousView => return self.show_view(self.current + self.views.len() - 1),
            Action::View(id) => Effect::OpenView(id),
            Action::Out if self.selection.moment != Moment::Live => Effect::Show(Moment::Live),
            Action::Out => return None,
            Action::Quit => Effect::Quit,
            Action::QuitNow if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::QuitNow => Effect::Leave(Exit::Stop),
            Action::Detach if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::Detach => {
                return self.notify("this run lives in this terminal; it cannot be left");
            }
            Action::PauseOrResume => Effect::Send(self.pause_or_resume()),
            Action::StepBatch => Effect::Send(Command::Step(Step::Batches(1))),
            Action::StepEpoch => Effect::Send(Command::Step(Step::Epochs(1))),
            Action::Save => Effect::Send(Command::Save),
            Action::FullSpeed => Effect::Send(Command::Pace(Pace::Full)),
            Action::EpochASecond => Effect::Send(Command::Pace(Pace::SecondsPerEpoch(1.0))),
            Action::SlowMotion => Effect::Send(Command::Pace(Pace::BatchesPerSecond(10.0))),
            Action::EarlierEpoch => Effect::Show(self.selection.neighbour_epoch(-1, &self.run)),
            Action::LaterEpoch => Effect::Show(self.selection.neighbour_epoch(1, &self.run)),
            Action::Live => Effect::Show(Moment::Live),
        };
        self.apply(effect)
    }

    /// Does what follows from a key, a click, a typed command or an event.
    fn apply(&mut self, effect: Effect) -> Option<Command> {
        match effect {
            Effect::Ignored | Effect::Redraw => {}
            Effect::SelectDigit(index) => self.selection.select_digit(index, &self.run),
            Effect::SelectLayer(layer) => self.selection.layer = layer,
            Effect::Show(moment) => self.selection.moment = moment,
            Effect::OpenDigits(filter) => {
                if let Some(digits) = self.view_mut::<Digits>() {
                    digits.set_filter(filter);
                    return self.open_view(ViewId::Digits);
                }
            }
            Effect::Classify { .. } if self.lost.is_some() => {}
            // A question changes nothing: a read-only terminal may ask it, too.
            Effect::Classify { id, pixels } => return Some(Command::Classify { id, pixels }),
            Effect::SavePicture(picture) => {
                let result = self.setup.save_picture.map(|save| save(&picture));
                let no_files = Err("no files are written here".into());
                return self.notify(result.unwrap_or(no_files).unwrap_or_else(|why| why));
            }
            Effect::Send(command) => {
                let is_lost = self.lost.is_some();
                return match sending::reply(command, &self.run, &self.setup, is_lost) {
                    Reply::Send(command) => Some(command),
                    Reply::Notice(text) => self.notify(text),
                    Reply::Ask(question) => self.open(question),
                };
            }
            Effect::OpenView(id) => return self.open_view(id),
            Effect::Explore(id) => {
                if self.view_mut::<Explore>().is_some_and(|view| view.open_explorable(&id)) {
                    return self.open_view(ViewId::Explore);
                }
                return self.notify(format!("there is no explorable {id:?}"));
            }
            Effect::Messages => return self.open(Overlay::messages(&self.run.log)),
            Effect::Background { light } => return self.choose_background(light),
            Effect::Quit if !self.run_is_going() => self.exit = Some(Exit::Done),
            Effect::Quit if self.setup.read_only => self.exit = Some(Exit::Detach),
            Effect::Quit => return self.open(Overlay::ask_quit(self.setup.detachable)),
            Effect::Leave(exit) => self.exit = Some(exit),
        }
        None
    }

    /// Space resumes what is paused, or will be, and pauses everything else.
    fn pause_or_resume(&self) -> Command {
        let status = &self.run.status;
        let holds = status.activity == Activity::Paused || status.pausing;
        if holds { Command::Resume } else { Command::Pause }
    }
}

mod terminal;
#[cfg(test)]
mod tests;
