"""Every text of the window in every language, and the window in Korean."""

import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QDockWidget, QLabel

from ssd_live.gui import error_texts, translation
from ssd_live.settings import Settings
from ssd_live.system.paths import assets_folder
from tests.gui.desk import Desk
from tests.gui.waiting import settle, wait_until

Desks = Callable[..., Desk]
Text = tuple[str, str]
"""Context and source text."""

_SOURCES = sorted((Path(__file__).parents[2] / "ssd_live" / "gui").glob("*.py"))
_FILES = sorted((assets_folder() / "translations").glob("ssd_live_*.ts"))
_PLACEHOLDER = re.compile(r"\{\w+\}|%n|%\d")
_ACCESS_KEY = re.compile(r"&\w")
_UPDATE = [sys.executable, "-c", "from PySide6.scripts.pyside_tool import lupdate; lupdate()"]


def messages(path: Path) -> dict[Text, ElementTree.Element]:
    found = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        for message in context.iter("message"):
            found[context.findtext("name", ""), message.findtext("source", "")] = message
    return found


def translated(message: ElementTree.Element) -> str:
    text = message.find("translation")
    assert text is not None
    return text.findtext("numerusform") or text.text or ""


@cache
def _texts_of_errors() -> set[str]:
    """All texts in the code outside of the window."""
    package = Path(translation.__file__).parents[1]
    return {
        node.value
        for path in package.rglob("*.py")
        if path.parent.name != "gui"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@cache
def texts_in_the_code() -> set[Text]:
    """What is passed to `self.tr` in each class, and to `translate` with its context, wherever it
    stands.
    """
    return {
        text
        for path in _SOURCES
        for text in _texts_of(ast.parse(path.read_text(encoding="utf-8")), "")
    }


def _texts_of(node: ast.AST, context: str) -> Iterator[Text]:
    if isinstance(node, ast.ClassDef):
        context = node.name
    if isinstance(node, ast.Call) and node.args:
        name = (
            node.func.attr
            if isinstance(node.func, ast.Attribute)
            else node.func.id
            if isinstance(node.func, ast.Name)
            else ""
        )
        words = [ast.literal_eval(word) for word in node.args[:2] if isinstance(word, ast.Constant)]
        if name == "tr" and words:
            yield context, words[0]
        if name == "translate" and len(words) == 2:
            yield words[0], words[1]
    for child in ast.iter_child_nodes(node):
        yield from _texts_of(child, context)


def by_language(path: Path) -> str:
    return path.stem.removeprefix("ssd_live_")


def test_there_is_a_file_for_every_language_but_english() -> None:
    assert {by_language(path) for path in _FILES} == set(translation.LANGUAGES) - {"en"}


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_every_text_in_the_code_is_in_the_translation_and_no_other(path: Path) -> None:
    wanted, there = texts_in_the_code(), set(messages(path))
    assert sorted(wanted - there) == []
    assert sorted(there - wanted) == []


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_every_translation_is_finished(path: Path) -> None:
    unfinished = [
        text
        for text, message in messages(path).items()
        if not translated(message) or message.find("translation[@type]") is not None
    ]
    assert unfinished == []


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_a_translation_has_its_sources_placeholders(path: Path) -> None:
    for (context, source), message in messages(path).items():
        text = translated(message)
        assert Counter(_PLACEHOLDER.findall(text)) == Counter(_PLACEHOLDER.findall(source)), (
            f"{context}: {source!r} became {text!r}"
        )


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_a_translation_has_an_access_key_where_its_source_has_one(path: Path) -> None:
    for (context, source), message in messages(path).items():
        text = translated(message)
        assert bool(_ACCESS_KEY.search(text)) == bool(_ACCESS_KEY.search(source)), (
            f"{context}: {source!r} became {text!r}"
        )


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_qts_own_tool_finds_the_same_texts_so_that_it_can_update_the_file(
    path: Path, tmp_path: Path
) -> None:
    fresh = tmp_path / "fresh.ts"
    words = [
        *_UPDATE,
        "-silent",
        "-locations",
        "none",
        "-source-language",
        "en",
        "-target-language",
        "ko_KR",
        *map(str, _SOURCES),
        "-ts",
        str(fresh),
    ]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    assert sorted(set(messages(path)) - set(messages(fresh))) == []
    assert sorted(set(messages(fresh)) - set(messages(path))) == []


@pytest.mark.parametrize("path", _FILES, ids=by_language)
def test_every_text_is_read_from_its_file(path: Path) -> None:
    assert translation.read_texts(path).keys() == messages(path).keys()


@pytest.fixture
def korean(application: QApplication) -> Iterator[None]:
    texts = translation.Texts(
        translation.read_texts(translation.translation_file("ko")), application
    )
    application.installTranslator(texts)
    yield
    application.removeTranslator(texts)


def is_korean(text: str) -> bool:
    return any("가" <= letter <= "힣" for letter in text)


@pytest.mark.usefixtures("korean")
def test_menus_tips_panel_and_docks_are_korean(desk: Desks) -> None:
    window = desk().window
    texts = [action.text() for action in window.menuBar().actions()]
    texts += [
        text
        for action in window.actions_by_name.all()
        for text in (action.text(), action.toolTip())
    ]
    texts += [
        label.text() for label in window.panel.findChildren(QLabel) if label.buddy() is not None
    ]
    texts += [dock.windowTitle() for dock in window.findChildren(QDockWidget)]
    assert len(texts) > 80
    assert [text for text in texts if not is_korean(text)] == []


@pytest.mark.usefixtures("korean")
def test_numbers_stand_in_korean_texts(desk: Desks) -> None:
    opened = desk(settings=Settings(hud_details=True))
    opened.wait_for_picture()
    wait_until(
        lambda: any("초당 추론" in line for line in opened.view.hud), "the numbers are there"
    )
    assert "불러온 모델 없음" in opened.view.hud[0]
    count = QCoreApplication.translate("Readout", "%n frame(s) dropped", None, 4)
    assert count == "프레임 4개 누락"


@pytest.mark.usefixtures("korean")
def test_nothing_of_the_korean_panel_is_cut_off(desk: Desks) -> None:
    opened = desk()
    opened.wait_for_picture()
    settle()
    cut = [
        label.text()
        for label in opened.panel.findChildren(QLabel)
        if label.isVisible() and label.sizeHint().width() > label.width()
    ]
    assert cut == []


@pytest.mark.usefixtures("korean")
def test_the_shortcuts_dialog_names_actions_without_their_access_keys(desk: Desks) -> None:
    from ssd_live.gui.actions import plain

    for spec in desk().window.actions_by_name.specs:
        assert not re.search(r"\(\w\)|&|…", plain(spec.text)), spec.text


@pytest.mark.usefixtures("korean")
def test_a_failure_is_told_in_a_korean_sentence(desk: Desks) -> None:
    opened = desk("http://127.0.0.1:9/x")
    wait_until(lambda: opened.view.signal_panel.text, "the failure is shown")
    assert opened.view.signal_panel.text.startswith("신호 없음 0:0")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 frames dropped"), (1, "1 frame dropped"), (2, "2 frames dropped")]
)
def test_english_has_its_plurals(application: QApplication, count: int, text: str) -> None:
    assert application.translate("Readout", "%n frame(s) dropped", None, count) == text


def test_a_language_that_is_set_goes_before_the_systems() -> None:
    assert (translation.chosen_language("ko"), translation.chosen_language("en")) == ("ko", "en")


def test_a_system_language_without_a_translation_means_english(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for languages, wanted in (
        (["fr-FR", "fr"], "en"),
        (["ko-KR", "ko"], "ko"),
        (["de-DE", "ko-KR"], "ko"),
    ):
        monkeypatch.setattr(translation, "QLocale", _Locale(languages))
        assert translation.chosen_language("system") == wanted


class _Locale:
    def __init__(self, languages: list[str]) -> None:
        self._languages = languages

    def system(self) -> "_Locale":
        return self

    def uiLanguages(self) -> list[str]:  # noqa: N802 - Qt's name
        return self._languages


def error_details() -> list[str]:
    """The details of errors that the window translates."""
    return [text for context, text in sorted(texts_in_the_code()) if context == "Errors"]


# These come from the operating system.
_SYSTEM_ERRORS = {"no space left on device", "permission denied"}


@pytest.mark.parametrize("detail", error_details())
def test_an_error_that_is_translated_is_one_that_the_program_tells(detail: str) -> None:
    told = _texts_of_errors()
    assert detail in _SYSTEM_ERRORS or any(detail in text for text in told)


@pytest.mark.usefixtures("korean")
def test_the_usual_errors_are_korean_and_rare_ones_stay() -> None:
    said = error_texts.translated(
        "rtsp://camera/a: sign-in failed (401); check the user name and the password"
    )
    assert said.startswith("rtsp://camera/a: ")
    assert "401" in said
    assert not re.search("[A-Za-z]{3}", said.removeprefix("rtsp://camera/a: "))
    assert error_texts.translated("something rare") == "something rare"
