"""Prints the table of ratios: nntop beside its peers, on this machine, one after the other."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import rows

HERE = pathlib.Path(__file__).resolve().parent
NNTOP = HERE.parents[1] / "target" / "release" / "nntop"
PEERS = {"NumPy": ("numpy", "numpy_networks.py"), "PyTorch": ("torch", "torch_networks.py")}


def nntop(row, options):
    """Seconds of the fastest epoch and the last test accuracy; None where it cannot train it."""
    network, batch, cost, activation, rate = rows.ROWS[row - 1]
    command = [NNTOP, "train", "--json", "--layers", network, "--batch", batch, "--cost", cost]
    command += ["--activation", activation, "--eta", rate, "--epochs", options.epochs]
    command += ["--init", "scaled"]
    if options.threads:
        command += ["--threads", options.threads]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        print(f"row {row}: {done.stderr.strip()}", file=sys.stderr)
        return None
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    epochs = [line for line in lines if line["event"] == "epoch" and line["epoch"] > 0]
    return min(line["train_seconds"] for line in epochs), epochs[-1]["test_accuracy"]


def peers(options):
    """(peer, row) to (seconds, accuracy), for the peers that are installed."""
    found = {}
    for name, (module, script) in PEERS.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name} is not installed: left out", file=sys.stderr)
            continue
        command = [sys.executable, HERE / script, "--epochs", options.epochs, "--rows"]
        command += options.rows
        if options.threads:
            command += ["--threads", options.threads]
        done = subprocess.run([str(p) for p in command], stdout=subprocess.PIPE, text=True)
        for line in map(json.loads, done.stdout.splitlines()):
            found[name, line["row"]] = line["seconds"], line["test_accuracy"]
    return found


def cell(mine, other):
    if other is None:
        return "-"
    ratio = f" ({other[0] / mine[0]:.1f}x)" if mine else ""
    return f"{other[0]:.3f} s{ratio}"


def main():
    options = rows.arguments(__doc__).parse_args()
    if not NNTOP.exists():
        sys.exit(f"{NNTOP} is missing: run cargo build --release")
    others = peers(options)
    print("| network | batch | nntop | " + " | ".join(PEERS) + " | test accuracy |")
    print("|---|---|---|" + "---|" * len(PEERS) + "---|")
    for row in options.rows:
        mine = nntop(row, options)
        columns = [cell(mine, others.get((name, row))) for name in PEERS]
        best = f"{mine[0]:.3f} s" if mine else "-"
        accuracy = f"{mine[1]:.2%}" if mine else "-"
        network, batch = rows.ROWS[row - 1][:2]
        print(f"| {network} | {batch} | {best} | {' | '.join(columns)} | {accuracy} |", flush=True)


if __name__ == "__main__":
    main()
