"""The rule about what is accepted."""

from collections.abc import Iterator

from jepa_world_model.rules.rule import RULES, Check, Found, Level, rule


@rule(
    Level.WARNING,
    why="An acceptance that nothing calls for hides the next finding of its rule, which may be another one.",
    remedy="Delete the line from [accept].",
    triggers=["accept.z-action-loss=loop closure is evaluated separately"],
    passes=["accept.z-action-loss=loop closure is evaluated separately", "losses.action_delta_z=0.1"],
)
def unused_acceptance(check: Check) -> Iterator[Found]:
    """A rule is accepted that finds nothing, or that cannot be accepted."""
    for id in check.settings.accept:
        accepted = RULES[id]
        if accepted.level is Level.ERROR:
            yield Found(f"{id} is an error: it cannot be accepted", (id,), (f"accept.{id}",))
        elif id != unused_acceptance.id and accepted.can_say(check) and not any(True for _ in accepted.look(check)):
            yield Found(f"{id} is accepted, and finds nothing", (id,), (f"accept.{id}",))
