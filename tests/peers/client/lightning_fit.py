"""A longer version of the Lightning example in assets/client/README.md."""

import time

import torch

try:
    import lightning as L
except ImportError:
    import pytorch_lightning as L

import nntop


class Model(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(20, 3)

    def training_step(self, batch, _):
        x, y = batch
        loss = torch.nn.functional.cross_entropy(self.layer(x), y)
        self.log("loss", loss)
        time.sleep(0.002)
        return loss

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step / 1e6))
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


data = torch.utils.data.TensorDataset(torch.rand(640, 20), torch.randint(0, 3, (640,)))
loader = torch.utils.data.DataLoader(data, batch_size=32)
trainer = L.Trainer(
    max_epochs=1_000_000,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    log_every_n_steps=1,
    callbacks=[nntop.LightningCallback()],
)
trainer.fit(Model(), loader)
print("fit returned")
