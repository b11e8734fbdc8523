"""Make the Linux packages of a frozen app: .deb, .rpm and .tar.gz.

    python -m tools.package.linux_packages APP FOLDER

APP is the folder that `freeze.py` made. The packages are written to FOLDER. nfpm must be in the
environment of the Python that runs this script.
"""

import argparse
import gzip
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from ssd_live import __version__
from tools.package.manual import manual_page

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_MAINTAINER = "ssd_live <maintainers@ssd-live.invalid>"
_ID = "io.github.ssd_live.ssd_live"
_BASH = """\
_ssd_live() {
  local IFS=$'\\n'
  COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD="$COMP_CWORD" \\
                 _SSD_LIVE_COMPLETE=complete_bash ssd-live 2>/dev/null ) )
}
complete -o default -F _ssd_live ssd-live
"""
_ZSH = """\
#compdef ssd-live
eval "$(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _SSD_LIVE_COMPLETE=complete_zsh ssd-live)"
"""
_FISH = """\
complete --command ssd-live --no-files --arguments "(env _SSD_LIVE_COMPLETE=complete_fish \
_TYPER_COMPLETE_FISH_ACTION=get-args _TYPER_COMPLETE_ARGS=(commandline -cp) ssd-live)" \
--condition "env _SSD_LIVE_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=is-args \
_TYPER_COMPLETE_ARGS=(commandline -cp) ssd-live"
"""


def main() -> None:
    """Make the packages that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("app", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    app, folder = options.app.resolve(), options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    share = folder / "share"
    shutil.rmtree(share, ignore_errors=True)
    make_share(share, app.parent / "work" / "ssd_live" / "icons")
    machine = platform.machine()
    variables = {
        "APP": str(app),
        "SHARE": str(share),
        "VERSION": __version__,
        "MAINTAINER": _MAINTAINER,
        "ARCH": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
        "GLIBC": platform.libc_ver()[1],
    }
    nfpm = Path(sys.executable).with_name("nfpm")
    for kind in ("deb", "rpm"):
        subprocess.run(
            [str(nfpm), "package", "--config", str(_HERE / "linux/nfpm.yaml"),
             "--packager", kind, "--target", str(folder)],
            check=True,
            env=os.environ | variables,
        )  # fmt: skip
    name = f"ssd-live-{__version__}-linux-{machine}"
    with tarfile.open(folder / f"{name}.tar.gz", "w:gz", compresslevel=6) as archive:
        archive.add(app, name)
        archive.add(share, f"{name}/share")
    shutil.rmtree(share)
    for file in sorted(folder.glob("ssd-live*")):
        print(f"{file}: {file.stat().st_size / 1e6:.0f} MB")


def make_share(share: Path, icons: Path) -> None:
    """Write the files that belong in /usr/share to the folder `share`.

    `icons` has the application icon as `SIZE.png`.
    """
    linux = _HERE / "linux"
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    places: dict[str, str | bytes] = {
        f"applications/{_ID}.desktop": (linux / f"{_ID}.desktop").read_text(),
        f"metainfo/{_ID}.metainfo.xml": (linux / f"{_ID}.metainfo.xml")
        .read_text()
        .replace("@VERSION@", __version__)
        .replace("@DATE@", f"{now:%Y-%m-%d}"),
        "man/man1/ssd-live.1.gz": gzip.compress(manual_page().encode(), mtime=0),
        "bash-completion/completions/ssd-live": _BASH,
        "zsh/vendor-completions/_ssd-live": _ZSH,
        "fish/vendor_completions.d/ssd-live.fish": _FISH,
        f"icons/hicolor/scalable/apps/{_ID}.svg": (_ROOT / "assets/icons/ssd_live.svg").read_text(),
        "doc/ssd-live/copyright": _copyright(),
        "doc/ssd-live/NEWS.gz": gzip.compress((_ROOT / "CHANGELOG.md").read_bytes(), mtime=0),
        "doc/ssd-live/changelog.gz": gzip.compress(_debian_changelog(now).encode(), mtime=0),
        "lintian/overrides/ssd-live": (linux / "lintian-overrides").read_text(),
    }
    for file in icons.glob("*.png"):
        places[f"icons/hicolor/{file.stem}x{file.stem}/apps/{_ID}.png"] = file.read_bytes()
    for name, content in places.items():
        place = share / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


def _debian_changelog(now: datetime) -> str:
    return (
        f"ssd-live ({__version__}) stable; urgency=low\n\n"
        f"  * Version {__version__}. What is new is in NEWS.\n\n"
        f" -- {_MAINTAINER}  {format_datetime(now)}\n"
    )


def _copyright() -> str:
    return (
        (_ROOT / "NOTICE").read_text()
        + "\nThe licences of all parts of the app are in /usr/lib/ssd-live/_internal/licenses.\n"
        + "On Debian systems, the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0,\n"
        + "and the LGPL 2.1, under which FFmpeg is, in /usr/share/common-licenses/LGPL-2.1.\n"
    )


if __name__ == "__main__":
    main()
