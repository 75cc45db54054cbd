"""Measures what the client costs a training.

    python3 tests/peers/client/overhead.py [--rounds N] [--python PYTHON]

Starts itself in a session (`NNTOP`, or `target/release/nntop`) and measures, in one process:

- `run.log`: the median and the 99th percentile of the time of a call with two metrics, at 1,000 calls
  per second, so that the queue never fills (bound: a median of 10 µs);
- a loop whose steps compute for about a millisecond, without and with a call of `run.log` in every
  step, in turns: the ratio of their times, median and range over the rounds, in wall time and in CPU
  time of all threads of the process (bound: 1%);
- calls without a session;
- the exit of a script whose session reads nothing and whose queue is full, and of a script without a
  session, in turns: the difference of their median times (bound: 0.2 s).
"""

import argparse
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
#: Number of steps in a turn.
STEPS = 100
CLIENT = HERE.parents[2] / "assets" / "client"
NNTOP = os.environ.get("NNTOP", str(HERE.parents[2] / "target/release/nntop"))


def work(size):
    """Computes in Python code, which holds the interpreter lock all the time: a worst case."""
    total = 0.0
    for number in range(size):
        total += number * 0.5
    return total


def calibrate():
    """The size of work that takes a millisecond."""
    size = 1000
    while True:
        start = time.perf_counter()
        for _ in range(50):
            work(size)
        seconds = (time.perf_counter() - start) / 50
        if seconds > 0.5e-3:
            return int(size * 1e-3 / seconds)
        size *= 2


def steps(run, size, count):
    """Wall time of some steps in seconds."""
    start = time.perf_counter()
    for step in range(count):
        loss = work(size)
        if run is not None:
            run.log({"loss": loss, "accuracy": 0.5})
            run.step()
    return time.perf_counter() - start


def calls(run, count):
    """The sorted times of calls, a millisecond apart, in microseconds."""
    times = []
    for step in range(count):
        metrics = {"loss": step * 0.5, "accuracy": 0.5}
        start = time.perf_counter()
        run.log(metrics)
        times.append(1e6 * (time.perf_counter() - start))
        time.sleep(max(0.0, 0.001 - (time.perf_counter() - start)))
    return sorted(times)


def inside(rounds):
    """The part that runs in a session."""
    import nntop

    run = nntop.init()
    assert run.active, "no session"
    times = calls(run, 5000)
    print(f"run.log: median {statistics.median(times):.2f} µs, 99% {times[int(0.99 * len(times))]:.1f} µs")
    size = calibrate()
    clock, processor = [], []
    for number in range(rounds):
        order = [None, run] if number % 2 == 0 else [run, None]
        taken = {}
        for each in order:
            begun = time.process_time()
            seconds = steps(each, size, STEPS)
            time.sleep(0.1)  # sending the queue counts as CPU time
            taken[each] = (seconds, time.process_time() - begun)
        clock.append(taken[run][0] / taken[None][0] - 1)
        processor.append(taken[run][1] / taken[None][1] - 1)
    rate = STEPS / taken[run][0]
    for what, ratios in [("clock", clock), ("processor time", processor)]:
        print(
            f"loop with {rate:.0f} calls a second, {what}: {100 * statistics.median(ratios):+.2f}% "
            f"({100 * min(ratios):+.2f} to {100 * max(ratios):+.2f}%, {rounds} rounds)"
        )
    none = nntop.Run(None)
    start = time.perf_counter()
    for _ in range(1_000_000):
        none.log(None)
    print(f"run.log without a session: {time.perf_counter() - start:.3f} µs")


END = """
import sys, time
import nntop
run = nntop.init()
for step in range(3 * nntop.QUEUE):
    run.log({"loss": step})
print(time.time(), flush=True)
"""


def seconds_to_end(python, environment):
    """Seconds from the last line of a script to the end of its process."""
    child = subprocess.Popen([python, "-c", END], env=environment, stdout=subprocess.PIPE, text=True)
    last = float(child.stdout.read())
    child.wait()
    return time.time() - last


def ends(python, rounds):
    plain = {key: value for key, value in os.environ.items() if not key.startswith("NNTOP")}
    plain.update(PYTHONPATH=str(CLIENT), NNTOP_DISABLED="1", PYTHONDONTWRITEBYTECODE="1")
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(2 * rounds)
            stuck = {**plain, "NNTOP_SOCKET": path}
            del stuck["NNTOP_DISABLED"]
            pairs = [(seconds_to_end(python, plain), seconds_to_end(python, stuck)) for _ in range(rounds)]
    without, with_one = zip(*pairs)
    delay = statistics.median(with_one) - statistics.median(without)
    print(
        f"end of a script, its session stopped and its queue full: {delay:.3f} s later "
        f"(slowest {max(with_one) - statistics.median(without):.3f} s, {rounds} rounds)"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--python", default=sys.executable)
    arguments = parser.parse_args()
    if os.environ.get("NNTOP_SOCKET"):
        return inside(arguments.rounds)
    with tempfile.TemporaryDirectory() as state:
        subprocess.run(
            [NNTOP, "run", "--headless", "--", arguments.python, __file__, "--rounds", str(arguments.rounds)],
            env={**os.environ, "NNTOP_STATE_DIR": state},
            stdin=subprocess.DEVNULL,
            check=True,
        )
    ends(arguments.python, max(5, arguments.rounds // 3))


if __name__ == "__main__":
    main()
