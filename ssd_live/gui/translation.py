"""Load the translations of the window's texts from Qt Linguist files.

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
    """Return the path of the translation file (`.ts`) for a language code such as "ko"."""
    return assets_folder() / "translations" / f"ssd_live_{language}.ts"


def read_texts(path: Path) -> dict[tuple[str, str], str]:
    """Return the finished translations in a `.ts` file.

    A key is (context, English text), where the context is usually a class name; the value is the
    translation. If a text has plural forms, only the first is used, because Korean has only one.
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
    """A Qt translator that takes translations from a dictionary (see `read_texts`).

    For English the dictionary is empty, but the translator still forms the plurals: "frame(s)"
    becomes "frame" or "frames".
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
    """Return the code of the language for the window, a key of `LANGUAGES`.

    `setting` is the language in the user's settings. If it is a key of `LANGUAGES`, return it.
    Otherwise return the first language of the system that is a key, or "en" if there is none.
    """
    if setting in LANGUAGES:
        return setting
    for name in QLocale.system().uiLanguages():
        if (language := name.split("-")[0]) in LANGUAGES:
            return language
    return "en"


def install(application: QCoreApplication, language: str) -> None:
    """Install the translations of this program's texts and of Qt's own texts in `application`.

    `language` is a key of `LANGUAGES`. Call this function before any widget is created, because a
    widget's texts are translated only once.
    """
    texts = {} if language == "en" else read_texts(translation_file(language))
    application.installTranslator(Texts(texts, application))
    qt = QTranslator(application)
    if qt.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qt)
