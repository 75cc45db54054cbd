//! Several clients, several sessions.

use super::*;
use nntop::protocol::Command as RunCommand;
use nntop::session::wire::{ClientHello, MAX_UPDATE, decode, read_frame, write_hello};
use std::os::unix::net::UnixStream;

#[test]
fn two_clients_that_pause_and_resume_at_once_agree_in_the_end() {
    let place = Place::new();
    let run = place.detach("torn", &format!("--epochs {ENDLESS}"));
    std::thread::scope(|scope| {
        for commands in
            [[RunCommand::Pause, RunCommand::Resume], [RunCommand::Resume, RunCommand::Pause]]
        {
            let run = &run;
            scope.spawn(move || {
                let watcher = Watcher::attach(run, Attachment::Control);
                for _ in 0..100 {
                    for command in commands.clone() {
                        watcher.link.commands.send(command).unwrap();
                    }
                }
                // The commands may still be queued: a dropped link sends them nevertheless.
            });
        }
    });
    // Until then some of their commands may still be in transit.
    until("both have left", || session::summarize(&run).clients == 0);
    for _ in 0..3 {
        assert!(place.say("pause").contains("paused"));
        assert_eq!(state(&run), RunState::Paused);
        assert!(place.say("resume").contains("training"));
        assert_eq!(state(&run), RunState::Training);
    }
}

#[test]
fn ten_sessions_run_in_parallel() {
    let place = Place::new();
    let training = place.training(&format!("--detach --epochs {ENDLESS}"));
    let started: Vec<_> =
        (0..10).map(|_| place.nntop(&training).stdout(Stdio::piped()).spawn().unwrap()).collect();
    let mut names: Vec<String> = started
        .into_iter()
        .map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap())
        .map(|name| name.trim().to_string())
        .collect();
    names.sort();
    let mut listed: Vec<String> =
        place.ls().iter().map(|run| run["name"].as_str().unwrap().into()).collect();
    listed.sort();
    assert_eq!(listed, names);
    assert!(place.ls().iter().all(|run| run["live"] == true));
    for name in &names {
        place.say(&format!("stop {name}"));
    }
    for name in &names {
        until_dead(&place.run(name));
        assert_eq!(state(&place.run(name)), RunState::Stopped);
    }
}

#[test]
fn a_run_never_has_two_sessions() {
    let place = Place::new();
    let run = place.detach("only", &format!("--epochs {ENDLESS}"));
    signal(&run, Signal::KILL);
    until_dead(&run);
    let resumed: Vec<_> =
        (0..6).map(|_| place.nntop("resume only --detach").spawn().unwrap()).collect();
    for mut child in resumed {
        child.wait().unwrap();
    }
    let served = std::fs::read_to_string(run.log()).unwrap();
    let alive = served.lines().filter_map(|line| line.split("as process ").nth(1));
    // A killed process may remain as a zombie, without a command line.
    let alive = alive.filter(|pid| {
        std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
    });
    assert_eq!(alive.count(), 1, "{served}");
    until("training", || state(&run) == RunState::Training);
}

#[test]
fn a_stalled_client_is_skipped_and_gets_a_snapshot() {
    let place = Place::new();
    let run = place.detach("busy", &format!("--epochs {ENDLESS}"));
    let stalled = UnixStream::connect(run.socket()).unwrap();
    write_hello(&mut &stalled, &ClientHello::new(Attachment::Control)).unwrap();
    // It reads nothing while more events occur than all queues and socket buffers can hold.
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.epoch() > 3000);
    assert!(place.say("pause").contains("paused"), "the stalled client delays others");
    watcher.until(|view| view.status.activity == nntop::protocol::Activity::Paused);
    let paused = watcher.view;
    // Now it reads: what was in transit, then a snapshot, then the same as the others.
    stalled.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut payload = Vec::new();
    // The hello is a frame as well.
    assert!(read_frame(&mut &stalled, MAX_UPDATE, &mut payload).unwrap());
    let (mut view, mut snapshots) = (RunView::default(), 0);
    while view.epochs != paused.epochs || view.status != paused.status {
        assert!(read_frame(&mut &stalled, MAX_UPDATE, &mut payload).unwrap());
        match decode(&payload).unwrap() {
            Update::Snapshot(snapshot) => {
                snapshots += 1;
                view = *snapshot;
            }
            Update::Event(event) => view.apply(&event),
            Update::Lost(why) => panic!("{why}"),
        }
    }
    assert!(snapshots >= 2, "the stalled client was not skipped: {snapshots} snapshot");
}

#[test]
fn a_late_client_gets_the_whole_history_at_once() {
    let place = Place::new();
    let run = place.detach("old", &format!("--epochs {ENDLESS}"));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 400);
    let late = Watcher::attach(&run, Attachment::Control);
    let epochs: Vec<u32> = late.view.epochs.points().iter().map(|stats| stats.epoch).collect();
    assert!(epochs.len() > 400);
    assert_eq!(epochs, (0..=late.view.epoch()).collect::<Vec<_>>());
}

/// File descriptors, threads, and KiB of anonymous memory of a process.
fn usage(pid: u32) -> (usize, usize, i64) {
    let count = |what: &str| std::fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let memory = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    let kilobytes = memory.trim().trim_end_matches(" kB").parse().unwrap();
    (count("fd"), count("task"), kilobytes)
}

#[test]
fn a_thousand_connections_leak_no_resources() {
    let place = Place::new();
    let run = place.detach("hall", &format!("--epochs {ENDLESS}"));
    place.say("pause");
    let pid = pid(&run);
    let alone = || session::attach(&run, Attachment::Control).unwrap().hello.clients == 0;
    let connect = |times: u32| {
        for _ in 0..times {
            drop(Watcher::attach(&run, Attachment::Control));
        }
        until("all clients to disconnect", || {
            let left = alone();
            std::thread::sleep(Duration::from_millis(5));
            left && usage(pid).1 < 10
        });
    };
    // The first connections allocate memory that is kept, and so may later ones that overlap. A
    // leak would grow with every thousand.
    connect(200);
    let (fds, threads, mut before) = usage(pid);
    let mut grown = Vec::new();
    while grown.len() < 5 && grown.last().is_none_or(|kilobytes| *kilobytes >= 1024) {
        connect(1000);
        let mut after = usage(pid);
        until("the last client to disconnect", || {
            after = usage(pid);
            (after.0, after.1) == (fds, threads)
        });
        grown.push(after.2 - before);
        before = after.2;
    }
    assert!(grown.iter().any(|kilobytes| *kilobytes < 1024), "grew by {grown:?} kB");
    let log = std::fs::read_to_string(run.log()).unwrap();
    assert!(!log.contains("was ended"), "disconnecting is not logged as an error:\n{log}");
}
