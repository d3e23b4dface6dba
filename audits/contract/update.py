"""Document and lock file, rewritten so that they say what was measured."""

from __future__ import annotations

from difflib import unified_diff
from math import prod
from pathlib import Path

from audits.contract.document import Vocabulary, parse, read_text
from audits.contract.editing import Edits
from audits.contract.effect_edit import edit_effects
from audits.contract.effect_update import effect_changes
from audits.contract.flow_update import update_flow
from audits.contract.lock import Lock, lock_path, read_lock
from audits.contract.lock_update import updated_lock
from audits.contract.markdown import left_open
from audits.contract.mistakes import Mistakes, shown
from audits.contract.template import new_document, with_flow_table
from audits.errors import AuditError
from audits.result import Audit


def updated_texts(audit: Audit, path: Path) -> dict[Path, str]:
    """The new text of the document, and of the lock file next to it. Writes nothing.

    Only what was audited is updated: these losses, at these settings. A document that does not exist is made from a
    template. Line endings stay those of the document, so write each text with ``newline=""``.

    Args:
        audit: What was measured.
        path: The Markdown file.

    Returns:
        The texts of the document and of its lock file, by path.

    Raises:
        AuditError: The document has a mistake that only a person can mend: doubled rows, rows with too few cells, or a
            loss without a row when the default setting was not audited.

    Examples:
        >>> texts = updated_texts(found, Path("AGAIN.md"))
        >>> [file.name for file in texts]
        ['AGAIN.md', 'AGAIN.lock.json']
    """
    mistakes = Mistakes(path)
    document = parse(path, _text(audit, path), _vocabulary(audit), mistakes)
    mistakes.raise_structural()
    edits = Edits(document.text)
    updates = update_flow(audit, document, mistakes, edits)
    edit_effects(audit, document, effect_changes(audit, document, updates), edits)
    lock, losses = lock_path(path), {loss for row in document.flow for loss in row.losses}
    return {path: edits.text, lock: updated_lock(audit, _old_lock(audit, lock), lock, documented=losses).text}


def diff(path: Path, old: str, new: str) -> str:
    """The change of a file as a unified diff; empty where nothing changed."""
    lines = unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), shown(path), shown(path))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _old_lock(audit: Audit, path: Path) -> Lock | None:
    """What is kept of the lock file. One of an older version is written anew, by an audit of everything."""
    settings = prod(len(values) for values in audit.gates.values())
    everything = set(audit.known) <= set(audit.losses) and len(audit.flows) == settings
    return read_lock(path, to_replace=everything)


def _text(audit: Audit, path: Path) -> str:
    """The document as it is; with tables to fill where it has none."""
    text = read_text(path) if path.exists() else ""
    if not text.strip():
        return new_document(audit)
    if left_open(text.split("\n")):
        raise AuditError(
            f"{shown(path)}: a code block or a comment is never closed: close it, so that tables can follow"
        )
    return text if parse(path, text, _vocabulary(audit), Mistakes(path)).flow_tables else with_flow_table(text)


def _vocabulary(audit: Audit) -> Vocabulary:
    return Vocabulary(audit.known or audit.losses, audit.modules, audit.gates)
