"""Define frames whose pixels stay in the memory of an NVIDIA GPU."""

from dataclasses import dataclass

import av

from ssd_live.errors import BackendError
from ssd_live.imaging.frame import Frame, InputRegion, Letterbox, Region
from ssd_live.imaging.pixels import YuvMatrix


@dataclass(frozen=True, eq=False)
class GpuPicture:
    """A picture in GPU memory, from which a backend makes the network input.

    `native` is an FFmpeg frame of the format `cuda` that holds NV12: a luma plane, and a chroma
    plane of half the width and height in which U and V alternate. `region` is the part of `native`
    that the network sees, in pixels of `native`, or None for the whole picture. `matrix` says how
    the YUV values stand for colours.
    """

    native: av.VideoFrame
    region: Region | None
    matrix: YuvMatrix


@dataclass(frozen=True, eq=False)
class GpuFrame(Frame):
    """A `Frame` without planes, whose pixels are in GPU memory.

    `native` is an FFmpeg frame of the format `cuda`. `size` is the (width, height) of the first
    frame of the video, in pixels, and all frames of the video count as that large. `native` has
    another size if the frame size changes within the video.
    """

    size: tuple[int, int] = (0, 0)

    @property
    def width(self) -> int:
        """The width in pixels."""
        return self.size[0]

    @property
    def height(self) -> int:
        """The height in pixels."""
        return self.size[1]

    @property
    def nbytes(self) -> int:
        """The size of the pixels in bytes, as NV12."""
        return 3 * self.width * self.height // 2

    def picture(self, region: InputRegion | None = None) -> GpuPicture:
        """Return the frame as a `GpuPicture` of which the network sees only `region`.

        `region` is in pixels of the frame (`size`), or None for the whole frame. Raises
        `BackendError` for a `Letterbox`, because backends resize pictures without bars.
        """
        if isinstance(region, Letterbox):
            raise BackendError(
                "frames in GPU memory cannot be letterboxed; decode without --hardware-decoding"
            )
        native = self.native
        assert isinstance(native, av.VideoFrame)
        if region is not None and (native.width, native.height) != self.size:
            x, y = native.width / self.width, native.height / self.height
            region = Region(
                int(region.x * x),
                int(region.y * y),
                max(int(region.width * x), 1),
                max(int(region.height * y), 1),
            )
        return GpuPicture(native, region, self.matrix)
