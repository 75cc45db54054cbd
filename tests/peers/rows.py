"""The rows of the table, and MNIST from the repository's own files."""

import argparse
import json

from shipped import unpack

CONV = "conv20x5-pool2-conv40x5-pool2"

# network as for nntop's --layers, mini-batch, cost, activation, learning rate
ROWS = [
    ("784,30,10", 10, "quadratic", "sigmoid", 3.0),
    ("784,100,10", 10, "cross-entropy", "sigmoid", 0.5),
    ("784,100,10", 64, "cross-entropy", "sigmoid", 0.5),
    (f"{CONV}-dense100-softmax10", 10, "log-likelihood", "relu", 0.03),
    (f"{CONV}-dense100-softmax10", 64, "log-likelihood", "relu", 0.1),
    (
        f"{CONV}-dense1000-drop0.5-dense1000-drop0.5-softmax10",
        64,
        "log-likelihood",
        "relu",
        0.1,
    ),
]


def mnist():
    """The book's 50,000 training images and the 10,000 for testing: x in 0..1, labels."""
    import numpy as np

    def images(name):
        pixels = np.frombuffer(unpack(name), np.uint8, offset=16)
        return (pixels.reshape(-1, 784) / np.float32(255)).astype(np.float32)

    def labels(name):
        return np.frombuffer(unpack(name), np.uint8, offset=8).astype(np.int64)

    return (
        images("train-images-idx3-ubyte")[:50_000],
        labels("train-labels-idx1-ubyte")[:50_000],
        images("t10k-images-idx3-ubyte"),
        labels("t10k-labels-idx1-ubyte"),
    )


def arguments(description):
    """--rows, --epochs and --threads."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        choices=range(1, len(ROWS) + 1),
        default=list(range(1, len(ROWS) + 1)),
        metavar="N",
        help=f"rows of the table, 1 to {len(ROWS)} (default: all)",
    )
    parser.add_argument("--epochs", type=int, default=3, help="the fastest counts (default: 3)")
    parser.add_argument("--threads", type=int, default=None, help="default: the machine's cores")
    return parser


def report(peer, row, seconds, accuracy):
    """Prints a line of JSON: the fastest epoch, and the test accuracy after the last."""
    line = {"peer": peer, "row": row, "seconds": min(seconds), "test_accuracy": accuracy}
    print(json.dumps(line), flush=True)
