"""The program's words in other languages, read from Qt Linguist's own files (`assets/translations/ssd_live_ko.ts`).

Qt wants them compiled; read as they are, a checkout needs no build step and the texts have one home.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator

from ssd_live.files import assets_folder

LANGUAGES = {"en": "English", "ko": "한국어"}


def translation_file(language: str) -> Path:
    return assets_folder() / "translations" / f"ssd_live_{language}.ts"


def read_texts(path: Path) -> dict[tuple[str, str], str]:
    """(context, source text) -> translation, of the finished ones. For texts with a number Korean has one form."""
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


class FileTranslator(QTranslator):
    """Answers from a translation file."""

    def __init__(self, path: Path, parent: QObject) -> None:
        super().__init__(parent)
        self._texts = read_texts(path)

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return not self._texts

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        # None is Qt's null string: not translated. An empty one would be shown.
        return self._texts.get((context, source))


class EnglishPlurals(QTranslator):
    """English needs no translation but for its plurals: `%n frame(s)`."""

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return False

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str | None:
        return source.replace("(s)", "" if n == 1 else "s") if n >= 0 and "(s)" in source else None


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
    if language == "en":
        application.installTranslator(EnglishPlurals(application))
        return
    qt = QTranslator(application)
    if qt.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qt)
    application.installTranslator(FileTranslator(translation_file(language), application))
