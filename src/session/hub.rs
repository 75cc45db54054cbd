//! One run, any number of front ends.
//!
//! The hub folds the run's events into a [`RunView`] and passes them on. It never waits for a
//! front end: each has a bounded queue; one that falls behind is skipped, then brought up to date
//! with a snapshot. Facts are so never lost, samples are: the newest wins.
//!
//! Nor can a front end hold it up or fill the memory, whatever it sends: of each kind of question
//! only the newest waits, questions reach the run one at a time, and while the run has enough
//! commands to obey, further ones wait with who sent them.

mod subscriber;

use crate::explore;
use crate::protocol::{Command, Content, Event, Frame, Link, MOST_PROBES, Probe, RunView};
use crossbeam_channel::{Receiver, Select, Sender, bounded, unbounded};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use subscriber::Subscriber;

/// Updates that wait for one front end before it counts as behind.
const QUEUE: usize = 256;
/// Largest answer to a probe that is passed on, in bytes.
const MOST_FRAME_BYTES: usize = 2 << 20;
/// Commands of one front end that wait for the hub; then the front end does.
const COMMANDS: usize = 8;
/// Commands that wait for the run before no more are taken from front ends.
const MOST_ORDERS: usize = 1024;
/// Events taken in a row before front ends have their turn.
const EVENTS_IN_A_ROW: usize = 256;
/// How often what is held back is looked at again.
const RETRY: Duration = Duration::from_millis(10);
/// The run classifies an image at most so often, all front ends together.
const QUESTION_GAP: Duration = Duration::from_millis(10);

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
            watch_changed: false,
            next_question: Instant::now(),
            turn: 0,
            run: commands,
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
        let (commands, sent) = bounded(COMMANDS);
        let subscriber = Subscriber::new(updates, sent, attachment);
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
    /// What all front ends together watch.
    watched: Vec<Probe>,
    /// The run was not told of `watched` yet.
    watch_changed: bool,
    /// When the run may be asked again.
    next_question: Instant,
    /// The front end whose question comes next.
    turn: usize,
    run: Sender<Command>,
    clients: Arc<AtomicUsize>,
}

/// What woke the hub.
enum News {
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
        let (mut run_lives, mut may_attach) = (true, true);
        while may_attach || !self.subscribers.is_empty() {
            match self.wait(attached, may_attach, events, run_lives) {
                News::Event(event) => self.publish(event),
                News::RunGone => run_lives = false,
                News::Attached(subscriber) => self.welcome(subscriber),
                News::NobodyCanAttach => may_attach = false,
                News::Command(from, command) => self.obey(from, command),
                News::Detached(from) => {
                    self.subscribers.remove(from);
                    self.count_and_watch();
                }
                News::Retry => {}
            }
            // The run's news come first: front ends can send more than it can tell.
            for event in events.try_iter().take(EVENTS_IN_A_ROW) {
                self.publish(event);
            }
            self.pass_questions_on();
            self.explore_once();
            self.catch_up();
        }
    }

    fn wait(
        &self,
        attached: &Receiver<Subscriber>,
        may_attach: bool,
        events: &Receiver<Event>,
        run_lives: bool,
    ) -> News {
        let mut select = Select::new();
        let takes_orders = self.run.len() < MOST_ORDERS;
        if takes_orders {
            for subscriber in &self.subscribers {
                select.recv(&subscriber.commands);
            }
        }
        let attach_index = may_attach.then(|| select.recv(attached));
        let event_index = run_lives.then(|| select.recv(events));
        let operation = if self.has_to_explore() {
            select.select_timeout(Duration::ZERO)
        } else if !takes_orders || self.holds_something_back() {
            select.select_timeout(RETRY)
        } else {
            Ok(select.select())
        };
        let Ok(operation) = operation else { return News::Retry };
        let index = operation.index();
        if Some(index) == attach_index {
            operation.recv(attached).map_or(News::NobodyCanAttach, News::Attached)
        } else if Some(index) == event_index {
            operation.recv(events).map_or(News::RunGone, News::Event)
        } else {
            let command = operation.recv(&self.subscribers[index].commands);
            command.map_or(News::Detached(index), |command| News::Command(index, command))
        }
    }

    fn has_to_explore(&self) -> bool {
        self.subscribers.iter().any(|subscriber| subscriber.explore.is_some())
    }

    fn holds_something_back(&self) -> bool {
        self.watch_changed || self.subscribers.iter().any(Subscriber::holds_something_back)
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

    fn welcome(&mut self, mut subscriber: Subscriber) {
        subscriber.send_snapshot(&self.view);
        self.subscribers.push(subscriber);
        self.count_and_watch();
    }

    fn obey(&mut self, from: usize, command: Command) {
        let subscriber = &mut self.subscribers[from];
        match command {
            Command::Watch(probes) => {
                let mut watched = BTreeSet::new();
                for probe in probes {
                    if watched.len() == MOST_PROBES {
                        break;
                    }
                    watched.insert(probe);
                }
                subscriber.due.retain(|probe| watched.contains(probe));
                // What somebody else watches already is known, and may not change for long.
                let new: Vec<Probe> = watched.difference(&subscriber.watched).cloned().collect();
                subscriber.watched = watched;
                for probe in &new {
                    subscriber.offer_frame(probe, &self.view);
                }
                self.count_and_watch();
            }
            // Pure and cheap: answered here, whatever the run does, and to who asked alone.
            Command::Explore { id, values } => subscriber.explore = Some((id, values)),
            Command::Classify { .. } => subscriber.classify = Some(command),
            _ if subscriber.attachment == Attachment::Control => self.tell_run(command),
            _ => {}
        }
    }

    /// Counts the front ends, and puts together what they watch: each in turn has a probe of its
    /// own, so that none crowds the others out.
    fn count_and_watch(&mut self) {
        self.clients.store(self.subscribers.len(), Ordering::Relaxed);
        let mut all: Vec<Probe> = Vec::new();
        let mut lists: Vec<_> = self.subscribers.iter().map(|s| s.watched.iter()).collect();
        while all.len() < MOST_PROBES {
            let round: Vec<&Probe> = lists.iter_mut().filter_map(Iterator::next).collect();
            if round.is_empty() {
                break;
            }
            for probe in round {
                if all.len() < MOST_PROBES && !all.contains(probe) {
                    all.push(probe.clone());
                }
            }
        }
        if all != self.watched {
            self.watched = all;
            self.watch_changed = true;
        }
    }

    /// Asks the run, once it has taken what it was told before, what front ends want to know.
    fn pass_questions_on(&mut self) {
        if self.watch_changed && self.run.is_empty() {
            self.watch_changed = false;
            self.tell_run(Command::Watch(self.watched.clone()));
        }
        let now = Instant::now();
        if now < self.next_question || !self.run.is_empty() {
            return;
        }
        let count = self.subscribers.len();
        let turns = (0..count).map(|offset| (self.turn + offset) % count);
        if let Some(next) = turns.into_iter().find(|&at| self.subscribers[at].classify.is_some())
            && let Some(command) = self.subscribers[next].classify.take()
        {
            self.turn = next + 1;
            self.next_question = now + QUESTION_GAP;
            self.tell_run(command);
        }
    }

    /// Answers one explorable.
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

    fn tell_run(&self, command: Command) {
        // A run that is gone has said so in its last event; there is nothing to command.
        let _ = self.run.send(command);
    }

    /// Brings those who fell behind up to date, where they have room again.
    fn catch_up(&mut self) {
        for subscriber in &mut self.subscribers {
            if subscriber.behind && subscriber.updates.is_empty() {
                subscriber.send_snapshot(&self.view);
            }
            subscriber.send_held(&self.view);
        }
    }
}

/// An event with an answer that is too large to show replaced by a sentence that says so.
fn within_limits(event: Event) -> Event {
    match event {
        Event::Frame(frame) if frame.bytes() > MOST_FRAME_BYTES => {
            let text = format!(
                "the answer takes {} bytes, and at most {MOST_FRAME_BYTES} are shown",
                frame.bytes()
            );
            Event::Frame(Box::new(Frame { content: Content::Unavailable(text), ..*frame }))
        }
        event => event,
    }
}

#[cfg(test)]
mod tests;
