"""The exceptions of `code2lora`: every failure a caller may want to tell apart, and no other.

Code2LoRAError                  anything expected to go wrong; the message is meant for the user
├── BackboneError               a base model cannot be found, reached or loaded
├── GenerationError             decoding cannot start with these settings
├── ShapeError                  the sizes of a network, or of tensors given to it, do not fit
├── AdapterError                an adapter does not fit a model or a batch
│   └── NoOpAdapterError        an adapter changes nothing
├── CheckpointError             a checkpoint is absent, damaged, of another layout, or not plain data
├── ExportError                 an adapter cannot be written in a format that others read
├── EncoderError                a text cannot be turned into vectors, or the store of vectors is damaged
├── CorpusError                 the text to train a backbone on is absent, too small or of a licence that forbids it
└── TrainingError               a training run cannot start or has diverged

A message says what is wrong, the value, and what to do. The command line prints it without a traceback;
an exception that is not in this tree is a bug and keeps its traceback.
"""


class Code2LoRAError(Exception):
    """An expected failure whose message is written for the user."""


class BackboneError(Code2LoRAError):
    """A base model or its tokenizer cannot be found, reached or loaded."""


class GenerationError(Code2LoRAError):
    """Decoding cannot start with these settings, or this backbone cannot take them."""


class ShapeError(Code2LoRAError):
    """The sizes of a network, or of tensors given to it, do not fit together."""


class AdapterError(Code2LoRAError):
    """An adapter does not fit a model or a batch, or its factors do not fit each other."""


class NoOpAdapterError(AdapterError):
    """An adapter changes no output of the model at all, so that nothing can be said about its method."""


class CheckpointError(Code2LoRAError):
    """A checkpoint is absent, damaged, of another layout, or holds something else than plain data."""


class ExportError(Code2LoRAError):
    """An adapter cannot be written in a format that other programs read."""


class EncoderError(Code2LoRAError):
    """A text cannot be turned into vectors, or the store of vectors is damaged."""


class CorpusError(Code2LoRAError):
    """The text to train a backbone on is absent, too small, or its licence is not known to be permissive."""


class TrainingError(Code2LoRAError):
    """A training run cannot start with these settings, or its loss stopped being a finite number."""
