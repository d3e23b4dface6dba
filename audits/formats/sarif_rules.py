"""What each kind of drift means, for the list of rules in a SARIF log."""

from __future__ import annotations

from typing import Literal, NamedTuple

from audits.drift import DriftKind


class SarifRule(NamedTuple):
    """What code scanning shows about a kind of drift."""

    name: str
    level: Literal["error", "warning"]
    summary: str
    meaning: str
    remedy: str


RULES: dict[DriftKind, SarifRule] = {
    DriftKind.MISSING: SarifRule(
        "DocumentedUpdateMissing",
        "error",
        "A loss no longer updates a module that the document names",
        "The document says that this loss updates this module, but no gradient arrives there: it is cut, it is zero, "
        "or the parameters are frozen.",
        "Remove the stop that cuts the gradient, or correct the column Updates and review the difference.",
    ),
    DriftKind.UNEXPECTED: SarifRule(
        "UndocumentedUpdate",
        "error",
        "A loss updates a module that the document does not name",
        "Gradient of this loss arrives at a module that the document does not name, so a stop-gradient was lost or "
        "a new path was added.",
        "Restore the stop on the path that is named, or add the module to the column Updates.",
    ),
    DriftKind.UNDECIDED: SarifRule(
        "UpdateUndecided",
        "error",
        "Whether a loss updates a module could not be decided",
        "The gradient is not finite, or the checks disagree. That is never counted as documented.",
        "Mend the operation that is named, or audit the module without the wrapper that hides its graph.",
    ),
    DriftKind.STOP_GONE: SarifRule(
        "StopGradientGone",
        "error",
        "A stop-gradient of the lock file is gone",
        "The gradient of this loss used to be cut at this place and is not any more, even if the same modules are "
        "still updated.",
        "Restore the stop, or run with --update and review the difference.",
    ),
    DriftKind.STOP_NEW: SarifRule(
        "StopGradientNew",
        "warning",
        "A stop-gradient that the lock file does not have",
        "The gradient of this loss is cut at a place that the lock file does not name, even if the same modules are "
        "still updated.",
        "Remove the stop, or run with --update and review the difference.",
    ),
    DriftKind.STOP_GRAD: SarifRule(
        "StopGradientColumnWrong",
        "warning",
        "The column Target says something else about the stop-gradient",
        "The stop-gradients that belong to this loss alone are not those that the column Target names.",
        "Correct the column Target, or the stop.",
    ),
    DriftKind.ROUTE: SarifRule(
        "RouteChanged",
        "warning",
        "The routes of a loss differ from the lock file",
        "The loss compares other outputs of modules, or other parts of them, although the same modules are updated and "
        "the same stops are in place: a target was swapped, or a stop was moved.",
        "Review what the loss is computed from, then run with --update.",
    ),
    DriftKind.DERIVATIVE: SarifRule(
        "GradientIsNotTheDerivative",
        "error",
        "The gradient differs from the derivative in another way than in the lock file",
        "A gradient reversal, a scaled gradient or a straight-through estimator was added, removed or changed.",
        "Restore the Function or the hook, or run with --update and review the difference.",
    ),
    DriftKind.WEIGHT: SarifRule(
        "StatedWeightWrong",
        "error",
        "The document states another weight of a loss than the config has",
        "A line of the document says what this loss weighs, and the trainer weighs it otherwise.",
        "Correct the document, or the config.",
    ),
    DriftKind.GATE_DEFAULT: SarifRule(
        "StatedDefaultWrong",
        "error",
        "The document states another default of a gate than the trainer has",
        "A line of the document says which value of this gate is the default, and the trainer has another.",
        "Correct the document, or the trainer.",
    ),
    DriftKind.MOVES: SarifRule(
        "StepMovesOtherModules",
        "error",
        "An optimizer step moves other modules than the document says",
        "After real steps of this optimizer other modules have changed than the document names, or by the gradient of "
        "other losses.",
        "Mend the optimizer or the order of zero_grad, backward and step, or correct the table.",
    ),
    DriftKind.UNDOCUMENTED: SarifRule(
        "Undocumented",
        "error",
        "The document does not speak of a loss or of a value of a gate",
        "The audit was asked for a document that leaves nothing out, and there is no row.",
        "Add the row, or run with --update --complete and review the difference.",
    ),
}


def rule_id(kind: DriftKind) -> str:
    """``gradient-flow-stop-gone``"""
    return f"gradient-flow-{kind.replace(' ', '-')}"
