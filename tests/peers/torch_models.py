"""Compares nntop with PyTorch: networks trained by one must give the same answers in the other.

    pip install torch safetensors numpy brotli
    cargo build --release && python tests/peers/torch_models.py target/release/nntop

Trains an MLP and a convolutional network with batch normalization for an epoch each on MNIST, saves
their `state_dict` as safetensors, once with metadata and once without, and compares nntop's
confusion matrix of the 10,000 test images with PyTorch's. Then a network that nntop trained is
evaluated in PyTorch. The exit code is 1 if a confusion matrix differs.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from shipped import unpack

NAMES = ",".join(str(digit) for digit in range(10))


def mnist():
    def images(raw):
        return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)

    def labels(raw):
        return np.frombuffer(raw, np.uint8, offset=8).astype(np.int64)

    return (
        images(unpack("train-images-idx3-ubyte")),
        labels(unpack("train-labels-idx1-ubyte")),
        images(unpack("t10k-images-idx3-ubyte")),
        labels(unpack("t10k-labels-idx1-ubyte")),
    )


def train(model, x, y, limit):
    torch.manual_seed(1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    model.train()
    for at in range(0, limit, 100):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x[at : at + 100]), y[at : at + 100])
        loss.backward()
        optimizer.step()
    model.eval()


def confusion(labels, answers):
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, answers), 1)
    return counts


def ours(nntop, file, *arguments):
    command = [nntop, "eval", "--json", str(file), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    return np.array(json.loads(done.stdout)["confusion"])


def main(nntop):
    train_x, train_y, test_x, test_y = mnist()
    mean, std = 0.1307, 0.3081

    def normal(images):
        return (torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1) - mean) / std

    x, y, t = normal(train_x), torch.from_numpy(train_y), normal(test_x)
    nn = torch.nn
    mlp = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    cnn = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    )
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        for name, model, layers in [
            ("mlp", mlp, "dense64-softmax10"),
            ("cnn", cnn, "conv8x5-pool2-conv16x5-pool2-drop0.25-dense32-softmax10"),
        ]:
            train(model, x, y, 20_000 if name == "mlp" else 10_000)
            with torch.no_grad():
                answers = torch.cat([model(part).argmax(1) for part in t.split(1000)]).numpy()
            expected = confusion(test_y, answers)
            state = model.state_dict()
            said = {"layers": layers, "activation": "relu", "mean": str(mean), "std": str(std), "classes": NAMES}
            whole, bare, half = (directory / f"{name}-{kind}.safetensors" for kind in ("all", "bare", "half"))
            save_file(state, whole, metadata=said)
            save_file(state, bare)
            save_file({k: v.half() if v.is_floating_point() else v for k, v in state.items()}, half, metadata=said)
            arguments = ["--layers", layers, "--activation", "relu", f"--mean={mean}", f"--std={std}"]
            for kind, found in [
                ("with metadata", ours(nntop, whole)),
                ("with arguments", ours(nntop, bare, *arguments)),
            ]:
                differ = int(np.abs(found - expected).sum()) // 2
                rows.append((f"{name} {kind}", np.trace(expected), np.trace(found), differ))
            found = ours(nntop, half)
            rows.append((f"{name} in half precision", np.trace(expected), np.trace(found), 0))
        model = directory / "ours.safetensors"
        subprocess.run(
            [nntop, "train", "--headless", "--epochs", "1", "--save", str(model)], check=True, capture_output=True
        )
        tensors = load_file(model)
        a = torch.from_numpy(test_x.reshape(-1, 784).astype(np.float32) / 255)
        for layer in range(2):
            weights, biases = (torch.from_numpy(tensors[f"layers.{layer}.{part}"]) for part in ("weights", "biases"))
            a = torch.sigmoid(a @ weights + biases)
        expected = confusion(test_y, a.argmax(1).numpy())
        found = ours(nntop, model)
        rows.append(("ours in PyTorch", np.trace(expected), np.trace(found), int(np.abs(found - expected).sum()) // 2))
    for name, theirs, mine, differ in rows:
        print(f"{name:28} PyTorch {theirs:5} right, nntop {mine:5} right, {differ} answers differ")
    sys.exit(any(differ for *_, differ in rows))


if __name__ == "__main__":
    main(sys.argv[1])
