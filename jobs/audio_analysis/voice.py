"""How much the speech band is modulated at the rate of syllables."""

import numpy as np
import numpy.typing as npt
import scipy.fft

from jobs.audio_analysis.spectrum import FRAMES_A_SECOND, Spectrum

_BAND = (300.0, 3400.0)
"""Hz: what a telephone carries of a voice."""
_SYLLABLES = (3.0, 5.5)
_MODULATION = (0.5, 16.0)
"""Hz of the envelope."""


def syllabic_part(spectrum: Spectrum) -> float:
    """The part of the band's modulation between 0.5 and 16 Hz that lies near 4 Hz, 0 to 1."""
    low, high = np.searchsorted(spectrum.frequencies, _BAND)
    envelope = np.sqrt(spectrum.power[:, low:high].sum(axis=1))
    modulation = np.square(np.abs(scipy.fft.rfft(envelope - envelope.mean())))
    rates = np.fft.rfftfreq(len(envelope), 1 / FRAMES_A_SECOND)
    whole = float(modulation[_within(rates, _MODULATION)].sum())
    return float(modulation[_within(rates, _SYLLABLES)].sum()) / whole if whole > 0 else 0.0


def _within(rates: npt.NDArray[np.floating], limits: tuple[float, float]) -> npt.NDArray[np.bool_]:
    low, high = limits
    return (rates >= low) & (rates <= high)
