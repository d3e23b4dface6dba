"""An evaluation as one web page that works offline."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from html import escape
from io import BytesIO

import numpy as np

from jepa_cli.eval.view import interval, number, percent, planning_terms
from jepa_world_model.evaluation.evaluation import Evaluation
from jepa_world_model.evaluation.planning.outcome import PlanningOutcome
from jepa_world_model.pictures.evaluation_pictures import depth_curves, filmstrips, paths, pose_map
from jepa_world_model.pictures.matplotlib_figure import Figure
from jepa_world_model.worlds.world import World

STYLE = """
:root { color-scheme: light dark; --line: #8884; --met: #1a7f37; --missed: #cf222e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
table { border-collapse: collapse; width: 100% }
td, th { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
.met { color: var(--met) } .missed { color: var(--missed); font-weight: 600 } .quiet { opacity: .75; font-size: .9rem }
img { max-width: 100%; background: white; border-radius: 4px }
"""
TITLES = {"z": "z: place", "h": "h: dynamics", "p": "p: pose"}
STRIPS, DEPTHS = 3, (1, 2, 4, 8, 16)
SHOWN_REACHED, SHOWN_MISSED = 4, 8


def page(found: Evaluation) -> str:
    """The whole page."""
    title = f"Evaluation of {found.protocol.run}"
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    body = "\n".join(_sections(found, title))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _sections(found: Evaluation, title: str) -> Iterator[str]:
    protocol = found.protocol
    yield f"<h1>{escape(title)}</h1>"
    yield (
        f'<p class="quiet">Run {escape(protocol.trained)}. {protocol.episodes} held-out episodes of '
        f"{escape(protocol.data)}, {protocol.frames} frames each, seed {protocol.seed}. Probes are {protocol.probes}. "
        f"Intervals are {escape(protocol.intervals)}.</p>"
    )
    for of, heading in TITLES.items():
        yield f"<h2>{heading}</h2>{_figures(found, of)}"
        if of == "h":
            yield from _dynamics(found)
        if of == "p" and "position" in found.data.truth:
            p, position = found.data.traces.p, found.data.truth["position"]
            yield _picture(
                lambda p=p, position=position: pose_map(p.reshape(-1, p.shape[-1]), position.reshape(-1, 2)),
                "a map of p",
            )
    yield "<h2>planning: goals reached in the real environment</h2>"
    if found.no_planning:
        yield f"<p>{escape(found.no_planning)}</p>"
    elif found.world:
        yield _planning(found)
        yield from _walks(found, found.world)


def _figures(found: Evaluation, of: str) -> str:
    rows = ['<tr><th>figure</th><th class="n">value</th><th class="n">target</th><th></th><th>what it is</th></tr>']
    for one in (one for one in found.figures if one.figure.of == of):
        figure, estimate = one.figure, one.estimate
        met = figure.met(estimate) if estimate else None
        verdict = {None: "", True: '<span class="met">met</span>', False: '<span class="missed">missed</span>'}[met]
        value = f"{number(estimate.value)} {interval(estimate)}" if estimate else escape(one.missing)
        wanted = "" if figure.target is None else f"{'≤' if figure.at_most else '≥'} {figure.target:g}"
        name = escape(figure.name.replace("_", " "))
        rows.append(
            f'<tr><td>{name}</td><td class="n">{value}</td><td class="n">{wanted}</td><td>{verdict}</td>'
            f'<td class="quiet">{escape(figure.meaning)}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _dynamics(found: Evaluation) -> Iterator[str]:
    if not found.curves:
        return
    curves = {name: [point.value for point in points] for name, points in found.curves.items()}
    yield _picture(lambda: depth_curves(curves), "error against depth")
    data, strips = found.data, []
    rollouts = data.rollouts
    for number_ in np.linspace(0, len(rollouts.episode) - 1, STRIPS).round().astype(int):
        episode, start = rollouts.episode[number_], rollouts.start[number_]
        steps = [start + k for k in DEPTHS]
        strips.append(("frame", data.frames[episode, steps] / 255.0))
        strips.append(("decoded", data.subject.decode(data.traces.z[episode, steps])))
        strips.append(("imagined", data.subject.decode(rollouts.z[number_, [k - 1 for k in DEPTHS]])))
    yield _picture(lambda: filmstrips(strips, [f"k = {k}" for k in DEPTHS]), "frames, decoded and imagined")


def _planning(found: Evaluation) -> str:
    ends = "".join(f'<th class="n">{low} to {high} moves</th>' for low, high in found.protocol.distances)
    rows = [
        f'<tr><th>planner</th><th class="n">goals reached</th>{ends}<th class="n">path / shortest</th>'
        '<th class="n">s a plan</th></tr>'
    ]
    for one in found.planning:
        success = one.success
        cells = [f"{percent(success.value)} [{percent(success.low)}, {percent(success.high)}]"]
        cells += [percent(each.value) for each in one.by_distance.values()]
        cells += [number(one.path_length), number(one.seconds_a_plan)]
        rows.append(f"<tr><td>{escape(one.planner)}</td>{''.join(f'<td class=n>{cell}</td>' for cell in cells)}</tr>")
    return f'<table>{"".join(rows)}</table><p class="quiet">{escape(planning_terms(found.protocol))}</p>'


def _walks(found: Evaluation, world: World) -> Iterator[str]:
    """Failures to look at first, then a few that went well, of each planner that uses the model."""
    for one in found.planning:
        if one.planner in ("random walk", "oracle"):
            continue
        yield f"<h2>walks: {escape(one.planner)}</h2>"
        cells = world.cells or int(found.data.truth["position"].max()) + 1
        yield _picture(lambda one=one, cells=cells: paths(_drawn(one, world), cells), f"walks of {one.planner}")


def _drawn(one: PlanningOutcome, world: World) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray, bool]]:
    missed = [each for each in one.attempts if not each.reached][:SHOWN_MISSED]
    chosen = missed + [each for each in one.attempts if each.reached][:SHOWN_REACHED]
    return [
        (
            f"{'reached' if each.reached else 'missed'}: {each.moves} moves, shortest {each.task.shortest}",
            world.render(each.task.start),
            np.stack([world.truth(state)["position"] for state in each.path]),
            world.truth(each.task.goal)["position"],
            each.reached,
        )
        for each in chosen
    ]


def _picture(figure: Callable[[], Figure], alternative: str) -> str:
    """As an image; a picture that cannot be drawn costs nothing but itself."""
    content = BytesIO()
    try:
        figure().savefig(content, format="png", dpi=110)
    except Exception as reason:
        return f'<p class="quiet">{escape(alternative)}: cannot be drawn ({escape(str(reason))})</p>'
    return (
        f'<p><img alt="{escape(alternative)}" src="data:image/png;base64,{b64encode(content.getvalue()).decode()}"></p>'
    )
