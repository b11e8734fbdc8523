"""Try rules on a video file, in a child process: how often would they have fired?"""

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ssd_live.analytics.rule_text import rules_text
from ssd_live.analytics.rules import RuleBook
from ssd_live.analytics.zones import Zone, write_zones
from ssd_live.errors import SsdLiveError
from ssd_live.gui.child import Child


class RuleTrial(QObject):
    """An object that tries rules, one trial at a time.

    `ended` is emitted with the rows of the table of events, as dictionaries, and an error message,
    which is empty on success.
    """

    ended = Signal(object, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._child = Child(self)
        self._child.ended.connect(self._end)
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def is_running(self) -> bool:
        """Whether a trial goes on."""
        return self._child.is_running

    def start(
        self, video: Path, zones: Sequence[Zone], book: RuleBook, options: Sequence[str]
    ) -> None:
        """Start to try rules on a video. `options` are further arguments of `process`.

        Call it only when no trial goes on.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="ssd_live-rules-")
        folder = Path(self._folder.name)
        try:
            write_zones(zones, folder / "zones.json")
            (folder / "rules.json").write_text(rules_text(book), encoding="utf-8")
        except (SsdLiveError, OSError) as error:
            self._folder.cleanup()
            self.ended.emit([], str(error))
            return
        files = {name: str(folder / name) for name in ("zones.json", "rules.json", "events.csv")}
        self._child.start(
            [
                "process",
                str(video),
                "--no-video",
                *("--track", "live"),
                *("--zones", files["zones.json"], "--rules", files["rules.json"]),
                *("--events", files["events.csv"]),
                *options,
            ]
        )

    def kill(self) -> None:
        """End the trial that goes on, if there is one."""
        self._child.kill()
        if self._folder is not None:
            self._folder.cleanup()

    def _end(self, code: int, last: str) -> None:
        assert self._folder is not None
        rows: list[dict[str, str]] = []
        message = ""
        if code:
            message = last.removeprefix("error: ") or f"the trial failed with exit code {code}"
        if not message:
            path = Path(self._folder.name) / "events.csv"
            with path.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        self._folder.cleanup()
        self.ended.emit(rows, message)
