"""The mel filter bank and the power of a spectrum in its bands."""

from functools import cache

import numpy as np
import numpy.typing as npt

from jobs.audio_analysis.spectrum import RATE, WINDOW, Array, Spectrum

Doubles = npt.NDArray[np.float64]

BANDS = 64
_LOWEST, _HIGHEST = 30.0, RATE / 2


@cache
def filters() -> Array:
    """Triangles on the mel scale of Slaney's Auditory Toolbox, each of area 1; (bins, BANDS).

    Linear up to 1000 Hz, 200/3 Hz a mel, logarithmic beyond: the scale that librosa has, too.
    """
    edges = _hertz(np.linspace(_mel(_LOWEST), _mel(_HIGHEST), BANDS + 2))
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rising, falling)) * 2 / (edges[2:] - edges[:-2])
    bank: Array = triangles.astype(np.float32)
    return bank


def mel_decibels(spectrum: Spectrum) -> Array:
    """The power in each band in dB below the loudest of all, at least -80; (frames, BANDS)."""
    power = spectrum.power @ filters()
    loudest = max(float(power.max()), 1e-10)
    decibels: Array = 10 * np.log10(np.maximum(power / loudest, 1e-8))
    return decibels


def _mel(hertz: float) -> float:
    if hertz < 1000:
        return hertz * 3 / 200
    return float(15 + 27 * np.log(hertz / 1000) / np.log(6.4))


def _hertz(mel: Doubles) -> Doubles:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
