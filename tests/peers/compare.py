"""Prints the table of nntop beside other frameworks, run one after the other on this machine."""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import rows
import shipped

HERE = pathlib.Path(__file__).resolve().parent
NNTOP = HERE.parents[1] / "target" / "release" / "nntop"
# required module, script
PYTHON = {"PyTorch": ("torch", "torch_networks.py"), "NumPy": ("numpy", "numpy_networks.py")}
# folder of a Cargo project, rows that it supports
RUST = {"burn": ("burn", [1, 5]), "candle": ("candle", [1, 5])}
PEERS = [*PYTHON, *RUST]


def environment(options):
    """The environment of a peer: its default kernels, and the requested number of threads."""
    # Where these are set, OpenBLAS uses kernels for an older processor, which would be unfair.
    left_out = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    if options.threads:
        env |= {"RAYON_NUM_THREADS": str(options.threads)}
    return env


def tell(text):
    print(text, file=sys.stderr, flush=True)


def run(name, command, options):
    """The JSON lines that a peer prints; a failure is reported."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment(options))
    if done.returncode:
        tell(f"{name} failed: left out")
    return [json.loads(line) for line in done.stdout.splitlines()]


def not_installed(*modules):
    return [module for module in modules if importlib.util.find_spec(module) is None]


def python_peer(name, options):
    module, script = PYTHON[name]
    if missing := not_installed(module, "numpy", "brotli"):
        return tell(f"{name} is left out: {', '.join(missing)} is not installed") or []
    command = [sys.executable, HERE / script, "--epochs", options.epochs, "--rows", *options.rows]
    if options.threads:
        command += ["--threads", options.threads]
    return run(name, command, options)


def rust_peer(name, options, data):
    folder, known = RUST[name]
    wanted = [row for row in options.rows if row in known]
    if not wanted:
        return []
    if shutil.which("cargo") is None or not_installed("numpy", "brotli"):
        return tell(f"{name} is left out: it takes cargo and the modules numpy and brotli") or []
    tell(f"{name} is built, which takes some minutes the first time")
    env = environment(options) | {"RUSTFLAGS": "-C target-cpu=native"}
    build = ["cargo", "build", "--release", "--quiet"]
    if subprocess.run(build, cwd=HERE / folder, env=env).returncode:
        return tell(f"{name} is left out: it could not be built") or []
    if not any(pathlib.Path(data).iterdir()):
        shipped.write_idx(data)
    program = HERE / folder / "target" / "release" / f"{folder}-networks"
    lines = []
    for row in wanted:
        _, batch, _, _, rate = rows.ROWS[row - 1]
        lines += run(name, [program, data, row, batch, rate, options.epochs], options)
    return lines


def measure_peers(options):
    """(peer, row) to (seconds of the fastest epoch, test accuracy), for the installed peers."""
    found = {}
    with tempfile.TemporaryDirectory() as data:
        for name in options.peers:
            measure = python_peer if name in PYTHON else rust_peer
            arguments = [name, options] if name in PYTHON else [name, options, data]
            for line in measure(*arguments):
                tell(json.dumps(line))
                found[name, line["row"]] = line["seconds"], line["test_accuracy"]
    return found


def nntop(row, options):
    """Seconds of the fastest epoch, and the last test accuracy."""
    network, batch, cost, activation, rate = rows.ROWS[row - 1]
    command = [NNTOP, "train", "--json", "--layers", network, "--batch", batch, "--cost", cost]
    command += ["--activation", activation, "--eta", rate, "--epochs", options.epochs]
    command += ["--init", "scaled"]
    if options.threads:
        command += ["--threads", options.threads]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"row {row}: {done.stderr.strip()}")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    epochs = [line for line in lines if line["event"] == "epoch" and line["epoch"] > 0]
    return min(line["train_seconds"] for line in epochs), epochs[-1]["test_accuracy"]


def cell(mine, other):
    return f"{other[0]:.3f} s ({other[0] / mine[0]:.1f}×)" if other else ""


def main():
    parser = rows.arguments(__doc__)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS, help="default: all")
    options = parser.parse_args()
    if not NNTOP.exists():
        sys.exit(f"{NNTOP} is missing: run cargo build --release")
    others = measure_peers(options)
    peers = [name for name in PEERS if any(peer == name for peer, _ in others)]
    lines, accuracies = [], []
    for row in options.rows:
        mine = nntop(row, options)
        network, batch, cost, _, _ = rows.ROWS[row - 1]
        columns = [cell(mine, others.get((name, row))) for name in peers]
        columns = [network, cost, str(batch), f"{mine[0]:.3f} s", *columns]
        lines.append(f"| {' | '.join(columns)} |")
        known = {"nntop": mine} | {p: others[p, row] for p in peers if (p, row) in others}
        known = ", ".join(f"{peer} {accuracy:.2%}" for peer, (_, accuracy) in known.items())
        accuracies.append(f"row {row}: {known}")
    print("| " + " | ".join(["network", "cost", "batch", "nntop", *peers]) + " |")
    print("|---|---|---|---|" + "---|" * len(peers))
    print("\n".join(lines))
    print(f"\nTest accuracy after {options.epochs} epoch(s):")
    print("\n".join(accuracies))


if __name__ == "__main__":
    main()
