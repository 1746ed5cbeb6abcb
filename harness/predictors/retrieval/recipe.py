"""Settings of the methods that retrieve: named recipes as TOML, a table per method, checked when they are read (io).

`paper` holds the published settings, `clean` ours. What a table says is part of a run's manifest, whatever the recipe
is called.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from harness.errors import PredictorError

RECIPE_FOLDER = Path(__file__).parent / "recipes"

_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Shared(_Strict):
    """What every method has.

    Attributes:
        k: Most passages, definitions or examples of a prompt.
        context_tokens: Most tokens of the backbone that they may have together.
        layout: `code` puts them before the prefix as code with their paths as comments, as many as fit beside the whole
            prefix; `published` writes them as the authors do, and the prompt loses tokens on its left.
    """

    k: _Count
    context_tokens: _Count
    layout: Literal["code", "published"]


class Bm25(_Strict):
    """BM25 (idf as in Lucene). `k1` is the weight of repeated words, `b` that of a text's length."""

    k1: _Positive
    b: _Share


class RagSettings(Shared, Bm25):
    """Passages of production files, by words and by vectors.

    Attributes:
        chunks: `definitions` cuts everything at definitions and at lines where those are long; `published` takes the
            module's functions and classes alone, cut off where they are long.
        chunk_characters: Most characters of a chunk's code.
        query_characters: Characters of the prefix's end that are looked for.
        dense_tokens: Tokens of a chunk's beginning, and of the query's end, that their vectors are made of; 0 does
            without vectors.
        candidates: Chunks that each ranking contributes.
        fusion: The constant of reciprocal rank fusion: a chunk gets 1 / (fusion + rank) of each ranking.
        compression: `whole` takes chunks as they are or not at all; `by-use` shortens those whose names the prefix uses
            less, as published, and goes with `published` chunks alone.
        trained_with_context: Whether the weights saw retrieved context in training. No training of ours shows any, nor
            did the published ones.
    """

    chunks: Literal["definitions", "published"]
    chunk_characters: Annotated[int, Field(ge=100)]
    query_characters: _Count
    dense_tokens: Annotated[int, Field(ge=0)]
    candidates: _Count
    fusion: _Count
    compression: Literal["whole", "by-use"]
    trained_with_context: Literal[False] = False

    @field_validator("compression")
    @classmethod
    def _fits_chunks(cls, compression: str, info: ValidationInfo) -> str:
        if compression == "by-use" and info.data.get("chunks") == "definitions":
            raise PydanticCustomError("by_use", "by-use goes with published chunks alone")
        return compression


class DrcSettings(Shared):
    """Definitions that the prefix imports and names.

    Attributes:
        compression: `nearest` gives all a signature, then bodies to those that are named nearest to the cut; `by-use`
            takes those first that are called, as published.
    """

    compression: Literal["nearest", "by-use"]


class IclSettings(Shared, Bm25):
    """Solved training tasks.

    Attributes:
        choice: `nearest` takes those whose prefixes end most alike; `random-in-repository` draws from the task's own
            repository where it has training tasks, as published.
        own_repository: Of the task's own repository `earlier` allows tasks of earlier commits alone, so that no test of
            the evaluated commit is shown; `any` allows all, as published.
        query_characters: Characters of the prefix's end that are looked for.
        example_characters: Characters of an example's prefix that are shown, from a line's beginning.
        per_repository: Most training tasks of a repository and track that are kept to choose from.
    """

    choice: Literal["nearest", "random-in-repository"]
    own_repository: Literal["earlier", "any"]
    query_characters: _Count
    example_characters: _Count
    per_repository: _Count


RetrievalSettings = RagSettings | DrcSettings | IclSettings

SETTINGS: dict[str, type[RagSettings] | type[DrcSettings] | type[IclSettings]] = {
    "icl": IclSettings,
    "rag": RagSettings,
    "drc": DrcSettings,
    "fft-rag": RagSettings,
    "shared-lora-rag": RagSettings,
}
"""The methods that retrieve, and what each is set by."""
_BASES = {"fft-rag": ("rag",), "shared-lora-rag": ("rag",)}
"""Tables that a method's own one adds to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRecipe:
    """One method's table of a recipe; `name` is what the recipe is called, of a file its name without the ending."""

    name: str
    method: str
    settings: RetrievalSettings

    def described(self) -> dict[str, str | int | float | bool]:
        """All that it says, for manifests."""
        return {"recipe": self.name, **self.settings.model_dump(mode="json")}


def recipe_names() -> tuple[str, ...]:
    """The recipes that come along."""
    return tuple(sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml")))


def load_retrieval(
    name: str, method: str, *, k: int | None = None, context_tokens: int | None = None
) -> RetrievalRecipe:
    """The recipe of a name, or in a file, for one method.

    Args:
        name: One of `recipe_names()`, or the path of a TOML file.
        method: One of `SETTINGS`.
        k: Replaces the recipe's.
        context_tokens: Replaces the recipe's.

    Raises:
        PredictorError: there is no such recipe, or it cannot be used; the message names the field.
    """
    path = RECIPE_FOLDER / f"{name}.toml" if name in recipe_names() else Path(name).expanduser()
    if not path.is_file():
        raise PredictorError(f"--retrieval {name!r} is neither one of {', '.join(recipe_names())} nor a file.")
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise PredictorError(f"Recipe {path} is no TOML: {error}.") from error
    unknown = sorted(set(tables) - set(SETTINGS))
    if unknown:
        raise PredictorError(f"Recipe {path} has a table {unknown[0]!r}; its tables are {', '.join(SETTINGS)}.")
    table: dict[str, object] = {}
    for name_of_table in (*_BASES.get(method, ()), method):
        if not isinstance(tables.get(name_of_table), dict):
            raise PredictorError(f"Recipe {path} has no table [{name_of_table}]: add one, or name another recipe.")
        table |= tables[name_of_table]
    overrides = {"k": k, "context_tokens": context_tokens}
    table |= {field: value for field, value in overrides.items() if value is not None}
    try:
        settings = SETTINGS[method].model_validate(table)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, (method, *first["loc"])))
        raise PredictorError(
            f"Recipe {path}: {field}: {first['msg']}, not {first['input']!r}; see {RECIPE_FOLDER / 'clean.toml'}."
        ) from error
    return RetrievalRecipe(name=path.stem, method=method, settings=settings)
