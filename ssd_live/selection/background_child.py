"""Measure the backends for the parent process, which `selection.background` runs in.

This process prints lines of JSON: any number of `{"progress": ...}`, then `{"best": ...,
"speeds": ...}` or `{"error": ...}`.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import IO, Any

from ssd_live.errors import SsdLiveError
from ssd_live.modelfile.catalogue import find_model
from ssd_live.selection.choice import parse_constraint
from ssd_live.selection.choose import decide, fastest
from ssd_live.selection.measure import measured
from ssd_live.selection.table import known
from ssd_live.system.child_process import end_with_parent
from ssd_live.system.machine import yield_to_all


def run_as_child(arguments: Sequence[str]) -> int:
    """Measure the backends in a child process that `BackgroundMeasuring` has started.

    Return the exit code, 0 or 1. The child process ends when its parent ends. `arguments` are the
    model, the backend, the precision, the workload, and `low` for low priority.
    """
    end_with_parent()
    if arguments[4:] == ["low"]:
        yield_to_all()
    # Text that a library prints must not get between the lines.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return main(arguments[:4], answers)


def main(arguments: Sequence[str], answers: IO[str]) -> int:
    """Measure the backends, write the lines to `answers`, and return the exit code, 0 or 1.

    `arguments` are the model, the backend, the precision and the workload.
    """

    def tell(answer: dict[str, Any]) -> None:
        print(json.dumps(answer), file=answers, flush=True)

    name, backend, precision, workload = arguments
    try:
        model = find_model(name)
        constraint = parse_constraint(backend, precision)
        rows = measured(
            model,
            lambda line: tell({"progress": line}),
            without_gpu=constraint.is_cpu_only,
            again=True,
        )
        # What `decide` takes from now on; if nothing could be stored, what it would take.
        stored = known(model, without_gpu=constraint.is_cpu_only) is not None
        best = (
            decide(model, backend, precision, workload=workload)  # type: ignore[arg-type]
            if stored
            else fastest(model, rows, constraint, workload)  # type: ignore[arg-type]
        ).choice
    except SsdLiveError as error:
        tell({"error": str(error)})
        return 1
    speeds = {str(row.choice): row.speed(workload) for row in rows if row.throughput_fps}  # type: ignore[arg-type]
    tell({"best": asdict(best), "speeds": speeds})
    return 0


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
