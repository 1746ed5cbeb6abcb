"""Checkpoints of the methods that are trained, after a step on two tasks in memory: they load and answer."""

from code2lora.backbone import load_backbone
from code2lora.backbone_encoder import BackboneEncoder
from code2lora.training.data import TaskPlace, TaskText
from code2lora.training.recipe import load_recipe, with_terms
from code2lora.training.session import TrainingSession, train
from code2lora.vector_store import SqliteVectorStore
from repopeftbench.schema import SymbolKind, SymbolRecord

REPOSITORIES = ("org/a", "org/b")


class TwoTasks:
    """One task in each of the two repositories that the harness's cases speak of; no validation."""

    sha256 = "d" * 64

    def places(self, split):
        if split != "ir_train":
            return []
        return [TaskPlace(row=row, task_id=f"t{row}", repo_id=name, commit=0) for row, name in enumerate(REPOSITORIES)]

    def texts(self, split, rows):
        return (TaskText(row=row, prefix="assert f(1) ==", continuation=f" {row}") for row in rows)

    def diffs(self, repo_id):
        return ["+x = 1"]

    def files(self, repo_id, commit):
        return {"m.py": repo_id}

    def symbols(self, repo_id, commit):
        return [SymbolRecord(path="m.py", kind=SymbolKind.CONSTANT, name="name", value=repr(repo_id))]

    def read(self, blob):
        return f"name = {blob!r}\n"


def write_checkpoint(folder, method):
    """Trains `method` on nano for a step and returns its folder."""
    folder.mkdir()
    with SqliteVectorStore(folder / "vectors.sqlite") as store:
        session = TrainingSession(
            recipe=with_terms(load_recipe("nano", method), draws=2),
            seed=0,
            data=TwoTasks(),
            backbone=load_backbone("nano", device="cpu", dtype="float32"),
            encoder=BackboneEncoder(load_backbone("nano", device="cpu")),
            encoder_name="nano",
            vectors=store,
        )
        train(session, folder / method)
    return folder / method
