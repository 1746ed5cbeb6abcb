"""`rag` and `drc` as texts for prompts: production code that is found by likeness, or by following imports."""

from code2lora.encoding_progress import EncodingProgress
from harness.predictors.retrieval.chunks import Chunk, cutter
from harness.predictors.retrieval.compression import CountTokens, Passage, by_use, names_of, nearest_first
from harness.predictors.retrieval.dense import TextVectors
from harness.predictors.retrieval.dependencies import DependencyFinder
from harness.predictors.retrieval.recipe import DrcSettings, RagSettings
from harness.predictors.retrieval.snapshots import SnapshotIndexes
from harness.records import PredictionRequest

_DRC_HEADINGS = {"code": "# {path}\n", "published": "# Source: {path}\n"}


class RetrievedPassages:
    """Chunks that are most like the end of the prefix."""

    def __init__(self, settings: RagSettings, vectors: TextVectors | None) -> None:
        """Takes what makes vectors of texts; None does without."""
        self._settings = settings
        self._indexes = SnapshotIndexes(cutter(settings.chunks, settings.chunk_characters), settings, vectors)

    def tell_encoding(self, progress: EncodingProgress) -> None:
        """Has `progress` told how far the encoding of files is, from now on."""
        self._indexes.tell_encoding(progress)

    def blocks(self, request: PredictionRequest, budget: int, count_tokens: CountTokens) -> list[str]:
        """Chunks within a budget of tokens, the best last; one that does not fit makes room for the next."""
        prefix = request.task.prefix
        query = prefix[-self._settings.query_characters :]
        found = self._indexes.of(request.view).search(query)[: self._settings.k]
        if self._settings.compression == "by-use":
            return by_use([_passage(chunk) for chunk in found], names_of(prefix), budget, count_tokens)
        texts: list[str] = []
        for chunk in found:
            cost = count_tokens(chunk.text + "\n\n")
            if cost <= budget:
                texts.append(chunk.text)
                budget -= cost
        return texts[::-1]


class DependencyPassages:
    """Definitions that the prefix imports and names."""

    def __init__(self, settings: DrcSettings) -> None:
        """Reads nothing yet."""
        self._settings = settings

    def blocks(self, request: PredictionRequest, budget: int, count_tokens: CountTokens) -> list[str]:
        """Definitions within a budget of tokens."""
        finder = DependencyFinder(request.view, heading=_DRC_HEADINGS[self._settings.layout])
        names, passages = finder.passages(request.task)
        shorten = nearest_first if self._settings.compression == "nearest" else by_use
        return shorten(passages[: self._settings.k], names, budget, count_tokens)


def _passage(chunk: Chunk) -> Passage:
    assert chunk.definition is not None  # compression by use goes with published chunks, which are definitions
    return Passage(
        heading=f"# File: {chunk.path}\n# Symbol: {chunk.name}\n", name=chunk.name, definition=chunk.definition
    )
