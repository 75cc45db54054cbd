//! One loop over everything that can happen: news of the run, keys, signals, the terminal's end.

use super::app::App;
use super::effect::Exit;
use super::pacer::{Limits, Pacer};
use super::screen::{Guard, Screen};
use super::setup::Setup;
use crate::protocol::{Command, Link, Update};
use crossbeam_channel::{Receiver, Sender, bounded, never, select, unbounded};
use crossterm::event::{Event as Input, KeyEventKind};
use ratatui::buffer::Buffer;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use std::io::{self, Write};
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
    Signal,
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
            Loop { app: App::new(setup), screen, link, pacer: Pacer::new(limits, Instant::now()) }
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

struct Loop<'a, W: Write> {
    app: App,
    screen: Screen<W>,
    link: &'a Link,
    pacer: Pacer,
}

impl<W: Write> Loop<'_, W> {
    fn run(mut self, outside: &Receiver<Outside>) -> io::Result<Exit> {
        let mut updates = self.link.updates.clone();
        let mut dirty = true;
        // A frame without news would only put off the first one that has some.
        if let Ok(update) = updates.recv_timeout(FIRST_NEWS) {
            self.update(update);
        }
        loop {
            if dirty && self.pacer.may_draw(Instant::now()) {
                self.draw()?;
                dirty = self.app.is_waiting() || self.screen.is_unfinished();
            }
            let timer =
                if dirty { crossbeam_channel::at(self.pacer.next_frame()) } else { never() };
            select! {
                recv(outside) -> news => match news {
                    Ok(Outside::Input(input)) => {
                        self.input(input)?;
                        self.pacer.hurry();
                        dirty = true;
                    }
                    Ok(Outside::Signal) => return Ok(Exit::Terminated),
                    Ok(Outside::TerminalGone) | Err(_) => return Ok(Exit::Gone),
                },
                recv(updates) -> update => {
                    dirty = true;
                    if let Ok(update) = update {
                        self.update(update);
                        // Whatever came with it is folded into the same frame.
                        while let Ok(update) = updates.try_recv() {
                            self.update(update);
                        }
                    } else {
                        updates = never();
                        let why = "the run's end of the connection is gone";
                        self.update(Update::Lost(why.into()));
                    }
                }
                recv(timer) -> _ => {}
            }
            if let Some(exit) = self.app.exit() {
                return Ok(exit);
            }
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        if self.pacer.can_afford_pictures(Instant::now()) {
            self.app.settle();
        }
        let mut frame = Buffer::empty(self.screen.area()?);
        self.app.render(&mut frame);
        let bytes = self.screen.draw(frame, self.pacer.budget(Instant::now()))?;
        self.pacer.drawn(Instant::now(), bytes, !self.screen.is_unfinished());
        // After drawing, views know how large they are and what they want to see.
        let (watch, question) = (self.app.new_wishes(), self.app.question());
        self.send(watch);
        self.send(question);
        Ok(())
    }

    fn update(&mut self, update: Update) {
        let command = self.app.update(update);
        if self.app.take_hurry() {
            self.pacer.hurry();
        }
        self.send(command);
    }

    fn input(&mut self, input: Input) -> io::Result<()> {
        let command = match input {
            Input::Key(key) if key.kind != KeyEventKind::Release => self.app.key(key),
            Input::Mouse(mouse) => self.app.mouse(mouse),
            Input::Resize(..) => {
                self.screen.invalidate()?;
                None
            }
            _ => None,
        };
        self.send(command);
        Ok(())
    }

    fn send(&self, command: Option<Command>) {
        if let Some(command) = command {
            // A run that is gone shows as `Lost` through the other channel.
            let _ = self.link.commands.send(command);
        }
    }
}

fn read_input(send: Sender<Outside>) -> io::Result<()> {
    // The thread is never joined: it ends with the process, blocked in a read.
    thread::Builder::new().name("nntop-input".into()).spawn(move || {
        while let Ok(input) = crossterm::event::read() {
            if send.send(Outside::Input(input)).is_err() {
                return;
            }
        }
        let _ = send.send(Outside::TerminalGone);
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
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT])?;
    let (ready, started) = bounded::<()>(1);
    thread::Builder::new().name("nntop-signals".into()).spawn(move || {
        drop(ready);
        for signal in signals.forever() {
            let news = if signal == SIGHUP { Outside::TerminalGone } else { Outside::Signal };
            if send.send(news).is_err() {
                return;
            }
        }
    })?;
    let _ = started.recv();
    Ok(())
}
