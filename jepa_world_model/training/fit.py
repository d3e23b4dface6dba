"""Whether stored tensors are those that a model expects, and each that is not."""

from collections.abc import Collection, Mapping

from torch import Tensor, nn

from jepa_world_model.errors import UserError

MOST = 8


def with_later_modules(model: nn.Module, stored: Mapping[str, Tensor], trained: Collection[str]) -> dict[str, Tensor]:
    """Stored tensors, and the model's own of modules that the file does not know and that the run does not train.

    A file of an earlier version has none of a module that came later.
    """
    there = {name.partition(".")[0] for name in stored}
    later = {name for name, _ in model.named_children()} - there - set(trained)
    own = {name: tensor for name, tensor in model.state_dict().items() if name.partition(".")[0] in later}
    return {**own, **stored}


def check_fit(what: str, expected: Mapping[str, list[int]], stored: Mapping[str, Tensor]) -> None:
    """Raises UserError that begins with `what` and names each difference of shapes."""
    found = {name: list(tensor.shape) for name, tensor in stored.items()}
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    if names:
        raise UserError(listed(what, [f"{n}: expected {expected.get(n)}, found {found.get(n)}" for n in names]))


def listed(what: str, differences: list[str]) -> str:
    """A message with the first differences."""
    more = [f"  and {len(differences) - MOST} more"] if len(differences) > MOST else []
    return "\n".join([f"{what}:", *(f"  {line}" for line in differences[:MOST]), *more])
