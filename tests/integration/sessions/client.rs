//! Python scripts that report to their session, and the commands that they execute.

use super::command::{letter, printed};
use super::*;
use nntop::protocol::{
    Activity, Command as RunCommand, Content, DigitFilter, DigitQuery, MarkKind, MetricSeries,
    Outcome, PauseLevel, PredictionFilter, Probe, ProbeQuery,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

/// A script that trains nothing but reports metrics.
const LOOP: &str = "
import nntop, time
run = nntop.init(config={'lr': 0.1, 'model': {'width': 3}})
for batch in run.steps(range(1000000)):
    run.log({'loss': 1 / (batch + 1), 'val/acc': 0.5})
    time.sleep(0.001)
print('continued after the loop', flush=True)
";

/// Whether there is a Python that can run the client; prints a note if not.
pub(super) fn has_python() -> bool {
    has("python3")
}

impl Place {
    /// Starts a Python script in a session, detached.
    #[track_caller]
    pub(super) fn python(&self, name: &str, script: &str) -> RunDir {
        let file = self.path(&format!("{name}.py"));
        std::fs::write(&file, script).unwrap();
        let mut command = self.nntop("run --detach --name");
        let output = command.arg(name).args(["--", "python3"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        self.run(name)
    }

    /// Python with the client in its path, outside of any session.
    fn python_alone(&self) -> Command {
        std::fs::write(self.path("nntop.py"), nntop::session::PYTHON_CLIENT).unwrap();
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", self.dir.path()).env(STATE_DIR, &self.state);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// The number of completed steps.
fn step(view: &RunView) -> u32 {
    view.progress.as_ref().map_or(0, |progress| progress.batch)
}

pub(super) fn held(view: &RunView) -> bool {
    view.status.activity == Activity::Paused && view.status.pause == PauseLevel::Held
}

#[test]
fn a_script_logs_is_held_stepped_resumed_and_stopped() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("looping", LOOP);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| view.metrics.get("loss").is_some() && step(view) > 0);
    let config = watcher.view.info.clone().unwrap().config;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(config, [pair("lr", "0.1"), pair("model/width", "3")]);
    assert!(watcher.view.metrics.get("val/acc").is_some());

    let reply = place.say("pause looping");
    assert!(reply.contains("held at step"), "{reply}");
    watcher.until(held);
    let at = step(&watcher.view);
    assert_eq!(
        watcher.view.metrics.get("loss").and_then(MetricSeries::last).map(|last| last.0),
        Some(i64::from(at) - 1)
    );
    assert_eq!(state(&run), RunState::Paused);
    assert_eq!(session::summarize(&run).pause, Some(PauseLevel::Held));

    let reply = place.say("step looping --batches 3");
    assert!(reply.contains(&format!("held at step {}", at + 3)), "{reply}");
    watcher.until(|view| held(view) && step(view) == at + 3);
    let kinds: Vec<MarkKind> = watcher.view.marks.iter().map(|mark| mark.kind).collect();
    assert_eq!(kinds, [MarkKind::Held, MarkKind::Resumed, MarkKind::Held]);

    place.say("resume looping");
    watcher.until(|view| step(view) > at + 3);
    let reply = place.say("stop looping");
    assert!(reply.contains("stopped"), "{reply}");
    assert_eq!(state(&run), RunState::Stopped);
    assert!(printed(&run).contains("continued after the loop"), "{}", printed(&run));
    watcher.until(|view| view.outcome.is_some());
    assert_eq!((&watcher.view.outcome, watcher.view.exit_code), (&Some(Outcome::Stopped), Some(0)));
    let log = place.say("logs looping");
    assert!(log.contains("a script has connected: python 3") && log.contains("held"), "{log}");
}

#[test]
fn a_held_script_that_is_stopped_ends() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("still", LOOP);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| step(view) > 0);
    place.say("pause still");
    place.say("stop still");
    assert_eq!(state(&run), RunState::Stopped);
}

/// A script that supports every request.
pub(super) const WHOLE: &str = "
import nntop, os, time
run = nntop.init()

class Optimizer:
    param_groups = [{'lr': 0.5}]

class Scheduler:
    base_lrs = [0.5]

optimizer, scheduler = Optimizer(), Scheduler()
run.learning_rate(optimizer, scheduler)
decay = [0.25]
run.tunable('weight_decay', lambda: decay[0], lambda value: decay.__setitem__(0, value))

def broken(value):
    raise RuntimeError('no such luck')

run.tunable('broken', lambda: 1.0, broken)

def save(path):
    with open(path, 'w') as file:
        file.write('x' * 100)
    return path

run.on_checkpoint(save)
colours = [[[255, 0, 0], [0, 0, 255]], [[0, 255, 0], [255, 255, 255]]]
run.predictions([0, 1, 1, 0], [[.9, .1], [.8, .2], [.3, .7], [.4, .6]], images=[colours] * 4,
                classes=['cat', 'dog'])
run.text('sample', 'Once upon a time')
run.image('first', colours)
run.histogram('numbers', [1, 2, 2, 3], bins=2)
print('from', nntop.resume_from(), flush=True)
while not run.stopped:
    # As a schedule sets the rate by its base.
    optimizer.param_groups[0]['lr'] = scheduler.base_lrs[0] * 0.5
    time.sleep(0.001)
    run.step()
";

#[test]
fn changes_are_confirmed_with_the_effective_value_or_refused_with_a_reason() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("tuned", WHOLE);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| view.tunables.len() == 3 && step(view) > 0);
    // The schedule's rate is 0.25, so 0.125 halves the base; the factor stays.
    let reply = place.say("set tuned lr 0.125");
    assert!(reply.contains("learning_rate 0.125 (was 0.25); in force since step"), "{reply}");
    let reply = place.say("set tuned weight-decay 0.5");
    assert!(reply.contains("weight_decay 0.5 (was 0.25)"), "{reply}");
    place.say("pause tuned");
    let reply = place.say("set tuned eta 0.0625");
    assert!(reply.contains("takes effect with the next step"), "{reply}");
    place.say("step tuned");
    watcher.until(|view| {
        view.tunables
            .iter()
            .any(|t| t.name == "learning_rate" && (t.value - 0.0625).abs() < 1e-12 && t.in_force)
    });
    let (_, error) = place.fail("set tuned broken 2");
    assert!(error.contains("RuntimeError: no such luck"), "{error}");
    let (_, error) = place.fail("set tuned momentum 0.9");
    assert!(
        error.contains("cannot") && error.contains("it offers broken, learning_rate"),
        "{error}"
    );
    let (_, error) = place.fail("set tuned lr -1");
    assert!(error.contains("not above 0"), "{error}");
    place.say("stop tuned");
}

#[test]
fn a_command_resumes_from_its_checkpoint() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("saved", WHOLE);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| step(view) > 0 && view.tunables.len() == 3);
    let reply = place.say("save saved");
    assert!(reply.contains("checkpoints/step-") && reply.contains("(100 bytes)"), "{reply}");
    let reply = place.say("pause saved --level ended");
    assert!(reply.contains("checkpointed and ended: "), "{reply}");
    assert_eq!(state(&run), RunState::Checkpointed);
    watcher.until(|view| view.outcome.is_some());
    let Some(Outcome::Checkpointed(path)) = watcher.view.outcome.clone() else { panic!("a path") };
    drop(watcher);
    until_dead(&run);
    assert!(Path::new(&path).is_file());
    place.say("resume saved --detach");
    until("the second start", || printed(&run).contains(&format!("from {path}")));
    place.say("stop saved");
    assert!(printed(&run).starts_with("from None"));
    let output = place.nntop("run --detach --name again --again saved").output().unwrap();
    assert!(output.status.success(), "{}", err(&output));
    let again = place.run("again");
    until("its start", || printed(&again).contains(&format!("from {path}")));
    place.say("stop again");
}

#[test]
fn predictions_are_shown_during_and_after_the_run() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("seen", WHOLE);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let described = |view: &RunView| view.info.as_ref().is_some_and(|i| !i.classes.is_empty());
    watcher.until(|view| view.media.len() == 3 && described(view));
    let info = watcher.view.info.clone().unwrap();
    assert_eq!((info.classes, info.test_size), (vec!["cat".into(), "dog".into()], 4));
    assert_eq!((info.image_width, info.image_height, info.image_channels), (2, 2, 3));
    let filter = DigitFilter { verdict: PredictionFilter::Wrong, ..DigitFilter::default() };
    let query = DigitQuery { filter, count: 9, pixels: true, ..DigitQuery::default() };
    let (digits, confusion) =
        (Probe::live(ProbeQuery::Digits(query)), Probe::live(ProbeQuery::Confusion));
    let weights = Probe::live(ProbeQuery::Gradients);
    let wanted = RunCommand::Watch(vec![digits.clone(), confusion.clone(), weights.clone()]);
    let look = |watcher: &mut Watcher| {
        watcher.link.commands.send(wanted.clone()).unwrap();
        watcher.until(|view| {
            [&digits, &confusion, &weights].iter().all(|probe| view.frames.contains_key(probe))
        });
        let frame = |probe| watcher.view.frames[probe].content.clone();
        let Content::Digits { cards, .. } = frame(&digits) else { panic!("no list") };
        assert_eq!(cards.iter().map(|card| card.index).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(cards[0].pixels[..6], [255, 0, 0, 0, 0, 255]);
        let counts = vec![1, 1, 1, 1];
        assert_eq!(frame(&confusion), Content::Confusion { classes: 2, counts });
        assert!(matches!(frame(&weights), Content::Unavailable(_)));
    };
    look(&mut watcher);
    drop(watcher);
    place.say("stop seen");
    until_dead(&run);
    let link = session::browse(&run, Attachment::ReadOnly).unwrap();
    let mut past = Watcher { link, view: RunView::default() };
    past.next();
    look(&mut past);
    let screen = place.say("attach seen --once");
    assert!(screen.contains("Confusion") && screen.contains("Media"), "{screen}");
}

#[test]
fn a_training_continues_without_its_session() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let progress = place.path("progress");
    // The terminal disappears with the session, which causes a SIGHUP.
    let script = format!(
        "import nntop, signal, time\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
         run = nntop.init()\nfor step in run.steps(range(100000)):\n    \
         run.log({{'loss': step}})\n    time.sleep(0.001)\n    \
         open({progress:?}, 'w').write(str(step))\n    \
         if not run.active and step > 100: break\nopen({progress:?}, 'w').write('done')\n"
    );
    for how in [Signal::KILL, Signal::STOP] {
        let name = if how == Signal::KILL { "killed" } else { "stopped" };
        let run = place.python(name, &script);
        let mut watcher = Watcher::attach(&run, Attachment::Control);
        watcher.until(|view| step(view) > 10);
        let session = pid(&run);
        kill_process(pid_of(session), how).unwrap();
        let here = || std::fs::read_to_string(&progress).unwrap_or_default();
        let before: u32 = here().parse().unwrap_or(0);
        if how == Signal::KILL {
            until("the end of the script", || here() == "done");
        } else {
            until("more steps", || here().parse().is_ok_and(|now: u32| now > before + 200));
            kill_process(pid_of(session), Signal::CONT).unwrap();
            place.say("stop stopped");
        }
    }
}

#[test]
fn a_held_training_continues_when_its_session_is_killed() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let done = place.path("done");
    let script = format!(
        "import nntop, signal, time\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
         run = nntop.init()\nwhile run.active:\n    time.sleep(0.001)\n    run.step()\n\
         open({done:?}, 'w').write('done')\n"
    );
    let run = place.python("left", &script);
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| step(view) > 0);
    place.say("pause left");
    signal(&run, Signal::KILL);
    until("the end of the script", || done.exists());
    until_dead(&run);
    assert_eq!(state(&run), RunState::Interrupted);
}

/// A training whose worker processes call everything that the client offers.
const WORKERS: &str = "
import multiprocessing, os, sys
import nntop

class Data:
    def __init__(self, run):
        self.run = run

def work(method, data):
    for run in (data.run, nntop.init()):
        assert not run.active
        run.log({method: 1})
        run.config({method: 1})
        run.text('said', method)
        run.step()
        for _ in run.steps(range(3)):
            pass
        run.finish()
    print('worked', method, flush=True)

if __name__ == '__main__':
    run = nntop.init('parent')
    for method in ('fork', 'spawn', 'forkserver'):
        for step in run.steps(range(2)):
            run.log({'loss': step})
            data = Data(run)
            child = multiprocessing.get_context(method).Process(target=work, args=(method, data))
            child.start()
            child.join()
            assert child.exitcode == 0
    child = os.fork()
    if child == 0:
        work('bare', Data(run))
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    assert run.active
";

#[test]
fn forked_and_spawned_workers_report_nothing() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let run = place.python("parent", WORKERS);
    until("its end", || state(&run).is_over());
    assert_eq!(state(&run), RunState::Completed, "{}", printed(&run));
    assert_eq!(printed(&run).matches("worked").count(), 7, "{}", printed(&run));
    assert!(!printed(&run).contains("not reporting"), "{}", printed(&run));
    let view = session::replay(&run);
    let names: Vec<&str> =
        view.metrics.iter().map(|(name, _)| name).filter(|n| !n.starts_with("system/")).collect();
    assert_eq!((names, view.media.len()), (vec!["loss"], 0));
    assert!(view.info.unwrap().config.is_empty());
    let log = place.say("logs parent");
    assert_eq!(log.matches("a script has connected:").count(), 1, "{log}");
    assert_eq!(place.ls().len(), 1);
    // Started by itself, the script has one session, and its workers none.
    let script = WORKERS.replace("init('parent')", "init('alone')");
    std::fs::write(place.path("alone.py"), script).unwrap();
    let output = place
        .python_alone()
        .arg(place.path("alone.py"))
        .env("NNTOP", env!("CARGO_BIN_EXE_nntop"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", err(&output));
    assert_eq!(place.ls().len(), 2);
    until("its end", || state(&place.run("alone")).is_over());
    assert_eq!(state(&place.run("alone")), RunState::Completed);
}

#[test]
fn a_worker_that_outlives_its_script_does_not_keep_its_connection_open() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let (file, end) = (place.path("parent.py"), place.path("end"));
    let script = format!(
        "import nntop, os, signal, time\nrun = nntop.init()\nif os.fork() == 0:\n    \
         while not os.path.exists({end:?}): time.sleep(0.01)\n    os._exit(0)\n\
         print('worker', flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
    );
    std::fs::write(&file, script).unwrap();
    let shell =
        format!("python3 {}; until test -e {}; do sleep 0.01; done", file.display(), end.display());
    let run = place.script("outlived", &[], &shell);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.log.iter().any(|line| line.text == "the script has disconnected"));
    until("the output of the script", || printed(&run).contains("worker"));
    std::fs::write(&end, "").unwrap();
    watcher.until(|view| view.outcome.is_some());
}

#[test]
fn the_exit_of_a_script_waits_once_and_at_most_exit_wait() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let socket = place.path("socket");
    // It accepts connections but reads nothing, like a stopped session.
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let code = "import atexit\nwaits = []\n\
                atexit.register(lambda: print(waits == [nntop.EXIT_WAIT] and waits[0] <= 0.2))\n\
                import nntop\nrun = nntop.init()\ndone = run._link._done\nwait = done.wait\n\
                done.wait = lambda seconds: (waits.append(seconds), wait(seconds))\n\
                for step in range(3 * nntop.QUEUE): run.log({'loss': step})\n\
                print(run.active, run._link._dropped > 0)";
    let mut python = place.python_alone();
    let child = python.args(["-c", code]).env("NNTOP_SOCKET", &socket).spawn().unwrap();
    let _stream = listener.accept().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "True True\nTrue\n", "{}", err(&output));
}

#[test]
fn a_script_exits_with_a_full_queue_and_a_stopped_session() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let (go, done) = (place.path("go"), place.path("done"));
    let script = format!(
        "import atexit, os, time\natexit.register(lambda: open({done:?}, 'w').close())\n\
         import nntop\nrun = nntop.init()\nrun.log({{'loss': 0}})\n\
         while not os.path.exists({go:?}): time.sleep(0.01)\n\
         while not run._link._dropped: run.log({{'loss': 1}})"
    );
    let run = place.python("stuck", &script);
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| view.metrics.get("loss").is_some());
    let session = pid_of(pid(&run));
    kill_process(session, Signal::STOP).unwrap();
    std::fs::write(&go, "").unwrap();
    until("the end of the script", || done.exists());
    kill_process(session, Signal::CONT).unwrap();
    until("its end", || state(&run).is_over());
    assert_eq!(state(&run), RunState::Completed);
}

/// Two ranks of a distributed training; a socket between them stands in for torch.distributed. The
/// first argument says how rank 1 ends.
const RANKS: &str = "
import os, pickle, signal, socket, struct, sys, time, types

def distributed(rank, stream):
    file = stream.makefile('rb')

    def send(value):
        data = pickle.dumps(value)
        stream.sendall(struct.pack('<I', len(data)) + data)

    def receive():
        head = file.read(4)
        if len(head) < 4:
            raise RuntimeError('Connection closed by peer')
        return pickle.loads(file.read(struct.unpack('<I', head)[0]))

    def broadcast_object_list(message, src, group):
        if rank == src:
            send(message[0])
        else:
            message[0] = receive()

    def all_gather_object(everyone, mine, group):
        send(mine)
        everyone[rank], everyone[1 - rank] = mine, receive()

    module = types.ModuleType('torch.distributed')
    module.is_available = module.is_initialized = lambda: True
    module.get_rank, module.get_world_size = lambda: rank, lambda: 2
    module.new_group = lambda backend: None
    module.broadcast_object_list = broadcast_object_list
    module.all_gather_object = all_gather_object
    sys.modules['torch.distributed'] = module

ends = socket.socketpair()
child = os.fork()
rank = 1 if child == 0 else 0
ends[1 - rank].close()
distributed(rank, ends[rank])
import nntop
run = nntop.init()
how = sys.argv[1]
try:
    for step in run.steps(range(1000000)):
        run.log({'loss': step})
        time.sleep(0.001)
        if rank == 1 and step == 300 and how == 'killed':
            os.kill(os.getpid(), signal.SIGKILL)
        if rank == 1 and step == 300 and how == 'failed':
            raise KeyError('lost')
        if step == 300 and how == 'ended':
            break
finally:
    if rank == 0:
        print('rank 1 was process', child, flush=True)
        os.waitpid(child, 0)
        while run.active and run._link._others:
            time.sleep(0.01)
";

#[test]
fn the_end_of_a_dead_rank_is_reported() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let file = place.path("ranks.py");
    std::fs::write(&file, RANKS).unwrap();
    for (how, words) in [
        ("killed", "died: it was killed, or crashed without an exception"),
        ("failed", "failed: KeyError: 'lost'"),
        ("ended", ""),
    ] {
        let mut command = place.nntop("run --detach --name");
        let output = command.arg(how).args(["--", "python3"]).arg(&file).arg(how).output().unwrap();
        assert!(output.status.success(), "{}", err(&output));
        let run = place.run(how);
        let mut watcher = Watcher::attach(&run, Attachment::Control);
        if how != "ended" {
            let note = |view: &RunView| {
                let of_rank = |text: &str| text.starts_with("rank 1 (process ");
                view.log.iter().find(|line| of_rank(&line.text)).map(|line| line.text.clone())
            };
            watcher.until(|view| note(view).is_some());
            assert!(note(&watcher.view).unwrap().ends_with(words), "{:?}", note(&watcher.view));
            let lost = "the ranks no longer answer one another";
            watcher.until(|view| view.log.iter().any(|line| line.text.starts_with(lost)));
            // Rank 0 goes on by itself.
            place.say(&format!("stop {how}"));
        }
        watcher.until(|view| view.outcome.is_some());
        assert!(how != "ended" || !watcher.view.log.iter().any(|l| l.text.contains("rank 1")));
    }
}

#[test]
fn a_script_that_is_suspended_goes_on_when_its_session_is_killed() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    std::fs::write(place.path("alone.py"), LOOP.replace("nntop.init(", "nntop.init('alone', "))
        .unwrap();
    let mut child = place
        .python_alone()
        .arg(place.path("alone.py"))
        .env("NNTOP", env!("CARGO_BIN_EXE_nntop"))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    until("its session", || place.home().find("alone").is_ok());
    let run = place.run("alone");
    Watcher::attach(&run, Attachment::ReadOnly).until(|view| step(view) > 0);
    place.say("pause alone --level suspended");
    until("a suspended process", || letter(child.id()) == Some('T'));
    signal(&run, Signal::KILL);
    until("a process that goes on", || letter(child.id()) != Some('T'));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_script_is_reported_and_the_next_one_can_connect() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let file = place.path("loop.py");
    std::fs::write(&file, LOOP).unwrap();
    let script = format!("python3 {0}; python3 {0}", file.display());
    let mut command = place.nntop("run --detach --name twice -- sh -c");
    assert!(command.arg(script).output().unwrap().status.success());
    let run = place.run("twice");
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    let reporter = |view: &RunView, number: usize| {
        let lines = view.log.iter().filter_map(|line| line.text.split_once(", process "));
        lines.map(|(_, pid)| pid.parse().unwrap()).nth(number)
    };
    watcher.until(|view| reporter(view, 0).is_some() && step(view) > 0);
    let first: u32 = reporter(&watcher.view, 0).unwrap();
    place.say("pause twice");
    kill_process(pid_of(first), Signal::KILL).unwrap();
    watcher.until(|view| reporter(view, 1).is_some() && !held(view) && view.status.reports);
    assert!(watcher.view.log.iter().any(|line| line.text == "the script has disconnected"));
    let ended = format!("the script (process {first}) ended without reporting how");
    assert!(watcher.view.log.iter().any(|line| line.text.starts_with(&ended)));
    let reply = place.say("pause twice");
    assert!(reply.contains("held at step"), "{reply}");
    place.say("stop twice");
}

#[test]
fn the_error_of_a_failed_script_is_reported() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let script = "import nntop\nrun = nntop.init()\nrun.log({'loss': 1})\nraise KeyError('gone')";
    let run = place.python("failing", script);
    until("its end", || state(&run).is_over());
    assert_eq!((state(&run), session::summarize(&run).exit_code), (RunState::Failed, Some(1)));
    let log = place.say("logs failing");
    assert!(log.contains("the script failed: KeyError: 'gone'"), "{log}");
}

#[test]
fn metrics_beyond_the_limit_are_thinned_and_exported_from_first_to_last() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let file = place.path("much.py");
    let script = "import nntop, time\nrun = nntop.init()\nfor step in run.steps(range(30000)):\n    \
                  run.log({'loss': 9.5 if step == 7000 else 1 / (step + 1)})\n    \
                  while len(run._link._queue) > 1000: time.sleep(0.001)";
    std::fs::write(&file, script).unwrap();
    let mut command = place.nntop("run --detach --name much --log-limit 1 -- python3");
    assert!(command.arg(&file).output().unwrap().status.success());
    let run = place.run("much");
    until("its end", || state(&run).is_over());
    assert_eq!(state(&run), RunState::Completed, "{}", printed(&run));
    assert!(run.events().metadata().unwrap().len() <= 1 << 20);
    let exported = place.say("export much --metric loss");
    let rows: Vec<&str> = exported.lines().skip(1).collect();
    let step = |row: &str| row.split(',').nth(2).and_then(|step| step.parse::<u32>().ok());
    let steps: Vec<u32> =
        rows.iter().map(|row| step(row).unwrap_or_else(|| panic!("{row}"))).collect();
    assert!(steps.is_sorted() && steps.len() < 30_000, "{}", steps.len());
    for kept in [0, 7000, 29_999] {
        assert!(steps.contains(&kept), "{kept}");
    }
    let log = place.say("logs much");
    assert!(log.contains("older reports of metrics were dropped"), "{log}");
}

/// A connection to a session that exchanges lines.
struct Lines {
    out: UnixStream,
    input: BufReader<UnixStream>,
}

impl Lines {
    fn connect(run: &RunDir) -> Self {
        let out = UnixStream::connect(run.socket()).unwrap();
        out.set_read_timeout(Some(TIMEOUT)).unwrap();
        let input = BufReader::new(out.try_clone().unwrap());
        Self { out, input }
    }

    /// Sends a line. A session that refuses closes the connection, but its answer can still be
    /// read.
    fn say(&mut self, line: &str) {
        let _ = self.out.write_all(format!("{line}\n").as_bytes());
    }

    /// The next line that is not a heartbeat; `None` at the end.
    fn next(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            if self.input.read_line(&mut line).unwrap_or(0) == 0 {
                return None;
            }
            let value: Value = serde_json::from_str(&line).unwrap();
            if value.get("beat").is_none() {
                return Some(value);
            }
        }
    }
}

const HELLO: &str = r#"{"nntop":1,"client":"test","pid":1,"script":""}"#;

#[test]
fn garbage_from_a_script_is_rejected() {
    let place = Place::new();
    let run = place.script("garbled", &[], "sleep 1000");
    let mut lines = Lines::connect(&run);
    lines.say(HELLO);
    assert_eq!(lines.next().unwrap()["run"], "garbled");
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| view.status.reports);
    // Another script has to wait until the first one disconnects.
    let mut second = Lines::connect(&run);
    second.say(HELLO);
    assert!(second.next().unwrap()["refused"].as_str().unwrap().contains("another process"));
    for line in ["\u{1b}]0;title\u{7}", "[1,2]", "{\"log\":7}", "{\"ack\":99}", "{\"at\":-5}", ""] {
        lines.say(line);
    }
    lines.out.write_all(&[0xff, 0xfe, 0x00, b'\n']).unwrap();
    lines.say(r#"{"log":{"loss":0.5},"step":7}"#);
    watcher.until(|view| view.metrics.get("loss").is_some());
    let warning = &watcher.view.log.iter().find(|line| line.text.contains("skipped")).unwrap().text;
    assert!(!warning.contains('\u{1b}'), "{warning}");
    // A flood of invalid lines closes the connection.
    for _ in 0..2000 {
        if lines.out.write_all(b"nonsense\n").is_err() {
            break;
        }
    }
    watcher.until(|view| !view.status.reports);
    // The version of the protocol and the kind of the run are checked.
    let mut newer = Lines::connect(&run);
    newer.say(&HELLO.replace(":1,", ":99,"));
    assert!(newer.next().unwrap()["refused"].as_str().unwrap().contains("version 1"));
    place.say("stop garbled");
    let training = place.detach("training", &format!("--epochs {ENDLESS}"));
    let mut lines = Lines::connect(&training);
    lines.say(HELLO);
    assert!(lines.next().unwrap()["refused"].as_str().unwrap().contains("not a command"));
    place.say("stop training");
}

#[test]
fn garbage_from_a_session_does_not_reach_the_training() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let socket = place.path("socket");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let code = "import nntop, time\nrun = nntop.init()\nwhile run.active: run.step(); time.sleep(0.001)\nprint('alive')";
    let mut python = place.python_alone();
    let child = python.args(["-c", code]).env("NNTOP_SOCKET", &socket).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    for garbage in [
        &b"\xff\xfe\n"[..],
        b"[]\n{\"command\":7}\n{\"command\":\"set\"}\n{\"command\":\"step\",\"steps\":\"x\"}\n",
        b"{\"command\":\"save\",\"id\":[]}\n{\"command\":\"watch\"}\n",
    ] {
        stream.write_all(garbage).unwrap();
    }
    // The fake session answers, then disconnects.
    let mut reply = Vec::new();
    let mut buffer = [0; 4096];
    while !String::from_utf8_lossy(&reply).contains("run.watch") {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&reply));
        reply.extend(&buffer[..read]);
    }
    drop(stream);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "alive\n", "{}", err(&output));
    assert!(output.status.success());
}

#[test]
fn without_a_session_the_client_does_nothing() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let code = "import nntop\nrun = nntop.init(config={'a': 1})\n\
                run.log({'loss': 1}); run.step(); run.text('t', 'x'); run.finish()\n\
                print(list(run.steps([1, 2])), run.active, run.stopped)";
    let mut python = place.python_alone();
    let output = python.args(["-c", code]).env("NNTOP_DISABLED", "1").output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "[1, 2] False False\n", "{}", err(&output));
}

#[test]
fn the_lightning_callback_derives_from_the_imported_package() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    // Packages in the place of the real ones.
    for package in ["lightning/pytorch", "pytorch_lightning"] {
        let directory = place.path(package);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("__init__.py"), "").unwrap();
        std::fs::write(directory.join("callbacks.py"), "class Callback: pass").unwrap();
    }
    std::fs::write(place.path("lightning/__init__.py"), "import lightning.pytorch").unwrap();
    let code = "import nntop, pickle\ncallback = nntop.LightningCallback(name='x')\n\
                copy = pickle.loads(pickle.dumps(callback))\n\
                for made in (callback, copy):\n    \
                print(*sorted(base.__module__ for base in type(made).__bases__))";
    for (imports, bases) in [
        ("", "lightning.pytorch.callbacks"),
        ("import lightning as L\n", "lightning.pytorch.callbacks"),
        ("import pytorch_lightning as L\n", "pytorch_lightning.callbacks"),
        (
            "import lightning, pytorch_lightning\n",
            "lightning.pytorch.callbacks pytorch_lightning.callbacks",
        ),
    ] {
        let code = format!("{imports}{code}");
        let output = place.python_alone().args(["-c", &code]).output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed, format!("{bases}\n{bases}\n"), "{}", err(&output));
    }
}

#[test]
fn a_standalone_script_starts_its_own_session() {
    if !has_python() {
        return;
    }
    let place = Place::new();
    let file = place.path("alone.py");
    std::fs::write(&file, LOOP.replace("nntop.init(", "nntop.init('alone', ")).unwrap();
    let mut python = place.python_alone();
    let child = python.arg(&file).env("NNTOP", env!("CARGO_BIN_EXE_nntop")).spawn().unwrap();
    until("its session", || place.home().find("alone").is_ok());
    let run = place.run("alone");
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| step(view) > 0);
    assert!(watcher.view.info.clone().unwrap().title.contains("alone.py"));
    let reply = place.say("pause alone");
    assert!(reply.contains("held at step"), "{reply}");
    place.say("resume alone");
    place.say("stop alone");
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("continued after the loop"));
    assert_eq!(state(&run), RunState::Stopped);
}

#[test]
fn a_client_in_another_language_reports_and_is_held() {
    if !has("cc") {
        return;
    }
    let place = Place::new();
    let (program, source) = (place.path("reporter"), "tests/inputs/client/reporter.c");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let compiled = Command::new("cc").arg("-o").arg(&program).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", err(&compiled));
    let run = place.script("in-c", &[], &format!("exec {}", program.display()));
    let mut watcher = Watcher::attach(&run, Attachment::Control);
    watcher.until(|view| view.metrics.get("loss").is_some());
    place.say("pause in-c");
    watcher.until(held);
    let at = step(&watcher.view);
    let reply = place.say("step in-c --batches 2");
    assert!(reply.contains(&format!("held at step {}", at + 2)), "{reply}");
    let (_, error) = place.fail("set in-c lr 0.5");
    assert!(error.contains("this client only holds"), "{error}");
    place.say("resume in-c");
    place.say("stop in-c");
    assert_eq!(session::summarize(&run).exit_code, Some(0));
}
