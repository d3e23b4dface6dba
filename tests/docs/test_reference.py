"""The reference of the public names of `audits`: every field is described, every example runs."""

import ast
import doctest
import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

import audits
import audits.contract
import audits.diagram

PUBLIC = {name: getattr(audits, name) for name in audits.__all__} | {
    "updated_texts": audits.contract.updated_texts,
    "flow_picture": audits.diagram.flow_picture,
    "written": audits.diagram.written,
}
CLASSES = {name: public for name, public in PUBLIC.items() if inspect.isclass(public)}


@pytest.fixture(scope="module")
def names_of_the_example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the example of the package defines, and the folder that it writes into."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("reference"))
        names: dict[str, Any] = {}
        assert failures(audits, "audits", names) == ""
        yield names


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLIC)
def test_its_example_runs(name: str, names_of_the_example: dict[str, Any]) -> None:
    assert failures(PUBLIC[name], name, {**PUBLIC, **names_of_the_example}) == ""


@pytest.mark.parametrize("name", CLASSES)
def test_help_says_what_each_field_means(name: str) -> None:
    assert undescribed(CLASSES[name]) == []


@pytest.mark.parametrize("name", [name for name in PUBLIC if name not in CLASSES])
def test_help_says_what_each_argument_means(name: str) -> None:
    arguments = inspect.signature(PUBLIC[name]).parameters
    assert [argument for argument in arguments if f"\n    {argument}: " not in inspect.getdoc(PUBLIC[name])] == []


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_property_has_a_docstring(name: str) -> None:
    members = {key: value for key, value in vars(CLASSES[name]).items() if not key.startswith("_")}
    shown = {key: value for key, value in members.items() if isinstance(value, property) or inspect.isfunction(value)}
    assert [key for key, value in shown.items() if not inspect.getdoc(value)] == []


def test_dir_lists_every_public_name() -> None:
    assert set(audits.__all__) <= set(dir(audits))


def test_a_wrong_example_is_noticed() -> None:
    def half() -> None:
        """
        >>> 1 / 2
        1
        """

    assert "Expected:\n    1\nGot:\n    0.5" in failures(half, "half", {})


def test_a_field_that_is_not_described_is_noticed() -> None:
    class Colour(Enum):
        """A colour.

        Attributes:
            RED: Hot.
        """

        RED = "red"
        BLUE = "blue"

    assert undescribed(Colour) == ["BLUE"]


def test_the_static_types_name_what_is_imported() -> None:
    """An editor sees the names under TYPE_CHECKING, a program those of HOME."""
    tree = ast.parse(Path(audits.__file__).read_text(encoding="utf-8"))
    seen = {
        (found.module, alias.name)
        for found in ast.walk(tree)
        if isinstance(found, ast.ImportFrom)
        for alias in found.names
        if found.module and found.module.startswith("audits.")
    }
    assert seen == {(f"audits.{module}", name) for module, names in audits.HOME.items() for name in names}


def failures(documented: object, name: str, names: dict[str, Any]) -> str:
    """What doctest says of the examples of one docstring, which may define further names. It must have some."""
    test = doctest.DocTestParser().get_doctest(inspect.getdoc(documented) or "", names, name, None, None)
    assert test.examples, f"{name} has no example"
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append, clear_globs=False)
    names.update(test.globs)
    return "".join(said)


def undescribed(documented: type) -> list[str]:
    """Fields of a dataclass or members of an enumeration that its docstring does not describe."""
    text = inspect.getdoc(documented) or ""
    if is_dataclass(documented):
        names = [field.name for field in fields(documented)]
    else:
        names = list(documented.__members__) if issubclass(documented, Enum) else []
    return [name for name in names if f"\n    {name}: " not in text]
