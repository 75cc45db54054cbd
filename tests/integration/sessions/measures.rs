//! What a session costs: bytes, time, speed.

use super::*;
use nntop::protocol::Activity;

/// Bytes a second that a dashboard of 120×40 writes while the default network trains.
fn bytes_a_second(place: &Place, arguments: &str, seconds: u64) -> f64 {
    let mut terminal = place.terminal(&format!("attach {arguments}"));
    terminal.wait_for("images/s");
    // The first frame fills the screen, whatever the line; what follows is news.
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
fn a_dashboard_stays_within_the_bytes_of_its_line() {
    let place = Place::new();
    place.say(&format!("train --detach --epochs {ENDLESS}"));
    // On a slow line the first frame is paid for by some seconds of silence.
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

#[test]
#[ignore = "a measurement"]
fn training_speed_with_eight_clients() {
    const ROUNDS: usize = 5;
    let place = Place::new();
    let run = RunDir::at(place.state.join("runs/speed"));
    place.say(&format!("train --detach --name speed --threads 1 --epochs {ENDLESS}"));
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let mut speed = |epochs: u32| {
        let first = watcher.view.epoch() + 1;
        watcher.until(|view| view.epoch() >= first);
        let start = Instant::now();
        watcher.until(|view| view.epoch() >= first + epochs);
        f64::from(epochs) / start.elapsed().as_secs_f64()
    };
    let (mut alone, mut crowded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(speed(12));
        let clients: Vec<Terminal> = (0..8).map(|_| place.terminal("attach speed")).collect();
        for client in &clients {
            client.wait_for("images/s");
        }
        clients[7].signal(Signal::STOP);
        crowded.push(speed(12));
        clients[7].signal(Signal::CONT);
    }
    for rates in [&mut alone, &mut crowded] {
        rates.sort_by(f64::total_cmp);
    }
    let (alone, crowded) = (alone[ROUNDS / 2], crowded[ROUNDS / 2]);
    println!(
        "epochs a second: {alone:.3} alone, {crowded:.3} with 8 clients, one of them stopped: {:+.1}%",
        100.0 * (crowded / alone - 1.0)
    );
    place.say("pause");
    watcher.until(|view| view.status.activity == Activity::Paused);
}
