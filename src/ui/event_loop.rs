//! One loop over everything that can happen: news of the run, keys, signals, the terminal's end.

use super::app::App;
use super::background::{self, Filtered, ReplyFilter};
use super::effect::Exit;
use super::pacer::{Limits, Pacer};
use super::request::Request;
use super::screen::{self, Guard, Screen};
use super::setup::{Layer as Over, Opened, Setup};
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

/// Why a dashboard could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the terminal cannot be used: {0}; try --headless")]
    Terminal(#[from] io::Error),
}

/// What the threads around the loop report.
#[derive(Debug)]
enum Outside {
    Input(Input),
    /// A signal asked the program to end.
    Terminate,
    /// SIGTSTP: the user wants the shell back for a while.
    Suspend,
    /// SIGCONT: the program was stopped and goes on, in the foreground or not.
    Continued,
    TerminalGone,
}

/// Shows a run on this process's terminal until the user leaves or the terminal is gone.
///
/// # Errors
/// Where the terminal cannot be taken over.
pub fn run(link: &Link, setup: Setup, limits: Limits) -> Result<Exit, Error> {
    let (send, outside) = unbounded();
    watch_for_hang_up(send.clone())?;
    watch_for_signals(send.clone())?;
    let guard = Guard::take()?;
    #[allow(clippy::disallowed_methods)] // Cells hold no control characters.
    let exit = match Screen::new(io::stdout()) {
        Ok(screen) => {
            read_input(send)?;
            Loop {
                layers: vec![Layer::new(link.clone(), setup)],
                screen,
                pacer: Pacer::new(limits, Instant::now()),
                replies: ReplyFilter::default(),
                is_asked: false,
                away: None,
            }
            .run(&outside)
        }
        Err(error) => Err(error),
    };
    drop(guard);
    match exit {
        Ok(exit) => Ok(exit),
        // A terminal that cannot be written to is one that is gone.
        Err(_) => Ok(Exit::Gone),
    }
}

/// How long the first frame waits for something to show.
const FIRST_NEWS: Duration = Duration::from_millis(200);
/// How long the first frame waits for the terminal to say whether it is light or dark.
const FIRST_REPLY: Duration = Duration::from_millis(50);
/// Stopping takes no time where somebody can continue the program. Where nobody can (no shell with
/// job control waits for it), the system does not stop it, and the dashboard comes back.
const STOPPING: Duration = Duration::from_millis(200);

/// A dashboard and the run that it is of. Those that lie below another one go on taking the news of
/// theirs.
struct Layer {
    app: App,
    link: Link,
    /// The run was seen going: its end is news.
    was_going: bool,
}

impl Layer {
    fn new(link: Link, setup: Setup) -> Self {
        // A run of this process was started just now, however soon it ends.
        let was_going = !setup.detachable;
        Self { app: App::new(setup), link, was_going }
    }

    fn send(&self, command: Option<Command>) {
        if let Some(command) = command {
            // A run that is gone shows as `Lost` through the other channel.
            let _ = self.link.commands.send(command);
        }
    }

    fn update(&mut self, update: Update) {
        let command = self.app.update(update);
        self.send(command);
    }

    /// Takes the news that have come; whether there were any.
    fn take_news(&mut self) -> bool {
        let mut any = false;
        loop {
            match self.link.updates.try_recv() {
                Ok(update) => self.update(update),
                Err(TryRecvError::Empty) => return any,
                Err(TryRecvError::Disconnected) => {
                    self.link.updates = never();
                    let why = "the run's end of the connection is gone";
                    self.update(Update::Lost(why.into()));
                }
            }
            any = true;
        }
    }

    /// Whether the run has ended since the last time.
    fn has_ended(&mut self) -> bool {
        let is_over = self.app.run().outcome.is_some();
        let ended = is_over && self.was_going;
        self.was_going = !is_over;
        ended
    }
}

struct Loop<W: Write> {
    /// The dashboards that lie over one another; the last one is shown. Never empty.
    layers: Vec<Layer>,
    screen: Screen<W>,
    pacer: Pacer,
    replies: ReplyFilter,
    /// The terminal was asked for its background and has not answered.
    is_asked: bool,
    /// The terminal is given back, because the program is about to be stopped; when it is taken
    /// again if that does not happen.
    away: Option<Instant>,
}

impl<W: Write> Loop<W> {
    /// The dashboard that is shown.
    fn top(&mut self) -> &mut Layer {
        self.layers.last_mut().expect("the first dashboard ends the loop and is never taken away")
    }

    fn app(&mut self) -> &mut App {
        &mut self.top().app
    }

    fn run(mut self, outside: &Receiver<Outside>) -> io::Result<Exit> {
        let updates = self.top().link.updates.clone();
        if let Some(exit) = self.wait_for_something_to_show(outside, &updates)? {
            return Ok(exit);
        }
        let mut dirty = true;
        loop {
            if dirty && self.away.is_none() && self.pacer.may_draw(Instant::now()) {
                self.draw()?;
                dirty = self.app().is_waiting() || self.screen.is_unfinished();
            }
            let deadline = match self.away {
                Some(back) => Some(back),
                None if dirty => Some(self.pacer.next_frame()),
                None => None,
            };
            match self.wait(outside, deadline) {
                Woken::Outside => {
                    dirty = true;
                    let news = match outside.try_recv() {
                        Ok(news) => news,
                        Err(TryRecvError::Empty) => continue,
                        Err(TryRecvError::Disconnected) => Outside::TerminalGone,
                    };
                    if let Some(exit) = self.outside(news)? {
                        return Ok(exit);
                    }
                }
                Woken::News => dirty |= self.take_news()?,
                Woken::Time if self.away.is_some() => {
                    self.come_back()?;
                    dirty = true;
                }
                Woken::Time => {}
            }
            if let Some(exit) = self.finish()? {
                return Ok(exit);
            }
        }
    }

    /// Waits until something happens.
    fn wait(&self, outside: &Receiver<Outside>, deadline: Option<Instant>) -> Woken {
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
            None => Woken::Time,
            Some(0) => Woken::Outside,
            Some(_) => Woken::News,
        }
    }

    /// Takes the news of all runs; whether the one that is shown had any.
    fn take_news(&mut self) -> io::Result<bool> {
        let mut any = false;
        let mut ended = Vec::new();
        for layer in &mut self.layers {
            any = layer.take_news();
            if layer.has_ended() && layer.app.setup().besides.notify {
                ended.push(title::of(layer.app.setup(), layer.app.run()));
            }
        }
        for title in ended {
            self.screen.notify(&title)?;
        }
        if self.app().take_hurry() {
            self.pacer.hurry();
        }
        Ok(any)
    }

    /// Does what the dashboard asks for, and takes it away where it was left; how the whole ends,
    /// where the first one was left.
    fn finish(&mut self) -> io::Result<Option<Exit>> {
        if let Some(request) = self.app().take_request() {
            self.obey(request)?;
        }
        let Some(exit) = self.app().exit() else { return Ok(None) };
        if self.layers.len() == 1 {
            return Ok(Some(exit));
        }
        if exit == Exit::Stop && self.app().run_is_going() {
            self.top().send(Some(Command::Stop));
        }
        self.layers.pop();
        self.pacer.hurry();
        Ok(None)
    }

    fn obey(&mut self, request: Request) -> io::Result<()> {
        let opener = self.app().setup().opener.clone();
        let dashboard = match (request, opener) {
            (Request::Copy(text), _) => return self.screen.copy(&text),
            (Request::Runs, Some(opener)) => opener.runs(),
            (Request::Run(name), Some(opener)) => opener.run(&name),
            (_, None) => return Ok(()),
        };
        match dashboard {
            Ok(Opened { link, setup }) => {
                let light = self.app().setup().theme.light;
                let (theme, layer) = (Theme { light, ..setup.theme }, Over::OverAnother);
                self.layers.push(Layer::new(link, Setup { theme, layer, ..setup }));
            }
            Err(why) => self.app().say(why),
        }
        self.pacer.hurry();
        Ok(())
    }

    /// A frame without news would only put off the first one that has some, and one in the wrong
    /// colours would flash.
    fn wait_for_something_to_show(
        &mut self,
        outside: &Receiver<Outside>,
        updates: &Receiver<Update>,
    ) -> io::Result<Option<Exit>> {
        let start = Instant::now();
        if self.app().setup().besides.ask_background {
            self.screen.say(background::QUERY)?;
            self.is_asked = true;
        }
        let mut updates = updates.clone();
        let mut has_news = false;
        loop {
            let reply = if self.is_asked { FIRST_REPLY } else { Duration::ZERO };
            let news = if has_news { Duration::ZERO } else { FIRST_NEWS };
            let until = start + reply.max(news);
            if Instant::now() >= until {
                return Ok(None);
            }
            select! {
                recv(outside) -> news => {
                    let exit = self.outside(news.unwrap_or(Outside::TerminalGone))?;
                    if exit.is_some() {
                        return Ok(exit);
                    }
                }
                recv(updates) -> update => {
                    has_news = true;
                    match update {
                        Ok(update) => self.top().update(update),
                        // The loop meets it again, and tells.
                        Err(_) => updates = never(),
                    }
                }
                recv(at(until)) -> _ => {}
            }
        }
    }

    /// Something happened around the run; how the dashboard ends, where it does.
    fn outside(&mut self, news: Outside) -> io::Result<Option<Exit>> {
        match news {
            Outside::Input(input) => {
                self.input(input)?;
                self.pacer.hurry();
            }
            Outside::Terminate => return Ok(Some(Exit::Terminated)),
            Outside::TerminalGone => return Ok(Some(Exit::Gone)),
            Outside::Suspend => self.suspend(),
            Outside::Continued => self.come_back()?,
        }
        Ok(None)
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.pacer.can_afford_pictures(Instant::now()) {
            self.app().settle();
        }
        let mut frame = Buffer::empty(self.screen.area()?);
        self.app().render(&mut frame);
        let mut bytes = self.screen.draw(frame, self.pacer.budget(Instant::now()))?;
        if self.app().setup().besides.title {
            let app = self.app();
            let title = title::of(app.setup(), app.run());
            bytes += self.screen.set_title(&title)?;
        }
        self.pacer.drawn(Instant::now(), bytes, !self.screen.is_unfinished());
        // After drawing, views know how large they are and what they want to see.
        let (watch, question) = (self.app().new_wishes(), self.app().question());
        self.top().send(watch);
        self.top().send(question);
        Ok(())
    }

    fn input(&mut self, input: Input) -> io::Result<()> {
        let command = match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => match self.replies.take(key) {
                Filtered::Key(key) if is_suspend(key) => {
                    self.give_back();
                    // The whole job is stopped, this process with it: by SIGTSTP, as if the
                    // terminal had sent it. Where that fails, the dashboard comes back.
                    let _ = kill_current_process_group(Signal::TSTP);
                    None
                }
                Filtered::Key(key) => self.app().key(key),
                Filtered::Swallowed => None,
                Filtered::Background { light } => {
                    // A reply to a question that nobody asked decides nothing.
                    if std::mem::take(&mut self.is_asked) {
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

    /// Gives the terminal to the shell, for the program is about to be stopped.
    fn give_back(&mut self) {
        screen::restore();
        self.away = Some(Instant::now() + STOPPING);
    }

    /// Stops this process as SIGTSTP would if it were not caught. SIGTTOU does the same and is not
    /// caught: unlike SIGSTOP it stops nothing that nobody could continue.
    fn suspend(&mut self) {
        self.give_back();
        let _ = kill_process(getpid(), Signal::TTOU);
    }

    /// Takes the terminal again and redraws everything.
    fn come_back(&mut self) -> io::Result<()> {
        screen::take()?;
        self.away = None;
        self.screen.invalidate()?;
        self.pacer.hurry();
        Ok(())
    }
}

/// What ended a wait.
enum Woken {
    Outside,
    News,
    Time,
}

/// Ctrl-Z: in raw mode the terminal sends no signal for it.
fn is_suspend(key: KeyEvent) -> bool {
    key.code == KeyCode::Char('z') && key.modifiers == KeyModifiers::CONTROL
}

/// The event loop that gets the input. A second one in the same process takes over the reader of the
/// first, which would otherwise swallow one more key.
static INPUT: Mutex<Option<Sender<Outside>>> = Mutex::new(None);

fn read_input(send: Sender<Outside>) -> io::Result<()> {
    let target = || INPUT.lock().unwrap_or_else(PoisonError::into_inner);
    if target().replace(send).is_some() {
        return Ok(());
    }
    // The thread is never joined: it ends with the process, blocked in a read.
    thread::Builder::new().name("nntop-input".into()).spawn(move || {
        let deliver = |event| target().as_ref().is_none_or(|send| send.send(event).is_err());
        while let Ok(input) = crossterm::event::read() {
            // A loop that has ended gets nothing; the next one will.
            let _ = deliver(Outside::Input(input));
        }
        let _ = deliver(Outside::TerminalGone);
    })?;
    Ok(())
}

/// Reads of a terminal that is gone return at once and for ever (crossterm issue 793), so
/// somebody else has to notice.
fn watch_for_hang_up(send: Sender<Outside>) -> io::Result<()> {
    thread::Builder::new().name("nntop-hang-up".into()).spawn(move || {
        let stdin = io::stdin();
        loop {
            // No events are asked for: only hang-up and error are ever reported.
            let mut polled = [PollFd::new(&stdin, PollFlags::empty())];
            match poll(&mut polled, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        let _ = send.send(Outside::TerminalGone);
    })?;
    Ok(())
}

fn watch_for_signals(send: Sender<Outside>) -> io::Result<()> {
    let mut signals =
        signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP, SIGCONT])?;
    let (ready, started) = bounded::<()>(1);
    thread::Builder::new().name("nntop-signals".into()).spawn(move || {
        drop(ready);
        for signal in signals.forever() {
            let news = match signal {
                SIGHUP => Outside::TerminalGone,
                SIGTSTP => Outside::Suspend,
                SIGCONT => Outside::Continued,
                _ => Outside::Terminate,
            };
            if send.send(news).is_err() {
                return;
            }
        }
    })?;
    let _ = started.recv();
    Ok(())
}
