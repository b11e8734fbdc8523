"""Choose in which tiles of a frame the network looks for small objects."""

from dataclasses import dataclass
from typing import Literal

from ssd_live.detection.tiles import MOST_TILES, Tile, grid_of, natural_grid, tile_grid
from ssd_live.errors import UsageError
from ssd_live.imaging.frame import Frame, Region
from ssd_live.imaging.motion import brightness_grid, has_moved
from ssd_live.imaging.pixels import Pixels

# With `auto`, the network looks at so many tiles of a frame at most, besides the whole frame.
MOST_TILES_A_FRAME = 2
# A tile in which nothing moves is looked at again after so many seconds.
_LONGEST_SECONDS = 1.0
# The pixels that are compared lie on a grid with about this many rows over the whole frame.
_ROWS = 180
# Something small has moved if this share of a block of so many rows of the grid has changed.
_BLOCK, _MOVED_SHARE = 2, 0.7

# The number of tiles, 0 for none; or natural: tiles about as large as the network input; or auto:
# those of them where something moves.
Tiles = int | Literal["natural", "auto"]
_NUMBERS = range(2, MOST_TILES + 1)


def check_tiles(tiles: Tiles) -> None:
    """Raise `UsageError` if this is not a number of tiles, "natural" or "auto"."""
    if tiles in ("natural", "auto") or (isinstance(tiles, int) and tiles in (0, *_NUMBERS)):
        return
    raise UsageError(f'tiles={tiles!r} must be a number from 2 to {MOST_TILES}, "auto" or 0')


@dataclass(frozen=True)
class TileUse:
    """The tiles of a frame: those that the network sees, and those where nothing has changed.

    `area` is the part of the frame that they cover.
    """

    area: Region
    looked: tuple[Tile, ...]
    unchanged: tuple[Tile, ...] = ()


class TileChooser:
    """Chooses the tiles of the frames of one source, which come in the order of time.

    `input_size` is the (width, height) of the network input, and `region` the part of the frames
    that the network sees, or None. The choice depends only on the pixels and the times of the
    frames so far, so that it is the same in every run.
    """

    def __init__(
        self, tiles: Tiles, input_size: tuple[int, int], region: Region | None = None
    ) -> None:
        self._wanted = tiles
        self._input_size = input_size
        self._region = region
        self._size = (0, 0)
        self._area = Region(0, 0, 0, 0)
        self._tiles: tuple[Tile, ...] = ()
        # When each tile was seen last, and its brightness then.
        self._seen: dict[Tile, tuple[float, Pixels]] = {}

    def use(self, frame: Frame) -> TileUse:
        """Return the tiles of the next frame."""
        if (frame.width, frame.height) != self._size:
            self._size = frame.width, frame.height
            self._area = self._region or Region(0, 0, frame.width, frame.height)
            self._tiles = tile_grid(self._area, *self._shape())
            self._seen = {}
        if self._wanted != "auto" or not self._tiles:
            return TileUse(self._area, self._tiles)
        return self._moving(frame)

    def _shape(self) -> tuple[int, int]:
        if isinstance(self._wanted, int):
            return grid_of(self._wanted, self._area)
        return natural_grid(self._area, self._input_size)

    def _moving(self, frame: Frame) -> TileUse:
        """Return the tiles where something moves, those first that were not seen the longest."""
        grid = brightness_grid(frame, _ROWS)
        now = {tile: _part(grid, tile.region, frame) for tile in self._tiles}
        unchanged, waiting = [], []
        for tile, its in now.items():
            seen_at, seen = self._seen.get(tile, (-1.0, None))
            waited = frame.time - seen_at
            if seen is None or waited < 0 or has_moved(its, seen, _BLOCK, _MOVED_SHARE):
                waiting.append((seen_at if waited >= 0 else -1.0, tile))
            else:
                unchanged.append((seen_at, tile))
        waiting.sort(key=lambda pair: pair[0])
        looked = [tile for _, tile in waiting[:MOST_TILES_A_FRAME]]
        if len(looked) < MOST_TILES_A_FRAME and unchanged:
            seen_at, tile = min(unchanged, key=lambda pair: pair[0])
            if frame.time - seen_at >= _LONGEST_SECONDS:
                looked.append(tile)
        for tile in looked:
            self._seen[tile] = frame.time, now[tile].copy()
        return TileUse(
            self._area,
            tuple(looked),
            tuple(tile for _, tile in unchanged if tile not in looked),
        )


def _part(grid: Pixels, region: Region, frame: Frame) -> Pixels:
    """Return the part of a grid over the whole frame that lies in `region`."""
    rows, columns = grid.shape
    top, bottom = (round(y * rows / frame.height) for y in (region.y, region.y + region.height))
    left, right = (round(x * columns / frame.width) for x in (region.x, region.x + region.width))
    return grid[top:bottom, left:right]
