"""Two ranks on gloo with a timeout of 30 s: rank 0 reports, rank 1 follows."""

import datetime
import os
import sys
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

import nntop


def work(rank, world):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=os.environ.get("MASTER_PORT", "29511"))
    dist.init_process_group("gloo", rank=rank, world_size=world, timeout=datetime.timedelta(seconds=30))
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(20, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = nntop.init()
    run.learning_rate(optimizer)
    for step in run.steps(range(1_000_000)):
        loss = model(torch.rand(32, 20)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.log({"loss": loss})
        if step % 100 == 0:
            print(f"rank {rank} step {step} lr {optimizer.param_groups[0]['lr']}", flush=True)
        if len(sys.argv) > 1 and rank == 1 and step == int(sys.argv[1]):
            os._exit(9)
        time.sleep(0.002)
    print(f"rank {rank} ended at {step}", flush=True)


if __name__ == "__main__":
    mp.spawn(work, args=(2,), nprocs=2)
