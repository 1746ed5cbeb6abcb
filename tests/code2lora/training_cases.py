"""A dataset in memory, recipes of a few steps, and a model of a few thousand weights, for tests of training."""

import copy
import os
import signal
import sys
from pathlib import Path

import torch
from byte_tokenizers import make_byte_tokenizer
from transformers import Qwen2Config, Qwen2ForCausalLM

from code2lora.backbone import Backbone
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.training.data import TaskPlace, TaskText
from code2lora.training.recipe import METHODS, MethodSettings, Terms, TrainingRecipe
from code2lora.training.session import TrainingSession, train
from code2lora.vector_store import SqliteVectorStore
from repopeftbench.schema import SymbolKind, SymbolRecord

CANARY = "CANARY"


class MemoryData:
    """Four training repositories of nine commits, two for validation; what must not be read says CANARY.

    Of every repository the last two commits are of the test split: their code and diffs must not be read.
    """

    sha256 = "d" * 64
    commits = 9
    known = 7

    def __init__(self):
        self.repositories = {"ir_train": ["a/one", "b/two", "c/three", "d/four"], "cr_val": ["y/val", "z/val"]}
        self.asked = []

    def places(self, split):
        if split == "ir_val":
            return [TaskPlace(row=0, task_id="ir-val-0", repo_id="a/one", commit=6)]
        found = []
        for repo_id in self.repositories[split]:
            for commit in range(self.known):
                for number in range(1 + commit % 2):
                    task_id = f"{repo_id}-{commit}-{number}"
                    found.append(TaskPlace(row=len(found), task_id=task_id, repo_id=repo_id, commit=commit))
        return found

    def texts(self, split, rows):
        places = self.places(split)
        for row in rows:
            self.asked.append((split, row))
            yield TaskText(
                row=row, prefix=f"def test_{places[row].task_id}():\n    assert f({row}) ==", continuation=f" {row}"
            )

    def diffs(self, repo_id):
        return [
            f"+{repo_id} {commit}" if commit < self.known else f"+{CANARY} {commit}" for commit in range(self.commits)
        ]

    def files(self, repo_id, commit):
        assert commit < self.known, CANARY
        return {"one.py": f"{repo_id}-one-{commit // 2}", "two.py": f"{repo_id}-two"}

    def symbols(self, repo_id, commit):
        assert commit < self.known, CANARY
        return [
            SymbolRecord(path="one.py", kind=SymbolKind.CONSTANT, name=f"{repo_id[0]}_{number}", value=str(commit))
            for number in range(6)
        ]

    def description(self, repo_id, commit):
        assert commit < self.known, CANARY
        return f"# README\n{repo_id} counts, now to {commit // 3}"

    def read(self, blob):
        return f"def {blob}(): return {len(blob)}\n"


TERMS = Terms(
    draws=44,
    context_length=48,
    repositories_per_step=2,
    commits_per_visit=4,
    tasks_per_commit=1,
    loss="mean",
    state="commit",
    weight_decay=0.01,
    warmup=0.2,
    final_learning_rate=0.1,
    gradient_clip=1.0,
    validate_every=2,
    patience=0,
    validation_tasks=3,
    rows=3,
    precision="float32",
)
OWN = {
    "shared-lora": {"rank": 2, "alpha": 4.0, "layers": "each"},
    "per-repo-lora": {"rank": 2, "alpha": 4.0, "layers": "shared"},
    "fft": {},
    "text2lora": {"rank": 2, "alpha": 4.0, "latent_dim": 8, "input": "description", "encoder_recipe": "clean"},
    "code2lora-static": {"rank": 2, "alpha": 4.0, "hidden_dim": 6, "encoder_recipe": "clean", "snapshots": 3},
    "code2lora-evo": {"rank": 2, "alpha": 4.0, "hidden_dim": 6, "state_dim": 8, "encoder_recipe": "clean"},
    "code2lora-memory": {
        "rank": 3,
        "shared_rank": 2,
        "shared_learning_rate": 0.03,
        "alpha": 5.0,
        "layers": "shared",
        "recall": "ridge",
        "symbols": "states",
        "whitened_dim": 12,
        "gated": True,
        "records": 4,
        "least_share": 0.5,
        "snapshots": 3,
    },
}
assert set(OWN) == set(METHODS)


def make_recipe(method, **terms):
    settings = MethodSettings(learning_rate=0.01, **OWN[method])
    return TrainingRecipe(name="tiny", method=method, terms=TERMS.model_copy(update=terms), settings=settings)


def make_backbone():
    """A new one each time: full fine-tuning changes it."""
    config = Qwen2Config(
        vocab_size=258,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
        initializer_range=0.3,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = Qwen2ForCausalLM(config).eval().requires_grad_(False)
    return Backbone(
        model=model,
        tokenizer=make_byte_tokenizer(),
        name="tiny",
        weights_sha256="b" * 64,
        context_length=64,
        device="cpu",
    )


def run_training(folder, method, *, data=None, backbone=None, seed=0, progress=None, reader=None, **terms):
    """Trains into a folder; states are written after every step."""
    backbone = backbone or make_backbone()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with SqliteVectorStore(folder.parent / "vectors.sqlite") as store:
        session = TrainingSession(
            recipe=make_recipe(method, **terms),
            seed=seed,
            data=data or MemoryData(),
            backbone=backbone,
            encoder=BackboneEncoder(copy.deepcopy(backbone)),
            encoder_name="tiny",
            vectors=store,
            save_seconds=0.0,
            progress=progress,
            reader=reader,
        )
        return train(session, folder)


def content(folder):
    """Every file of a folder but the log, which holds clock times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.log"
    }


def main():
    """training_cases.py FOLDER METHOD STEP: trains, and dies of SIGKILL once it has told of a step."""
    folder, method, step = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def die(name, progress):
        if progress.step == step:
            os.kill(os.getpid(), signal.SIGKILL)

    run_training(folder, method, progress=die)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
