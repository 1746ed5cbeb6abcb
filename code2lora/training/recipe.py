"""What a training depends on beside data, backbone and seed: named recipes as TOML, checked when they are read (io).

A recipe has `terms`, which are the same for every method, and a table per method with what is the method's own. A
method's table may hold `terms` that replace some of the shared ones: recipes that reproduce published settings need
that, and a comparison on equal terms must not have any.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from code2lora.conditioned import Recall
from code2lora.encoder import RECIPES
from code2lora.errors import TrainingError
from code2lora.symbol_features import FeatureKind
from code2lora.text_checkpoints import TextInput
from repopeftbench.near import near

RECIPE_FOLDER = Path(__file__).parent / "recipes"
METHODS = (
    *("shared-lora", "per-repo-lora", "fft", "text2lora"),
    *("code2lora-static", "code2lora-evo", "code2lora-memory"),
)

_Count = Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Terms(_Strict):
    """What methods must agree in for their results to be comparable.

    Attributes:
        draws: Tasks drawn in all, repeats counted; of `per-repo-lora` over all of its adapters.
        context_length: Most tokens of prefix, target and end together; the backbone's own context, if that is shorter.
        repositories_per_step: Visits of repositories that make an optimizer step.
        commits_per_visit: Commits with tasks, one after the other, that a visit reaches over.
        tasks_per_commit: Tasks that a visit draws of each of them.
        loss: `mean` averages over all target tokens of a step; `sum` adds them up, as published.
        state: What of a repository a task's condition may know: everything up to its own `commit`, or to its `parent`.
        weight_decay: AdamW's, of every weight.
        warmup: Share of the steps in which the learning rate rises.
        final_learning_rate: Where the cosine ends, as a share of the peak.
        gradient_clip: Largest L2 norm of the gradient.
        validate_every: Optimizer steps between validations.
        patience: Validations without a better one after which training ends; 0 never ends it.
        validation_tasks: Most tasks of each repository that a validation reads.
        rows: Tasks of full length that go through the backbone together, or shorter ones of as many tokens; changes
            nothing but memory and rounding.
        precision: Of the matrix products in the backbone.
        track: Whose tasks are learnt from: of the `evolution` track, commit by commit, or of the `static` one, where
            all tasks of a repository stand in one snapshot. Validation is on the same track.
    """

    draws: _Count
    context_length: Annotated[int, Field(ge=8)]
    repositories_per_step: _Count
    commits_per_visit: _Count
    tasks_per_commit: _Count
    loss: Literal["mean", "sum"]
    state: Literal["commit", "parent"]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup: _Share
    final_learning_rate: _Share
    gradient_clip: _Positive
    validate_every: _Count
    patience: Annotated[int, Field(ge=0)]
    validation_tasks: _Count
    rows: _Count
    precision: Literal["float32", "bfloat16"]
    track: Literal["evolution", "static"] = "evolution"

    @property
    def draws_per_step(self) -> int:
        """Tasks of an optimizer step."""
        return self.repositories_per_step * self.commits_per_visit * self.tasks_per_commit

    @property
    def steps(self) -> int:
        """Optimizer steps; the last one may be smaller."""
        return -(-self.draws // self.draws_per_step)


class MethodSettings(_Strict):
    """What is a method's own; what does not concern a method must be left out of its table.

    Attributes:
        learning_rate: Peak of the schedule.
        rank: Rank of the adapters.
        alpha: Numerator of the adapters' scaling.
        layers: Whether each layer has a pair of its own, or all share one, as the hypernetworks' adapters do.
        hidden_dim: Width of the head's trunk.
        state_dim: Width of the GRU's state.
        encoder_recipe: How repositories become vectors (`code2lora.encoder.RECIPES`).
        snapshots: Most snapshots of each repository that are encoded; a task gets the latest that is not later than its
            state. Left out, every state is encoded.
        detach_input: Whether gradients end at the adapters' inputs, as published.
        whiten: Of `code2lora-static`, most directions of the whitening that is fitted to the training repositories and
            put before the head; left out, it is given vectors as they are, as published.
        shared_learning_rate: Of `code2lora-memory`, the peak for the part that all repositories share.
        shared_rank: Rank of that part; `rank` is that of the part that is a repository's own.
        symbols: What a symbol's features are made from (`code2lora.symbol_features`).
        modules: Module types that are adapted; left out, all.
        recall: How a memory's sums become adapters (`code2lora.conditioned`).
        whitened_dim: Most directions that are kept of a symbol's features; 0 leaves them as they are.
        gated: Whether symbols are weighted.
        records: Most symbols of a repository that count.
        least_share: Of each visit a random share of the symbols is shown, at least this one.
        latent_dim: Of `text2lora`, width of what its heads are given; a multiple of 4.
        input: Of `text2lora`, the `description` of a repository, or its `files`, as published.
        terms: Shared terms that this method replaces.
    """

    learning_rate: _Positive
    rank: _Count | None = None
    alpha: _Positive | None = None
    layers: Literal["each", "shared"] | None = None
    hidden_dim: _Count | None = None
    state_dim: _Count | None = None
    encoder_recipe: str | None = None
    snapshots: _Count | None = None
    detach_input: bool = False
    whiten: _Count | None = None
    shared_learning_rate: _Positive | None = None
    shared_rank: _Count | None = None
    symbols: FeatureKind | None = None
    modules: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    recall: Recall | None = None
    whitened_dim: Annotated[int, Field(ge=0)] | None = None
    gated: bool | None = None
    records: _Count | None = None
    least_share: Annotated[float, Field(gt=0, le=1)] | None = None
    latent_dim: _Count | None = None
    input: TextInput | None = None
    terms: dict[str, Any] = {}


_OWN = {
    "shared-lora": {"rank", "alpha", "layers"},
    "per-repo-lora": {"rank", "alpha", "layers"},
    "fft": set[str](),
    "text2lora": {"rank", "alpha", "latent_dim", "input", "encoder_recipe"},
    "code2lora-static": {"rank", "alpha", "hidden_dim", "encoder_recipe"},
    "code2lora-evo": {"rank", "alpha", "hidden_dim", "encoder_recipe", "state_dim"},
    "code2lora-memory": {"rank", "alpha", "layers", "shared_rank", "shared_learning_rate", "records", "recall"}
    | {"symbols", "whitened_dim", "gated", "least_share"},
}
_OPTIONAL = {
    "shared-lora": {"modules"},
    "per-repo-lora": {"modules"},
    "text2lora": {"snapshots"},
    "code2lora-static": {"snapshots", "whiten"},
    "code2lora-memory": {"snapshots", "modules"},
}


class _RecipeFile(_Strict):
    terms: Terms
    methods: dict[str, MethodSettings]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecipe:
    """A recipe for one method.

    Attributes:
        name: What it is called; of a file, its name without the ending.
        method: One of `METHODS`.
        terms: The terms, with what the method replaces put in.
        settings: What is the method's own.
    """

    name: str
    method: str
    terms: Terms
    settings: MethodSettings


def recipe_names() -> tuple[str, ...]:
    """The recipes that come along."""
    return tuple(sorted(path.stem for path in RECIPE_FOLDER.glob("*.toml")))


def load_recipe(name: str, method: str) -> TrainingRecipe:
    """The recipe of a name, or in a file, for one method.

    Args:
        name: One of `recipe_names()`, or the path of a TOML file.
        method: One of `METHODS`.

    Raises:
        TrainingError: there is no such recipe or method, or the recipe cannot be used; the message names the field.
    """
    if method not in METHODS:
        hint = near(method, METHODS)
        raise TrainingError(f"Method {method!r} has nothing to train;{hint} train one of {', '.join(METHODS)}.")
    path = RECIPE_FOLDER / f"{name}.toml" if name in recipe_names() else Path(name)
    if not path.is_file():
        hint = near(name, recipe_names())
        raise TrainingError(f"Recipe {name!r} is neither one of {', '.join(recipe_names())} nor a file.{hint}")
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
        file = _RecipeFile.model_validate(raw)
        if method not in file.methods:
            raise TrainingError(f"Recipe {path.stem!r} has no table methods.{method}: add one, or name another recipe.")
        settings = file.methods[method]
        terms = Terms.model_validate(file.terms.model_dump() | settings.terms)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise TrainingError(f"Recipe {path}: {place}: {first['msg']}; see {RECIPE_FOLDER / 'clean.toml'}.") from error
    except ValueError as error:
        raise TrainingError(f"Recipe {path} is no TOML: {error}.") from error
    _check_own(path, method, settings)
    if (terms.track, terms.state) == ("static", "parent"):
        raise TrainingError(f'Recipe {path}: a snapshot of the static track has no parent: give state = "commit".')
    return TrainingRecipe(name=path.stem, method=method, terms=terms, settings=settings)


def with_terms(recipe: TrainingRecipe, *, draws: int | None = None, layers: str | None = None) -> TrainingRecipe:
    """The recipe with another number of draws, or another sharing of layers.

    Raises:
        TrainingError: the value cannot be used, or the method has no such choice.
    """
    terms, settings = recipe.terms, recipe.settings
    if draws is not None:
        if draws < 1:
            raise TrainingError(f"{draws} draws train nothing: give 1 or more.")
        terms = terms.model_copy(update={"draws": draws})
    if layers is not None:
        if settings.layers is None:
            raise TrainingError(f"Method {recipe.method!r} has no choice of layers; leave it to the LoRA methods.")
        settings = settings.model_copy(update={"layers": layers})
    return TrainingRecipe(name=recipe.name, method=recipe.method, terms=terms, settings=settings)


def _check_own(path: Path, method: str, settings: MethodSettings) -> None:
    """Raises unless a table has just what its method needs."""
    given = settings.model_fields_set - {"learning_rate", "terms"}
    optional = _OPTIONAL.get(method, set()) | (set() if method == "fft" else {"detach_input"})
    wanted = _OWN[method]
    for name in sorted(wanted - given):
        raise TrainingError(f"Recipe {path}: methods.{method} lacks {name}.")
    for name in sorted(given - wanted - optional):
        raise TrainingError(f"Recipe {path}: methods.{method} has {name}, which does not concern it; leave it out.")
    if settings.encoder_recipe is not None and settings.encoder_recipe not in RECIPES:
        raise TrainingError(
            f"Recipe {path}: methods.{method}.encoder_recipe is {settings.encoder_recipe!r}; "
            f"give one of {', '.join(RECIPES)}."
        )
