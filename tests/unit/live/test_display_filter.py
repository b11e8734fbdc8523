"""Which detections of a model the window shows: those of the model's thresholds, or the user's."""

from ssd_live.live.display_filter import DisplayFilter, DisplayFilters
from ssd_live.live.request import Overrides
from ssd_live.settings import Settings
from tests.tiny_model import tiny_metadata


def test_the_thresholds_of_the_model_hold_until_the_user_chooses_one() -> None:
    settings = Settings()
    filters = DisplayFilters(settings, Overrides())
    metadata = tiny_metadata(class_thresholds=(0.6, 0.3))
    assert filters.of(metadata) == DisplayFilter(None)
    filters.choose_hidden(metadata, frozenset({"dog"}))
    assert filters.of(metadata) == DisplayFilter(None, frozenset({"dog"}))
    assert settings.thresholds == {}
    filters.choose_threshold(metadata, 0.5)
    assert filters.of(metadata) == DisplayFilter(0.5, frozenset({"dog"}))
    assert DisplayFilters(settings, Overrides()).of(metadata).threshold == 0.5


def test_the_command_line_goes_before_the_settings_for_the_first_model_only() -> None:
    settings = Settings(thresholds={"tiny": 0.5, "other": 0.4})
    filters = DisplayFilters(settings, Overrides(0.7, ("CAT",)))
    assert filters.of(tiny_metadata()) == DisplayFilter(0.7, frozenset({"dog"}))
    assert filters.of(tiny_metadata(name="other")) == DisplayFilter(0.4)
