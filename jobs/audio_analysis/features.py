"""From a file to its features: the one pass that computes each of them. Heavy to import."""

from collections.abc import Sequence
from typing import Any

from db.library import sound_scores
from jobs.audio_analysis.decoder import ExcerptRequest, decode
from jobs.audio_analysis.loudness import Loudness
from jobs.audio_analysis.rhythm import Rhythm
from jobs.audio_analysis.spectrum import Excerpt, Spectrum
from jobs.audio_analysis.timbre import Timbre
from jobs.audio_analysis.tonality import Tonality

Features = dict[str, Any]
"""Columns of `audio_features` and their values, all JSON."""
_SILENCE = 1e-5
"""No sample beyond -100 dBFS."""
_DIGITS = 5


def features_of_file(wanted: ExcerptRequest) -> Features:
    """The features of a file's excerpt. Raises UnreadableFileError."""
    return features(decode(wanted))


def features(excerpt: Excerpt) -> Features:
    """The features of an excerpt. Of silence only what silence has: the others are None."""
    found: Features = {
        "decoder": excerpt.decoder,
        "start": round(excerpt.start, 2),
        "seconds": round(excerpt.seconds, 3),
    }
    loud = Loudness.of(excerpt)
    found |= {
        "loudness": loud.integrated,
        "loudness_range": loud.range,
        "peak": loud.peak,
        "dynamic_range": loud.dynamic_range,
    }
    samples = excerpt.mono()
    del excerpt  # 30 MB that are not needed any more
    if abs(samples).max() > _SILENCE:
        spectrum = Spectrum(samples)
        mel = spectrum.mel_decibels
        timbre = Timbre.of(spectrum, mel)
        found |= _rhythmic(Rhythm.of(mel)) | _tonal(Tonality.of(samples)) | _timbral(timbre)
        found |= sound_scores.scores(found, timbre.syllabic)
    found["synthetic_tags"] = [list(tag) for tag in sound_scores.synthetic_tags(found)]
    return {name: _rounded(value) for name, value in found.items()}


def _rhythmic(rhythmic: Rhythm) -> Features:
    return {
        "bpm": rhythmic.bpm,
        "bpm_confidence": rhythmic.confidence,
        "bpm_candidates": [list(candidate) for candidate in rhythmic.candidates],
        "pulse": rhythmic.pulse,
        "onset_rate": rhythmic.onset_rate,
    }


def _tonal(tonal: Tonality) -> Features:
    key = tonal.key
    return {
        "key": key and key.name,
        "mode": key and key.mode,
        "camelot": key and key.camelot,
        "key_confidence": tonal.confidence,
        "tuning": tonal.tuning,
        "chroma_mean": list(tonal.chroma_mean),
        "chroma_deviation": list(tonal.chroma_deviation),
        "chroma_entropy": tonal.chroma_entropy,
    }


def _timbral(timbre: Timbre) -> Features:
    found: Features = {}
    for name in ("centroid", "bandwidth", "rolloff", "flatness", "zero_crossings", "rms"):
        found[name], found[f"{name}_deviation"] = getattr(timbre, name)
    for name in ("contrast", "mfcc_mean", "mfcc_deviation"):
        found[name] = list(getattr(timbre, name))
    return found


def _rounded(value: Any) -> Any:
    """Five digits that count: what is beyond differs from one machine to another."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(each) for each in value]
    return value
