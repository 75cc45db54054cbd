"""A longer version of the Hugging Face example in assets/client/README.md."""

import tempfile
import time

import torch
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

import nntop


class Model(PreTrainedModel):
    config_class = PretrainedConfig

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(20, 3)

    def forward(self, x, labels=None):
        time.sleep(0.002)
        logits = self.layer(x)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


data = [{"x": torch.rand(20), "labels": torch.tensor(i % 3)} for i in range(640)]
arguments = TrainingArguments(
    tempfile.mkdtemp(),
    max_steps=1_000_000,
    per_device_train_batch_size=32,
    logging_steps=1,
    save_strategy="no",
    report_to=[],
    learning_rate=0.1,
    lr_scheduler_type="linear",
    disable_tqdm=True,
)
trainer = Trainer(
    Model(PretrainedConfig()), arguments, train_dataset=data, callbacks=[nntop.HFCallback()]
)
trainer.train()
print("train returned")
