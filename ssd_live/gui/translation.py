"""The program's words in other languages, read from Qt Linguist's own files
(`assets/translations/ssd_live_ko.ts`).

Qt wants them compiled; read as they are, a checkout needs no build step and the texts have one
home.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator

from ssd_live.system.paths import assets_folder

LANGUAGES = {"en": "English", "ko": "한국어"}


def translation_file(language: str) -> Path:
    return assets_folder() / "translations" / f"ssd_live_{language}.ts"


def read_texts(path: Path) -> dict[tuple[str, str], str]:
    """(context, source text) -> translation, of the finished ones. For texts with a number Korean
    has one form.
    """
    texts = {}
    for context in ElementTree.parse(path).getroot().iter("context"):
        name = context.findtext("name", "")
        for message in context.iter("message"):
            found = message.find("translation")
            if found is None or found.get("type") is not None:
                continue
            text = found.findtext("numerusform") or found.text
            if text:
                texts[name, message.findtext("source", "")] = text
    return texts


class Texts(QTranslator):
    """Answers from a translation. English needs none but for its plurals: `%n frame(s)`."""

    def __init__(self, texts: dict[tuple[str, str], str], parent: QObject) -> None:
        super().__init__(parent)
        self._texts = texts

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return False

    def translate(
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        # None is Qt's null string: not translated, another translator may know. An empty string
        # would be shown.
        text = self._texts.get((context, source))
        return (
            source.replace("(s)", "" if n == 1 else "s")
            if text is None and n >= 0 and "(s)" in source
            else text
        )


def chosen_language(setting: str) -> str:
    """The setting, or the system's language if there is a translation, or English."""
    if setting in LANGUAGES:
        return setting
    for name in QLocale.system().uiLanguages():
        if (language := name.split("-")[0]) in LANGUAGES:
            return language
    return "en"


def install(application: QCoreApplication, language: str) -> None:
    """Before any widget is made."""
    texts = {} if language == "en" else read_texts(translation_file(language))
    application.installTranslator(Texts(texts, application))
    qt = QTranslator(application)
    if qt.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qt)
