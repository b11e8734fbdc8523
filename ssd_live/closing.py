"""Define `Closing`, a base class for objects that a with-block closes."""

from typing import Self


class Closing:
    """A base class for objects that are closed at the end of their with-block."""

    def close(self) -> None:
        """Free the resources of the object. Each subclass must define this method."""
        raise AssertionError("a subclass of Closing must define close")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
