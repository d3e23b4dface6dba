"""All figures, in the order of a report. Importing a file declares its figures."""

# isort: off
from jepa_world_model.evaluation import place  # noqa: F401
from jepa_world_model.evaluation import dynamics  # noqa: F401
from jepa_world_model.evaluation import pose  # noqa: F401
from jepa_world_model.evaluation.figure import FIGURES
# isort: on

__all__ = ["FIGURES"]
