"""Scores and synthetic tags, derived from the other audio features.

None of the five scores of 0 to 1, which people filter and order by, is a trained model: each is a
mean of a few features, set to scale by the range that these have in recorded music. They order
tracks; their absolute values mean little. A synthetic tag is a word for what features say, with the
feature that it came from. What follows from the tempo is derived again when its owner corrects it.
"""

from collections.abc import Callable, Mapping
from math import exp, log2, log10
from typing import Any, NamedTuple

Features = Mapping[str, Any]
"""Columns of `audio_features`."""


def scores(features: Features, syllabic: float) -> dict[str, float]:
    """How much of each of the five, 0 to 1, by the column; of what is no silence.

    `syllabic` is the part of the modulation that comes at the pace of syllables.
    """
    return {
        "energy": _energy(features),
        "danceability": _danceability(features),
        "acousticness": _acousticness(features),
        "instrumentalness": _instrumentalness(features, syllabic),
        "valence": _valence(features),
    }


BY_TEMPO = ("bpm", "danceability", "valence", "synthetic_tags")
"""The columns that follow from the tempo."""
_NEEDED = ("rms", "pulse", "onset_rate", "centroid")
"""What silence has not."""


def with_tempo(features: Features, bpm: float) -> dict[str, Any]:
    """Those columns, as they are at another tempo than the one that was found."""
    found = {**features, "bpm": bpm}
    if all(features.get(name) is not None for name in _NEEDED):
        again = {"danceability": _danceability(found), "valence": _valence(found)}
        found |= {name: float(f"{score:.5g}") for name, score in again.items()}
        found["synthetic_tags"] = [list(tag) for tag in synthetic_tags(found)]
    return {name: found[name] for name in BY_TEMPO}


def _energy(features: Features) -> float:
    """Arousal.

    0.4 loudness (-30 to -8 LUFS), 0.3 onsets (0 to 8 a second), 0.15 brightness
    (centroid, 500 to 3500 Hz) and 0.15 density (20 to 6 dB of dynamic range).

    Loudness, event density and brightness are what arousal is judged by: E. Schubert, "Modeling
    Perceived Emotion With Continuous Musical Features" (2004); A. Gabrielsson and E. Lindström,
    "The Role of Structure in the Musical Expression of Emotions" (2010).
    """
    loud = features["loudness"]
    return _mean(
        (0.4, _scaled(loud if loud is not None else -70.0, -30, -8)),
        (0.3, _scaled(features["onset_rate"], 0, 8)),
        (0.15, _brightness(features)),
        (0.15, _scaled(features["dynamic_range"], 20, 6)),
    )


def _danceability(features: Features) -> float:
    """How well one could dance to it.

    0.5 clarity of the pulse (0.05 to 0.35), 0.3 nearness to 120 beats a minute (a bell in
    octaves, deviation 0.5), 0.2 onsets (0.5 to 6 a second).

    Pulse clarity: O. Lartillot and others, "Multi-Feature Modeling of Pulse Clarity" (2008); the
    tempo that people move to: D. Moelants, "Preferred tempo reconsidered" (2002).
    """
    bpm = features["bpm"]
    near = exp(-0.5 * (log2(bpm / 120) / 0.5) ** 2) if bpm else 0.0
    return _mean(
        (0.5, _scaled(features["pulse"], 0.05, 0.35)),
        (0.3, near),
        (0.2, _scaled(features["onset_rate"], 0.5, 6)),
    )


def _acousticness(features: Features) -> float:
    """How little it is amplified and produced.

    0.4 dark (centroid, 3500 down to 800 Hz), 0.3 tonal (flatness, 0.1 down to 0.001, by its
    logarithm), 0.3 dynamic (6 to 20 dB).

    Amplified and produced music has more of high frequencies and noise, and less of a range:
    G. Tzanetakis and P. Cook, "Musical Genre Classification of Audio Signals" (2002), for the
    features; E. Deruty and D. Tardieu, "About Dynamic Processing in Mainstream Music" (2014).
    """
    flatness = log10(max(features["flatness"], 1e-6))
    return _mean(
        (0.4, _scaled(features["centroid"], 3500, 800)),
        (0.3, _scaled(flatness, -1, -3)),
        (0.3, _scaled(features["dynamic_range"], 6, 20)),
    )


def _instrumentalness(features: Features, syllabic: float) -> float:
    """One less the signs of a voice.

    These are 0.7 modulation near 4 Hz in the speech band (a part of 0.2 to 0.5) and 0.3 spread of
    zero crossings (deviation by mean, 0.05 to 0.5).

    Syllables come at about 4 a second, and voiced and voiceless sounds alternate: E. Scheirer and
    M. Slaney, "Construction and Evaluation of a Robust Multifeature Speech/Music Discriminator"
    (1997). Drums at that rate are taken for a voice: it is a weak sign.
    """
    crossings = features["zero_crossings_deviation"] / max(features["zero_crossings"], 1.0)
    return 1 - _mean(
        (0.7, _scaled(syllabic, 0.2, 0.5)),
        (0.3, _scaled(crossings, 0.05, 0.5)),
    )


def _valence(features: Features) -> float:
    """How happy it sounds, and not sad.

    0.4 mode (major 1, minor 0, as far from the middle as the key is sure), 0.25 tempo (60 to 160
    beats a minute), 0.2 onsets (0 to 8 a second), 0.15 brightness.

    Mode and tempo weigh most in judgements of happy and sad: S. Dalla Bella and others (2001);
    T. Eerola and others, "Emotional expression in music: contribution, linearity, and additivity of
    primary musical cues" (2013).
    """
    sign = {"major": 1, "minor": -1}.get(features["mode"], 0)
    return _mean(
        (0.4, 0.5 + 0.5 * sign * (features["key_confidence"] or 0.0)),
        (0.25, _scaled(features["bpm"] or 60.0, 60, 160)),
        (0.2, _scaled(features["onset_rate"], 0, 8)),
        (0.15, _brightness(features)),
    )


def _brightness(features: Features) -> float:
    return _scaled(features["centroid"], 500, 3500)


def _scaled(value: float, low: float, high: float) -> float:
    """0 at `low`, 1 at `high`, and no further; `low` may be the greater one."""
    return float(min(1.0, max(0.0, (value - low) / (high - low))))


def _mean(*weighted: tuple[float, float]) -> float:
    return sum(weight * value for weight, value in weighted)


class SyntheticTag(NamedTuple):
    """A word, and where it came from."""

    tag: str
    source: str
    """The feature and its value, such as `energy 0.82`."""


class _Rule(NamedTuple):
    """A word for all tracks whose features are within all of these limits."""

    tag: str
    limits: Mapping[str, tuple[float, float]]


_ANY = float("inf")
_SURE, _BEAT = (0.08, 1.0), (0.05, 1.0)
"""Music without a beat has a tempo, too, but none worth a word; nor has noise."""
_CLEAR = {"bpm_confidence": _SURE, "pulse": _BEAT}
_RULES = (
    _Rule("energetic", {"energy": (0.65, 1)}),
    _Rule("calm", {"energy": (0, 0.35)}),
    _Rule("bright", {"centroid": (2500, _ANY)}),
    _Rule("dark", {"centroid": (0, 1100)}),
    _Rule("dance", {"danceability": (0.65, 1)}),
    _Rule("ambient", {"onset_rate": (0, 1), "energy": (0, 0.4)}),
    _Rule(
        "workout", {"energy": (0.6, 1), "bpm": (115, 185), "bpm_confidence": _SURE, "pulse": _BEAT}
    ),
    _Rule("focus", {"instrumentalness": (0.6, 1), "energy": (0.15, 0.5)}),
    _Rule("acoustic", {"acousticness": (0.65, 1)}),
    _Rule("instrumental", {"instrumentalness": (0.75, 1)}),
    _Rule("happy", {"valence": (0.65, 1)}),
    _Rule("melancholic", {"valence": (0, 0.35)}),
    _Rule("slow", {"bpm": (0, 80), **_CLEAR}),
    _Rule("fast", {"bpm": (140, _ANY), **_CLEAR}),
    _Rule("loud", {"loudness": (-9, _ANY)}),
    _Rule("quiet", {"loudness": (-_ANY, -23)}),
    _Rule("dynamic", {"loudness_range": (12, _ANY)}),
)


def synthetic_tags(features: Features) -> list[SyntheticTag]:
    """The tags of a track with these features, in a fixed order."""
    if features.get("rms") is None:
        return [SyntheticTag("silent", f"peak {features['peak']:.4g}")]
    return [
        SyntheticTag(rule.tag, ", ".join(f"{name} {features[name]:.4g}" for name in rule.limits))
        for rule in _RULES
        if _rule_applies(rule, features.get)
    ]


def _rule_applies(rule: _Rule, value: Callable[[str], Any]) -> bool:
    """A feature that is not known is within no limits."""
    return all(
        value(name) is not None and low <= value(name) <= high
        for name, (low, high) in rule.limits.items()
    )
