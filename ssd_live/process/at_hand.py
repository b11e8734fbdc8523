"""Bring the input of a task to this machine, and its output to where it belongs."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ssd_live.errors import SsdLiveError
from ssd_live.pipeline.cancellation import Cancellation
from ssd_live.process.plan import Task
from ssd_live.process.storage import fetch, store

# What an error of a job says about its part files.
_KEPT = re.compile(r"; (the results so far were kept in|the video is in) [^;]*")


@contextmanager
def at_hand(task: Task, cancellation: Cancellation) -> Iterator[Task]:
    """Yield `task` with files of this machine in place of files in storage.

    An input in storage is copied to a temporary folder first. An output in storage is written to
    that folder, and stored when the with-block ends without an error. If it cannot be stored, it is
    kept in that folder. Errors in the block name the addresses, and not the temporary files. Raises
    the errors of `storage.fetch` and `storage.store`.
    """
    if not task.is_stored:
        yield task
        return
    place = Path(tempfile.mkdtemp(prefix="ssd_live-"))
    is_kept = False
    try:
        here = replace(task, source_address="", output_address="")
        names: dict[str, str] = {}
        if task.source_address:
            here = replace(here, source=place / f"input{task.source.suffix}")
            names[str(here.source)] = task.source_text
            fetch(task.source_address, here.source, cancellation)
        if task.output_address:
            assert task.output is not None
            here = replace(here, output=place / f"output{task.output.suffix}")
            names[str(here.output)] = task.output_text
        try:
            yield here
        except SsdLiveError as error:
            text = str(error)
            if task.output_address:
                # The temporary folder is deleted.
                text = _KEPT.sub("", text)
            for path, name in names.items():
                text = text.replace(path, name)
            raise type(error)(text) from error
        if task.output_address:
            assert here.output is not None
            try:
                store(here.output, task.output_address)
            except SsdLiveError as error:
                is_kept = True
                raise type(error)(f"{error}; the result is kept in {here.output}") from error
    finally:
        if not is_kept:
            shutil.rmtree(place, ignore_errors=True)
