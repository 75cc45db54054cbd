"""Measures `nntop watch` and `nntop runs` on logs of TensorBoard. Prints a table without a verdict.

    pip install numpy
    cargo build --release && python3 tests/bench/watch.py [--binary PATH] [--seconds 60]

The logs are written by `tests/peers/logs.py`; the terminal is that of `measure.py`, with 120×40 cells.
Run it on an idle machine; it takes about three minutes. It measures

- the time from the start of the program to the first frame with a chart, for 2,000,000 points and for
  a tenth of them (bound: 300 ms);
- the time from an event that is appended to a log to the bytes on the terminal (bound: 1 s);
- bytes and CPU time with 200 runs that do not change (bounds: 0 bytes, 1%);
- 100,000 points per second, appended to ten logs: the time from the last point to the last change of
  the screen;
- the time until a table of 1,000 runs is on the screen (bound: 1 s), and from a key that filters or
  sorts it to the end of the next frame (bound: 50 ms).
"""

import argparse
import os
import pathlib
import statistics
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peers"))
sys.path.insert(0, str(ROOT / "tests" / "bench"))
import logs  # noqa: E402
import measure  # noqa: E402
import numpy as np  # noqa: E402

BRAILLE = range(0x2801, 0x2900)
CHART = 40  # characters of curves
QUIET = 3  # seconds without a byte


class Watched(measure.Terminal):
    """A terminal that records the times of the first chart, the newest byte and the newest frame."""

    def __init__(self, binary, arguments, state):
        self.chart = None
        self.news = self.frame = time.perf_counter()
        self.text = b""
        super().__init__(binary, arguments, state)

    def _read(self):
        part = b"x"
        while part:
            try:
                part = os.read(self.master, 1 << 16)
            except OSError:  # the program is gone
                return
            self.news = time.perf_counter()
            self.bytes += len(part)
            self.text = (self.text + part)[-(1 << 19) :]
            if measure.FRAME_END in part:
                self.frame = self.news
            if self.chart is None and measure.FRAME_END in self.text:
                frames = self.text[: self.text.rindex(measure.FRAME_END)].decode(errors="replace")
                if sum(ord(letter) in BRAILLE for letter in frames) >= CHART:
                    self.chart = self.news - self.start

    def until_quiet(self):
        while time.perf_counter() - self.news < QUIET:
            time.sleep(0.01)


def files(directory):
    return sorted(pathlib.Path(directory).glob("*/events*"))


def first_chart(binary, directory, state):
    times = []
    for _ in range(5):
        opened = Watched(binary, ["watch", directory], state)
        opened.wait("a chart", lambda: opened.chart is not None)
        times.append(1000 * opened.chart)
        opened.close()
    return f"{statistics.median(times):.0f} ms, slowest {max(times):.0f} ms"


def appended(binary, directory, state):
    opened = Watched(binary, ["watch", directory], state)
    opened.until_quiet()
    times = []
    for number in range(10):
        before = opened.bytes
        start = time.perf_counter()
        with open(files(directory)[number], "ab") as file:
            step = [30000 + number]
            file.write(logs.scalars("group0/metric0", step, [logs.T0 + step[0]], [0.5]).tobytes())
        opened.wait("news", lambda: opened.bytes > before)
        times.append(opened.news - start)
        opened.until_quiet()
    opened.close()
    return f"{1000 * statistics.median(times):.0f} ms, slowest {1000 * max(times):.0f} ms"


def at_rest(binary, directory, state, seconds):
    opened = Watched(binary, ["watch", directory], state)
    opened.until_quiet()
    time.sleep(10)
    before, busy, start = opened.bytes, measure.busy(opened.pid), time.perf_counter()
    time.sleep(seconds)
    share = (measure.busy(opened.pid) - busy) / (time.perf_counter() - start)
    result = f"{opened.bytes - before} bytes, {100 * share:.2f}% of a core"
    opened.close()
    return result


def followed(binary, directory, state, seconds, rate=100_000):
    """Ten logs grow at the same time."""
    logs.write(directory, 10, 10, 100)
    opened = Watched(binary, ["watch", directory], state)
    opened.until_quiet()
    logs_open = [open(path, "ab") for path in files(directory)]
    pieces = 20  # a second
    points = rate // pieces // len(logs_open)
    tags = [f"group{tag % 3}/metric{tag}" for tag in range(10)]
    late, busy, start = 0.0, measure.busy(opened.pid), time.perf_counter()
    for piece in range(seconds * pieces):
        part = growth(tags, 17000 + piece * (points // 10), points // 10)
        wait = start + piece / pieces - time.perf_counter()
        late = max(late, -wait)
        time.sleep(max(0.0, wait))
        for file in logs_open:
            file.write(part)
            file.flush()
    end = time.perf_counter()
    share = (measure.busy(opened.pid) - busy) / (end - start)
    opened.until_quiet()
    lag = opened.news - end
    status = pathlib.Path(f"/proc/{opened.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    opened.close()
    return (
        f"last change {lag:.1f} s after the last point, {100 * share:.0f}% of a core,"
        f" {opened.bytes / (end - start) / 1000:.1f} KB/s, at most {peak / 1024:.0f} MiB"
        f" (the writer was late by at most {late:.2f} s)"
    )


def growth(tags, first, steps):
    """`steps` events of each tag, with falling values."""
    step = np.arange(first, first + steps)
    rows = [logs.scalars(tag, step, logs.T0 + step + at / 10, 1e4 / step) for at, tag in enumerate(tags)]
    return np.stack(rows, 1).tobytes()


def table(binary, directory, state):
    opened = Watched(binary, ["runs", directory], state)
    opened.wait("the table", lambda: b"run000" in opened.text)
    first = opened.frame - opened.start
    opened.until_quiet()
    shown = opened.frame - opened.start
    times = {}
    for what, keys in [("order", b"sSsSsS"), ("filter", b"/r99")]:
        times[what] = []
        for key in keys:
            before, start = opened.frame, time.perf_counter()
            opened.type(bytes([key]))
            opened.wait("a frame", lambda: opened.frame > before)
            times[what].append(1000 * (opened.frame - start))
            time.sleep(0.2)
    opened.close()
    keys = ", ".join(f"{what} at most {max(each):.0f} ms" for what, each in times.items())
    return f"first rows after {1000 * first:.0f} ms, complete after {1000 * shown:.0f} ms; {keys}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(ROOT / "target/release/nntop"))
    parser.add_argument("--seconds", type=int, default=60, help="of the logs that grow, and of those at rest")
    args = parser.parse_args()

    def line(what, result):
        print(f"{what:36} {result}", flush=True)

    with tempfile.TemporaryDirectory() as directory:
        place = pathlib.Path(directory)
        for name, shape in [("large", (20, 10, 10000)), ("small", (20, 10, 1000)), ("many", (200, 10, 100))]:
            logs.write(str(place / name), *shape)
        logs.write(str(place / "table"), 1000, 2, 50)
        state = str(place / "state")
        line("first chart, 2,000,000 points", first_chart(args.binary, str(place / "large"), state))
        line("first chart, 200,000 points", first_chart(args.binary, str(place / "small"), state))
        line("an appended event on the screen", appended(args.binary, str(place / "small"), state))
        line("200 runs at rest", at_rest(args.binary, str(place / "many"), state, args.seconds))
        line("100,000 points a second", followed(args.binary, str(place / "growing"), state, args.seconds))
        line("1,000 runs in the table", table(args.binary, str(place / "table"), state))


if __name__ == "__main__":
    main()
