"""Measurement of what a picture will show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from audits import Audit, audit
from audits.contract import Comparison, against
from audits.diagram.contrast import changes
from audits.diagram.survey import Survey, survey_of, surveys
from audits.formats import wording
from audits.legend import Legend
from audits.script.process import surveyed
from jepa_cli.render.request import RenderPlan, Scene
from jepa_cli.targets.script import ScriptOptions, narrowed
from jepa_cli.terminal.progress import counted


@dataclass(frozen=True)
class MeasuredFlow:
    """Everything that a picture is drawn from."""

    legend: Legend
    gates: Mapping[str, Sequence[Any]]
    surveys: Sequence[Survey]
    """One for each setting; the requested one first."""
    name: str
    other: Survey | None = None
    """What the first one is compared with; `baseline` is its name."""
    baseline: str = ""
    comparison: Comparison | None = None
    """With a document; `document` is its name."""
    document: str = ""

    @property
    def first(self) -> Survey:
        return self.surveys[0]

    @property
    def title(self) -> str:
        """``gradient flow of my_trainer: my.toml compared with default``"""
        if self.other is None:
            return self.first.title
        return f"gradient flow of {self.first.target}: {self.name} compared with {self.baseline}"

    @property
    def extent(self) -> str:
        """``17 losses, 10 of 14 modules updated, at default``"""
        updated = {module for loss in self.first.losses for module in self.first.flow.updated(loss)}
        losses, modules = wording.counted(len(self.first.losses), "loss"), len(self.first.modules)
        size = f"{losses}, {len(updated)} of {wording.counted(modules, 'module')} updated"
        if len(self.surveys) > 1:
            return f"{size}, {len(self.surveys)} gate settings"
        return f"{size}, at {self.first.flow.setting.label}" if self.first.flow.setting.values else size

    @property
    def said(self) -> list[str]:
        """The result of a comparison, in words."""
        if self.other:
            return [*changes(self.first, self.other)] or [f"nothing changes compared with {self.baseline}"]
        if self.comparison:
            return [*map(str, self.comparison.drifts)] or [f"{self.document}: as documented"]
        return []


def measure(plan: RenderPlan) -> MeasuredFlow:
    """Audit every setting and trace the paths of gradient. Raises AuditError as an audit does."""
    scenes = [plan.scene, *([plan.other] if plan.other else [])]
    total = sum(len(scene.settings) for scene in scenes)
    with counted("measuring", total, "gate settings") as done:
        found = _audited(plan.scene, done)
        other = _audited(plan.other, lambda number: done(len(plan.scene.settings) + number)) if plan.other else None
    target = plan.scene.subject.target
    return MeasuredFlow(
        legend=target.legend,
        gates=target.gates,
        surveys=surveys(target, found),
        name=plan.scene.name,
        other=surveys(plan.other.subject.target, other)[0] if plan.other and other else None,
        baseline=plan.other.name if plan.other else "",
        comparison=against(found, plan.document, shape_matters=False) if plan.document else None,
        document=str(plan.document or ""),
    )


def measure_script(options: ScriptOptions, document: Path | None) -> MeasuredFlow:
    """Run a script in its own process. Raises AuditError where that gives no audit."""
    found, dataflow = surveyed(replace(options.request(), is_drawn=True))
    comparison = against(found, document, shape_matters=False) if document else None
    chosen = narrowed(found, options.chosen)
    survey = survey_of(chosen, dataflow)
    return MeasuredFlow(Legend(), {}, [survey], "default", comparison=comparison, document=str(document or ""))


def _audited(scene: Scene, done: Callable[[int], None]) -> Audit:
    return audit(
        scene.subject.target,
        settings=scene.settings,
        losses=scene.losses,
        on_progress=lambda finished, _: done(finished),
    )
