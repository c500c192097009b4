"""Audio properties made plausible: what cannot be true is unknown, what follows is filled in."""

import math
from dataclasses import replace

from jobs.records import AudioProperties

_LOWEST_BIT_RATE = 1
_HIGHEST_BIT_RATE = 100_000_000
_MAX_NUMBER = 2**31 - 1


def plausible(audio: AudioProperties, sound_size: int) -> AudioProperties:
    """The properties of a file with `sound_size` bytes beside its pictures, the absurd ones None.

    A bit rate that the format does not tell is the file's average. A duration is absurd that would
    mean less than 1 bit or more than 100 Mbit a second. The lower bound is so low because an hour
    of silence is 13 KB of FLAC (29 bit/s), and because a file that was cut off keeps the length
    that its header states, as every player shows it. Formats without such a header (WAV) are
    measured by the bytes that are there.
    """
    duration = _duration(audio.duration, sound_size)
    average = round(sound_size * 8 / duration) if duration else None
    return replace(
        audio,
        duration=duration,
        bit_rate=_positive(audio.bit_rate) or average,
        sample_rate=_positive(audio.sample_rate),
        bit_depth=_positive(audio.bit_depth),
        channels=_positive(audio.channels),
    )


def _duration(seconds: float | None, sound_size: int) -> float | None:
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return None
    bit_rate = sound_size * 8 / seconds
    return seconds if _LOWEST_BIT_RATE <= bit_rate <= _HIGHEST_BIT_RATE else None


def _positive(value: int | None) -> int | None:
    return value if value and 0 < value <= _MAX_NUMBER else None
