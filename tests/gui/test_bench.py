"""The dialog that measures: the real command, with the real report in it."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QTextBrowser

from ssd_live.gui.bench import BenchDialog
from ssd_live.remote.network import ModelRequest
from tests.gui.desk import part
from tests.gui.waiting import wait_until

SHORT = ("--seconds", "0.5", "--kinds", "network,detector")


def button(dialog: BenchDialog, text: str) -> QPushButton:
    return next(button for button in dialog.findChildren(QPushButton) if button.text() == text)


def says(dialog: BenchDialog, words: str) -> bool:
    return any(words in label.text() for label in dialog.findChildren(QLabel))


@pytest.fixture
def held() -> list[bool]:
    return []


@pytest.fixture
def dialog(cat_and_dog: ModelRequest, held: list[bool]) -> BenchDialog:
    dialog = BenchDialog(cat_and_dog, None, held.append, words=SHORT)
    dialog.show()
    return dialog


def test_it_measures_what_the_window_uses_shows_the_report_and_saves_it(
    dialog: BenchDialog, held: list[bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    QTest.mouseClick(button(dialog, "&Start"), Qt.MouseButton.LeftButton)
    assert held == [True]
    wait_until(lambda: says(dialog, "The measurement is finished"), "the report is there", 60)
    assert held == [True, False]
    shown = part(dialog, QTextBrowser).toPlainText()
    assert "network alone" in shown
    assert "cat_and_dog" in shown
    saved = tmp_path / "bench.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *words: (str(saved), ""))
    QTest.mouseClick(button(dialog, "&Save report…"), Qt.MouseButton.LeftButton)
    assert "cat_and_dog" in saved.read_text(encoding="utf-8")
    dialog.close()


def test_cancelling_lets_the_picture_go_on(dialog: BenchDialog, held: list[bool]) -> None:
    QTest.mouseClick(button(dialog, "&Start"), Qt.MouseButton.LeftButton)
    wait_until(lambda: says(dialog, "measuring"), "the command is at work", 60)
    QTest.mouseClick(button(dialog, "&Cancel"), Qt.MouseButton.LeftButton)
    wait_until(lambda: held == [True, False], "it has ended", 60)
    assert button(dialog, "&Start").isVisible()
    dialog.close()


def test_what_goes_wrong_is_said_in_a_line(held: list[bool]) -> None:
    dialog = BenchDialog(ModelRequest("no-such-model"), None, held.append, words=SHORT)
    dialog.show()
    QTest.mouseClick(button(dialog, "&Start"), Qt.MouseButton.LeftButton)
    wait_until(lambda: held == [True, False], "it has ended", 60)
    assert says(dialog, "no-such-model")
    dialog.close()
