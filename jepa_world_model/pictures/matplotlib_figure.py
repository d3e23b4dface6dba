"""What is used of matplotlib, whatever display the environment asks for: pictures are only ever written to files."""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogFormatter, MaxNLocator
else:
    try:
        import matplotlib
    except ValueError:  # the environment names a display that matplotlib does not know
        asked = os.environ["MPLBACKEND"]
        os.environ["MPLBACKEND"] = "agg"
        for half_imported in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
            del sys.modules[half_imported]
        try:
            import matplotlib
        finally:
            os.environ["MPLBACKEND"] = asked
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import LogFormatter, MaxNLocator

    rc_context = matplotlib.rc_context

__all__ = ["Axes", "Figure", "Line2D", "LogFormatter", "MaxNLocator", "rc_context"]
