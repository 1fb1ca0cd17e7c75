"""The table ``evaluations``: its rows as the domain's evaluations."""

from collections.abc import Mapping
from typing import Any

from domain.evaluation import Evaluation, Verdict


def evaluation_of(row: Mapping[str, Any]) -> Evaluation:
    """The evaluation that a row of the table holds."""
    return Evaluation(
        device=row["device"],
        standard=row["standard"],
        limit=row["limit_id"],
        factor=row["factor"],
        window_start=row["window_start"],
        window_end=row["window_end"],
        statistic=row["statistic"],
        value=row["value"],
        limit_value=row["limit_value"],
        unit=row["unit"],
        verdict=Verdict(row["verdict"]),
        n_valid=row["n_valid"],
        n_expected=row["n_expected"],
        adjustments=tuple(row["adjustments"]),
        clause=row["clause"],
        revision=row["revision"],
        final=row["final"],
    )
