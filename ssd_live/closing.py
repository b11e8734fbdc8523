"""`with` for whatever has a `close`."""

from typing import Self


class Closing:
    """Calls `close` at the end of a with-block."""

    def close(self) -> None:
        raise AssertionError("a Closing must say how to close")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
