"""A watch as a callback: of a Lightning `Trainer`, and of a Trainer of Hugging Face. Neither is imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from audits.target import unwrapped
from audits.telemetry.watch import Watching, watch

LOSS = "loss"
OF_A_CALLBACK = ("on_", "setup", "teardown", "load_state_dict", "configure_")
"""How the hooks begin that those trainers call of each callback."""


class GradientAudit:
    """Watches a training of Lightning or of Hugging Face: ``Trainer(callbacks=[GradientAudit(...)])``.

    The first steps are watched for faults. At each hundredth step the gradients of the losses are measured.

    Args:
        losses: Where the losses of a step are, for Lightning: the name of an attribute of the module, in which its
            `training_step` keeps a mapping from names to tensors, or a function from the module to such a mapping. By
            default the loss that goes backward is the only one.
        modules: The columns; by default the children of the model.
        options: What else `watch` takes.

    Attributes:
        watching: The `Watching`; None before the training.

    Examples:
        >>> callback = GradientAudit(losses="losses", every=100)
        >>> callback.watching is None
        True
    """

    def __init__(
        self,
        *,
        losses: str | Callable[[Any], Mapping[str, Tensor]] | None = None,
        modules: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self._losses, self._modules, self._options = losses, modules, options
        self.watching: Watching | None = None

    # ------------------------------------------------------------------------------------------------- of both

    @property
    def state_key(self) -> str:
        """Under which a checkpoint keeps the state of a callback: there is none."""
        return type(self).__qualname__

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {}

    def __getattr__(self, name: str) -> Any:
        """The hooks that are of no interest."""
        if name.startswith(OF_A_CALLBACK):
            return _nothing
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _begin(self, model: nn.Module) -> None:
        self._end()
        root = unwrapped(model)
        has_children = any(True for _ in root.children())
        self.watching = watch(self._modules or (root if has_children else {"model": root}), **self._options)
        self.watching.__enter__()

    def _end(self) -> None:
        if self.watching is not None:
            self.watching.__exit__(None, None, None)

    # ---------------------------------------------------------------------------------------------- of Lightning

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Lightning begins to train."""
        del trainer
        self._begin(module)

    def on_before_backward(self, trainer: Any, module: Any, loss: Tensor) -> None:
        """Lightning has a loss."""
        del trainer
        if self.watching is None:
            return
        if self._losses is None:
            self.watching.losses({LOSS: loss})
        elif isinstance(self._losses, str):
            self.watching.losses(getattr(module, self._losses))
        else:
            self.watching.losses(self._losses(module))

    def on_exception(self, *_: Any) -> None:
        """Lightning's training is over by an error."""
        self._end()

    # ------------------------------------------------------------------------------------------- of Hugging Face

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Hugging Face begins to train."""
        del args, state, control
        self._begin(model)

    def on_pre_optimizer_step(self, *_: Any, **__: Any) -> None:
        """Gradient is there, and the optimizer is about to step."""
        if self.watching is not None:
            self.watching.gradients()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        """The training of either is over."""
        self._end()


def _nothing(*_: Any, **__: Any) -> None:
    """What Hugging Face takes for a decision, if it is not None."""
