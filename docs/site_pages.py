"""What the site shows from outside of docs/: README.md, CONTRIBUTING.md, CHANGELOG.md and the examples.

MkDocs calls these functions: `mkdocs.yml` names this file. Links between the files are made links of the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""By file of the project: its name on the site."""
EXAMPLES = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "examples").iterdir()) if path.is_file()]
LINK = re.compile(r"(\]\()([^()#:\s]+\.\w+)([)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside of docs/."""
    for source, target in {**PAGES, **dict(zip(EXAMPLES, EXAMPLES, strict=True))}.items():
        files.append(File.generated(config, target, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links that lead out of docs/, or into it."""
    here = next((source for source, target in PAGES.items() if target == page.file.src_uri), None)
    return LINK.sub(
        lambda link: f"{link[1]}{_on_site(link[2], here or f'docs/{page.file.src_uri}', page)}{link[3]}", markdown
    )


def _on_site(link: str, source: str, page: Page) -> str:
    """A link of a file of the project, from the folder that its page has on the site."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    target = PAGES.get(path, path.removeprefix("docs/"))
    return posixpath.relpath(target, posixpath.dirname(page.file.src_uri) or ".")
