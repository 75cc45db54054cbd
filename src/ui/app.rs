//! The state of the dashboard: handles keys, clicks and events of the run, and returns commands.
//! Independent of the terminal.

use super::chrome::{self, Chrome};
use super::effect::{Effect, Exit};
use super::info;
use super::keymap::{self, Action};
use super::messages::Messages;
use super::overlay::{OpenViews, Overlay, OverlayAction};
use super::palette;
use super::request::DashboardRequest;
use super::selection::Selection;
use super::sending::{self, Reply};
use super::setup::DashboardSetup;
use super::view::{View, ViewContext};
use super::view_id::ViewId;
use super::views::{DigitsView, ExploreView, TABLE, find};
use crate::protocol::{Activity, Command, Event, Frame, Moment, Probe, RunView, Update, printable};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::any::Any;
use std::collections::BTreeMap;

/// The dashboard.
pub struct App {
    setup: DashboardSetup,
    run: RunView,
    views: Vec<Box<dyn View>>,
    /// Index of the visible view.
    current: usize,
    selection: Selection,
    overlay: Option<Overlay>,
    /// Why the displayed state is stale, if the connection is lost.
    lost: Option<String>,
    messages: Messages,
    /// The view that Esc returns to.
    back: Option<ViewId>,
    /// Where the view was last drawn.
    body: Rect,
    /// Columns of the tabs when they were last drawn.
    tabs: Vec<Rect>,
    /// The probes that were last sent to the run.
    watched: Vec<Probe>,
    /// Newer answers to probes, not shown until the pacer allows a large frame.
    waiting: BTreeMap<Probe, Frame>,
    /// The answer to a request of the user has arrived.
    urgent: bool,
    /// A request to the event loop.
    request: Option<DashboardRequest>,
    exit: Option<Exit>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("current", &self.current).finish_non_exhaustive()
    }
}

/// The context of the views. A macro, so that it borrows only the named fields.
macro_rules! context {
    ($app:expr) => {
        ViewContext {
            model: $app.setup.model,
            ..ViewContext::new(&$app.run, &$app.setup.theme, $app.selection)
        }
    };
}

impl App {
    /// A dashboard that has received no updates yet.
    #[must_use]
    pub fn new(setup: DashboardSetup) -> Self {
        let messages = Messages::new(setup.notice.clone());
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
            messages,
            back: None,
            body: Rect::default(),
            tabs: Vec::new(),
            watched: Vec::new(),
            waiting: BTreeMap::new(),
            urgent: false,
            request: None,
            exit: None,
        }
    }

    /// Applies an update of the run.
    pub fn update(&mut self, update: Update) -> Option<Command> {
        match update {
            Update::Snapshot(view) => {
                let view = view.checked();
                self.waiting.clear();
                self.messages.announce_snapshot(&view, &self.run, &self.setup.theme);
                self.run = view;
            }
            Update::Event(Event::Frame(frame)) if self.run.frames.contains_key(&frame.probe) => {
                self.waiting.insert(frame.probe.clone(), *frame);
                return None;
            }
            Update::Event(event @ (Event::Explored(_) | Event::Explorables(_))) => {
                let language = self.setup.theme.language();
                let explore = find::<ExploreView>(&mut self.views);
                self.urgent |= explore.is_some_and(|view| view.answered(&event, language));
                return None;
            }
            Update::Event(event) => {
                self.messages.announce(&event, &self.run, &self.setup.theme);
                self.run.apply(&event);
            }
            // Keep the first reason: later ones are consequences of it.
            Update::Lost(why) => {
                self.lost.get_or_insert(why);
            }
        }
        // A question about a live run no longer applies once the run has ended.
        if self.overlay.as_ref().is_some_and(Overlay::is_about_a_live_run) && !self.run_is_going() {
            self.overlay = None;
        }
        let effect = self.views[self.current].updated(&context!(self));
        self.apply(effect)
    }

    /// Shows the newest answers to all probes.
    pub fn show_waiting_frames(&mut self) {
        for (_, frame) in std::mem::take(&mut self.waiting) {
            self.run.apply(&Event::Frame(Box::new(frame)));
        }
    }

    /// Whether newer answers are not shown yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether an answer to a request of the user has arrived; resets the flag.
    pub fn take_answer_arrived(&mut self) -> bool {
        std::mem::take(&mut self.urgent)
    }

    /// Handles a key press.
    pub fn key(&mut self, key: KeyEvent) -> Option<Command> {
        self.messages.notice = None;
        if keymap::action(key) == Some(Action::QuitNow) {
            // Ctrl-C quits even while an overlay is open.
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
        if let Some(action) = keymap::action(key) {
            return self.act(action);
        }
        if let KeyCode::Char(character) = key.code {
            let text = "{} does nothing here; ? lists the keys";
            self.messages.notice = Some(self.setup.theme.fill(text, &[&character]));
        }
        None
    }

    /// Handles a mouse event.
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

    /// Draws the dashboard.
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
            notice: self.messages.notice.as_deref(),
            is_going: self.run_is_going(),
        };
        self.tabs = chrome.draw(area, buffer);
        if let Some(page) = chrome::failure(&self.run) {
            chrome::draw_failure(&page, self.body, buffer, &self.setup.theme);
        } else {
            self.views[self.current].render(self.body, buffer, &context!(self));
        }
        if let Some(overlay) = &self.overlay {
            let views = OpenViews { all: &self.views, current: self.current };
            overlay.render(area, buffer, &self.setup, views);
        }
        if self.setup.theme.unicode {
            chrome::keep_wide_whole(buffer);
        } else {
            chrome::to_ascii(buffer);
        }
    }

    /// The probes of the visible view, if they changed since they were last sent.
    pub fn changed_probes(&mut self) -> Option<Command> {
        let queries = self.views[self.current].probes(&context!(self));
        let probes = self.selection.probes(queries, !self.setup.is_without_run());
        if probes == self.watched {
            return None;
        }
        self.watched.clone_from(&probes);
        Some(Command::Watch(probes))
    }

    /// The request of the explorable on the screen, if any.
    pub fn explore_request(&mut self) -> Option<Command> {
        let view: &mut dyn Any = self.views[self.current].as_mut();
        view.downcast_mut::<ExploreView>()?.explore_request()
    }

    /// How the dashboard was left, if it was.
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.exit
    }

    /// Whether there is a run that has neither ended nor lost its connection.
    #[must_use]
    pub fn run_is_going(&self) -> bool {
        self.run.outcome.is_none() && self.lost.is_none() && !self.setup.is_without_run()
    }

    fn answer(&mut self, answer: OverlayAction) -> Option<Command> {
        if answer == OverlayAction::Stay {
            return None;
        }
        self.overlay = None;
        match answer {
            OverlayAction::Stay | OverlayAction::Close => None,
            OverlayAction::Effect(effect) => self.apply(effect),
            OverlayAction::Line(line) => match palette::parse(&line) {
                Ok(effect) => self.apply(effect),
                Err(error) => {
                    self.messages.notice = Some(error.text(&self.setup.theme));
                    None
                }
            },
        }
    }

    /// Shows a translated sentence in the footer.
    fn notify(&mut self, sentence: &str) -> Option<Command> {
        self.messages.notice = Some(self.setup.theme.say(sentence).into());
        None
    }

    fn open(&mut self, overlay: Overlay) -> Option<Command> {
        self.overlay = Some(overlay);
        None
    }

    fn open_view(&mut self, id: ViewId) -> Option<Command> {
        let mut index = self.views.iter().position(|view| view.id() == id);
        if !self.setup.kind.is_training() || self.setup.runs.is_some() {
            // Views that are not in the table use the keys of the first tabs.
            let tab = TABLE.iter().position(|entry| entry.id == id);
            index = index.or(tab.filter(|&tab| tab < self.views.len()));
        }
        match index {
            Some(index) => self.show_view(index),
            None => self.notify("there is no such view here"),
        }
    }

    /// Returns to the view from which this one was opened, such as from the digits of a cell.
    fn go_back(&mut self) -> Option<Command> {
        let back = self.back.take()?;
        if let Some(digits) = find::<DigitsView>(&mut self.views) {
            digits.close();
        }
        let command = self.open_view(back);
        self.back = None;
        command
    }

    fn show_view(&mut self, index: usize) -> Option<Command> {
        let next = index % self.views.len();
        if next != self.current {
            self.back = Some(self.views[self.current].id());
        }
        self.current = next;
        // Tell the view about updates that arrived while it was hidden.
        let effect = self.views[self.current].updated(&context!(self));
        self.apply(effect)
    }

    /// Executes the action of a key.
    fn act(&mut self, action: Action) -> Option<Command> {
        let effect = match action {
            Action::Help => return self.open(Overlay::help()),
            Action::Palette => return self.open(Overlay::palette()),
            Action::Messages => Effect::Messages,
            Action::Info => {
                return self.open(Overlay::Info(info::lines(&self.run, &self.setup), 0));
            }
            Action::Stop if self.run_is_going() => return self.ask_to_stop(),
            Action::Stop => return self.notify("this run has already ended"),
            Action::NextView => return self.show_view(self.current + 1),
            Action::PreviousView => return self.show_view(self.current + self.views.len() - 1),
            Action::View(id) => Effect::OpenView(id),
            Action::Runs => Effect::OpenRuns,
            Action::Out if self.setup.runs.is_some() => return self.leave_runs(),
            Action::Out if self.selection.moment != Moment::Live => Effect::Show(Moment::Live),
            Action::Out if self.setup.is_over() && self.back.is_none() => {
                Effect::Leave(Exit::Detach)
            }
            Action::Out => return self.go_back(),
            Action::Quit => Effect::Quit,
            Action::QuitNow if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::QuitNow => Effect::Leave(Exit::Stop),
            Action::Detach if self.setup.detachable => Effect::Leave(Exit::Detach),
            Action::Detach => {
                return self.notify("this run belongs to this terminal and cannot be detached");
            }
            Action::PauseOrResume => Effect::Send(keymap::pause_or_resume(&self.run.status)),
            Action::StepBatch
            | Action::StepEpoch
            | Action::Save
            | Action::FullSpeed
            | Action::EpochASecond
            | Action::SlowMotion => action.command().map_or(Effect::Ignored, Effect::Send),
            Action::EarlierEpoch => Effect::Show(self.selection.neighbour_epoch(-1, &self.run)),
            Action::LaterEpoch => Effect::Show(self.selection.neighbour_epoch(1, &self.run)),
            Action::Live => Effect::Show(Moment::Live),
        };
        self.apply(effect)
    }

    /// Applies the effect of a key, a click, a typed command or an event.
    fn apply(&mut self, effect: Effect) -> Option<Command> {
        match effect {
            Effect::Ignored | Effect::Redraw => {}
            Effect::SelectDigit(index) => self.selection.select_digit(index, &self.run),
            Effect::SelectLayer(layer) => self.selection.layer = layer,
            Effect::Show(moment) => self.selection.moment = moment,
            Effect::OpenDigits(filter) => {
                if let Some(digits) = find::<DigitsView>(&mut self.views) {
                    digits.open(filter);
                    return self.open_view(ViewId::Digits);
                }
            }
            Effect::Classify { .. } if self.lost.is_some() => {}
            // Requests that change nothing are also allowed on a read-only terminal.
            Effect::Classify { id, pixels } => return Some(Command::Classify { id, pixels }),
            Effect::SavePicture(picture) => {
                self.messages.notice = Some(self.setup.save(&picture));
            }
            Effect::Send(command) => {
                let is_lost = self.lost.is_some();
                return match sending::reply(command, &self.run, &self.setup, is_lost) {
                    Reply::Send(command) => {
                        self.messages.confirm(&command, &self.setup.theme);
                        Some(command)
                    }
                    Reply::Notice(text) => self.notify(text),
                    Reply::Ask(question) => self.open(question),
                };
            }
            Effect::OpenView(id) => return self.open_view(id),
            Effect::Explore(id) => {
                if find::<ExploreView>(&mut self.views)
                    .is_some_and(|view| view.open_explorable(&id))
                {
                    return self.open_view(ViewId::Explore);
                }
                let id = format!("{id:?}");
                self.messages.notice =
                    Some(self.setup.theme.fill("there is no explorable {}", &[&id]));
            }
            Effect::OpenRuns => return self.open_runs(),
            Effect::OpenRun(name) => self.request = Some(DashboardRequest::Run(name)),
            Effect::Copy(text) => {
                self.messages.notice =
                    Some(self.setup.theme.fill("copied {}", &[&printable(&text)]));
                self.request = Some(DashboardRequest::Copy(text));
            }
            Effect::Notify(sentence) => self.messages.notice = Some(sentence),
            Effect::Messages => return self.open(Overlay::messages(self.messages.lines())),
            Effect::Background { light } => return self.choose_background(light),
            Effect::Quit if !self.run_is_going() => self.exit = Some(Exit::Done),
            Effect::Quit if self.setup.read_only => self.exit = Some(Exit::Detach),
            Effect::Quit => {
                let paused = self.run.status.activity == Activity::Paused;
                return self.open(Overlay::ask_quit(&self.setup, paused));
            }
            Effect::Leave(exit) => self.exit = Some(exit),
        }
        None
    }

    /// The setup of the dashboard.
    pub(super) fn setup(&self) -> &DashboardSetup {
        &self.setup
    }

    /// The state of the run.
    pub(super) fn run(&self) -> &RunView {
        &self.run
    }

    /// Selects colours for a light or a dark background.
    pub(super) fn set_background(&mut self, light: bool) {
        self.setup.theme.light = light;
    }

    /// Pasted text: goes to an open prompt and is never treated as keys.
    pub fn paste(&mut self, text: &str) {
        if let Some(overlay) = &mut self.overlay {
            overlay.paste(text);
        } else {
            let effect = self.views[self.current].paste(text);
            // Pasting sends no command.
            debug_assert!(matches!(effect, Effect::Ignored | Effect::Redraw));
        }
    }

    /// Selects the background as requested by the user.
    fn choose_background(&mut self, light: bool) -> Option<Command> {
        self.set_background(light);
        let text =
            if light { "colours for a light background" } else { "colours for a dark background" };
        self.notify(text)
    }

    /// Asks whether to stop the run, or says why that is not possible.
    fn ask_to_stop(&mut self) -> Option<Command> {
        if self.setup.read_only {
            return self.apply(Effect::Send(Command::Stop));
        }
        self.open(Overlay::ask_stop(&self.setup.theme))
    }

    /// Takes the pending request to the event loop.
    pub(super) fn take_request(&mut self) -> Option<DashboardRequest> {
        self.request.take()
    }

    /// Shows a sentence in the footer.
    pub(super) fn say(&mut self, sentence: String) {
        self.messages.notice = Some(sentence);
    }

    /// Opens the table of runs: its view, or a dashboard on top of this one. In a dashboard on top
    /// of another, the same key closes it.
    fn open_runs(&mut self) -> Option<Command> {
        if self.setup.runs.is_none() && self.setup.is_over() {
            self.exit = Some(Exit::Detach);
        } else if self.setup.runs.is_none() {
            if self.setup.opener.is_none() {
                return self.notify("the table of runs cannot be opened here");
            }
            self.request = Some(DashboardRequest::Runs);
        } else if self.views[self.current].id() == ViewId::Runs && self.setup.is_over() {
            self.exit = Some(Exit::Done);
        } else {
            return self.open_view(ViewId::Runs);
        }
        None
    }

    /// Leaves one level of the views of runs: to the table, then to the dashboard below.
    fn leave_runs(&mut self) -> Option<Command> {
        if self.views[self.current].id() != ViewId::Runs {
            return self.open_view(ViewId::Runs);
        }
        if self.setup.is_over() {
            self.exit = Some(Exit::Done);
        }
        None
    }
}

#[cfg(test)]
mod tests;
