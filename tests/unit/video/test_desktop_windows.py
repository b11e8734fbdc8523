"""Windows of other programs on a real X server, whose window manager is the test."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ssd_live.errors import MediaError, UsageError
from ssd_live.imaging.frame import Frame
from ssd_live.video.sources import SourceOptions, open_source, parse_source
from ssd_live.video.sources.desktop_windows import window_titles
from tests.servers import XVFB

if sys.platform != "linux":
    pytest.skip("this needs an X server", allow_module_level=True)

WIDTH, HEIGHT = 400, 300
FAST = SourceOptions(rate=200)


class Desktop:
    """Windows of one colour, which it lists as a window manager does."""

    def __init__(self) -> None:
        import Xlib.display

        self._display: Any = Xlib.display.Display()
        self._root: Any = self._display.screen().root
        self._windows: list[Any] = []

    def add(self, title: str, colour: int, place: tuple[int, int, int, int]) -> Any:
        import Xlib.X

        window = self._root.create_window(
            *place,
            0,
            self._display.screen().root_depth,
            background_pixel=colour,
            override_redirect=True,
            event_mask=Xlib.X.ExposureMask,
        )
        self._set(window, "_NET_WM_NAME", "UTF8_STRING", 8, title.encode())
        window.map()
        self._windows.append(window)
        self._list()
        return window

    def hide(self, window: Any) -> None:
        self._set(window, "_NET_WM_STATE", "ATOM", 32, [self._atom("_NET_WM_STATE_HIDDEN")])
        self._display.sync()

    def move(self, window: Any, *place: int) -> None:
        x, y, width, height = place
        window.configure(x=x, y=y, width=width, height=height)
        self._display.sync()

    def rename(self, window: Any, title: str) -> None:
        self._set(window, "_NET_WM_NAME", "UTF8_STRING", 8, title.encode())
        self._display.sync()

    def own(self, window: Any) -> None:
        """Say that the window is one of this process."""
        self._set(window, "_NET_WM_PID", "CARDINAL", 32, [os.getpid()])
        self._display.sync()

    def close(self, window: Any) -> None:
        self._windows.remove(window)
        window.destroy()
        self._list()

    def end(self) -> None:
        for window in list(self._windows):
            self.close(window)
        self._display.close()

    def _list(self) -> None:
        windows = [window.id for window in self._windows]
        for name in ("_NET_CLIENT_LIST", "_NET_CLIENT_LIST_STACKING"):
            self._set(self._root, name, "WINDOW", 32, windows)
        self._display.sync()

    def _set(self, window: Any, name: str, kind: str, bits: int, value: Any) -> None:
        window.change_property(self._atom(name), self._atom(kind), bits, value)

    def _atom(self, name: str) -> int:
        return int(self._display.intern_atom(name))


@pytest.fixture(scope="module")
def server() -> Iterator[None]:
    # PyWinCtl stays connected to the server that it finds when it is imported.
    try:
        process = subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", f"{WIDTH}x{HEIGHT}x24", *XVFB],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        pytest.skip("no Xvfb here")
    assert process.stdout is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", f":{process.stdout.readline().decode().strip()}")
        for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            patch.delenv(name, raising=False)
        yield
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def desktop(server: None) -> Iterator[Desktop]:
    found = Desktop()
    yield found
    found.end()


def frame_of(text: str) -> Frame:
    with open_source(parse_source(text), FAST) as source:
        frame = source.read()
        assert frame is not None
        return frame


def colours(frame: Frame) -> set[tuple[int, ...]]:
    """The colours in a frame, B, G, R."""
    return {tuple(map(int, colour)) for colour in np.unique(frame.planes[0].reshape(-1, 3), axis=0)}


def test_a_window_is_captured_wherever_it_is(desktop: Desktop) -> None:
    window = desktop.add("Grüße & more", 0xFF0000, (20, 30, 120, 80))
    desktop.add("other", 0x00FF00, (200, 150, 50, 40))
    assert window_titles() == ["Grüße & more", "other"]
    spec = parse_source("screen:window=Grüße & more")
    assert (spec.title, spec.returns) == ("Grüße & more", True)
    with open_source(spec, FAST) as source:
        assert (source.info.width, source.info.height) == (120, 80)
        frame = source.read()
        assert frame is not None
        assert (frame.width, frame.height, colours(frame)) == (120, 80, {(0, 0, 255)})
        desktop.move(window, 210, 160, 90, 70)
        # A window that is found is followed whatever its title becomes.
        desktop.rename(window, "another page")
        frame = source.read()
        assert frame is not None
        assert (frame.width, frame.height) == (90, 70)
        # What covers the window is in the frame.
        assert colours(frame) == {(0, 0, 255), (0, 255, 0)}


@pytest.mark.parametrize("title", ["map", "MAP - Berlin", " map "])
def test_a_part_of_the_title_is_enough_in_any_case(title: str, desktop: Desktop) -> None:
    desktop.add("Map - Berlin", 0x0000FF, (0, 0, 60, 50))
    assert colours(frame_of(f"screen:window={title}")) == {(255, 0, 0)}


def test_the_exact_title_is_better_than_a_part(desktop: Desktop) -> None:
    desktop.add("Editor 2", 0x0000FF, (0, 0, 60, 50))
    desktop.add("Editor", 0x00FF00, (100, 0, 60, 50))
    assert colours(frame_of("screen:window=editor")) == {(0, 255, 0)}


def test_only_the_part_on_the_desktop_is_captured(desktop: Desktop) -> None:
    desktop.add("edge", 0x0000FF, (-20, HEIGHT - 30, 60, 50))
    frame = frame_of("screen:window=edge")
    assert (frame.width, frame.height, colours(frame)) == (40, 30, {(255, 0, 0)})


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("close", "'clip' was closed"),
        ("hide", "'clip' is minimised"),
        ("move", "'clip' lies outside the desktop"),
    ],
)
def test_a_window_that_cannot_be_seen_any_more_is_said_so(
    act: str, message: str, desktop: Desktop
) -> None:
    window = desktop.add("clip", 0x0000FF, (0, 0, 60, 50))
    with open_source(parse_source("screen:window=clip"), FAST) as source:
        assert source.read() is not None
        getattr(desktop, act)(window, *((WIDTH, 0, 60, 50) if act == "move" else ()))
        with pytest.raises(MediaError, match=message):
            source.read()


def test_a_window_that_is_not_there_is_named_with_those_that_are(desktop: Desktop) -> None:
    desktop.add("one\x1b", 0, (0, 0, 60, 50))
    with pytest.raises(MediaError, match=r"'two'; there are 'one") as caught:
        frame_of("screen:window=two")
    assert "\x1b" not in str(caught.value)


def test_a_desktop_without_windows_is_said_so(desktop: Desktop) -> None:
    assert window_titles() == []
    with pytest.raises(MediaError, match="the window system lists none"):
        frame_of("screen:window=two")


@pytest.mark.parametrize("text", ["screen:window=", "screen:window=  ", "screen:window"])
def test_a_window_needs_a_title(text: str) -> None:
    with pytest.raises(UsageError, match="window=TITLE"):
        parse_source(text)


def test_the_windows_of_this_program_are_not_listed(desktop: Desktop) -> None:
    window = desktop.add("own", 0, (0, 0, 60, 50))
    assert window_titles() == ["own"]
    desktop.own(window)
    assert window_titles() == []
    with pytest.raises(MediaError, match="there is no window"):
        frame_of("screen:window=own")


def test_windows_without_a_title_are_left_out(desktop: Desktop) -> None:
    desktop.add("", 0, (0, 0, 60, 50))
    desktop.add("titled", 0x0000FF, (0, 0, 60, 50))
    assert window_titles() == ["titled"]
    assert colours(frame_of("screen:window=titled")) == {(255, 0, 0)}


def test_a_window_that_closes_while_it_is_looked_at_is_said_so(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pywinctl

    class Closing:
        """A window whose place can no longer be asked for."""

        title = "clip"
        isAlive, isMinimized = True, False  # noqa: N815 - PyWinCtl's names

        def getPID(self) -> int:  # noqa: N802 - PyWinCtl's name
            return 1

        @property
        def left(self) -> int:
            raise RuntimeError("BadWindow")

    monkeypatch.setattr(pywinctl, "getAllWindows", lambda: [Closing()])
    with pytest.raises(MediaError, match="'clip' was closed"):
        frame_of("screen:window=clip")


def test_a_window_system_that_fails_is_said_so(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pywinctl

    def broken() -> None:
        raise RuntimeError("connection lost")

    monkeypatch.setattr(pywinctl, "getAllWindows", broken)
    assert window_titles() == []
    with pytest.raises(MediaError, match="does not list its windows"):
        frame_of("screen:window=clip")
