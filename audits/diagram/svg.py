"""An SVG that is legible on light and dark pages, and says what it shows to those who point at it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from xml.etree import ElementTree

from audits.diagram import engine, palette

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
GROUP, TITLE = f"{{{SVG}}}g", f"{{{SVG}}}title"
Element = ElementTree.Element


def svg(source: str, *, styled: bool = True) -> str:
    """A graph of `palette` colours, drawn; without a style of its own for a page that has it.

    Raises AuditError when there is no engine, or when it fails.
    """
    root = ElementTree.fromstring(engine.drawn(source, "svg"))
    _say_hints(root)
    if styled:
        style = ElementTree.Element("style")
        style.text = stylesheet()
        root.insert(0, style)
        root.set("style", "max-width:100%;max-height:100vh;height:auto")  # opened alone, it fits its window
    root.set("data-source", fingerprint(source))
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def fingerprint(source: str) -> str:
    """What a drawing was made from: positions differ with the fonts of a machine, this does not."""
    return hashlib.sha256(source.encode()).hexdigest()


def stylesheet() -> str:
    """Data drawn thinner than gradient, and every colour's twin where the reader prefers dark pages."""
    thin = f'.gradient path[stroke="{palette.STRAND.light}"]{{stroke-width:.75}}'
    twins = "".join(f"{rule}\n" for colour in palette.known() for rule in _twins(colour))
    return f"\n{thin}\n@media (prefers-color-scheme:dark){{\n{twins}}}\n"


def _twins(colour: palette.Colour) -> Iterator[str]:
    for attribute in ("fill", "stroke"):
        yield f'[{attribute}="{colour.light}"]{{{attribute}:{colour.dark}}}'


def _say_hints(root: Element) -> None:
    """Graphviz wraps what has a hint into a link to nowhere: the hint becomes a title, and the link goes."""
    for parent in list(root.iter(GROUP)):
        wrappers = parent.findall(GROUP)
        while wrappers:
            wrapper = wrappers.pop(0)
            link = wrapper.find(f"{{{SVG}}}a")
            if link is not None:
                wrappers += _unwrapped(parent, wrapper, link)


def _unwrapped(parent: Element, wrapper: Element, link: Element) -> list[Element]:
    """Give a hint to whom it is about. What wrappers were inside of this one."""
    hint, parts = link.get(f"{{{XLINK}}}title", ""), list(link)
    title = parent.find(TITLE)
    if title is not None and wrapper.get("id") == f"a_{parent.get('id')}":  # about the whole box or arrow
        title.text = hint
        place = list(parent).index(wrapper)
        parent[place : place + 1] = parts
        return [part for part in parts if part.tag == GROUP]
    told = ElementTree.Element(TITLE)
    told.text = hint
    wrapper.attrib.clear()
    wrapper[:] = [told, *parts]
    return []
