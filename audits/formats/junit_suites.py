"""JUnit XML: a test suite for each setting, a test case for each loss."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from audits.drift import Drift
from audits.formats.locations import locations
from audits.formats.wording import drifts_by_setting, explanation, notes

if TYPE_CHECKING:
    from audits.contract import Comparison
    from audits.result import Audit

NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(comparison: Comparison) -> str:
    """A loss fails at a setting where it drifts; `file` and `line` point at its first drift."""
    suites = Element("testsuites", name=_xml(comparison.audit.target))
    for label, drifts in drifts_by_setting(comparison).items():
        suites.append(_suite(comparison, label, drifts))
    for count in ("tests", "failures"):
        suites.set(count, str(sum(int(suite.get(count, "0")) for suite in suites)))
    ElementTree.indent(suites)
    body = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(comparison: Comparison, label: str, drifts: Sequence[Drift]) -> Element:
    audit = comparison.audit
    subjects = dict.fromkeys((*audit.losses, *(drift.subject for drift in drifts)))
    failing = {drift.subject for drift in drifts}
    suite = Element(
        "testsuite", name=_xml(label), tests=str(len(subjects)), failures=str(len(failing)), errors="0", skipped="0"
    )
    properties = SubElement(suite, "properties")
    remarks = [("remark", remark.text) for remark in comparison.remarks]
    for name, value in (*audit.shape.items(), *(("note", note) for note in notes(comparison)), *remarks):
        SubElement(properties, "property", name=_xml(name), value=_xml(str(value)))
    for subject in subjects:
        suite.append(_case(audit, subject, [drift for drift in drifts if drift.subject == subject]))
    return suite


def _case(audit: Audit, subject: str, drifts: Sequence[Drift]) -> Element:
    """One failure at most, since many readers show only the first."""
    case = Element("testcase", classname=_xml(audit.target), name=_xml(subject))
    where = next((location for drift in drifts for location in locations(drift)), None)
    if where:
        case.set("file", _xml(where.file))
        case.set("line", str(where.line))
    if drifts:
        message = "; ".join(drift.headline for drift in drifts)
        kinds = ", ".join(dict.fromkeys(str(drift.kind) for drift in drifts))
        failure = SubElement(case, "failure", message=_xml(message), type=kinds)
        failure.text = _xml("\n\n".join(_block(drift, audit) for drift in drifts))
    return case


def _block(drift: Drift, audit: Audit) -> str:
    return "\n".join([drift.headline, *map(str, locations(drift)), *explanation(drift, audit)])


def _xml(text: str) -> str:
    """Without the characters that XML cannot hold, even escaped."""
    return NOT_XML.sub("", text)
