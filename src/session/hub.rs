//! One run, any number of front ends.
//!
//! The hub folds the handle's events into a [`RunView`] and passes them on. It never waits for a
//! front end: each has a bounded queue; one that falls behind is skipped, then brought up to date
//! with a snapshot. Facts are so never lost, samples are: the newest wins.

use crate::explore;
use crate::protocol::{Command, Event, Frame, Link, Probe, RunView, Update};
use crossbeam_channel::{Receiver, Select, Sender, TrySendError, bounded, unbounded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// Updates that wait for one front end before it counts as behind.
const QUEUE: usize = 256;
/// Samples are left out while more updates than this wait; facts still get through.
const ROOM_FOR_SAMPLES: usize = QUEUE / 2;
/// How often a front end that is behind is looked at again.
const RETRY: Duration = Duration::from_millis(50);

/// The place where a run and its front ends meet. Dropping it lets the run end once no front end
/// is left.
#[derive(Clone, Debug)]
pub struct Hub {
    attach: Sender<Subscriber>,
    clients: Arc<AtomicUsize>,
}

/// What a front end may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// Everything.
    #[default]
    Control,
    /// Look and ask, but change nothing.
    ReadOnly,
}

#[derive(Debug)]
struct Subscriber {
    updates: Sender<Update>,
    commands: Receiver<Command>,
    attachment: Attachment,
    watched: Vec<Probe>,
    /// Something was left out; a snapshot is due as soon as there is room.
    behind: bool,
    /// The newest answer that waits for room: no snapshot carries it.
    answer: Option<Event>,
}

impl Hub {
    /// Starts the hub's thread over a run's two channels.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(commands: Sender<Command>, events: Receiver<Event>) -> std::io::Result<Self> {
        Self::start_from(RunView::default(), commands, events)
    }

    /// As [`Hub::start`], for a run of which something is known already.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start_from(
        view: RunView,
        commands: Sender<Command>,
        events: Receiver<Event>,
    ) -> std::io::Result<Self> {
        let (attach, attached) = unbounded();
        let clients = Arc::new(AtomicUsize::new(0));
        let publisher = Publisher {
            view,
            subscribers: Vec::new(),
            watched: Vec::new(),
            handle: commands,
            clients: Arc::clone(&clients),
        };
        thread::Builder::new()
            .name("nntop-hub".into())
            .spawn(move || publisher.run(&attached, &events))?;
        Ok(Self { attach, clients })
    }

    /// A new link; its first update is a snapshot of everything so far.
    #[must_use]
    pub fn attach(&self, attachment: Attachment) -> Link {
        let (updates, received) = bounded(QUEUE);
        let (commands, sent) = unbounded();
        let watched = Vec::new();
        let subscriber = Subscriber {
            updates,
            commands: sent,
            attachment,
            watched,
            behind: false,
            answer: None,
        };
        // The hub's thread ends only after every `Hub` is gone, so somebody takes this.
        let _ = self.attach.send(subscriber);
        Link { commands, updates: received }
    }

    /// Front ends attached at this moment.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }
}

/// The hub's thread.
struct Publisher {
    view: RunView,
    subscribers: Vec<Subscriber>,
    /// What the handle was last told to watch.
    watched: Vec<Probe>,
    handle: Sender<Command>,
    clients: Arc<AtomicUsize>,
}

/// What woke the hub.
enum News {
    Event(Event),
    EngineGone,
    Attached(Subscriber),
    NobodyCanAttach,
    Command(usize, Command),
    Detached(usize),
    Retry,
}

impl Publisher {
    fn run(mut self, attached: &Receiver<Subscriber>, events: &Receiver<Event>) {
        let (mut engine_lives, mut may_attach) = (true, true);
        while may_attach || !self.subscribers.is_empty() {
            match self.wait(attached, may_attach, events, engine_lives) {
                News::Event(event) => self.publish(&event),
                News::EngineGone => engine_lives = false,
                News::Attached(subscriber) => self.welcome(subscriber),
                News::NobodyCanAttach => may_attach = false,
                News::Command(from, command) => self.obey(from, command),
                News::Detached(from) => {
                    self.subscribers.remove(from);
                    self.count_and_watch();
                }
                News::Retry => {}
            }
            self.catch_up();
        }
    }

    fn wait(
        &self,
        attached: &Receiver<Subscriber>,
        may_attach: bool,
        events: &Receiver<Event>,
        engine_lives: bool,
    ) -> News {
        let mut select = Select::new();
        for subscriber in &self.subscribers {
            select.recv(&subscriber.commands);
        }
        let attach_index = may_attach.then(|| select.recv(attached));
        let event_index = engine_lives.then(|| select.recv(events));
        let operation = if self.subscribers.iter().any(|subscriber| subscriber.behind) {
            match select.select_timeout(RETRY) {
                Ok(operation) => operation,
                Err(_) => return News::Retry,
            }
        } else {
            select.select()
        };
        let index = operation.index();
        if Some(index) == attach_index {
            operation.recv(attached).map_or(News::NobodyCanAttach, News::Attached)
        } else if Some(index) == event_index {
            operation.recv(events).map_or(News::EngineGone, News::Event)
        } else {
            let command = operation.recv(&self.subscribers[index].commands);
            command.map_or(News::Detached(index), |command| News::Command(index, command))
        }
    }

    fn publish(&mut self, event: &Event) {
        self.view.apply(event);
        for subscriber in &mut self.subscribers {
            subscriber.offer(event);
        }
    }

    fn welcome(&mut self, mut subscriber: Subscriber) {
        subscriber.send_snapshot(&self.view);
        self.subscribers.push(subscriber);
        self.count_and_watch();
    }

    fn obey(&mut self, from: usize, command: Command) {
        let subscriber = &mut self.subscribers[from];
        match command {
            Command::Watch(probes) => {
                // What somebody else watches already is known, and may not change for long.
                let new = probes.iter().filter(|probe| !subscriber.watched.contains(probe));
                let known: Vec<Frame> =
                    new.filter_map(|probe| self.view.frames.get(probe)).cloned().collect();
                subscriber.watched = probes;
                for frame in known {
                    subscriber.offer(&Event::Frame(Box::new(frame)));
                }
                self.count_and_watch();
            }
            // Pure and cheap: answered here, whatever the run does, and to who asked alone.
            Command::Explore { id, values } => subscriber.reply(explore::answer(&id, &values)),
            command if command.is_question() => self.tell_engine(command),
            _ if subscriber.attachment == Attachment::Control => self.tell_engine(command),
            _ => {}
        }
    }

    fn count_and_watch(&mut self) {
        self.clients.store(self.subscribers.len(), Ordering::Relaxed);
        let union: BTreeSet<&Probe> = self.subscribers.iter().flat_map(|s| &s.watched).collect();
        let union: Vec<Probe> = union.into_iter().cloned().collect();
        if union != self.watched {
            self.watched.clone_from(&union);
            self.tell_engine(Command::Watch(union));
        }
    }

    fn tell_engine(&self, command: Command) {
        // An handle that is gone has said so in its last event; there is nothing to command.
        let _ = self.handle.send(command);
    }

    /// Brings those who fell behind up to date, where they have room again.
    fn catch_up(&mut self) {
        for subscriber in self.subscribers.iter_mut().filter(|subscriber| subscriber.behind) {
            if subscriber.updates.is_empty() {
                subscriber.send_snapshot(&self.view);
                if let Some(answer) = subscriber.answer.take() {
                    subscriber.reply(answer);
                }
            }
        }
    }
}

impl Subscriber {
    fn offer(&mut self, event: &Event) {
        let unwanted = matches!(event, Event::Frame(frame) if !self.watched.contains(&frame.probe));
        if self.behind || unwanted {
            return;
        }
        if event.is_sample() && self.updates.len() >= ROOM_FOR_SAMPLES {
            // The snapshot that follows carries the newest sample.
            self.behind = true;
            return;
        }
        self.behind = is_full(self.updates.try_send(Update::Event(event.clone())));
    }

    /// Answers a question of this front end alone; the answer waits while it is behind.
    fn reply(&mut self, answer: Event) {
        if self.behind {
            self.answer = Some(answer);
        } else if is_full(self.updates.try_send(Update::Event(answer.clone()))) {
            (self.behind, self.answer) = (true, Some(answer));
        }
    }

    fn send_snapshot(&mut self, view: &RunView) {
        self.behind = is_full(self.updates.try_send(Update::Snapshot(Box::new(view.clone()))));
    }
}

/// A queue without a receiver is no longer anybody's: its link's commands end next.
fn is_full(sent: Result<(), TrySendError<Update>>) -> bool {
    matches!(sent, Err(TrySendError::Full(_)))
}

#[cfg(test)]
mod tests;
