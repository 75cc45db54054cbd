#!/usr/bin/env python3
"""Starts and stops commands in sessions repeatedly, and counts what is left over.

    python3 tests/bench/cycles.py target/release/nntop [--cycles 1000] [--batch 50]

In every cycle `nntop run --detach` starts a command, whose session is paused, resumed and stopped;
every second command ends by itself instead. Another session, which stays live, is paused and resumed
in every cycle and attached to in every tenth. Runs are removed in batches. These are counted before
and after: processes, runs, files in the state directory and in the directories for sockets and
temporary files, and descriptors and threads of the live session. Descriptors that a command has
inherited in addition to its three are counted in every cycle. The exit code is 1 unless all counts
are 0.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

TIMEOUT = 60  # seconds for each step
# Prints the number of its descriptors: three, and the one of the directory that is read.
COMMAND = 'ls /proc/self/fd | wc -l'


class Lab:
    def __init__(self, program, directory):
        self.program = str(pathlib.Path(program).resolve())
        self.directory = directory
        self.state = directory / "state"
        self.places = [self.state, directory / "tmp", directory / "runtime"]
        for place in self.places:
            place.mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "NNTOP_STATE_DIR": str(self.state),
            "TMPDIR": str(self.places[1]),
            "XDG_RUNTIME_DIR": str(self.places[2]),
        }

    def nntop(self, *arguments):
        return subprocess.run(
            [self.program, *arguments], env=self.environment, cwd=self.directory, capture_output=True,
            text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT,
        )

    def say(self, *arguments):
        done = self.nntop(*arguments)
        if done.returncode != 0:
            raise SystemExit(f"nntop {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def runs(self):
        return {run["name"]: run for run in map(json.loads, self.say("ls", "--json").splitlines())}

    def processes(self):
        """Processes whose environment contains the test directory: all that this script started."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    if str(self.directory).encode() in (entry / "environ").read_bytes():
                        found.append((int(entry.name), (entry / "comm").read_text().strip()))
                except OSError:
                    continue
        return found

    def zombies(self):
        """Children of the live session that have ended and were not waited for."""
        count = 0
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                count += fields[0] == "Z" and fields[1] == str(self.host)
        return count

    def files(self):
        return [path for place in self.places for path in place.rglob("*") if "host" not in path.parts]

    def counts(self, host):
        process = pathlib.Path(f"/proc/{host}")
        return {
            "processes": len(self.processes()),
            "zombies": self.zombies(),
            "runs": len(self.runs()),
            "files": len(self.files()),
            "descriptors of the session": len(list((process / "fd").iterdir())),
            "threads of the session": len(list((process / "task").iterdir())),
        }

    def settle(self, wanted):
        """The counts, once none exceeds `wanted` or after 10 s: a session ends shortly after its
        run."""
        limit = time.monotonic() + 10
        while True:
            counts = self.counts(self.host)
            if time.monotonic() > limit or all(counts[what] <= wanted[what] for what in counts):
                return counts
            time.sleep(0.2)

    def cycle(self, number):
        """One start and stop; returns the number of descriptors that the command inherited."""
        name = f"cycle-{number}"
        stays = number % 2 == 0
        command = f"{COMMAND}; exec sleep 1000" if stays else COMMAND
        self.say("run", "--detach", "--name", name, "--", "sh", "-c", command)
        output = self.state / "runs" / name / "output"
        limit = time.monotonic() + TIMEOUT
        while not (text := output.read_text() if output.exists() else "").endswith("\n"):
            if time.monotonic() > limit:
                raise SystemExit(f"{name} printed nothing")
            time.sleep(0.005)
        if stays:
            for what in ["pause", "resume", "stop"]:
                self.say(what, name)
        for what in ["pause", "resume"]:
            self.say(what, "host")
        if number % 10 == 0:
            self.say("attach", "host", "--once")
        return int(text) - 4

    def remove(self, names):
        for name in names:
            limit = time.monotonic() + TIMEOUT
            # A run that has just ended is live for another moment.
            while self.nntop("rm", "--yes", name).returncode != 0:
                if time.monotonic() > limit:
                    raise SystemExit(f"{name} cannot be removed")
                time.sleep(0.05)

    def measure(self, cycles, batch):
        self.say("run", "--detach", "--name", "host", "--", "sleep", "1000000")
        self.host = self.runs()["host"]["pid"]
        # What is created once, such as a thread for the first client, is not a leak.
        self.cycle(-2)
        self.remove(["cycle--2"])
        before = self.settle(collections.defaultdict(int))
        inherited = 0
        started = time.monotonic()
        for first in range(0, cycles, batch):
            numbers = range(first, min(cycles, first + batch))
            for number in numbers:
                inherited += self.cycle(number)
            self.remove([f"cycle-{number}" for number in numbers])
            print(f"{numbers[-1] + 1} of {cycles}", file=sys.stderr, flush=True)
        seconds = time.monotonic() - started
        after = self.settle(before)
        print(f"{cycles} cycles in {seconds:.0f} s; left over:")
        left = {what: after[what] - before[what] for what in before}
        left["descriptors that commands inherited"] = inherited
        for what, count in left.items():
            print(f"{what}: {count}")
        if left["processes"] > 0:
            print(self.processes(), file=sys.stderr)
        return any(count > 0 for count in left.values())

    def end(self):
        self.nntop("stop", "host")
        for pid, _ in self.processes():
            try:
                os.kill(pid, 9)
            except OSError:
                pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=50, help="cycles between two removals")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nntop-cycles-") as directory:
        lab = Lab(arguments.program, pathlib.Path(directory))
        try:
            leaks = lab.measure(arguments.cycles, arguments.batch)
        finally:
            lab.end()
    sys.exit(1 if leaks else 0)


if __name__ == "__main__":
    main()
