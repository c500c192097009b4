"""The power of a spectrum in mel bands."""

import numpy as np
from librosa import power_to_db
from librosa.feature import melspectrogram

from jobs.audio_analysis.spectrum import RATE, Array, Spectrum

BANDS = 64
_LOWEST = 30.0
"""Hz."""


def mel_decibels(spectrum: Spectrum) -> Array:
    """The power in each band in dB below the loudest of all, at least -80; (BANDS, frames)."""
    power = melspectrogram(S=spectrum.power.T, sr=RATE, n_mels=BANDS, fmin=_LOWEST)
    decibels: Array = power_to_db(power, ref=np.max)
    return decibels
