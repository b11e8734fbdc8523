"""Show notifications on the desktop and play sounds when events happen.

The libraries for this start programs or talk to the desktop, which may hang, so each does its work
in a child process.
"""

import contextlib
import logging
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from ssd_live.closing import Closing
from ssd_live.errors import BackendError
from ssd_live.system.child_process import end_with_parent, lifeline, own_program, run_child

DESKTOP_COMMAND = "run-desktop"
# A sound that is longer is cut off.
LONGEST_SECONDS = 60.0
# So many wait, and more are left out: nobody reads or hears them.
_MOST_WAITING = 4
_CLOSE_SECONDS = 2.0


class DesktopWorker(Closing):
    """Shows notifications or plays sounds, one after another, in a thread.

    `notify` gets a line of text when one of them fails, but only once for the same reason. `close`
    waits two seconds for what has begun, and then ends it.
    """

    def __init__(self, notify: Callable[[str], None]) -> None:
        self._notify = notify
        self._told: set[str] = set()
        self._is_closing = False
        self._waiting: queue.Queue[tuple[str, Sequence[str]] | None] = queue.Queue(_MOST_WAITING)
        # Children end when it closes.
        self._life = contextlib.ExitStack()
        self._alive = self._life.enter_context(lifeline())
        self._thread = threading.Thread(target=self._run, name="desktop", daemon=True)
        self._thread.start()

    def show(self, name: str, title: str, text: str) -> None:
        """Show a notification soon; return at once. `name` stands for it in messages."""
        self._add(name, ("notify", title, text))

    def play(self, name: str, file: Path) -> None:
        """Play a sound file soon; return at once. `name` stands for it in messages."""
        self._add(name, ("play", str(file)))

    def close(self) -> None:
        """Begin nothing more, and end what has not ended after two seconds."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        # Nobody else adds, so there is room now.
        self._waiting.put_nowait(None)
        self._thread.join(_CLOSE_SECONDS)
        self._is_closing = True
        self._life.close()
        self._thread.join(_CLOSE_SECONDS)

    def _add(self, name: str, words: Sequence[str]) -> None:
        try:
            self._waiting.put_nowait((name, words))
        except queue.Full:
            self._tell(f"{name}: too many at once; some are left out")

    def _run(self) -> None:
        program = own_program("ssd_live.actions.desktop", DESKTOP_COMMAND)
        while (item := self._waiting.get()) is not None:
            name, words = item
            try:
                code, text = run_child([*program, *words], LONGEST_SECONDS, self._alive)
            except BackendError:
                # A long sound is not an error.
                code, text = int(words[0] != "play"), "the desktop does not answer"
            if code and not self._is_closing:
                lines = text.strip().splitlines()
                self._tell(f"{name}: {lines[-1] if lines else f'failed with the code {code}'}")

    def _tell(self, line: str) -> None:
        if line not in self._told:
            self._told.add(line)
            self._notify(line)


def run_as_child(arguments: Sequence[str]) -> int:
    """Do the work of a child process that `DesktopWorker` has started; return its exit code.

    The arguments are "notify", a title and a text, or "play" and a path. If there is an error, its
    message is the last line on standard error.
    """
    end_with_parent()
    what, *words = arguments
    message = _show(*words) if what == "notify" else _play(*words)
    if message:
        print(message, file=sys.stderr)
    return int(bool(message))


class _Failures(logging.Handler):
    """Keeps the last warning of a library that reports failures only in its log."""

    last = ""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        lines = str(error or record.getMessage()).splitlines()
        self.last = lines[0] if lines else type(error).__name__


def _show(title: str, text: str) -> str:
    """Show a notification; return an error message, or "" if it was shown."""
    from desktop_notifier.sync import DesktopNotifierSync

    failures = _Failures()
    log = logging.getLogger("desktop_notifier")
    log.addHandler(failures)
    log.propagate = False
    DesktopNotifierSync("ssd_live").send(title, text)
    return f"no notification can be shown here ({failures.last})" if failures.last else ""


def _play(file: str) -> str:
    """Play a sound file; return an error message, or "" if it was played."""
    if not Path(file).is_file():
        return f"{file}: there is no such sound file; give another one"
    # Some players do not say that they cannot play a file.
    import av

    try:
        with av.open(file) as container:
            has_sound = bool(container.streams.audio)
    except (av.FFmpegError, OSError):
        has_sound = False
    if not has_sound:
        return f"{file}: is no sound file; give another one, such as a WAV file"
    import playsound3

    if playsound3.DEFAULT_BACKEND is None:
        return "no program that plays sounds is installed; install gstreamer1.0-tools or ffmpeg"
    try:
        sound = playsound3.playsound(file, block=False)
        sound.wait()
    except Exception as error:  # each backend has its own
        return f"{file}: cannot be played ({error})"
    code = getattr(sound.subprocess, "returncode", 0)
    return f"{file}: cannot be played, or there is no sound output" if code else ""


if __name__ == "__main__":
    sys.exit(run_as_child(sys.argv[1:]))
