"""A loop in PyTorch with a scheduler, whose class is the first argument."""

import sys
import time

import torch

import nntop

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(20, 16), torch.nn.ReLU(), torch.nn.Linear(16, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
schedules = torch.optim.lr_scheduler
STEPS = 1_000_000
scheduler = {
    "constant": lambda: None,
    "LambdaLR": lambda: schedules.LambdaLR(optimizer, lambda step: 1 / (1 + step / STEPS)),
    "OneCycleLR": lambda: schedules.OneCycleLR(optimizer, max_lr=0.2, total_steps=STEPS),
    "CosineAnnealingLR": lambda: schedules.CosineAnnealingLR(optimizer, T_max=STEPS),
    "ReduceLROnPlateau": lambda: schedules.ReduceLROnPlateau(optimizer, patience=10**9),
}[sys.argv[1]]()

run = nntop.init(config={"schedule": sys.argv[1], "model": {"width": 16}})
run.learning_rate(optimizer, scheduler)
run.watch(model)


def save(path):
    torch.save(model.state_dict(), path)
    return path


run.on_checkpoint(save)
images = torch.rand(60, 3, 8, 8)
labels = torch.arange(60) % 3
run.predictions(labels, torch.rand(60, 3).softmax(1), images, classes=["red", "green", "blue"])
for step in run.steps(range(STEPS)):
    x = torch.rand(32, 20)
    loss = torch.nn.functional.cross_entropy(model(x), torch.randint(0, 3, (32,)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if scheduler is not None:
        scheduler.step(float(loss)) if sys.argv[1] == "ReduceLROnPlateau" else scheduler.step()
    run.log({"loss": loss, "lr": optimizer.param_groups[0]["lr"]})
    time.sleep(0.002)
