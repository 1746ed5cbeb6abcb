"""`pretrained`: a causal language model continues the prefix, and nothing else is known to it.

Greedy, so a model's answer is a function of the prefix and, through floating-point rounding, of the batch it is in: the
runner keeps batches equal. Where an answer ends is the stop rule's business, not the model's.
"""

from collections.abc import Callable, Iterator, Sequence

from code2lora.backbone import Backbone, load_backbone
from code2lora.errors import Code2LoRAError
from code2lora.generation import Generated, check_limits, generate
from harness.costs import Costs
from harness.errors import PredictorError
from harness.predictors.protocol import PredictorSettings, TrainingTasks
from harness.records import Answer, PredictionRequest
from harness.stopping import is_complete


class CausalPredictor:
    """Continues each prefix with one backbone."""

    def __init__(self, backbone: Backbone, settings: PredictorSettings) -> None:
        """Keeps the loaded `backbone`; of `settings` only the batch size and the token limit still matter."""
        self._backbone = backbone
        self._settings = settings
        self.costs = Costs()

    @property
    def backbone(self) -> Backbone:
        """What continues prefixes."""
        return self._backbone

    @property
    def weights_sha256(self) -> str:
        """What the weights are, as the backbone states it."""
        return self._backbone.weights_sha256

    def predict(self, requests: Sequence[PredictionRequest]) -> Iterator[Answer]:
        """One answer per request, in order.

        Raises:
            PredictorError: the settings do not fit the backbone.
        """
        yield from self.continued(requests, [request.task.prefix for request in requests])

    def continued(self, requests: Sequence[PredictionRequest], prompts: Sequence[str]) -> Iterator[Answer]:
        """One answer per request, in order, as it follows a prompt that ends in the request's prefix.

        Raises:
            PredictorError: the settings do not fit the backbone.
        """
        generated = self._generated(requests, prompts)
        self.costs.add_prompts(one.prompt_tokens for one in generated)
        for request, text in zip(requests, generated, strict=True):
            yield Answer(task_id=request.task.task_id, text=text.text)

    def _generated(self, requests: Sequence[PredictionRequest], prompts: Sequence[str]) -> Sequence[Generated]:
        try:
            return generate(
                self._backbone,
                prompts,
                max_new_tokens=self._settings.max_new_tokens,
                batch_size=self._settings.batch_size,
                stop=stop_behind(requests, prompts),
            )
        except Code2LoRAError as error:
            raise PredictorError(str(error)) from error


def stop_behind(requests: Sequence[PredictionRequest], prompts: Sequence[str]) -> Callable[[str, str], bool]:
    """The stopping rule for prompts: where an answer ends is read off the prefix, whatever stands before it."""
    prefixes = {prompt: request.task.prefix for request, prompt in zip(requests, prompts, strict=True)}
    return lambda prompt, text: is_complete(prefixes[prompt], text)


def build_pretrained(settings: PredictorSettings, training: TrainingTasks) -> CausalPredictor:
    """The backbone as it comes; nothing is learnt from `training`.

    Raises:
        PredictorError: the backbone cannot be loaded, or the limits do not fit it; the message says why and what to do.
    """
    try:
        backbone = load_backbone(settings.backbone, device=settings.device, dtype=settings.dtype)
        # Now, not at the first batch: by then the run's folder would belong to settings that cannot work.
        check_limits(backbone, max_new_tokens=settings.max_new_tokens, batch_size=settings.batch_size)
    except Code2LoRAError as error:
        raise PredictorError(str(error)) from error
    return CausalPredictor(backbone, settings)
