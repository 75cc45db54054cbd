use super::subscriber::ROOM_FOR_ANSWERS;
use super::*;
use crate::protocol::{Content, EpochStats, Outcome, ProbeQuery, Progress, Update};

struct Rig {
    hub: Hub,
    events: Sender<Event>,
    commands: Receiver<Command>,
}

fn rig() -> Rig {
    let (events, received) = unbounded();
    let (send, commands) = unbounded();
    Rig { hub: Hub::start(send, received).unwrap(), events, commands }
}

fn epoch(epoch: u32) -> Event {
    Event::EpochEnded(EpochStats { epoch, ..EpochStats::default() })
}

/// Applies a link's updates until the run is finished.
fn fold_to_the_end(link: &Link) -> RunView {
    let mut view = RunView::default();
    while view.outcome.is_none() {
        match link.updates.recv_timeout(Duration::from_secs(20)).expect("an update") {
            Update::Snapshot(snapshot) => view = *snapshot,
            Update::Event(event) => view.apply(&event),
            Update::Lost(why) => panic!("lost: {why}"),
        }
    }
    view
}

#[test]
fn a_stalled_client_is_skipped_and_misses_no_fact() {
    let rig = rig();
    let stalled = rig.hub.attach(Attachment::Control);
    let eager = rig.hub.attach(Attachment::Control);
    let folding = thread::spawn(move || fold_to_the_end(&eager));
    for number in 0..3000 {
        rig.events.send(epoch(number)).unwrap();
        rig.events.send(Event::Progress(Progress::default())).unwrap();
    }
    rig.events.send(Event::Finished(Outcome::Stopped)).unwrap();
    let eager = folding.join().unwrap();
    assert_eq!(eager.epochs.seen(), 3000);
    assert!(stalled.updates.len() <= QUEUE);
    assert_eq!(fold_to_the_end(&stalled), eager);
}

#[test]
fn a_late_client_first_gets_the_whole_history() {
    let rig = rig();
    let first = rig.hub.attach(Attachment::Control);
    for number in 0..400 {
        rig.events.send(epoch(number)).unwrap();
    }
    rig.events.send(Event::Finished(Outcome::Stopped)).unwrap();
    let whole = fold_to_the_end(&first);
    let late = rig.hub.attach(Attachment::Control);
    let update = late.updates.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(update, Update::Snapshot(Box::new(whole)));
}

#[test]
fn the_run_watches_the_union_of_the_clients_probes() {
    let rig = rig();
    let probes = [ProbeQuery::Confusion, ProbeQuery::Gradients].map(Probe::live);
    let links = [Attachment::Control, Attachment::ReadOnly].map(|a| rig.hub.attach(a));
    let next = || rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
    links[0].commands.send(Command::Watch(vec![probes[0].clone()])).unwrap();
    assert_eq!(next(), Command::Watch(vec![probes[0].clone()]));
    links[1].commands.send(Command::Watch(probes.to_vec())).unwrap();
    assert_eq!(next(), Command::Watch(probes.to_vec()));
    let [leaves, stays] = links;
    drop(leaves);
    stays.commands.send(Command::Watch(vec![probes[1].clone()])).unwrap();
    // The first link was dropped: only the second one's probes are left, after any updates in
    // between.
    while next() != Command::Watch(vec![probes[1].clone()]) {}
    while rig.hub.clients() != 1 {
        thread::yield_now();
    }
}

#[test]
fn answers_go_to_watching_clients_and_known_answers_at_once() {
    let rig = rig();
    let probes = [ProbeQuery::Confusion, ProbeQuery::Gradients].map(Probe::live);
    let frame = |probe: &Probe| {
        let content = Content::Unavailable(String::new());
        Event::Frame(Box::new(Frame { probe: probe.clone(), epoch: 1, batch: 0, content }))
    };
    let next = |link: &Link| loop {
        if let Update::Event(event) =
            link.updates.recv_timeout(Duration::from_secs(20)).expect("an update")
        {
            return event;
        }
    };
    let [first, second] = [(); 2].map(|()| rig.hub.attach(Attachment::Control));
    first.commands.send(Command::Watch(vec![probes[0].clone()])).unwrap();
    rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
    for event in [frame(&probes[0]), frame(&probes[1]), epoch(7)] {
        rig.events.send(event).unwrap();
    }
    assert_eq!(next(&first), frame(&probes[0]));
    assert_eq!(next(&first), epoch(7));
    assert_eq!(next(&second), epoch(7), "the second client watches nothing");
    second.commands.send(Command::Watch(vec![probes[0].clone()])).unwrap();
    assert_eq!(next(&second), frame(&probes[0]), "without asking the run again");
}

#[test]
fn a_read_only_client_cannot_command() {
    let rig = rig();
    let reader = rig.hub.attach(Attachment::ReadOnly);
    let controller = rig.hub.attach(Attachment::Control);
    reader.commands.send(Command::Stop).unwrap();
    reader.commands.send(Command::Classify { id: 1, pixels: Vec::new() }).unwrap();
    controller.commands.send(Command::Pause).unwrap();
    let next = || rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
    let mut seen = [next(), next()];
    seen.sort_by_key(|command| matches!(command, Command::Pause));
    assert!(matches!(seen[0], Command::Classify { .. }));
    assert_eq!(seen[1], Command::Pause);
}

#[test]
fn the_run_may_end_once_no_client_can_reach_it() {
    let Rig { hub, events, commands } = rig();
    let link = hub.attach(Attachment::Control);
    drop(hub);
    link.commands.send(Command::Save).unwrap();
    assert_eq!(commands.recv_timeout(Duration::from_secs(20)), Ok(Command::Save));
    drop(link);
    assert!(commands.recv_timeout(Duration::from_secs(20)).is_err());
    drop(events);
}

#[test]
fn an_explorable_is_answered_without_the_run() {
    let rig = rig();
    let [asks, other] = [(); 2].map(|()| rig.hub.attach(Attachment::ReadOnly));
    let explore = |id: &str| Command::Explore { id: id.into(), values: vec![f64::NAN, 1.0, 7.0] };
    let next = |link: &Link| match link.updates.recv_timeout(Duration::from_secs(20)) {
        Ok(Update::Event(event)) => event,
        Ok(Update::Snapshot(_)) => Event::Finished(Outcome::Stopped),
        other => panic!("{other:?}"),
    };
    next(&asks);
    asks.commands.send(explore("perceptron-cheese")).unwrap();
    let Event::Explored(explored) = next(&asks) else { panic!("no answer") };
    assert_eq!(explored.values, [1.0, 1.0, 1.0, 6.0, 2.0, 2.0, 5.0]);
    asks.commands.send(explore("")).unwrap();
    assert_eq!(next(&asks), Event::Explorables(explore::list().to_vec()));
    assert!(matches!(other.updates.recv().unwrap(), Update::Snapshot(_)));
    assert!(other.updates.is_empty() && rig.commands.is_empty());
}

#[test]
fn an_answer_waits_for_a_client_that_is_behind() {
    let rig = rig();
    let link = rig.hub.attach(Attachment::Control);
    for number in 0..1000 {
        rig.events.send(epoch(number)).unwrap();
    }
    let question = Command::Explore { id: "perceptron-adder".into(), values: Vec::new() };
    link.commands.send(question).unwrap();
    while !rig.events.is_empty() || !link.commands.is_empty() {
        thread::yield_now();
    }
    let answered = std::iter::from_fn(|| link.updates.recv_timeout(Duration::from_secs(20)).ok())
        .any(|update| matches!(update, Update::Event(Event::Explored(_))));
    assert!(answered);
}

#[test]
fn watched_probes_are_deduplicated_limited_and_shared_fairly() {
    let rig = rig();
    let [greedy, modest] = [(); 2].map(|()| rig.hub.attach(Attachment::ReadOnly));
    let digit = |index| Probe::live(ProbeQuery::Digit { index });
    let twice = (0..100_000).flat_map(|index| [digit(index), digit(index)]);
    greedy.commands.send(Command::Watch(twice.collect())).unwrap();
    modest.commands.send(Command::Watch(vec![Probe::live(ProbeQuery::Gradients)])).unwrap();
    loop {
        let command = rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
        let Command::Watch(probes) = command else { panic!("{command:?}") };
        let distinct: BTreeSet<&Probe> = probes.iter().collect();
        assert_eq!(distinct.len(), probes.len());
        assert!(probes.len() <= MAX_PROBES, "{}", probes.len());
        if probes.contains(&Probe::live(ProbeQuery::Gradients)) {
            break;
        }
    }
}

#[test]
fn only_the_newest_image_waits_for_a_busy_run() {
    let rig = rig();
    let link = rig.hub.attach(Attachment::ReadOnly);
    // The run reads no commands yet.
    for id in 0..20_000 {
        link.commands.send(Command::Classify { id, pixels: vec![1; 100] }).unwrap();
    }
    while !link.commands.is_empty() {
        thread::yield_now();
    }
    assert_eq!(rig.commands.len(), 1, "the others are replaced");
    let mut last = None;
    while last != Some(19_999) {
        let command = rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
        let Command::Classify { id, .. } = command else { panic!("{command:?}") };
        assert!(last.is_none_or(|before| id > before));
        last = Some(id);
    }
}

#[test]
fn a_busy_run_blocks_the_client_that_sends_commands() {
    let rig = rig();
    let link = rig.hub.attach(Attachment::Control);
    let sending = thread::spawn(move || {
        for _ in 0..10 * MAX_RUN_COMMANDS {
            link.commands.send(Command::Save).unwrap();
        }
        link
    });
    while rig.commands.len() < MAX_RUN_COMMANDS {
        thread::yield_now();
    }
    // Other clients are still served.
    let other = rig.hub.attach(Attachment::ReadOnly);
    assert!(matches!(other.updates.recv_timeout(Duration::from_secs(20)), Ok(Update::Snapshot(_))));
    assert_eq!(rig.commands.len(), MAX_RUN_COMMANDS);
    let taken = (0..10 * MAX_RUN_COMMANDS)
        .map_while(|_| rig.commands.recv_timeout(Duration::from_secs(20)).ok())
        .count();
    assert_eq!(taken, 10 * MAX_RUN_COMMANDS, "none is lost");
    drop(sending.join().unwrap());
}

#[test]
fn unread_answers_do_not_accumulate_and_the_newest_arrives() {
    let rig = rig();
    let probe = Probe::live(ProbeQuery::Biases { layer: 0 });
    let link = rig.hub.attach(Attachment::ReadOnly);
    link.commands.send(Command::Watch(vec![probe.clone()])).unwrap();
    rig.commands.recv_timeout(Duration::from_secs(20)).unwrap();
    let answer = |epoch, values| {
        let content = Content::Biases { values: vec![1.0; values] };
        Event::Frame(Box::new(Frame { probe: probe.clone(), epoch, batch: 0, content }))
    };
    for epoch in 1..=500 {
        rig.events.send(answer(epoch, 100_000)).unwrap();
    }
    while !rig.events.is_empty() {
        thread::yield_now();
    }
    assert!(link.updates.len() <= ROOM_FOR_ANSWERS + 1, "{}", link.updates.len());
    let newest = |epoch| {
        while let Ok(update) = link.updates.recv_timeout(Duration::from_secs(20)) {
            if let Update::Event(Event::Frame(frame)) = update
                && frame.epoch == epoch
            {
                return frame.content;
            }
        }
        panic!("epoch {epoch} never came")
    };
    assert!(matches!(newest(500), Content::Biases { .. }));
    rig.events.send(answer(501, MAX_FRAME_BYTES)).unwrap();
    assert!(matches!(newest(501), Content::Unavailable(_)), "too large to show");
}
