"""Make the sound of events, assets/sounds/bell.wav: two strokes of a small bell.

python tools/make_bell.py
"""

import wave
from pathlib import Path

import numpy as np

_RATE = 22_050
# The partials of a bell: frequency as a multiple of the lowest, loudness, and decay in seconds.
_PARTIALS = ((1.0, 1.0, 0.5), (2.0, 0.6, 0.35), (2.76, 0.4, 0.2), (5.4, 0.2, 0.1))
_STROKES = ((880.0, 0.0), (660.0, 0.22))
_SECONDS = 1.2


def main() -> None:
    """Write the file."""
    time = np.arange(int(_SECONDS * _RATE)) / _RATE
    sound = np.zeros_like(time)
    for pitch, begin in _STROKES:
        since = np.maximum(time - begin, 0.0)
        # A stroke that begins at once would click.
        rise = np.minimum(since / 0.004, 1.0)
        for factor, loudness, decay in _PARTIALS:
            wave_form = np.sin(2 * np.pi * pitch * factor * since)
            sound += rise * loudness * np.exp(-since / decay) * wave_form
    samples = (sound / np.abs(sound).max() * 0.7 * 32767).astype("<i2")
    target = Path(__file__).parents[1] / "assets" / "sounds" / "bell.wav"
    target.parent.mkdir(exist_ok=True)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(samples.tobytes())


if __name__ == "__main__":
    main()
