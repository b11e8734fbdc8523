"""Labels of a project for a version that was trained before its classes were renamed."""

import json
from pathlib import Path

import pytest

from ssd_live.commands.project.use import labels_with_names_of
from ssd_live.errors import DataError
from ssd_live.project.versions import Version


def test_labels_have_the_names_of_the_version(tmp_path: Path) -> None:
    facts = {"classes": ["Mug", "Bowl"], "class_numbers": [1, 4]}
    version = Version(tmp_path, 1, facts)
    categories = [{"id": 1, "name": "Tankard"}, {"id": 4, "name": "Bowl"}, {"id": 5, "name": "Cup"}]
    categories.append({"id": 6, "name": "Mug"})
    path = tmp_path / "instances.json"
    path.write_text(json.dumps({"images": [], "categories": categories}))
    found = labels_with_names_of(version, path)
    assert [its["name"] for its in found["categories"]] == ["Mug", "Bowl", "Cup", "Mug (class 6)"]
    path.write_text("{}")
    with pytest.raises(DataError, match="label images first"):
        labels_with_names_of(version, path)
