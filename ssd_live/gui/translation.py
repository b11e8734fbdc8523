"""Translations of the texts in the window, from Qt Linguist files.

The files are `assets/translations/ssd_live_<language>.ts`. Qt itself reads only compiled files.
This module reads the `.ts` files directly, so that a checkout needs no build step and the texts
exist only once.
"""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QObject, QTranslator

from ssd_live.system.paths import assets_folder

LANGUAGES = {"en": "English", "ko": "한국어"}


def translation_file(language: str) -> Path:
    """Return the path of the translation file for a language code such as "ko"."""
    return assets_folder() / "translations" / f"ssd_live_{language}.ts"


def read_texts(path: Path) -> dict[tuple[str, str], str]:
    """Return the finished translations of a file: (context, source text) -> translation.

    Of a text with plural forms only the first form is used, because Korean has only one.
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
    """A Qt translator that looks up texts in a dictionary (see `read_texts`).

    English has an empty dictionary. The translator still forms its plurals, as in `%n frame(s)`.
    """

    def __init__(self, texts: dict[tuple[str, str], str], parent: QObject) -> None:
        super().__init__(parent)
        self._texts = texts

    def isEmpty(self) -> bool:  # noqa: N802 - Qt's name
        return False

    def translate(
        self, context: str, source: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        # None becomes Qt's null string, so that Qt asks the next translator. Qt would show an empty
        # string.
        text = self._texts.get((context, source))
        return (
            source.replace("(s)", "" if n == 1 else "s")
            if text is None and n >= 0 and "(s)" in source
            else text
        )


def chosen_language(setting: str) -> str:
    """Return the language code to use: "en" or a language with a translation.

    The setting comes first, then the languages of the system, then English.
    """
    if setting in LANGUAGES:
        return setting
    for name in QLocale.system().uiLanguages():
        if (language := name.split("-")[0]) in LANGUAGES:
            return language
    return "en"


def install(application: QCoreApplication, language: str) -> None:
    """Install the translation of this program and of Qt itself.

    Call it before any widget is created, because a widget's texts are translated only once.
    """
    texts = {} if language == "en" else read_texts(translation_file(language))
    application.installTranslator(Texts(texts, application))
    qt = QTranslator(application)
    if qt.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qt)
