"""Make the frozen app: one folder that runs without Python.

    python tools/package/freeze.py FOLDER OPENCV

The app is FOLDER/ssd-live. PyInstaller makes it with the Python that runs this script. Then, on
Linux:

- PyAV gets the FFmpeg of the wheel opencv-python instead of its own. The two have the same version,
  but that of the wheel is under the LGPL, while PyAV's has x264 and x265, which are under the GPL
  (docs/adr/0008-the-frozen-app-has-no-gpl-parts.md). OPENCV is the folder into which this wheel was
  installed. The app itself has OpenCV without a window system (opencv-python-headless).
- Debug information is removed.

The licences of all parts are in `licenses`. The script fails if a part under the GPL is in the app.
"""

import argparse
import ctypes
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_FFMPEG = ("avcodec", "avdevice", "avfilter", "avformat", "avutil", "swresample", "swscale")
_GPL_LIBRARIES = re.compile(r"x26[45]|xvid|postproc", re.IGNORECASE)
_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)


def main() -> None:
    """Make the app in the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("opencv", type=Path)
    options = parser.parse_args()
    folder = options.folder.resolve()
    work = folder / "work"
    make_icons(work / "ssd_live" / "icons")
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN",
         "--distpath", str(folder), "--workpath", str(work), str(_HERE / "ssd_live.spec")],
        check=True,
    )  # fmt: skip
    app = folder / "ssd-live"
    parts = app / "_internal"
    if sys.platform.startswith("linux"):
        use_ffmpeg_of_opencv(parts, options.opencv / "opencv_python.libs")
        strip(app)
    for folder in list(parts.rglob("__pycache__")):
        shutil.rmtree(folder)
    copy_licences(parts / "licenses")
    check_licences(parts)
    size = sum(file.lstat().st_size for file in app.rglob("*") if file.is_file())
    print(f"{app}: {size / 1e6:.0f} MB")


def make_icons(folder: Path) -> None:
    """Draw the application icon as `SIZE.png` for each size in `folder`."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QGuiApplication, QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    application = QGuiApplication([])
    drawing = QSvgRenderer(str(_ROOT / "assets/icons/ssd_live.svg"))
    folder.mkdir(parents=True, exist_ok=True)
    for size in _SIZES:
        image = QImage(size, size, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        drawing.render(painter)
        painter.end()
        image.save(str(folder / f"{size}.png"))
    application.quit()


def use_ffmpeg_of_opencv(parts: Path, libraries: Path) -> None:
    """Replace PyAV's FFmpeg libraries in the app by those in the folder `libraries`.

    A library that the app already has, because its OpenCV needs it, becomes a link.
    """
    (own,) = parts.glob("opencv_python_headless.libs")
    replaced = parts / "av.libs"
    names = {name: next(replaced.glob(f"lib{name}-*")).name for name in _FFMPEG}
    shutil.rmtree(replaced)
    replaced.mkdir()
    for name, wanted in names.items():
        found = next(libraries.glob(f"lib{name}-*"))
        versions = [re.search(r"\.so\.(\d+\.\d+)", file) for file in (wanted, found.name)]
        if versions[0] is None or versions[1] is None or versions[0][1] != versions[1][1]:
            raise SystemExit(
                f"error: PyAV needs {wanted}, but OpenCV has {found.name}; choose versions of the "
                "two packages that have the same FFmpeg"
            )
        _place(found, replaced, own)
        (replaced / wanted).symlink_to(found.name)
    # PyInstaller has put links to the libraries of both packages beside the program.
    for link in parts.glob("*.so*"):
        if link.is_symlink() and not link.exists():
            link.unlink()


def _place(library: Path, folder: Path, own: Path) -> None:
    """Put `library` and the libraries beside it that it needs into `folder`."""
    if (folder / library.name).is_symlink() or (folder / library.name).exists():
        return
    if (own / library.name).exists():
        (folder / library.name).symlink_to(f"../{own.name}/{library.name}")
    else:
        shutil.copy2(library, folder)
    headers = subprocess.run(
        ["objdump", "-p", str(library)], capture_output=True, text=True, check=True
    ).stdout
    for needed in re.findall(r"NEEDED\s+(\S+)", headers):
        if (library.parent / needed).exists():
            _place(library.parent / needed, folder, own)


def strip(app: Path) -> None:
    """Remove the debug information of all libraries, and the permission to execute them.

    A library keeps its debug information if it would become less than a tenth smaller.
    """
    for file in app.rglob("*.so*"):
        if file.is_file() and not file.is_symlink():
            before = file.stat().st_size
            stripped = file.with_name(file.name + ".stripped")
            done = subprocess.run(
                ["strip", "--strip-debug", "-o", str(stripped), str(file)],
                capture_output=True,
                check=False,
            )
            if done.returncode == 0 and stripped.stat().st_size < 0.9 * before:
                shutil.copymode(file, stripped)
                stripped.replace(file)
            else:
                stripped.unlink(missing_ok=True)
            file.chmod(0o644)


def copy_licences(folder: Path) -> None:
    """Copy the licence files of all Python packages of this environment to `folder`."""
    for package in metadata.distributions():
        for file in package.files or ():
            is_licence = re.match(r"(licen[cs]e|copying|notice|authors)", file.name, re.IGNORECASE)
            if is_licence and not file.name.endswith((".py", ".pyc")):
                place = folder / package.name / file.name
                place.parent.mkdir(parents=True, exist_ok=True)
                if Path(str(file.locate())).is_file():
                    shutil.copyfile(file.locate(), place)


def check_licences(parts: Path) -> None:
    """End the script with an error if the app has a library under the GPL."""
    if found := [file.name for file in parts.rglob("*") if _GPL_LIBRARIES.search(file.name)]:
        raise SystemExit(f"error: the app has parts under the GPL: {', '.join(sorted(found))}")
    if sys.platform.startswith("linux"):
        library = ctypes.CDLL(str(next((parts / "av.libs").glob("libavcodec-*"))))
        library.avcodec_license.restype = ctypes.c_char_p
        licence = library.avcodec_license().decode()
        if not licence.startswith("LGPL"):
            raise SystemExit(f"error: the FFmpeg of the app is under the licence {licence}")


if __name__ == "__main__":
    main()
