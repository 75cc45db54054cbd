"""Measures the cost of the dashboard: time, bytes, CPU, memory. Prints a table without a verdict.

Runs the release binary in a pseudo-terminal of 120×40 cells; needs only Linux and the standard
library. Run it on an idle machine: `cargo build --release && python3 tests/bench/measure.py`.
"""

import argparse
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peers"))
import rows  # noqa: E402  (the networks of the speed table)

COLUMNS, ROWS = 120, 40
# The escape sequence at the end of each frame, which ends a synchronized update.
FRAME_END = b"\x1b[?2026l"
ENDLESS = "1000000"


class Terminal:
    """A program in a terminal, whose output is read but not interpreted."""

    def __init__(self, binary, arguments, state):
        self.start = time.perf_counter()
        self.bytes, self.first_frame, self.seen = 0, None, b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
            os.environ |= {"XDG_STATE_HOME": state}
            os.environ.pop("NO_COLOR", None)
            size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
            fcntl.ioctl(0, termios.TIOCSWINSZ, size)
            os.execv(binary, [str(binary), *arguments])
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                part = os.read(self.master, 1 << 16)
            except OSError:  # the program is gone
                return
            if not part:
                return
            self.bytes += len(part)
            self.seen = (self.seen + part)[-(1 << 16) :]
            if self.first_frame is None and FRAME_END in self.seen:
                self.first_frame = time.perf_counter() - self.start

    def wait(self, what, wanted):
        end = time.monotonic() + 60
        while not wanted():
            if time.monotonic() > end:
                raise SystemExit(f"never came: {what}")
            time.sleep(0.002)

    def type(self, keys):
        os.write(self.master, keys)

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        self.reader.join()
        os.close(self.master)


@contextlib.contextmanager
def terminal(binary, arguments, state):
    opened = Terminal(binary, arguments, state)
    try:
        yield opened
    finally:
        opened.close()


def busy(pid, thread=""):
    """CPU seconds of the threads of a process whose names start with `thread`."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):  # a thread that has just ended
            if (task / "comm").read_text().startswith(thread):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def first_frame(binary, options):
    """Time from the start of `nntop` without arguments to the end of the first frame."""
    times = []
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as state, terminal(binary, [], state) as opened:
            opened.wait("a frame", lambda: opened.first_frame is not None)
            times.append(opened.first_frame)
    slowest, middle = 1e3 * max(times), 1e3 * statistics.median(times)
    yield "first frame after the start", f"{middle:.0f} ms, slowest {slowest:.0f} ms", "200 ms"


def traffic(binary, options):
    """Bytes written while training at full speed; then bytes and CPU time while paused."""
    arguments = ["train", "--inline", "--epochs", ENDLESS]
    with tempfile.TemporaryDirectory() as state, terminal(binary, arguments, state) as opened:
        opened.wait("a frame", lambda: opened.first_frame is not None)
        # The first frames fill the screen; only updates follow.
        time.sleep(2)
        before, start = opened.bytes, time.perf_counter()
        time.sleep(options.seconds)
        rate = (opened.bytes - before) / (time.perf_counter() - start)
        yield "written while training", f"{rate / 1e3:.1f} KB/s", "30 KB/s"
        opened.type(b" ")
        time.sleep(2)
        before, work, start = opened.bytes, busy(opened.pid), time.perf_counter()
        time.sleep(options.seconds)
        share = (busy(opened.pid) - work) / (time.perf_counter() - start)
        yield "written while paused", f"{opened.bytes - before} bytes", "0 bytes"
        yield "processor while paused", f"{share:.2%} of a core", "1%"


def ending(binary, options):
    """Time from a signal, or from closing the terminal, to the exit of a dashboard with its run."""
    arguments = ["train", "--inline", "--epochs", ENDLESS]
    for what in [signal.SIGTERM, signal.SIGHUP, None]:
        times = []
        for _ in range(options.rounds):
            with tempfile.TemporaryDirectory() as state:
                opened = Terminal(binary, arguments, state)
                opened.wait("a frame", lambda: opened.first_frame is not None)
                time.sleep(1)
                start = time.perf_counter()
                if what is None:
                    os.close(opened.master)
                else:
                    os.kill(opened.pid, what)
                os.waitpid(opened.pid, 0)
                times.append(time.perf_counter() - start)
                if what is not None:
                    opened.reader.join()
                    os.close(opened.master)
        name = "its terminal vanished" if what is None else what.name
        slowest, middle = 1e3 * max(times), 1e3 * statistics.median(times)
        yield f"end after {name}", f"{middle:.0f} ms, slowest {slowest:.0f} ms", "1 s"


def epochs_between(events, start, end):
    """`train_seconds` of the epochs that ended between two offsets of the event file."""
    with open(events, "rb") as file:
        file.seek(start)
        lines = file.read(end - start).splitlines()
    ended = (json.loads(line)["event"].get("EpochEnded") for line in lines if b"EpochEnded" in line)
    return [stats["train_seconds"] for stats in ended if stats["epoch"] > 0]


def training_cost(binary, options):
    """Seconds of mini-batches per epoch, in turns with and without an attached dashboard."""
    with tempfile.TemporaryDirectory() as state:
        env = os.environ | {"XDG_STATE_HOME": state}
        command = [binary, "train", "--detach", "--name", "cost", "--threads", "1"]
        subprocess.run([*command, "--epochs", ENDLESS], env=env, check=True, capture_output=True)
        listed = subprocess.run([binary, "ls", "--json"], env=env, capture_output=True, text=True)
        run = json.loads(listed.stdout.splitlines()[0])
        events = pathlib.Path(run["directory"]) / "events.jsonl"

        def window():
            time.sleep(0.5)
            start, work = events.stat().st_size, busy(run["pid"], "nntop-train")
            time.sleep(options.seconds / 2)
            work = busy(run["pid"], "nntop-train") - work
            seconds = epochs_between(events, start, events.stat().st_size)
            return statistics.median(seconds), work / len(seconds)

        window()
        wall, processor = [], []
        for _ in range(options.rounds):
            alone = window()
            with terminal(binary, ["attach", "cost"], state) as opened:
                opened.wait("a frame", lambda: opened.first_frame is not None)
                watched = window()
            wall.append(watched[0] / alone[0] - 1)
            processor.append(watched[1] / alone[1] - 1)
        subprocess.run([binary, "stop", "cost"], env=env, capture_output=True)
    wall, processor = statistics.median(wall), statistics.median(processor)
    measured = f"{wall:+.1%} on the clock, {processor:+.1%} of the thread's processor time"
    yield f"what a dashboard costs training, {options.rounds} pairs", measured, "3%"


def frame(binary, _options):
    """`nntop bench` composes the overview of a real run 200 times."""
    done = subprocess.run([binary, "bench", "--json", "--only", "frame"], capture_output=True)
    for line in map(json.loads, done.stdout.splitlines()):
        if line["bench"] == "frame":
            yield "a frame composed", f"{line['milliseconds']:.2f} ms", "2 ms"


def peak_memory(command):
    """Maximum resident set size of a process in MB."""
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return usage.ru_maxrss / 1024


def memory(binary, _options):
    """Peak memory of one epoch of 2,000 images for every network of the speed table."""
    for network, batch, cost, activation, rate in rows.ROWS:
        command = [binary, "train", "--headless", "--layers", network, "--batch", batch]
        command += ["--cost", cost, "--activation", activation, "--eta", rate]
        command += ["--init", "scaled", "--epochs", 1, "--train-size", 2000]
        bound = "400 MB" if network.startswith("conv") else "300 MB"
        yield f"memory, {network}, batch {batch}", f"{peak_memory(command):.0f} MB", bound
    with tempfile.TemporaryDirectory() as state:
        with terminal(binary, ["train", "--inline", "--epochs", ENDLESS], state) as opened:
            time.sleep(5)
            lines = pathlib.Path(f"/proc/{opened.pid}/status").read_text().splitlines()
            peak = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    yield "memory, the dashboard and its run", f"{int(peak) / 1024:.0f} MB", "300 MB"


MEASUREMENTS = {
    "first-frame": first_frame,
    "traffic": traffic,
    "ending": ending,
    "cost": training_cost,
    "frame": frame,
    "memory": memory,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "nntop")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    parser.add_argument("--rounds", type=int, default=9, help="starts, and pairs (default: 9)")
    parser.add_argument("--seconds", type=float, default=10, help="of a window (default: 10)")
    options = parser.parse_args()
    if not pathlib.Path(options.binary).exists():
        sys.exit(f"{options.binary} is missing: run cargo build --release")
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load average {load:.1f} beforehand\n")
    print("| what | measured | bound |\n|---|---|---|")
    for name in options.only:
        for what, measured, bound in MEASUREMENTS[name](str(options.binary), options):
            print(f"| {what} | {measured} | {bound} |", flush=True)


if __name__ == "__main__":
    main()
