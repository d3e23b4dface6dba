"""A workflow command of GitHub: a line of a log that becomes an annotation."""

from __future__ import annotations

from typing import Literal


def annotation(level: Literal["error", "warning", "notice"], text: str, **properties: str) -> str:
    """``::error file=a.py,line=3,title=...::text``"""
    given = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {given}::{_message(text)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
