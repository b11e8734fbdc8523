"""Keep the user's choice of which detections of each model are shown."""

from dataclasses import dataclass, replace

from ssd_live.live.request import Overrides
from ssd_live.modelfile.metadata import Metadata
from ssd_live.settings import Settings


@dataclass(frozen=True)
class DisplayFilter:
    """The user's choice of which detections of one model are shown.

    `threshold` is the lowest score that is shown, from 0 to 1, or None for the thresholds of the
    model. `hidden` holds the names of the classes that are not shown.
    """

    threshold: float | None
    hidden: frozenset[str] = frozenset()


class DisplayFilters:
    """A collection with one `DisplayFilter` for each model, found by the model's name.

    A filter starts with the values in `settings`. For the first model whose filter is requested,
    the values of the command line (`overrides`) replace these. When the user later chooses another
    value, it is stored in `settings`; the values of the command line are not. Any thread may read
    filters, but only one thread may change them.
    """

    def __init__(self, settings: Settings, overrides: Overrides) -> None:
        self._settings = settings
        self._overrides = overrides
        self._by_network: dict[str, DisplayFilter] = {}

    def of(self, metadata: Metadata) -> DisplayFilter:
        """Return the display filter of the model that `metadata` describes."""
        if metadata.name not in self._by_network:
            overrides, self._overrides = self._overrides, Overrides()
            self._by_network[metadata.name] = self._remembered(metadata, overrides)
        return self._by_network[metadata.name]

    def _remembered(self, metadata: Metadata, overrides: Overrides) -> DisplayFilter:
        threshold = overrides.threshold
        if threshold is None:
            threshold = self._settings.thresholds.get(metadata.name)
        hidden = frozenset(self._settings.hidden_classes.get(metadata.name, []))
        if overrides.classes:
            wanted = {name.strip().casefold() for name in overrides.classes}
            hidden = frozenset(name for name in metadata.classes if name.casefold() not in wanted)
        return DisplayFilter(threshold, hidden)

    def choose_threshold(self, metadata: Metadata, threshold: float) -> None:
        """Set the threshold of the model that `metadata` describes, and store it in the settings.

        `threshold` is the lowest score that is shown, from 0 to 1.
        """
        self._by_network[metadata.name] = replace(self.of(metadata), threshold=threshold)
        self._settings.thresholds = self._settings.thresholds | {metadata.name: threshold}

    def choose_hidden(self, metadata: Metadata, hidden: frozenset[str]) -> None:
        """Set the hidden classes of the model that `metadata` describes, and store them.

        They are stored in the settings. `hidden` holds the names of all classes of the model that
        are not shown.
        """
        self._by_network[metadata.name] = replace(self.of(metadata), hidden=hidden)
        self._settings.hidden_classes = self._settings.hidden_classes | {
            metadata.name: sorted(hidden)
        }
