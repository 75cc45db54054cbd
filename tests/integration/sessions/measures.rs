//! The cost of a session: bytes, time, speed.

use super::*;
use nntop::protocol::Activity;
use portable_pty::{Child, CommandBuilder, PtySize, native_pty_system};
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};

/// Bytes per second that a dashboard of 120×40 writes while the default network trains.
fn bytes_a_second(place: &Place, arguments: &str, seconds: u64) -> f64 {
    let mut terminal = place.terminal(&format!("attach {arguments}"));
    terminal.wait_for("images/s");
    // The first frame fills the screen; only the updates after it are measured.
    let wait = |seconds| std::thread::sleep(Duration::from_secs(seconds));
    wait(2);
    let (start, before) = (Instant::now(), terminal.bytes_written());
    wait(seconds);
    let rate = (terminal.bytes_written() - before) as f64 / start.elapsed().as_secs_f64();
    terminal.type_keys("d");
    terminal.wait_for_exit();
    rate
}

#[test]
fn a_dashboard_respects_the_bandwidth_limit() {
    let place = Place::new();
    place.say(&format!("train --detach --epochs {ENDLESS}"));
    // With low bandwidth the first frame is followed by some seconds without output.
    for (arguments, seconds, most) in [("", 5, 30_000.0), ("--low-bandwidth", 15, 3_000.0)] {
        let rate = bytes_a_second(&place, arguments, seconds);
        println!("attach {arguments}: {rate:.0} bytes/s");
        assert!(rate > 0.0 && rate <= most, "attach {arguments}: {rate:.0} bytes/s");
    }
}

#[test]
#[ignore = "a measurement"]
fn attach_to_first_frame() {
    let place = Place::new();
    let run = place.detach("long", &format!("--epochs {ENDLESS}"));
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.epoch() >= 400);
    place.say("pause");
    let mut times: Vec<Duration> = (0..21)
        .map(|_| {
            let start = Instant::now();
            let mut terminal = place.terminal("attach long");
            terminal.wait_for("paused");
            let took = start.elapsed();
            terminal.type_keys("d");
            terminal.wait_for_exit();
            took
        })
        .collect();
    times.sort();
    let epochs = session::summarize(&run).epoch;
    println!(
        "{epochs} epochs, from start to first frame: median {:?}, slowest {:?}",
        times[10], times[20]
    );
}

/// CPU time, in seconds, of the threads of a process whose names have a prefix.
fn busy(pid: u32, name: &str) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let named = tasks.map(|task| task.path()).filter(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.starts_with(name))
    });
    let nanoseconds = named.filter_map(|task| {
        let text = std::fs::read_to_string(task.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

/// A dashboard in a terminal whose output is not parsed, which would take CPU time from the
/// training that is measured.
struct Unread {
    child: Box<dyn Child + Send + Sync>,
}

impl Unread {
    fn attach(place: &Place) -> Self {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_nntop"));
        command.args(["attach", "speed"]);
        for (name, value) in
            [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")]
        {
            command.env(name, value);
        }
        command.env(STATE_DIR, &place.state);
        let child = pair.slave.spawn_command(command).unwrap();
        let (mut reader, master) = (pair.master.try_clone_reader().unwrap(), pair.master);
        std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while matches!(reader.read(&mut buffer), Ok(1..)) {}
            drop(master);
        });
        Self { child }
    }

    fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        // A stopped process only reacts to SIGKILL.
        let _ = kill_process(pid_of(self.pid()), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The duration of an epoch.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// Wall time in seconds.
    wall: f64,
    /// CPU seconds of the training thread.
    training: f64,
    /// CPU seconds of all threads of the session, including the training thread.
    session: f64,
}

fn measure(watcher: &mut Watcher, pid: u32, epochs: u32) -> Epoch {
    let first = watcher.view.epoch() + 1;
    watcher.until(|view| view.epoch() >= first);
    let before = (Instant::now(), busy(pid, "nntop-train"), busy(pid, ""));
    watcher.until(|view| view.epoch() >= first + epochs);
    let each = |total: f64| total / f64::from(epochs);
    Epoch {
        wall: each(before.0.elapsed().as_secs_f64()),
        training: each(busy(pid, "nntop-train") - before.1),
        session: each(busy(pid, "") - before.2),
    }
}

/// One of the durations of an epoch.
type Figure = fn(&Epoch) -> f64;

fn median(epochs: &[Epoch], of: Figure) -> f64 {
    let mut values: Vec<f64> = epochs.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "a measurement"]
fn training_speed_with_eight_clients() {
    const ROUNDS: usize = 9;
    const EPOCHS: u32 = 20;
    let place = Place::new();
    let run = RunDir::at(place.state.join("runs/speed"));
    place.say(&format!("train --detach --name speed --threads 1 --epochs {ENDLESS}"));
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let pid = pid(&run);
    let (mut alone, mut crowded, mut clients_busy) = (Vec::new(), Vec::new(), 0.0);
    for _ in 0..ROUNDS {
        alone.push(measure(&mut watcher, pid, EPOCHS));
        let clients: Vec<Unread> = (0..8).map(|_| Unread::attach(&place)).collect();
        until("all clients", || session::summarize(&run).clients == 9);
        kill_process(pid_of(clients[7].pid()), Signal::STOP).unwrap();
        let start = Instant::now();
        let before = busy(clients[0].pid(), "");
        crowded.push(measure(&mut watcher, pid, EPOCHS));
        clients_busy = (busy(clients[0].pid(), "") - before) / start.elapsed().as_secs_f64();
    }
    let figures: [(&str, Figure); 3] = [
        ("on the clock", |epoch| epoch.wall),
        ("of the training thread", |epoch| epoch.training),
        ("of the whole session", |epoch| epoch.session),
    ];
    for (name, of) in figures {
        // Compared round by round, because the load of the machine varies.
        let mut ratios: Vec<f64> =
            alone.iter().zip(&crowded).map(|(alone, crowded)| of(crowded) / of(alone)).collect();
        ratios.sort_by(f64::total_cmp);
        let slower = 100.0 * (ratios[ROUNDS / 2] - 1.0);
        let (alone, crowded) = (median(&alone, of), median(&crowded, of));
        println!(
            "seconds an epoch {name}: {alone:.4} alone, {crowded:.4} with 8 clients, one of them \
             stopped: {slower:+.1}%"
        );
    }
    println!("a dashboard takes {:.1}% of a core", 100.0 * clients_busy);
    place.say("pause");
    watcher.until(|view| view.status.activity == Activity::Paused);
}

/// What a hostile read-only client sends, without reading an answer.
fn harass(stream: &std::os::unix::net::UnixStream, kind: u32) -> std::io::Result<()> {
    use nntop::protocol::{Command as RunCommand, Moment, Probe, ProbeQuery};
    use nntop::session::wire::{MAX_COMMAND, encode, write_frame};
    let order = match kind {
        0 => {
            let probe = |index| Probe { what: ProbeQuery::Digit { index }, at: Moment::Live };
            RunCommand::Watch((0..150_000).map(probe).collect())
        }
        1 => {
            let weights = |layer| ProbeQuery::Weights { layer, first: 0, count: u32::MAX };
            let histogram = |layer| ProbeQuery::Histogram { layer, bins: u32::MAX };
            let all = (0..64).flat_map(|layer| [weights(layer), histogram(layer)]);
            RunCommand::Watch(all.map(Probe::live).collect())
        }
        2 => RunCommand::Explore { id: "universal-tower".into(), values: vec![1.0; 100_000] },
        3 => RunCommand::Classify { id: 1, pixels: vec![99; 1_000_000] },
        _ => RunCommand::Classify { id: 1, pixels: vec![99; 784] },
    };
    let payload = encode(&order).map_err(std::io::Error::other)?;
    write_frame(&mut &*stream, &payload, MAX_COMMAND).map_err(std::io::Error::other)
}

/// Sets a flag when it is dropped.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
#[ignore = "a measurement of ten minutes, or of the seconds in NNTOP_SECONDS"]
fn a_hostile_read_only_client() {
    use nntop::session::wire::{ClientHello, write_hello};
    use std::os::unix::net::UnixStream;
    let seconds = std::env::var("NNTOP_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = Duration::from_secs(seconds.unwrap_or(600));
    let place = Place::new();
    let layers = "--layers conv20x5-pool2-dense100-softmax10 --cost log-likelihood --eta 0.1";
    let started = place.say(&format!("train --detach --name target --epochs {ENDLESS} {layers}"));
    assert_eq!(started, "target");
    let run = place.run("target");
    // One ordinary client that watches all the time.
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.info.is_some());
    let pid = pid(&run);
    let resident = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap().to_owned();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
    };
    let before = resident();
    let over = AtomicBool::new(false);
    let (mut largest, mut answers, mut unanswered) = (before, Vec::new(), Vec::new());
    std::thread::scope(|scope| {
        for kind in 0..8 {
            let (run, over) = (&run, &over);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let Ok(stream) = UnixStream::connect(run.socket()) else { continue };
                    let _ = stream.set_write_timeout(Some(Duration::from_secs(1)));
                    if kind < 6 {
                        let hello = ClientHello::new(Attachment::ReadOnly);
                        let _ = write_hello(&mut &stream, &hello);
                    }
                    // The last ones never send a hello.
                    while kind < 6 && !over.load(Ordering::SeqCst) {
                        if harass(&stream, kind).is_err() {
                            break;
                        }
                    }
                }
            });
        }
        // Also if a check fails, so that the threads end.
        let _over = SetOnDrop(&over);
        let start = Instant::now();
        while start.elapsed() < seconds {
            let asked = Instant::now();
            let summary = session::summarize(&run);
            answers.push(asked.elapsed());
            if summary.state == RunState::Unreachable {
                unanswered.push(format!("{:?}: {:?}", asked.elapsed(), summary.problem));
            }
            largest = largest.max(resident());
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    assert!(unanswered.is_empty(), "{unanswered:?}");
    answers.sort();
    let (median, slowest) = (answers[answers.len() / 2], answers[answers.len() - 1]);
    println!(
        "{} s, {} questions of another client: median {median:?}, slowest {slowest:?}; memory \
         {before} MB at the start, {largest} MB at most",
        seconds.as_secs(),
        answers.len()
    );
    assert!(largest < before + 64, "the memory grew by {} MB", largest - before);
    assert!(slowest <= Duration::from_millis(200), "{slowest:?}");
}
