"""Every row in PyTorch: eager, float32, on the CPU."""

import re
import time

import rows
import torch
from torch import nn


def build(network, activation):
    """The network of a row; its last layer outputs weighted inputs, without an activation."""
    act = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}[activation]
    if network[0].isdigit():
        sizes = [int(size) for size in network.split(",")]
        layers = []
        for n, m in zip(sizes, sizes[1:]):
            layers += [nn.Linear(n, m), act()]
        return nn.Sequential(*layers[:-1])
    layers, maps, side, units = [nn.Unflatten(1, (1, 28, 28))], 1, 28, None
    for part in network.split("-"):
        kind, *numbers = re.fullmatch(r"([a-z]+)([0-9.]+)(?:x([0-9]+))?", part).groups()
        if kind == "conv":
            out, kernel = int(numbers[0]), int(numbers[1])
            layers += [nn.Conv2d(maps, out, kernel), act()]
            maps, side = out, side - kernel + 1
        elif kind == "pool":
            layers.append(nn.MaxPool2d(int(numbers[0])))
            side //= int(numbers[0])
        elif kind == "drop":
            layers.append(nn.Dropout(float(numbers[0])))
        else:
            if units is None:
                layers.append(nn.Flatten())
                units = maps * side * side
            layers.append(nn.Linear(units, int(numbers[0])))
            units = int(numbers[0])
            if kind == "dense":
                layers.append(act())
    return nn.Sequential(*layers)


def loss_of(cost):
    """The cost of the weighted inputs of the output layer, averaged over the mini-batch."""
    if cost == "log-likelihood":
        return lambda z, labels, y: nn.functional.cross_entropy(z, labels)
    if cost == "cross-entropy":
        entropy = nn.functional.binary_cross_entropy_with_logits
        return lambda z, labels, y: entropy(z, y, reduction="sum") / len(z)
    return lambda z, labels, y: 0.5 * (z.sigmoid() - y).square().sum() / len(z)


def train(row, epochs, data):
    """Seconds of every epoch, and the test accuracy at the end."""
    network, batch, cost, activation, rate = rows.ROWS[row - 1]
    train_x, train_labels, test_x, test_labels = data
    train_y = nn.functional.one_hot(train_labels, 10).float()
    torch.manual_seed(1)
    model, loss = build(network, activation), loss_of(cost)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    seconds = []
    for _ in range(epochs):
        model.train()
        start = time.perf_counter()
        for picked in torch.randperm(len(train_x)).split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss(model(train_x[picked]), train_labels[picked], train_y[picked]).backward()
            optimizer.step()
        seconds.append(time.perf_counter() - start)
    model.eval()
    with torch.no_grad():
        right = sum(
            (model(x).argmax(1) == labels).sum().item()
            for x, labels in zip(test_x.split(500), test_labels.split(500))
        )
    return seconds, right / len(test_x)


def main():
    options = rows.arguments(__doc__).parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    data = [torch.from_numpy(part) for part in rows.mnist()]
    for row in options.rows:
        rows.report("PyTorch", row, *train(row, options.epochs, data))


if __name__ == "__main__":
    main()
