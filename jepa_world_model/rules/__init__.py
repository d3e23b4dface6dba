"""All rules about settings, in the order in which they report. Importing a file declares its rules."""

# isort: off
from jepa_world_model.rules import weights  # noqa: F401
from jepa_world_model.rules import needs  # noqa: F401
from jepa_world_model.rules import learning  # noqa: F401
from jepa_world_model.rules import roles  # noqa: F401
from jepa_world_model.rules import gradients  # noqa: F401
from jepa_world_model.rules import acceptance  # noqa: F401
from jepa_world_model.rules.rule import RULES, Check, Found, Level, Measurement, Opposition, Rule
# isort: on

__all__ = ["RULES", "Check", "Found", "Level", "Measurement", "Opposition", "Rule"]
