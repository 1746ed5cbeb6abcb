"""A process that trains a tiny nano, for a test that kills it: nano_driver.py SDISTS FOLDER.

A folder of SDISTS has the source distribution and `list.toml`. The state is saved at every log step.
"""

import sys
import time
from pathlib import Path

import torch

from code2lora.training.nano import NanoSession, train_nano
from code2lora.training.nano_recipe import NanoRecipe
from code2lora.training.sdists import read_source_list

TINY = NanoRecipe(
    seed=3,
    steps=30,
    batch_size=4,
    context_length=32,
    vocab_size=320,
    hidden_size=32,
    intermediate_size=64,
    layers=1,
    learning_rate=1e-2,
    warmup_steps=5,
    val_fraction=0.2,
    log_every=5,
    checkpoint_every=10,
)


def run(sdists, folder, recipe=TINY, *, progress=None, prepared=None, compiled=False):
    session = NanoSession(
        recipe=recipe,
        sources=read_source_list(sdists / "list.toml"),
        cache=sdists,
        device=torch.device("cpu"),
        index="http://127.0.0.1:9/nobody",
        save_seconds=0.0,
        compiled=compiled,
        progress=progress,
        prepared=prepared,
    )
    return train_nano(session, folder)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]), progress=lambda at: time.sleep(0.2))
