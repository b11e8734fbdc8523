"""What the documents name is there."""

import pkgutil
import re
from pathlib import Path

import pytest

from tools.cli_reference import PAGE, reference
from tools.package.manual import manual_page

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([CHECKOUT / "README.md", *(CHECKOUT / "docs").rglob("*.md")])
_PACKAGES = ("models", "training", "evaluation", "commands", "modelfile", "export")


def names_of_code(text: str) -> list[str]:
    return [
        name
        for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", text)
        if name.split(".")[0] in _PACKAGES and not name.endswith((".py", ".toml"))
    ]


@pytest.mark.parametrize(
    "name", sorted(set(names_of_code((CHECKOUT / "docs" / "paper.md").read_text())))
)
def test_what_the_companion_to_the_paper_names_exists(name: str) -> None:
    assert pkgutil.resolve_name(f"ssd_live.{name}") is not None


def test_the_companion_to_the_paper_names_a_good_part_of_the_code() -> None:
    assert len(set(names_of_code((CHECKOUT / "docs" / "paper.md").read_text()))) > 25


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run python -m tools.cli_reference"


def test_the_manual_page_has_every_command_and_option() -> None:
    page = manual_page().replace("\\-", "-")
    assert all(word in page for word in ("models import", "--codec", "--install-completion"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_recipes_and_tools_that_are_named_exist(document: Path) -> None:
    named = re.findall(r"\b((?:recipes|tools)/[\w+.-]+\.(?:toml|py|sh))", document.read_text())
    assert [name for name in named if not (CHECKOUT / name).is_file()] == []
