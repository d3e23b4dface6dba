"""Makes the pages of docs/gallery/ anew: each shows a script and what the audit of it prints.

    python docs/gallery_pages.py [NAME ...]        from the project's root, with the libraries that the pages name

A page is written by hand but for three parts: below ``<!-- script NAME -->`` the script, below ``<!-- $ jepa ... -->``
what the command prints, and in ``<!-- seconds -->`` how long it took.
"""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

from embed import EMBEDDED, ROOT, output

PAGES = ROOT / "docs" / "gallery"
SCRIPTS = PAGES / "scripts"
SCRIPT = re.compile(r"^<!-- script (\w+) -->\n```python\n.*?^```$", re.MULTILINE | re.DOTALL)
SECONDS = re.compile(r"(?<=<!-- seconds -->).*?(?=<!-- /seconds -->)")


def with_scripts(page: str) -> str:
    """A page with its script as it is now."""
    return SCRIPT.sub(lambda found: f"<!-- script {found[1]} -->\n```python\n{source(found[1])}```", page)


def source(name: str) -> str:
    """A script of the gallery."""
    return (SCRIPTS / f"{name}.py").read_text(encoding="utf-8")


def remade(page: str) -> str:
    """A page with its script, and what the audit prints of it now."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    page = EMBEDDED.sub(lambda found: f"<!-- $ {found[1]} -->\n{found[2]}\n{output(found[1])}```", with_scripts(page))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return SECONDS.sub(f"{spent:.0f} seconds", page)


def pages(names: list[str]) -> list[Path]:
    """The pages of these names, or all."""
    found = [page for page in sorted(PAGES.glob("*.md")) if page.stem != "index"]
    return [page for page in found if not names or page.stem in names]


if __name__ == "__main__":
    for path in pages(sys.argv[1:]):
        path.write_text(remade(path.read_text(encoding="utf-8")), encoding="utf-8")
