"""Document and lock file, rewritten so that they say what was measured."""

from __future__ import annotations

from dataclasses import replace
from difflib import unified_diff
from math import prod
from pathlib import Path

from audits.contract.contract import Contract
from audits.contract.document import Document, Vocabulary, parse, read_text
from audits.contract.editing import Edits
from audits.contract.effect_edit import edit_effects
from audits.contract.effect_update import effect_changes
from audits.contract.effects import changes
from audits.contract.flow_update import update_flow
from audits.contract.lock import Lock, lock_path, read_lock
from audits.contract.lock_update import updated_lock
from audits.contract.markdown import left_open
from audits.contract.mistakes import Mistakes, shown
from audits.contract.stated import correct_statements
from audits.contract.step_table import with_steps
from audits.contract.template import new_document, with_flow_table
from audits.errors import AuditError
from audits.result import Audit


def updated_texts(audit: Audit, path: Path, *, complete: bool = True) -> dict[Path, str]:
    """The new text of the document, and of the lock file next to it. Writes nothing.

    Only what was audited is updated: these losses, at these settings. A document that does not exist is made from a
    template. Line endings stay those of the document, so write each text with ``newline=""``.

    Args:
        audit: What was measured.
        path: The Markdown file.
        complete: Whether to add what the document does not speak of.

    Returns:
        The texts of the document and of its lock file, by path.

    Raises:
        AuditError: The document has a mistake that only a person can mend: doubled rows, rows with too few cells, or a
            loss without a row when the default setting was not audited. Or a name cannot be written so that it is read
            back.

    Examples:
        >>> texts = updated_texts(found, Path("AGAIN.md"))
        >>> [file.name for file in texts]
        ['AGAIN.md', 'AGAIN.lock.json']
    """
    mistakes = Mistakes(path)
    document = parse(path, _text(audit, path), _vocabulary(audit), mistakes)
    mistakes.raise_structural()
    edits, part = Edits(document.text), audit if complete else _spoken_part(audit, document)
    updates = update_flow(part, document, mistakes, edits)
    edit_effects(part, document, effect_changes(part, document, updates), edits)
    correct_statements(audit, document, edits)
    _check_readable(part, path, edits.text)
    lock, losses = lock_path(path), {loss for row in document.flow for loss in row.losses}
    text = with_steps(edits.text, audit, add=complete)
    return {path: text, lock: updated_lock(audit, _old_lock(audit, lock), lock, documented=losses).text}


def stays_complete(audit: Audit, path: Path) -> bool:
    """Whether an update adds what is missing: a document that left nothing out when it was last written has to go on
    so, and one that has no rows of the audited losses is to be filled.

    Raises AuditError when the document or its lock file cannot be read.
    """
    if not path.exists():
        return True
    rows = {
        loss for row in parse(path, read_text(path), _vocabulary(audit), Mistakes(path)).flow for loss in row.losses
    }
    if rows.isdisjoint(audit.losses):
        return True
    lock = read_lock(lock_path(path))
    return lock is not None and all(entries.keys() <= rows for entries in lock.settings.values())


def _spoken_part(audit: Audit, document: Document) -> Audit:
    """The losses that have a row, at the settings of which the effects speak."""
    rows = {loss for row in document.flow for loss in row.losses}
    spoken = frozenset(pair for row in document.effects for pair in row.conditions)
    flows = tuple(flow for flow in audit.flows if changes(flow.setting) <= spoken)
    return replace(audit, losses=tuple(loss for loss in audit.losses if loss in rows), flows=flows)


def _check_readable(audit: Audit, path: Path, text: str) -> None:
    """Raises AuditError unless the new text says of every decided cell what was measured."""
    document = parse(path, text, _vocabulary(audit), Mistakes(path))
    said = Contract(path, document, {loss: row for row in document.flow for loss in row.losses})
    for setting, cell in audit.cells():
        if cell.loss not in audit.losses or not cell.status.decided:
            continue
        if cell.loss not in said.flow or (cell.module in said.updates(cell.loss, setting)) != cell.status.updates:
            raise AuditError(
                f"{shown(path)} cannot hold what {cell.loss!r} does to {cell.module!r} so that it is read back: "
                "give loss, module and gates names of letters, digits and underscores"
            )


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
