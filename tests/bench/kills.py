#!/usr/bin/env python3
"""Repeatedly kills sessions with SIGKILL at random moments and resumes them.

    python3 tests/bench/kills.py target/release/nntop [--rounds 100] [--seed 1] [--scale 1]

Every round trains one of seven recipes in a session, kills the session (in every third round also
the program that starts it) at moments drawn from the seed, resumes it until it is complete, and
compares the model with that of an uninterrupted run. It prints how often the bytes
differed, a resume was refused, an epoch that a client had seen was missing afterwards, or a file
was left over; the exit code is 1 unless all four are 0.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time

COMMON = "--layers 64,12,3 --batch 7 --epochs 900"
RECIPES = {
    "sgd": COMMON,
    "momentum": f"{COMMON} --momentum 0.5 --dropout 0.2",
    "adam": f"{COMMON} --optimizer adam --eta 0.01 --cost log-likelihood",
    "halving": f"{COMMON} --halve-after 20 --lambda 0.1 --cost cross-entropy",
    "convolution": "--layers conv3x3-pool2-dense10-softmax3 --batch 7 --epochs 300 --eta 0.1 "
    "--cost log-likelihood --expand rotation:10",
    "norm": "--layers dense12-norm-softmax3 --batch 10 --epochs 600 --eta 0.1 "
    "--cost log-likelihood --activation relu",
    "ensemble": "--ensemble 3 --layers 64,12,3 --batch 7 --epochs 300",
}
TIMEOUT = 300  # seconds for each step


def write_data(directory):
    """60 training and 30 test images of 8x8 pixels in three classes, with noise."""
    noise = random.Random(7)
    for count, prefix in [(60, "train"), (30, "t10k")]:
        pixels, labels = bytearray(), bytearray()
        for index in range(count):
            labels.append(index % 3)
            for at in range(64):
                bright = at // 8 // 3 == index % 3
                value = noise.randrange(60)
                pixels.append(255 - value if bright else value)
        images = struct.pack(">IIII", 0x803, count, 8, 8) + pixels
        (directory / f"{prefix}-images-idx3-ubyte").write_bytes(images)
        (directory / f"{prefix}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, count) + labels)


class Lab:
    def __init__(self, program, directory, scale):
        self.scale = scale
        self.program = str(pathlib.Path(program).resolve())
        self.directory = directory
        self.state = directory / "state"
        self.data = directory / "data"
        self.models = directory / "models"
        self.data.mkdir()
        self.models.mkdir()
        write_data(self.data)
        self.environment = {**os.environ, "NNTOP_STATE_DIR": str(self.state)}
        self.tally = {"mismatches": 0, "refused resumes": 0, "lost epochs": 0, "stray files": 0}
        self.kills = 0

    def command(self, text):
        return [self.program, *text.split()]

    def nntop(self, text):
        return subprocess.run(
            self.command(text), env=self.environment, cwd=self.directory, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=TIMEOUT,
        )

    def start(self, name, recipe):
        model = self.models / f"{name}.safetensors"
        arguments = RECIPES[recipe].split()
        at = arguments.index("--epochs") + 1
        arguments[at] = str(max(1, round(int(arguments[at]) * self.scale)))
        return f"train --detach --name {name} --data {self.data} --save {model} {' '.join(arguments)}"

    def run(self, name):
        """The entry of a run in `nntop ls --json`, or None."""
        lines = self.nntop("ls --json").stdout.splitlines()
        return next((run for run in map(json.loads, lines) if run["name"] == name), None)

    def recorded(self, name):
        """The number of epochs in the event file."""
        events = self.state / "runs" / name / "events.jsonl"
        text = events.read_bytes() if events.exists() else b""
        return text.count(b'"EpochEnded"')

    def wait_for_end(self, name):
        limit = time.monotonic() + TIMEOUT
        while (run := self.run(name)) and run["live"]:
            if time.monotonic() > limit:
                raise SystemExit(f"{name} never ended: {run}")
            time.sleep(0.05)
        return run

    def digest(self, name):
        model = self.models / f"{name}.safetensors"
        return hashlib.sha256(model.read_bytes()).hexdigest() if model.exists() else None

    def stray(self):
        """Temporary files that were left over."""
        return [path for path in self.directory.rglob(".nntop-*")]

    def kill(self, name):
        run = self.run(name)
        if not run or not run["live"] or not run["pid"]:
            return None
        seen = self.recorded(name)
        os.kill(run["pid"], signal.SIGKILL)
        self.kills += 1
        limit = time.monotonic() + TIMEOUT
        while pathlib.Path(f"/proc/{run['pid']}").exists() and not is_zombie(run["pid"]):
            if time.monotonic() > limit:
                raise SystemExit(f"{name} cannot be killed")
            time.sleep(0.002)
        if self.recorded(name) < seen:
            self.tally["lost epochs"] += 1
        return seen

    def begin(self, name, recipe, dice, kill_starter):
        """Starts a run. With `kill_starter`, kills the first starter; starts again if it left no run."""
        if kill_starter:
            starter = subprocess.Popen(
                self.command(self.start(name, recipe)), env=self.environment, cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            time.sleep(dice.uniform(0, 0.04))
            starter.kill()
            starter.wait()
            time.sleep(0.2)
            run = self.run(name)
            if run and run["state"] == "unreadable":
                self.tally["stray files"] += 1
            if run:
                if not run["live"]:
                    self.resume(name)
                return
        started = self.nntop(self.start(name, recipe))
        if started.returncode != 0:
            raise SystemExit(f"{name} cannot be started: {started.stderr}")

    def resume(self, name):
        resumed = self.nntop(f"resume {name} --detach")
        if resumed.returncode != 0 and "is complete" not in resumed.stderr:
            self.tally["refused resumes"] += 1
            print(f"{name}: {resumed.stderr.strip()}", file=sys.stderr)
            return False
        return True

    def round(self, number, recipe, expected, dice):
        name = f"round-{number}"
        self.begin(name, recipe, dice, number % 3 == 0)
        for _ in range(dice.randint(1, 4)):
            time.sleep(dice.uniform(0, 0.6))
            if self.kill(name) is None:
                break
            if not self.resume(name):
                return
        run = self.wait_for_end(name)
        while run and run["state"] == "interrupted":
            if not self.resume(name):
                return
            run = self.wait_for_end(name)
        if self.digest(name) != expected:
            self.tally["mismatches"] += 1
            print(f"{name} ({recipe}): another model, {run}", file=sys.stderr)
        left = self.stray()
        if left:
            self.tally["stray files"] += len(left)
            print(f"{name} ({recipe}): left over {left}", file=sys.stderr)
        self.nntop(f"rm --yes {name}")


def is_zombie(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=float, default=1, help="epochs, as a multiple of the usual")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nntop-kills-") as directory:
        lab = Lab(arguments.program, pathlib.Path(directory), arguments.scale)
        expected = {}
        for recipe in RECIPES:
            started = lab.nntop(lab.start(recipe, recipe))
            if started.returncode != 0:
                raise SystemExit(f"{recipe} cannot be started: {started.stderr}")
            lab.wait_for_end(recipe)
            expected[recipe] = lab.digest(recipe)
            if expected[recipe] is None:
                raise SystemExit(f"{recipe} left no model")
        recipes = list(RECIPES)
        for number in range(arguments.rounds):
            recipe = recipes[number % len(recipes)]
            lab.round(number, recipe, expected[recipe], random.Random(f"{arguments.seed}-{number}"))
        print(f"{arguments.rounds} rounds, {len(recipes)} recipes, {lab.kills} kills")
        for what, count in lab.tally.items():
            print(f"{what}: {count}")
        sys.exit(1 if any(lab.tally.values()) else 0)


if __name__ == "__main__":
    main()
