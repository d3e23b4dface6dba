"""Hostile inputs: values that no option expects, and files that are not what their name says."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import typer

from jepa_cli.app import app
from jepa_world_model.config_file import KEYS

ESCAPES = "\x1b[31mred\x1b[0m\x07"
LONG = "x" * 300
DIGITS, MORE_DIGITS = "1" + "0" * 400, "1" + "0" * 5000
DEEP = "[" * 3000

NUMBERS = ("-1", "0", "1e400", "nan", DIGITS, MORE_DIGITS, "many", "0x10", "1000000000")
TEXTS = ("~nouser/x", LONG, "b\udcff", ESCAPES, "[bold]x[/bold]", "two\nlines", "$(touch pwned)", "a/b/none", DEEP, "-")
FILES = ("pipe", "loop", "dangling", "folder", "socket", "binary", "deep.json", "digits.toml", "/dev/zero", "locked")
BASES: dict[tuple[str, ...], list[str]] = {
    ("train",): ["--print-config"],
    ("eval",): ["run", "--tasks", "0"],
    ("plan",): ["run", "--moves", "0"],
    ("collect",): ["--env", "nothing-v0", "--out", "out"],
    ("audit-grads",): ["--target", "trainer:target"],
    ("render-flow",): ["--target", "trainer:target", "--out", "out.txt"],
    ("check-weights",): ["--no-measure"],
    ("runs", "list"): ["run"],
    ("runs", "compare"): ["run", "run2"],
    ("data", "show"): ["grid-loops"],
    ("data", "convert"): ["nothing", "out"],
}
"""What a command needs beside a hostile value. Commands that take long are stopped by another mistake."""
OUTPUTS = ("out", "out.txt", "gradient-flow.svg", "runs-compare.png", "nowhere")
TRAINER = """
import torch
from torch import nn
from audits import Target

net = nn.ModuleDict({"enc": nn.Linear(2, 2), "dec": nn.Linear(2, 2)})


def target():
    return Target(net, lambda b: {"recon": net["dec"](net["enc"](b)).square().mean()}, batches=[torch.ones(2, 2)])
"""
SETTINGS = ("-1", "1e400", "nan", DIGITS, DEEP, '"text"', "[1, 2", "1979-05-27", "{a = 1}", "10000000")


def make_files(folder: Path) -> None:
    """Everything that FILES names."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.fspath(folder / "socket"))
    (folder / "binary").write_bytes(bytes(range(256)) * 8)
    (folder / "deep.json").write_text("[" * 100_000)
    (folder / "digits.toml").write_text(f"[losses]\njepa = {MORE_DIGITS}\n")
    (folder / "locked").write_text("")
    (folder / "locked").chmod(0)
    (folder / "trainer.py").write_text(TRAINER)


class Option(NamedTuple):
    """What a command takes."""

    name: str
    """Empty for an argument."""
    kind: type
    """Of its values."""
    several: bool


def commands(group: Any = None, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Option]]]:
    """Every command by its words, with what it takes but flags."""
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), [*_options(command.callback)]


def _options(callback: Callable[..., Any]) -> Iterator[Option]:
    for name, hint in get_type_hints(callback, include_extras=True).items():
        if name == "return":
            continue
        annotated, info = get_args(hint)[:2]
        kinds = [each for each in (get_args(annotated) or (annotated,)) if each is not type(None)]
        kind = kinds[0]
        several = get_origin(kind) is list or get_origin(annotated) is list
        kind = (get_args(kind) or (kind,))[0]
        declared = [text for text in getattr(info, "param_decls", None) or () if text.startswith("--")]
        positional = isinstance(info, typer.models.ArgumentInfo)
        if kind is not bool:
            yield Option("" if positional else (declared or [f"--{name.replace('_', '-')}"])[0], kind, several)


def values_of(option: Option) -> tuple[str, ...]:
    """Hostile ones."""
    return NUMBERS if option.kind in (int, float) else TEXTS + FILES


def lines() -> Iterator[list[str]]:
    """Every command with every hostile value for everything that it takes."""
    for words, options in commands():
        for option in options:
            for value in values_of(option):
                yield [*words, *_given(BASES[words], option), *([option.name] if option.name else []), value]


def _given(base: list[str], option: Option) -> list[str]:
    """The base without what the option replaces, or does not go together with."""
    left = list(base)
    for name in {option.name, "--target" if option.name in ("--config", "--set", "--checkpoint") else option.name}:
        if name in left and not (name == option.name and option.several):
            place = left.index(name)
            del left[place : place + 2]
    if not option.name and left and not left[0].startswith("-") and not option.several:
        del left[0]
    if option.name == "--goal":
        del left[left.index("--moves") : left.index("--moves") + 2]
    return left


def settings() -> Iterator[str]:
    """Every key of a config with hostile values, each key with others."""
    for number, key in enumerate(KEYS):
        for place in range(3):
            yield f"{key}={SETTINGS[(3 * number + place) % len(SETTINGS)]}"
