"""`check`: a finished run against its budgets, for CI."""

from pathlib import Path
from typing import Any

from neurodeploy.accounting.budget import CHOICES, Budget, read_budget
from neurodeploy.accounting.judge import judge
from neurodeploy.errors import BudgetError
from neurodeploy.files import check_target, write_text
from neurodeploy.phrases import Phrase
from neurodeploy.pipeline.run_results import fit_of, read_finished
from neurodeploy.report.budget_lines import junit as junit_xml
from neurodeploy.report.budget_lines import line


def check_run(
    run: str | Path,
    *,
    budget: Budget | None = None,
    budget_file: str | Path | None = None,
    junit: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Judge a finished run by its budgets.

    Args:
        run: Run folder with a report.json.
        budget: Budgets; those that it sets go over those of the file.
        budget_file: TOML file of budgets.
        junit: Where to write the result as JUnit XML.
        overwrite: Replace that file where there is one.

    Returns:
        `passed`; `checks`: a row for each budget with `budget` (its key), `found`, `allowed`, `passed`,
        `excess`, `relative`, `unit`, `basis` and `text` (its line); `failed`: the rows that did not
        pass; `budget`: every key that asks something or chooses what is compared; `run`; `junit`.

    Raises:
        BudgetError: a budget is none, asks about something not measured, or nothing is asked.
        RunError: the folder holds no finished run, its report is damaged, or `junit` cannot be written.
    """
    values = read_budget(budget_file) if budget_file is not None else {}
    asked = Budget(**values | ({} if budget is None else budget.model_dump(exclude_unset=True)))
    if not asked.asks:
        advice = Phrase(f"name one, e.g. {{{CHOICES[0]}}}, {{{CHOICES[1]}}}, or a file of them with {{budget_file}}")
        raise BudgetError("no budget is given", advice, where="check")
    if junit is not None:
        junit = check_target(junit, overwrite, (budget_file, Path(run, "report.json")))
    recorded = read_finished(run)
    rows = judge(recorded, asked, fit_of(recorded, asked.fits) if asked.places else None)
    if junit is not None:
        write_text(junit, junit_xml(str(run), rows))
    checks = [row.to_dict() | {"text": line(row)} for row in rows]
    failed = [row for row in checks if not row["passed"]]
    return {
        "passed": not failed,
        "failed": failed,
        "checks": checks,
        "budget": asked.model_dump(exclude_none=True),
        "run": str(run),
        "junit": str(junit) if junit is not None else None,
    }
