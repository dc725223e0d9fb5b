"""What a check found, in words: a line for each budget, and JUnit's XML for CI systems."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from neurodeploy.accounting.judge import Row
from neurodeploy.errors import plain
from neurodeploy.report.amounts import amount, apart, points

SUITE = "neurodeploy check"


def line(row: Row) -> str:
    """Return what was found, what is allowed, and by how much it fails.

    Args:
        row: From `accounting.judge`.

    >>> line(Row("max_synops", "synops per sample", "synops", "", 110.0, 100.0, False, 10.0, 0.1))
    'synops per sample: found 110, at most 100 allowed: 10 too many (10 %)'
    """
    what = f"{row.what} ({row.basis})" if row.basis else row.what
    reason = f" ({row.reason})" if row.reason else ""
    if isinstance(row.found, bool):
        asked = "" if isinstance(row.allowed, bool) else f", at most {row.allowed:,} allowed"
        return plain(f"{what}: {'yes' if row.found else 'NO'}{asked}{reason}")
    found, allowed = apart([row.found, row.allowed], row.unit)
    least = row.budget == "min_accuracy"
    text = f"{what}: found {found}, at {'least' if least else 'most'} {allowed} allowed"
    if not row.passed:
        excess = points(row.excess or 0.0) if row.unit == "share" else amount(row.excess or 0.0, row.unit)
        text += f": {excess} {'too low' if least else 'too much' if row.unit in ('share', 'J', 's') else 'too many'}"
        if row.relative is not None and row.unit != "share":
            times = row.relative >= 10
            text += f" ({row.relative:,.0f} times)" if times else f" ({100 * row.relative:.3g} %)"
    return plain(text + reason)


def junit(name: str, rows: Sequence[Row]) -> str:
    """Return the rows as JUnit XML: a test case for each budget, failed or not, that took no time.

    Args:
        name: Of the run.
        rows: From `accounting.judge`.
    """
    failures = str(sum(not row.passed for row in rows))
    totals = {"tests": str(len(rows)), "failures": failures, "errors": "0", "time": "0"}
    root = ElementTree.Element("testsuites", {"name": SUITE, **totals})
    suite = ElementTree.SubElement(root, "testsuite", {"name": SUITE, **totals, "skipped": "0"})
    for row in rows:
        names = {"classname": plain(name), "name": plain(row.budget), "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", names)
        if not row.passed:
            text = line(row)
            ElementTree.SubElement(case, "failure", {"type": "budget", "message": text}).text = text
    ElementTree.indent(root)
    return "<?xml version='1.0' encoding='utf-8'?>\n" + ElementTree.tostring(root, encoding="unicode") + "\n"
