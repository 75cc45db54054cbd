"""The dense networks in NumPy: whole mini-batches, float32."""

import os
import time

import rows

OPTIONS = rows.arguments(__doc__).parse_args()
if OPTIONS.threads:
    os.environ["OPENBLAS_NUM_THREADS"] = str(OPTIONS.threads)

import numpy as np  # noqa: E402  (after the number of threads is set)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def train(sizes, batch, cost, rate, epochs, data):
    """Seconds of every epoch, and the test accuracy at the end."""
    train_x, train_labels, test_x, test_labels = data
    train_y = np.eye(10, dtype=np.float32)[train_labels]
    draw = np.random.default_rng(1)
    normal = lambda *shape: draw.standard_normal(shape, dtype=np.float32)  # noqa: E731
    weights = [normal(n, m) / np.float32(n**0.5) for n, m in zip(sizes, sizes[1:])]
    biases = [normal(m) for m in sizes[1:]]
    seconds = []
    for _ in range(epochs):
        start = time.perf_counter()
        order = draw.permutation(len(train_x))
        for first in range(0, len(order), batch):
            picked = order[first : first + batch]
            activations = [train_x[picked]]
            for w, b in zip(weights, biases):
                activations.append(sigmoid(activations[-1] @ w + b))
            a = activations[-1]
            delta = a - train_y[picked]
            if cost == "quadratic":
                delta *= a * (1 - a)
            step = np.float32(rate / len(picked))
            for layer in reversed(range(len(weights))):
                a = activations[layer]
                below = delta @ weights[layer].T * a * (1 - a) if layer else None
                weights[layer] -= step * (a.T @ delta)
                biases[layer] -= step * delta.sum(axis=0)
                delta = below
        seconds.append(time.perf_counter() - start)
    a = test_x
    for w, b in zip(weights, biases):
        a = sigmoid(a @ w + b)
    return seconds, float((a.argmax(axis=1) == test_labels).mean())


def main():
    data = rows.mnist()
    for row in OPTIONS.rows:
        network, batch, cost, _, rate = rows.ROWS[row - 1]
        if network[0].isdigit():
            sizes = [int(size) for size in network.split(",")]
            rows.report("NumPy", row, *train(sizes, batch, cost, rate, OPTIONS.epochs, data))


if __name__ == "__main__":
    main()
