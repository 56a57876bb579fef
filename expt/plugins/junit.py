"""`--junitxml FILE`: a session as the XML that CI systems read, a test case for each case.

    <testsuites><testsuite name="expt" tests= failures= errors= skipped= time= timestamp= hostname=>
      <testcase classname="experiments.first" name="experiment_one[lr-1]" file= line= time=>

The form is that of pytest's `xunit2`, which CI systems know. It is written once, when the session
ends, however it ends.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree

from expt.ground.clock import local_now
from expt.ground.errors import ExitCode
from expt.ground.files import write_atomically
from expt.ground.hookspecs import hook

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from expt.ground.model import Case, Outcome, Plan

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document has, not even as a reference."""

_AS_AN_ERROR: Final = (ExitCode.INTERNAL, ExitCode.USAGE)  # else a file without a case is green


class JUnit:
    """Writes `path` when the session ends. Raises `OSError` where that cannot be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = local_now()
        self._cases: dict[str, Case] = {}
        self._errors: tuple[str, ...] = ()

    @hook
    def expt_plan_finished(self, plan: Plan) -> None:
        self._cases = {case.id: case for case in plan.cases}
        self._errors = plan.errors

    @hook
    def expt_session_finished(self, outcomes: Sequence[Outcome], exit_code: int) -> None:
        elements = [self._element(outcome) for outcome in outcomes]
        elements += [_error_element(error) for error in self._errors]
        if exit_code in _AS_AN_ERROR and not self._errors:
            elements.append(_error_element(f"exit code {exit_code}: the output says what is wrong"))
        seconds = (local_now() - self._begun).total_seconds()
        suite = ElementTree.Element("testsuite", name="expt", tests=str(len(elements)))
        for attribute, tag in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            suite.set(attribute, str(sum(e.find(tag) is not None for e in elements)))
        suite.set("time", f"{seconds:.3f}")
        suite.set("timestamp", self._begun.isoformat())
        suite.set("hostname", _text(socket.gethostname()))
        suite.extend(elements)
        root = ElementTree.Element("testsuites", name="expt sessions")
        root.append(suite)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        write_atomically(self._path, content)

    def _element(self, outcome: Outcome) -> ElementTree.Element:
        place, _, name = outcome.case_id.partition("::")
        element = ElementTree.Element("testcase")
        element.set("classname", _text(place.removesuffix(".py").replace("/", ".")))
        element.set("name", _text(name))
        case = self._cases.get(outcome.case_id)
        if case is not None:
            element.set("file", _text(case.experiment.path))
            element.set("line", str(case.experiment.line))
        element.set("time", f"{outcome.duration:.3f}")
        if outcome.path:
            properties = ElementTree.SubElement(element, "properties")
            archive = {"name": "archive", "value": _text(outcome.path)}
            ElementTree.SubElement(properties, "property", archive)
        self._add_end(element, outcome)
        return element

    def _add_end(self, element: ElementTree.Element, outcome: Outcome) -> None:
        if outcome.status == "completed":
            return
        if outcome.status == "skipped":
            reason = next(iter(outcome.notices), "skipped").removeprefix("skipped: ")
            ElementTree.SubElement(element, "skipped", message=_text(reason))
            return
        error = outcome.error
        message = f"{error.type}: {error.message}" if error else outcome.status
        tag = "failure" if outcome.status == "failed" else "error"
        child = ElementTree.SubElement(element, tag, message=_text(message))
        child.text = _text(error.traceback if error else "")


def _error_element(error: str) -> ElementTree.Element:
    """A mistake that ended the session, or one that it went past."""
    element = ElementTree.Element("testcase", classname="expt", name="collection", time="0.000")
    first, _, rest = error.partition("\n")
    ElementTree.SubElement(element, "error", message=_text(first)).text = _text(rest)
    return element


def _text(value: Any) -> str:
    return _NOT_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value))
