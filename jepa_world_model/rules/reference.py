"""docs/rules.md, made from the rules: python -m jepa_world_model.rules.reference > docs/rules.md"""

from jepa_world_model.rules import RULES, Rule

HEAD = """\
# The rules of `jepa check-weights`

Made from the declarations in `jepa_world_model/rules/` by `make docs`; do not edit.

| level | what it means |
| --- | --- |
| error | Such a run cannot be started, or cannot learn what it should. Always counts. |
| warning | Worth a second look before a long run. |
| info | Worth knowing. Never fails a check. |

A warning that the baseline has too does not count. One that is intended can be accepted in the config, with a reason.
Both are reported nevertheless; `--strict` counts them.

```toml
[accept]
z-action-loss = "loop closure is evaluated separately"
```

An acceptance that finds nothing any more is a finding itself ([unused-acceptance](#unused-acceptance)). *Measured*
rules need audits: they say nothing with `--no-measure`.

| rule | level | |
| --- | --- | --- |
"""
SHOWN = 4
"""Settings of an example that are shown before the rest is counted."""


def reference() -> str:
    """The whole page."""
    rows = [f"| [{rule.id}](#{rule.id}) | {_level(rule)} | {rule.title} |" for rule in RULES.values()]
    sections = [_section(rule) for rule in RULES.values()]
    return HEAD + "\n".join(rows) + "\n\n" + "\n\n".join(sections) + "\n"


def _section(rule: Rule) -> str:
    head = [f"## {rule.id}", f"*{_level(rule)}*. {rule.title}."]
    return "\n\n".join([*head, rule.why, f"**Remedy.** {rule.remedy}", _example(rule)])


def _level(rule: Rule) -> str:
    return f"{rule.level}, measured" if rule.measured else str(rule.level)


def _example(rule: Rule) -> str:
    if not rule.triggers:
        return "The defaults have it."
    words = [f"--set {_quoted(setting)}" for setting in rule.triggers[:SHOWN]]
    more = len(rule.triggers) - SHOWN
    rest = f" ... and {more} more" if more > 0 else ""
    return f"```\njepa check-weights {' '.join(words)}{rest}\n```"


def _quoted(setting: str) -> str:
    return f'"{setting}"' if " " in setting else setting


if __name__ == "__main__":
    print(reference(), end="")
