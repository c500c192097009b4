"""Tags that no person wrote: words for what features say, each with the one it came from."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Features = Mapping[str, Any]
"""Columns of `audio_features`."""


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
    if "rms" not in features:
        return [SyntheticTag("silent", f"peak {features['peak']:.4g}")]
    return [
        SyntheticTag(rule.tag, ", ".join(f"{name} {features[name]:.4g}" for name in rule.limits))
        for rule in _RULES
        if _applies(rule, features.get)
    ]


def _applies(rule: _Rule, value: Callable[[str], Any]) -> bool:
    """A feature that is not known is within no limits."""
    return all(
        value(name) is not None and low <= value(name) <= high
        for name, (low, high) in rule.limits.items()
    )
