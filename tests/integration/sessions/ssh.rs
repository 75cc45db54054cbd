//! A real SSH server on this machine, and a network that can be cut.

use super::*;
use portable_pty::CommandBuilder;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// `sshd` on loopback with its own keys and configuration.
struct Server {
    process: Child,
    port: u16,
    key: PathBuf,
}

impl Server {
    /// Starts it; prints a note if that is not possible.
    fn start(place: &Place) -> Option<Self> {
        if !["sshd", "ssh", "ssh-keygen"].into_iter().all(has) {
            return None;
        }
        let [host_key, key] = ["host_key", "key"].map(|name| place.path(name));
        for file in [&host_key, &key] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(file);
            assert!(keygen.status().unwrap().success());
        }
        fs::copy(key.with_extension("pub"), place.path("authorized")).unwrap();
        // Root's sshd requires this directory, which the system creates when it starts sshd.
        let _ = fs::create_dir("/run/sshd");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\n\
             PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n\
             ClientAliveInterval 1\nClientAliveCountMax 2\n",
            host_key.display(),
            place.path("authorized").display()
        );
        fs::write(place.path("sshd_config"), config).unwrap();
        let program = ["/usr/sbin/sshd", "/sbin/sshd", "/usr/bin/sshd"];
        let program = program.into_iter().find(|path| Path::new(path).exists())?;
        let mut command = Command::new(program);
        command.args(["-D", "-e", "-f"]).arg(place.path("sshd_config"));
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { process, port, key };
        until("the server's banner", || server.greets());
        Some(server)
    }

    fn greets(&self) -> bool {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut banner = String::new();
        BufReader::new(stream).read_line(&mut banner).is_ok() && banner.starts_with("SSH-2.0")
    }

    /// `ssh -tt` to a port, running nntop on the server.
    fn ssh(&self, place: &Place, port: u16, arguments: &str) -> Terminal {
        let mut command = CommandBuilder::new("ssh");
        command.args(["-tt", "-F", "none", "-q", "-o", "StrictHostKeyChecking=no"]);
        command.args(["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]);
        command.args(["-i", &self.key.display().to_string(), "-p", &port.to_string()]);
        command.arg("127.0.0.1");
        command.arg(format!(
            "LANG=C.UTF-8 COLORTERM=truecolor {STATE_DIR}={} exec {} {arguments}",
            place.state.display(),
            env!("CARGO_BIN_EXE_nntop"),
        ));
        Start::command(command).spawn()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection between a client and the server that can be cut.
struct Network {
    port: u16,
    cut: Arc<AtomicBool>,
    server: Arc<Mutex<Option<TcpStream>>>,
}

impl Network {
    fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let network = Self {
            port: listener.local_addr().unwrap().port(),
            cut: Arc::default(),
            server: Arc::default(),
        };
        let (cut, kept) = (Arc::clone(&network.cut), Arc::clone(&network.server));
        std::thread::spawn(move || {
            let Ok((client, _)) = listener.accept() else { return };
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            *kept.lock().unwrap() = Some(server.try_clone().unwrap());
            let (client_too, server_too) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            let back = Arc::clone(&cut);
            std::thread::spawn(move || carry(server_too, client_too, &back));
            carry(client, server, &cut);
        });
        network
    }

    /// Drops all data from now on, without closing the connection.
    fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
    }

    /// Closes the server's side of a cut connection. While the server still has data to send, it
    /// requests no keep-alive, and TCP gives up only after many minutes.
    fn give_up(&self) {
        let server = self.server.lock().unwrap().take().expect("somebody connected");
        server.shutdown(Shutdown::Both).unwrap();
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, cut: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !cut.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).is_err() {
            return;
        }
    }
}

fn until_no_client_is_left(run: &RunDir) {
    let clients = || session::attach(run, Attachment::ReadOnly).unwrap().hello.clients;
    until("the end of the client", || {
        std::thread::sleep(Duration::from_millis(100));
        clients() == 0
    });
}

#[test]
fn a_run_survives_the_loss_of_its_ssh_connection() {
    let place = Place::new();
    let Some(server) = Server::start(&place) else { return };
    let network = Network::to(server.port);
    let training = place.training(&format!("--name train --epochs {ENDLESS}"));
    let mut there = server.ssh(&place, network.port, &training);
    there.wait_for("images/s");
    there.type_keys(" ");
    there.wait_for("paused");
    there.type_keys(" ");
    let run = place.run("train");
    until("the second key's effect", || state(&run) == RunState::Training);
    network.cut();
    network.give_up();
    // The server closes the terminal.
    until_no_client_is_left(&run);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    let epoch = watcher.view.epoch();
    watcher.until(|view| view.epoch() > epoch + 2);
    let mut reattached = server.ssh(&place, server.port, "attach");
    reattached.wait_for("images/s");
    reattached.type_keys(" ");
    reattached.wait_for("paused");
    assert_eq!(state(&run), RunState::Paused);
    watcher.until(|view| view.status.activity == nntop::protocol::Activity::Paused);
    let epochs: Vec<u32> = watcher.view.epochs.points().iter().map(|stats| stats.epoch).collect();
    assert_eq!(epochs.first(), Some(&0));
    let whole = watcher.view.epochs.seen();
    assert_eq!(whole, u64::from(watcher.view.epoch()) + 1, "no epoch is missing");
    reattached.type_keys("d");
    reattached.wait_for_exit();
    reattached.wait_for("nntop attach train");
    place.say("stop");
}

#[test]
fn a_cut_connection_ends_the_client_and_keeps_the_run_paused() {
    let place = Place::new();
    let Some(server) = Server::start(&place) else { return };
    let network = Network::to(server.port);
    let training = place.training(&format!("--name quiet --epochs {ENDLESS}"));
    let mut there = server.ssh(&place, network.port, &training);
    there.wait_for("images/s");
    there.type_keys(" ");
    there.wait_for("paused");
    network.cut();
    // After three keep-alive requests without an answer the server closes the terminal.
    let run = place.run("quiet");
    until_no_client_is_left(&run);
    assert_eq!(state(&run), RunState::Paused);
    let mut reattached = server.ssh(&place, server.port, "attach quiet");
    reattached.wait_for("paused");
    reattached.type_keys(" ");
    until("the key's effect", || state(&run) == RunState::Training);
    reattached.type_keys("d");
    reattached.wait_for_exit();
    place.say("stop");
}

#[test]
fn ssh_returns_after_starting_a_detached_run() {
    let place = Place::new();
    let Some(server) = Server::start(&place) else { return };
    let training = place.training(&format!("--detach --name batch --epochs {ENDLESS}"));
    let mut there = server.ssh(&place, server.port, &training);
    // ssh waits until all processes have closed its streams.
    assert_eq!(there.wait_for_exit().1, 0);
    there.wait_for("batch");
    until("the first mini-batch", || state(&place.run("batch")) == RunState::Training);
}

#[test]
fn a_script_can_be_controlled_after_its_connection_was_cut() {
    if !client::has_python() {
        return;
    }
    let place = Place::new();
    let Some(server) = Server::start(&place) else { return };
    let network = Network::to(server.port);
    let file = place.path("train.py");
    fs::write(&file, client::WHOLE).unwrap();
    // The server's shell may have another path.
    let python = Command::new("sh").args(["-c", "command -v python3"]).output().unwrap();
    let python = String::from_utf8(python.stdout).unwrap();
    let command = format!("run --name far -- {} {}", python.trim(), file.display());
    let there = server.ssh(&place, network.port, &command);
    there.wait_for("from None");
    network.cut();
    network.give_up();
    let run = place.run("far");
    until_no_client_is_left(&run);
    let mut watcher = Watcher::attach(&run, Attachment::ReadOnly);
    watcher.until(|view| view.tunables.len() == 3);

    let mut reattached = server.ssh(&place, server.port, "attach far");
    reattached.wait_for("from None");
    reattached.type_keys("4");
    reattached.wait_for("1 of 4");
    reattached.type_keys("w");
    reattached.wait_for("1 of 2");
    reattached.type_keys("\x1b[C");
    reattached.wait_for("2 of 2");
    reattached.type_keys(" ");
    watcher.until(client::held);
    reattached.wait_for("held");
    // The schedule keeps the rate at 0.25.
    reattached.type_keys(":eta 0.125\r");
    reattached.wait_for("learning_rate set from 0.25 to 0.125");
    reattached.type_keys(" ");
    watcher.until(|view| {
        let mut rates = view.tunables.iter().filter(|tunable| tunable.name == "learning_rate");
        rates.any(|rate| (rate.value - 0.125).abs() < 1e-12 && rate.in_force) && !client::held(view)
    });
    reattached.type_keys("d");
    reattached.wait_for_exit();
    place.say("stop far");
    assert_eq!(state(&run), RunState::Stopped);
}
