"""The verdict on a run: what held and what did not, for people, programs and CI.

`verdict.json` is the whole of it; `junit.xml` says the same to a CI server, with the key
figures as properties.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as Xml

from .folder import write_json

if TYPE_CHECKING:
    from .metrics import Metric

__all__ = ["Verdict", "verdict_passed", "write_verdict"]


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes
    ----------
    name : str
        Name of the check.
    passed : bool
        Whether what it checks holds.
    worst : str
        The worst instant, place and value, passed or not; or why it could not be judged.
    value, bound : float or None
        The worst value and the bound that it was held against. [`unit`]
    unit : str
        Unit of both.
    broken : bool
        The check itself raised, so nothing is known; then it has not passed.
    """

    name: str
    passed: bool
    worst: str
    value: float | None = None
    bound: float | None = None
    unit: str = ""
    broken: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "passed", bool(self.passed))  # numpy's is not JSON's


def verdict_passed(verdicts: Sequence[Verdict], status: str) -> bool:
    """A run passes when it came to its end and every check holds."""
    return status == "finished" and all(verdict.passed for verdict in verdicts)


def write_verdict(
    folder: Path,
    verdicts: Sequence[Verdict],
    metrics: Sequence["Metric"],
    *,
    status: str,
    name: str,
) -> bool:
    """Write `verdict.json` and `junit.xml`, and give whether the run passed.

    Parameters
    ----------
    folder : Path
        The run folder.
    verdicts : sequence of Verdict
        What the checks found.
    metrics : sequence of Metric
        Key figures, told along.
    status : str
        How the run ended, as in the manifest.
    name : str
        Name of the scenario.
    """
    passed = verdict_passed(verdicts, status)
    content = {
        "scenario": name,
        "status": status,
        "passed": passed,
        "checks": [_plain(asdict(verdict)) for verdict in verdicts],
        "metrics": {
            metric.key: {**_plain(asdict(metric)), "told": metric.told()} for metric in metrics
        },
    }
    write_json(folder / "verdict.json", content)
    suite = junit(verdicts, metrics, status=status, name=name)
    Xml.indent(suite)
    text = Xml.tostring(suite, encoding="unicode", xml_declaration=False)
    (folder / "junit.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8"
    )
    return passed


def junit(
    verdicts: Sequence[Verdict], metrics: Sequence["Metric"], *, status: str, name: str
) -> Xml.Element:
    """JUnit's tree: one suite, a case per check, and one for the run's coming to its end."""
    broken = sum(verdict.broken for verdict in verdicts)
    failures = sum(not verdict.passed for verdict in verdicts) - broken
    ended = status == "finished"
    errors = broken + (not ended)
    counts = {
        "tests": str(len(verdicts) + 1),
        "failures": str(failures),
        "errors": str(errors),
        "time": "0",
    }
    root = Xml.Element("testsuites", {"name": "peerwatt", **counts})
    suite = Xml.SubElement(root, "testsuite", {"name": name, **counts, "skipped": "0"})
    properties = Xml.SubElement(suite, "properties")
    for metric in metrics:
        told = {"name": metric.key, "value": metric.told()}
        Xml.SubElement(properties, "property", told)
    run = _case(suite, name, "run comes to its end")
    if not ended:
        Xml.SubElement(run, "error", {"message": f"the run is {status}", "type": "status"})
    for verdict in verdicts:
        case = _case(suite, name, verdict.name)
        if verdict.passed:
            Xml.SubElement(case, "system-out").text = _xml_text(verdict.worst)
        else:
            told = {"message": _xml_text(verdict.worst), "type": "check"}
            Xml.SubElement(case, "error" if verdict.broken else "failure", told)
    return root


def _case(suite: Xml.Element, classname: str, name: str) -> Xml.Element:
    return Xml.SubElement(suite, "testcase", {"classname": classname, "name": name, "time": "0"})


def _xml_text(text: str) -> str:
    """Drop what XML 1.0 cannot say."""
    return "".join(c for c in text if c >= " " or c in "\t\n\r")


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Say numbers that JSON lacks (NaN, infinity) as text."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in values.items()
    }
