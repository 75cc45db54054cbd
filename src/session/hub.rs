//! Connects one run to any number of clients.
//!
//! The hub applies the run's events to a [`RunView`] and forwards them. It never waits for a
//! client: each has a bounded queue, and one that falls behind is skipped, then sent a snapshot. So
//! clients never miss facts; of samples they get the newest.
//!
//! A client can neither block the hub nor fill the memory: only its newest request of each kind is
//! kept, requests reach the run one at a time, and no commands are accepted while the run has too
//! many waiting.

mod subscriber;

use crate::explore;
use crate::protocol::{Command, Content, Event, Frame, Link, MAX_PROBES, Probe, RunView};
use crossbeam_channel::{Receiver, Select, Sender, bounded, unbounded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use subscriber::Subscriber;

/// Updates that are queued for a client before it counts as behind.
const QUEUE: usize = 256;
/// Maximum size of a forwarded probe answer in bytes.
const MAX_FRAME_BYTES: usize = 2 << 20;
/// Capacity of a client's queue of commands; a full queue blocks the client.
const CLIENT_COMMANDS: usize = 8;
/// Number of commands waiting for the run above which the hub accepts no more.
const MAX_RUN_COMMANDS: usize = 1024;
/// Number of events that are handled in a row before clients get a turn.
const EVENT_BATCH: usize = 256;
/// Interval at which held-back updates are retried.
const RETRY: Duration = Duration::from_millis(10);
/// Minimum interval between two images that the run classifies, for all clients together.
const CLASSIFY_INTERVAL: Duration = Duration::from_millis(10);

/// Connects a run to its clients. After it is dropped, the run ends once the last client is gone.
#[derive(Clone, Debug)]
pub struct Hub {
    attach: Sender<Subscriber>,
    clients: Arc<AtomicUsize>,
}

/// The permissions of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attachment {
    /// May send any command.
    #[default]
    Control,
    /// May watch and classify, but change nothing.
    ReadOnly,
}

impl Hub {
    /// Starts the hub's thread on a run's two channels.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn start(commands: Sender<Command>, events: Receiver<Event>) -> std::io::Result<Self> {
        Self::start_from(RunView::default(), commands, events)
    }

    /// Like [`Hub::start`], but with the known state of the run.
    ///
    /// # Errors
    /// If a thread cannot be started.
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
            watch_changed: false,
            next_classification: Instant::now(),
            turn: 0,
            run: commands,
            clients: Arc::clone(&clients),
        };
        thread::Builder::new()
            .name("nntop-hub".into())
            .spawn(move || publisher.run(&attached, &events))?;
        Ok(Self { attach, clients })
    }

    /// Attaches a client. The first update of its link is a snapshot.
    #[must_use]
    pub fn attach(&self, attachment: Attachment) -> Link {
        let (updates, received) = bounded(QUEUE);
        let (commands, sent) = bounded(CLIENT_COMMANDS);
        let subscriber = Subscriber::new(updates, sent, attachment);
        // The hub's thread outlives every `Hub`, so the send succeeds.
        let _ = self.attach.send(subscriber);
        Link { commands, updates: received }
    }

    /// Number of attached clients.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }
}

/// The hub's thread.
struct Publisher {
    view: RunView,
    subscribers: Vec<Subscriber>,
    /// The probes that all clients together watch.
    watched: Vec<Probe>,
    /// `watched` has not been sent to the run yet.
    watch_changed: bool,
    /// When the run may get the next image to classify.
    next_classification: Instant,
    /// Index of the client whose request is handled next.
    turn: usize,
    run: Sender<Command>,
    clients: Arc<AtomicUsize>,
}

/// What woke the hub.
enum HubEvent {
    Event(Event),
    RunGone,
    Attached(Subscriber),
    NobodyCanAttach,
    Command(usize, Command),
    Detached(usize),
    Retry,
}

impl Publisher {
    fn run(mut self, attached: &Receiver<Subscriber>, events: &Receiver<Event>) {
        let (mut run_is_alive, mut may_attach) = (true, true);
        while may_attach || !self.subscribers.is_empty() {
            match self.wait(attached, may_attach, events, run_is_alive) {
                HubEvent::Event(event) => self.publish(event),
                HubEvent::RunGone => run_is_alive = false,
                HubEvent::Attached(subscriber) => self.add_client(subscriber),
                HubEvent::NobodyCanAttach => may_attach = false,
                HubEvent::Command(from, command) => self.execute(from, command),
                HubEvent::Detached(from) => {
                    self.subscribers.remove(from);
                    self.count_and_watch();
                }
                HubEvent::Retry => {}
            }
            // Events of the run come first, because clients can send faster than it does.
            for event in events.try_iter().take(EVENT_BATCH) {
                self.publish(event);
            }
            self.forward_requests();
            self.explore_once();
            self.catch_up();
        }
    }

    fn wait(
        &self,
        attached: &Receiver<Subscriber>,
        may_attach: bool,
        events: &Receiver<Event>,
        run_is_alive: bool,
    ) -> HubEvent {
        let mut select = Select::new();
        let accepts_commands = self.run.len() < MAX_RUN_COMMANDS;
        if accepts_commands {
            for subscriber in &self.subscribers {
                select.recv(&subscriber.commands);
            }
        }
        let attach_index = may_attach.then(|| select.recv(attached));
        let event_index = run_is_alive.then(|| select.recv(events));
        let operation = if self.has_explore_requests() {
            select.select_timeout(Duration::ZERO)
        } else if !accepts_commands || self.has_pending() {
            select.select_timeout(RETRY)
        } else {
            Ok(select.select())
        };
        let Ok(operation) = operation else { return HubEvent::Retry };
        let index = operation.index();
        if Some(index) == attach_index {
            operation.recv(attached).map_or(HubEvent::NobodyCanAttach, HubEvent::Attached)
        } else if Some(index) == event_index {
            operation.recv(events).map_or(HubEvent::RunGone, HubEvent::Event)
        } else {
            let command = operation.recv(&self.subscribers[index].commands);
            command.map_or(HubEvent::Detached(index), |command| HubEvent::Command(index, command))
        }
    }

    fn has_explore_requests(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.explore.is_some())
    }

    fn has_pending(&self) -> bool {
        self.watch_changed || self.subscribers.iter().any(Subscriber::has_pending)
    }

    fn publish(&mut self, event: Event) {
        let event = within_limits(event);
        self.view.apply(&event);
        for subscriber in &mut self.subscribers {
            match &event {
                Event::Frame(frame) => subscriber.offer_frame(&frame.probe, &self.view),
                event => subscriber.offer(event),
            }
        }
    }

    fn add_client(&mut self, mut subscriber: Subscriber) {
        subscriber.send_snapshot(&self.view);
        self.subscribers.push(subscriber);
        self.count_and_watch();
    }

    fn execute(&mut self, from: usize, command: Command) {
        let subscriber = &mut self.subscribers[from];
        match command {
            Command::Watch(probes) => {
                let mut watched = BTreeSet::new();
                for probe in probes {
                    if watched.len() == MAX_PROBES {
                        break;
                    }
                    watched.insert(probe);
                }
                subscriber.due.retain(|probe| watched.contains(probe));
                // Another client may watch the same probe: its answer is sent now, because the next
                // one may not come for a long time.
                let new: Vec<Probe> = watched.difference(&subscriber.watched).cloned().collect();
                subscriber.watched = watched;
                for probe in &new {
                    subscriber.offer_frame(probe, &self.view);
                }
                self.count_and_watch();
            }
            // Cheap and independent of the run: answered here, to this client only.
            Command::Explore { id, values } => subscriber.explore = Some((id, values)),
            Command::Classify { .. } => subscriber.classify = Some(command),
            _ if subscriber.attachment == Attachment::Control => self.send_to_run(command),
            _ => {}
        }
    }

    /// Updates the number of clients and the probes that they watch. Clients take turns, so that
    /// one with many probes does not displace the others.
    fn count_and_watch(&mut self) {
        self.clients.store(self.subscribers.len(), Ordering::Relaxed);
        let mut all: Vec<Probe> = Vec::new();
        let mut lists: Vec<_> = self.subscribers.iter().map(|s| s.watched.iter()).collect();
        while all.len() < MAX_PROBES {
            let round: Vec<&Probe> = lists.iter_mut().filter_map(Iterator::next).collect();
            if round.is_empty() {
                break;
            }
            for probe in round {
                if all.len() < MAX_PROBES && !all.contains(probe) {
                    all.push(probe.clone());
                }
            }
        }
        if all != self.watched {
            self.watched = all;
            self.watch_changed = true;
        }
    }

    /// Sends the watched probes and the next image to the run, once it has handled the previous
    /// ones.
    fn forward_requests(&mut self) {
        if self.watch_changed && self.run.is_empty() {
            self.watch_changed = false;
            self.send_to_run(Command::Watch(self.watched.clone()));
        }
        let now = Instant::now();
        if now < self.next_classification || !self.run.is_empty() {
            return;
        }
        let count = self.subscribers.len();
        let turns = (0..count).map(|offset| (self.turn + offset) % count);
        if let Some(next) = turns.into_iter().find(|&at| self.subscribers[at].classify.is_some())
            && let Some(command) = self.subscribers[next].classify.take()
        {
            self.turn = next + 1;
            self.next_classification = now + CLASSIFY_INTERVAL;
            self.send_to_run(command);
        }
    }

    /// Answers one request for an explorable.
    fn explore_once(&mut self) {
        let count = self.subscribers.len();
        let turns = (0..count).map(|offset| (self.turn + offset) % count);
        if let Some(next) = turns.into_iter().find(|&at| self.subscribers[at].explore.is_some())
            && let Some((id, values)) = self.subscribers[next].explore.take()
        {
            self.turn = next + 1;
            self.subscribers[next].answer = Some(explore::answer(&id, &values));
        }
    }

    fn send_to_run(&self, command: Command) {
        // A run that is gone has sent its last event and needs no commands.
        let _ = self.run.send(command);
    }

    /// Sends snapshots and answers to clients that have room for them again.
    fn catch_up(&mut self) {
        for subscriber in &mut self.subscribers {
            if subscriber.behind && subscriber.updates.is_empty() {
                subscriber.send_snapshot(&self.view);
            }
            subscriber.send_pending(&self.view);
        }
    }
}

/// Replaces an answer that is too large by a message that says so.
fn within_limits(event: Event) -> Event {
    match event {
        Event::Frame(frame) if frame.bytes() > MAX_FRAME_BYTES => {
            let text = format!(
                "the answer takes {} bytes, and at most {MAX_FRAME_BYTES} are shown",
                frame.bytes()
            );
            Event::Frame(Box::new(Frame { content: Content::Unavailable(text), ..*frame }))
        }
        event => event,
    }
}

#[cfg(test)]
mod tests;
