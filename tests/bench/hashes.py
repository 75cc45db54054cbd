"""Trains 14 recipes and prints a table with the SHA-256 of the trained weights of each.

Run it before and after a change of the numeric code: equal tables mean that every weight is equal
bit for bit. Each recipe is trained on one thread and on two, which must agree (otherwise the exit
code is 1). Needs only the standard library, and about a minute:

    cargo build --release && python3 tests/bench/hashes.py > before.txt
    python3 tests/bench/hashes.py --check before.txt

Sums are rounded differently with and without fused multiply-add, so a table holds for one CPU path
(`NNTOP_CPU`); `avx2` and `avx512` give the same one.
"""

import argparse
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Small parts of MNIST and few epochs, which are enough to run every code path of a training step.
# In most of them the last mini-batch of an epoch is smaller than the others.
RECIPES = {
    "sgd": "--layers 784,30,10 --train-size 1005 --epochs 2",
    "sgd-l2-large-batch": "--layers 784,100,10 --batch 64 --eta 0.5 --cost cross-entropy --lambda 2"
    " --train-size 1000 --epochs 2",
    "momentum-l1": "--layers 784,30,10 --momentum 0.5 --regularizer l1 --lambda 1 --eta 0.5"
    " --train-size 600 --epochs 2",
    "nesterov-anneal": "--layers 784,40,20,10 --optimizer nesterov --momentum 0.9 --eta 0.1 --anneal"
    " --activation tanh --init scaled --train-size 600 --epochs 2",
    "adam": "--layers 784,50,10 --optimizer adam --eta 0.002 --batch 32 --cost cross-entropy"
    " --train-size 1000 --epochs 2",
    "wide-dropout": "--layers 784,400,150,10 --dropout 0.5 --activation relu --init scaled"
    " --cost log-likelihood --eta 0.1 --lambda 1 --batch 20 --train-size 590 --epochs 2",
    "wide-l1": "--layers 784,700,10 --regularizer l1 --lambda 1 --eta 0.5 --init scaled --batch 30"
    " --cost cross-entropy --train-size 600 --epochs 2",
    "conv-max": "--layers conv8x5-pool2-conv12x5-pool2-dense60-softmax10 --activation relu"
    " --init scaled --cost log-likelihood --eta 0.05 --batch 10 --train-size 405 --epochs 2",
    "conv-dense-dropout": "--layers conv20x5-pool2-conv30x5-pool2-dense150-drop0.5-softmax10"
    " --activation relu --init scaled --cost log-likelihood --eta 0.1 --batch 64 --lambda 1"
    " --train-size 500 --epochs 1",
    "conv-norm": "--layers conv12x5-norm-pool2-conv12x3-norm-dense40-norm-softmax10 --eta 0.1"
    " --activation relu --init scaled --cost log-likelihood --batch 40 --train-size 400 --epochs 1",
    "conv-l2-pool-adam": "--layers conv10x5-ltwopool2-dense80-dense10 --optimizer adam --eta 0.002"
    " --init scaled --cost cross-entropy --batch 16 --train-size 400 --epochs 1",
    "conv-average-nesterov": "--layers conv20x5-avgpool4-dense30-dense10 --activation tanh --batch 30"
    " --optimizer nesterov --momentum 0.5 --eta 0.05 --init scaled --train-size 400 --epochs 1",
    "rnn-momentum": "--layers rnn40-dense20-softmax10 --momentum 0.5 --eta 0.05 --activation tanh"
    " --init scaled --cost log-likelihood --batch 16 --train-size 400 --epochs 2",
    "expansion-ensemble": "--layers 784,30,10 --ensemble 2 --also 784,200,10 --epochs 2"
    " --expand shifts,rotation:10,scaling:0.1,translation:2,elastic:30:5 --batch 30"
    " --optimizer sgd --eta 0.5 --cost cross-entropy --train-size 60",
}


def digest(path):
    """SHA-256 of a safetensors file's arrays, by name, without its metadata (which names threads)."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    sha = hashlib.sha256()
    for name, tensor in sorted(header.items()):
        start, end = tensor["data_offsets"]
        sha.update(f"{name} {tensor['dtype']} {tensor['shape']}\n".encode())
        sha.update(data[8 + length + start : 8 + length + end])
    return sha.hexdigest()


def train(binary, recipe, threads, directory):
    model = pathlib.Path(directory) / "model.safetensors"
    model.unlink(missing_ok=True)
    command = [binary, "train", "--headless", "--threads", str(threads), "--save", str(model)]
    done = subprocess.run([*command, *recipe.split()], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} {recipe}: exit code {done.returncode}\n{done.stderr}")
    return digest(model)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=ROOT / "target" / "release" / "nntop")
    parser.add_argument("--only", nargs="+", choices=RECIPES, default=list(RECIPES))
    parser.add_argument("--check", type=pathlib.Path, help="a table to compare with")
    options = parser.parse_args()
    if not pathlib.Path(options.binary).exists():
        sys.exit(f"{options.binary} is missing: run cargo build --release")
    expected = options.check.read_text().splitlines() if options.check else None
    different = []
    with tempfile.TemporaryDirectory() as directory:
        for name in options.only:
            found = [train(str(options.binary), RECIPES[name], n, directory) for n in (1, 2)]
            line = f"{found[0]}  {name}"
            print(line, flush=True)
            if found[0] != found[1]:
                different.append(f"{name}: two threads learned something else: {found[1]}")
            if expected is not None and line not in expected:
                different.append(f"{name}: not as in {options.check}")
    if different:
        sys.exit("\n".join(different))


if __name__ == "__main__":
    main()
