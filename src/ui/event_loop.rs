//! The event loop: updates of the run, keys, signals, and the end of the terminal.

use super::app::App;
use super::background::{self, KeyClass, ReplyFilter};
use super::effect::Exit;
use super::pacer::{FramePacer, Limits};
use super::request::DashboardRequest;
use super::screen::{self, Screen, TerminalGuard};
use super::setup::{DashboardSetup, OpenedDashboard, StackPosition as Over};
use super::theme::Theme;
use super::title;
use crate::protocol::{Command, Link, Update};
use crossbeam_channel::{
    Receiver, Select, Sender, TryRecvError, at, bounded, never, select, unbounded,
};
use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::buffer::Buffer;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Why the dashboard could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the terminal cannot be used: {0}; try --headless")]
    Terminal(#[from] io::Error),
}

/// Events from the threads around the loop.
#[derive(Debug)]
enum LoopInput {
    Input(Input),
    /// A signal requested the end of the program.
    Terminate,
    /// SIGTSTP: suspend to the shell.
    Suspend,
    /// SIGCONT: the program continues, in the foreground or not.
    Continued,
    TerminalGone,
}

/// Shows a run on the terminal of this process until the user leaves or the terminal is gone.
///
/// # Errors
/// If the terminal cannot be initialized.
pub fn run(link: &Link, setup: DashboardSetup, limits: Limits) -> Result<Exit, Error> {
    let (send, outside) = unbounded();
    watch_for_hang_up(send.clone())?;
    watch_for_signals(send.clone())?;
    let guard = TerminalGuard::take()?;
    #[allow(clippy::disallowed_methods)] // Cells hold no control characters.
    let exit = match Screen::new(io::stdout()) {
        Ok(screen) => {
            read_input(send)?;
            Loop {
                layers: vec![StackedDashboard::new(link.clone(), setup)],
                screen,
                pacer: FramePacer::new(limits, Instant::now()),
                replies: ReplyFilter::default(),
                background_queried: false,
                released_until: None,
            }
            .run(&outside)
        }
        Err(error) => Err(error),
    };
    drop(guard);
    match exit {
        Ok(exit) => Ok(exit),
        // A write error means that the terminal is gone.
        Err(_) => Ok(Exit::Gone),
    }
}

/// How long the first frame waits for data.
const FIRST_DATA_TIMEOUT: Duration = Duration::from_millis(200);
/// How long the first frame waits for the reply about the background colour.
const BACKGROUND_TIMEOUT: Duration = Duration::from_millis(50);
/// If the process has not been stopped after this time, the dashboard is shown again: SIGTSTP and
/// SIGTTOU have no effect on an orphaned process group, which no shell could continue.
const STOP_TIMEOUT: Duration = Duration::from_millis(200);

/// A dashboard with its run. Dashboards below the top one continue to receive updates.
struct StackedDashboard {
    app: App,
    link: Link,
    /// The run was going at the last check, so its end has not been reported yet.
    was_going: bool,
}

impl StackedDashboard {
    fn new(link: Link, setup: DashboardSetup) -> Self {
        // A run of this process has just been started, even if it ends at once.
        let was_going = !setup.detachable;
        Self { app: App::new(setup), link, was_going }
    }

    fn send(&self, command: Option<Command>) {
        if let Some(command) = command {
            // If the run is gone, `Update::Lost` arrives on the other channel.
            let _ = self.link.commands.send(command);
        }
    }

    fn update(&mut self, update: Update) {
        let command = self.app.update(update);
        self.send(command);
    }

    /// Applies all pending updates; returns whether there were any.
    fn apply_updates(&mut self) -> bool {
        let mut any = false;
        loop {
            match self.link.updates.try_recv() {
                Ok(update) => self.update(update),
                Err(TryRecvError::Empty) => return any,
                Err(TryRecvError::Disconnected) => {
                    self.link.updates = never();
                    let why = "the run has closed the connection";
                    self.update(Update::Lost(why.into()));
                }
            }
            any = true;
        }
    }

    /// Whether the run has ended since the last call.
    fn has_ended(&mut self) -> bool {
        let is_over = self.app.run().outcome.is_some();
        let ended = is_over && self.was_going;
        self.was_going = !is_over;
        ended
    }
}

struct Loop<W: Write> {
    /// The stack of dashboards; the last one is visible. Never empty.
    layers: Vec<StackedDashboard>,
    screen: Screen<W>,
    pacer: FramePacer,
    replies: ReplyFilter,
    /// The background colour was queried and the reply is pending.
    background_queried: bool,
    /// Set while the terminal is released because the process is about to be stopped: when to take
    /// the terminal back if it has not been stopped.
    released_until: Option<Instant>,
}

impl<W: Write> Loop<W> {
    /// The visible dashboard.
    fn top(&mut self) -> &mut StackedDashboard {
        self.layers.last_mut().expect("the first dashboard ends the loop and is never popped")
    }

    fn app(&mut self) -> &mut App {
        &mut self.top().app
    }

    fn run(mut self, outside: &Receiver<LoopInput>) -> io::Result<Exit> {
        let updates = self.top().link.updates.clone();
        if let Some(exit) = self.wait_for_first_data(outside, &updates)? {
            return Ok(exit);
        }
        let mut dirty = true;
        loop {
            if dirty && self.released_until.is_none() && self.pacer.may_draw(Instant::now()) {
                self.draw()?;
                dirty = self.app().is_waiting() || self.screen.is_unfinished();
            }
            let deadline = match self.released_until {
                Some(back) => Some(back),
                None if dirty => Some(self.pacer.next_frame()),
                None => None,
            };
            match self.wait(outside, deadline) {
                WakeReason::Outside => {
                    dirty = true;
                    let event = match outside.try_recv() {
                        Ok(event) => event,
                        Err(TryRecvError::Empty) => continue,
                        Err(TryRecvError::Disconnected) => LoopInput::TerminalGone,
                    };
                    if let Some(exit) = self.outside(event)? {
                        return Ok(exit);
                    }
                }
                WakeReason::Updates => dirty |= self.apply_updates()?,
                WakeReason::Deadline if self.released_until.is_some() => {
                    self.take_terminal()?;
                    dirty = true;
                }
                WakeReason::Deadline => {}
            }
            if let Some(exit) = self.finish()? {
                return Ok(exit);
            }
        }
    }

    /// Waits for an event or the deadline.
    fn wait(&self, outside: &Receiver<LoopInput>, deadline: Option<Instant>) -> WakeReason {
        let mut select = Select::new();
        select.recv(outside);
        for layer in &self.layers {
            select.recv(&layer.link.updates);
        }
        let ready = match deadline {
            Some(deadline) => select.ready_deadline(deadline).ok(),
            None => Some(select.ready()),
        };
        match ready {
            None => WakeReason::Deadline,
            Some(0) => WakeReason::Outside,
            Some(_) => WakeReason::Updates,
        }
    }

    /// Applies the pending updates of all runs; returns whether the visible one had any.
    fn apply_updates(&mut self) -> io::Result<bool> {
        let mut any = false;
        let mut ended = Vec::new();
        for layer in &mut self.layers {
            any = layer.apply_updates();
            if layer.has_ended() && layer.app.setup().extras.notify {
                ended.push(title::of(layer.app.setup(), layer.app.run()));
            }
        }
        for title in ended {
            self.screen.notify(&title)?;
        }
        if self.app().take_answer_arrived() {
            self.pacer.prioritize();
        }
        Ok(any)
    }

    /// Executes the dashboard's request, and closes it if it was left; returns how the last one was
    /// left.
    fn finish(&mut self) -> io::Result<Option<Exit>> {
        if let Some(request) = self.app().take_request() {
            self.handle_request(request)?;
        }
        let Some(exit) = self.app().exit() else { return Ok(None) };
        if self.layers.len() == 1 {
            return Ok(Some(exit));
        }
        if exit == Exit::Stop && self.app().run_is_going() {
            self.top().send(Some(Command::Stop));
        }
        self.layers.pop();
        self.pacer.prioritize();
        Ok(None)
    }

    fn handle_request(&mut self, request: DashboardRequest) -> io::Result<()> {
        let opener = self.app().setup().opener.clone();
        let dashboard = match (request, opener) {
            (DashboardRequest::Copy(text), _) => return self.screen.copy(&text),
            (DashboardRequest::Runs, Some(opener)) => opener.runs(),
            (DashboardRequest::Run(name), Some(opener)) => opener.run(&name),
            (_, None) => return Ok(()),
        };
        match dashboard {
            Ok(OpenedDashboard { link, setup }) => {
                let light = self.app().setup().theme.light;
                let (theme, layer) = (Theme { light, ..setup.theme }, Over::OverAnother);
                self.layers
                    .push(StackedDashboard::new(link, DashboardSetup { theme, layer, ..setup }));
            }
            Err(why) => self.app().say(why),
        }
        self.pacer.prioritize();
        Ok(())
    }

    /// Waits for data and for the background colour: an empty first frame would delay the next one,
    /// and one with the wrong colours would flicker.
    fn wait_for_first_data(
        &mut self,
        outside: &Receiver<LoopInput>,
        updates: &Receiver<Update>,
    ) -> io::Result<Option<Exit>> {
        let start = Instant::now();
        if self.app().setup().extras.ask_background {
            self.screen.say(background::QUERY)?;
            self.background_queried = true;
        }
        let mut updates = updates.clone();
        let mut has_data = false;
        loop {
            let reply = if self.background_queried { BACKGROUND_TIMEOUT } else { Duration::ZERO };
            let data = if has_data { Duration::ZERO } else { FIRST_DATA_TIMEOUT };
            let until = start + reply.max(data);
            if Instant::now() >= until {
                return Ok(None);
            }
            select! {
                recv(outside) -> event => {
                    let exit = self.outside(event.unwrap_or(LoopInput::TerminalGone))?;
                    if exit.is_some() {
                        return Ok(exit);
                    }
                }
                recv(updates) -> update => {
                    has_data = true;
                    match update {
                        Ok(update) => self.top().update(update),
                        // The main loop receives the error again and reports it.
                        Err(_) => updates = never(),
                    }
                }
                recv(at(until)) -> _ => {}
            }
        }
    }

    /// Handles an event; returns how the dashboard ends, if it does.
    fn outside(&mut self, event: LoopInput) -> io::Result<Option<Exit>> {
        match event {
            LoopInput::Input(input) => {
                self.input(input)?;
                self.pacer.prioritize();
            }
            LoopInput::Terminate => return Ok(Some(Exit::Terminated)),
            LoopInput::TerminalGone => return Ok(Some(Exit::Gone)),
            LoopInput::Suspend => self.suspend(),
            LoopInput::Continued => self.take_terminal()?,
        }
        Ok(None)
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.pacer.can_afford_pictures(Instant::now()) {
            self.app().show_waiting_frames();
        }
        let mut frame = Buffer::empty(self.screen.area()?);
        self.app().render(&mut frame);
        let mut bytes = self.screen.draw(frame, self.pacer.budget(Instant::now()))?;
        if self.app().setup().extras.title {
            let app = self.app();
            let title = title::of(app.setup(), app.run());
            bytes += self.screen.set_title(&title)?;
        }
        self.pacer.drawn(Instant::now(), bytes, !self.screen.is_unfinished());
        // After drawing, views know their size and which probes they need.
        let (watch, explore) = (self.app().changed_probes(), self.app().explore_request());
        self.top().send(watch);
        self.top().send(explore);
        Ok(())
    }

    fn input(&mut self, input: Input) -> io::Result<()> {
        let command = match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => match self.replies.take(key) {
                KeyClass::Key(key) if is_suspend(key) => {
                    self.release_terminal();
                    // Stop the whole job, as the terminal would do with SIGTSTP. If that fails, the
                    // dashboard is shown again.
                    let _ = kill_current_process_group(Signal::TSTP);
                    None
                }
                KeyClass::Key(key) => self.app().key(key),
                KeyClass::Swallowed => None,
                KeyClass::Background { light } => {
                    // Ignore a reply that was not requested.
                    if std::mem::take(&mut self.background_queried) {
                        self.app().set_background(light);
                    }
                    None
                }
            },
            Input::Mouse(mouse) => self.app().mouse(mouse),
            Input::Paste(text) => {
                self.app().paste(&text);
                None
            }
            Input::Resize(..) => {
                self.screen.invalidate()?;
                None
            }
            _ => None,
        };
        self.top().send(command);
        Ok(())
    }

    /// Releases the terminal before the program is stopped.
    fn release_terminal(&mut self) {
        screen::restore();
        self.released_until = Some(Instant::now() + STOP_TIMEOUT);
    }

    /// Stops this process as an uncaught SIGTSTP would. SIGTTOU has the same effect, is not caught
    /// and, unlike SIGSTOP, does not stop an orphaned process group.
    fn suspend(&mut self) {
        self.release_terminal();
        let _ = kill_process(getpid(), Signal::TTOU);
    }

    /// Takes the terminal back and redraws everything.
    fn take_terminal(&mut self) -> io::Result<()> {
        screen::take()?;
        self.released_until = None;
        self.screen.invalidate()?;
        self.pacer.prioritize();
        Ok(())
    }
}

/// What ended a wait.
enum WakeReason {
    Outside,
    Updates,
    Deadline,
}

/// Ctrl-Z, for which the terminal sends no signal in raw mode.
fn is_suspend(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('z') && key.modifiers == KeyModifiers::CONTROL
}

/// The channel of the event loop that receives the input. A second event loop in the same process
/// reuses the reading thread of the first, which would otherwise consume another key.
static INPUT: Mutex<Option<Sender<LoopInput>>> = Mutex::new(None);

fn read_input(send: Sender<LoopInput>) -> io::Result<()> {
    let target = || INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    if target().replace(send).is_some() {
        return Ok(());
    }
    // The thread is never joined: it is blocked in a read when the process ends.
    thread::Builder::new().name("nntop-input".into()).spawn(move || {
        let deliver = |event| target().as_ref().is_none_or(|send| send.send(event).is_err());
        while let Ok(input) = crossterm::event::read() {
            // If the loop has ended, the next one will receive the input.
            let _ = deliver(LoopInput::Input(input));
        }
        let _ = deliver(LoopInput::TerminalGone);
    })?;
    Ok(())
}

/// Detects a hang-up. After it, every read from the terminal returns at once (crossterm issue 793),
/// so the reading thread cannot detect it.
fn watch_for_hang_up(send: Sender<LoopInput>) -> io::Result<()> {
    thread::Builder::new().name("nntop-hang-up".into()).spawn(move || {
        let stdin = io::stdin();
        loop {
            // Without requested events, poll reports only hang-ups and errors.
            let mut polled = [PollFd::new(&stdin, PollFlags::empty())];
            match poll(&mut polled, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let _ = send.send(LoopInput::TerminalGone);
    })?;
    Ok(())
}

fn watch_for_signals(send: Sender<LoopInput>) -> io::Result<()> {
    let mut signals =
        signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT])?;
    let (ready, started) = bounded::<()>(1);
    thread::Builder::new().name("nntop-signals".into()).spawn(move || {
        drop(ready);
        for signal in signals.forever() {
            let event = match signal {
                SIGHUP => LoopInput::TerminalGone,
                SIGTSTP => LoopInput::Suspend,
                SIGCONT => LoopInput::Continued,
                _ => LoopInput::Terminate,
            };
            if send.send(event).is_err() {
                return;
            }
        }
    })?;
    let _ = started.recv();
    Ok(())
}
