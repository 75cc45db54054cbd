"""Runs the scripts of this directory under `nntop run` and controls them as a user does.

    python3 tests/peers/client/drive.py [--hold SECONDS] [--python PYTHON] SCRIPT...

A script is a file of this directory, with an argument after a colon: `loop.py:LambdaLR`. Each is
held, stepped by three steps, tuned while held and while running, saved and stopped; the results are
printed as a row.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).parent
NNTOP = os.environ.get("NNTOP", str(HERE.parents[2] / "target/release/nntop"))


def nntop(*arguments):
    done = subprocess.run([NNTOP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip().replace(f"{arguments[1]}: " if len(arguments) > 1 else "", "")


def summary(name):
    for line in nntop("ls", "--json").splitlines():
        run = json.loads(line)
        if run["name"] == name:
            return run
    raise SystemExit(f"{name} is gone")


def drive(script, python, hold):
    name, _, argument = script.partition(":")
    run = re.sub(r"\W", "-", script)
    command = [python, str(HERE / name), *([argument] if argument else [])]
    subprocess.run([NNTOP, "run", "--detach", "--name", run, "--", *command], stdout=subprocess.DEVNULL, check=True)
    while not summary(run)["step"]:
        if summary(run)["state"] == "failed":
            return print(f"{script}: failed\n{nntop('logs', run)}")
        time.sleep(0.2)
    rows = [("pause", nntop("pause", run))]
    before = summary(run)["step"]
    time.sleep(hold)
    after = summary(run)
    rows.append((f"after {hold} s", f"{after['pause']}, {after['step'] - before} steps"))
    rows.append(("step 3", nntop("step", run, "--steps", "3")))
    rows.append(("tune held", nntop("set", run, "lr", "0.004")))
    rows.append(("resume", nntop("resume", run)))
    time.sleep(1)
    rows.append(("tune running", nntop("set", run, "lr", "0.002")))
    rows.append(("save", nntop("save", run)))
    rows.append(("stop", nntop("stop", run)))
    rows.append(("exit code", str(summary(run)["exit_code"])))
    print(f"{script}:")
    for what, came in rows:
        print(f"  {what:14}{came}", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hold", type=float, default=60)
    parser.add_argument("--python", default="python3")
    parser.add_argument("scripts", nargs="+")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as state:
        os.environ["NNTOP_STATE_DIR"] = state
        for script in arguments.scripts:
            drive(script, arguments.python, arguments.hold)


main()
