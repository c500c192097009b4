"""Tempo, key, loudness and the rest of sounds that are known."""

from typing import TYPE_CHECKING

import numpy as np
import pytest

from demo import sounds
from demo.sounds import RATE, Wave
from web.pages.tracks import key_wheel

if TYPE_CHECKING:
    from jobs.audio_analysis.features import Features
    from jobs.audio_analysis.tonality import Key

MODES = ("major", "minor")
KEYS = [(tonic, mode) for mode in MODES for tonic in range(12)]
SCORES = ("energy", "danceability", "acousticness", "instrumentalness", "valence")


def heard(samples: Wave, rate: int = RATE) -> "Features":
    """The features of samples, mono or (samples, channels)."""
    from jobs.audio_analysis.features import features  # noqa: PLC0415  # librosa
    from jobs.audio_analysis.spectrum import Excerpt  # noqa: PLC0415

    shaped = samples if samples.ndim == 2 else samples[:, None]
    return features(Excerpt(shaped, rate, 0.0, "soundfile"))


def key_of(tonic: int, mode: str) -> "Key":
    """A key as the analysis names it."""
    from jobs.audio_analysis.tonality import Key  # noqa: PLC0415  # librosa

    return Key(tonic, mode)


@pytest.mark.parametrize("bpm", [94, 104.5, 128, 150])
@pytest.mark.parametrize("swing", [False, True])
def test_the_tempo_is_the_one_that_was_played(bpm: float, swing: bool) -> None:
    found = heard(sounds.clicks(bpm, 20, swing=swing))
    assert found["bpm"] == pytest.approx(bpm, rel=0.02)


def test_other_octaves_of_the_tempo_are_told_as_candidates() -> None:
    candidates = [bpm for bpm, _ in heard(sounds.clicks(100, 20))["bpm_candidates"]]
    assert candidates[0] == pytest.approx(100, rel=0.02)
    for octave in (50, 200):
        assert any(bpm == pytest.approx(octave, rel=0.04) for bpm in candidates)


def test_a_clear_pulse_is_surer_of_its_tempo_than_noise() -> None:
    pulse, chance = heard(sounds.clicks(120, 20)), heard(sounds.noise(20))
    assert pulse["bpm_confidence"] > 2 * chance["bpm_confidence"]
    assert pulse["pulse"] > 2 * chance["pulse"]


def test_onsets_are_counted() -> None:
    assert heard(sounds.clicks(120, 20))["onset_rate"] == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize(("tonic", "mode"), KEYS, ids=[f"{tonic} {mode}" for tonic, mode in KEYS])
def test_each_key_is_recognised(tonic: int, mode: str) -> None:
    found = heard(sounds.cadence(tonic, mode))
    assert (found["key"], found["mode"]) == (key_of(tonic, mode).name, mode)
    assert found["camelot"] == key_of(tonic, mode).camelot
    assert found["key_confidence"] > 0.3


@pytest.mark.parametrize("cents", [-40, 25, 45])
def test_a_detuned_recording_keeps_its_key(cents: float) -> None:
    found = heard(sounds.cadence(5, "minor", cents=cents))
    assert found["key"] == "Fm"
    assert found["tuning"] == pytest.approx(cents, abs=5)


@pytest.mark.parametrize(
    ("key", "code"),
    [((0, "major"), "8B"), ((9, "minor"), "8A"), ((7, "major"), "9B"), ((11, "major"), "1B")],
)
def test_camelot_codes_are_those_of_the_wheel(key: tuple[int, str], code: str) -> None:
    assert key_of(*key).camelot == code


def test_the_wheel_of_the_web_ui_has_every_key_at_its_camelot_code() -> None:
    keys = [key_of(tonic, mode) for tonic, mode in KEYS]
    shown = {each.code: each.key for each in key_wheel("8B").segments}
    assert shown == {key.camelot: key.name for key in keys}


def test_each_camelot_code_belongs_to_one_key() -> None:
    codes = {key_of(tonic, mode).camelot for tonic, mode in KEYS}
    assert codes == {f"{number}{letter}" for number in range(1, 13) for letter in "AB"}


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_that_of_a_meter(rate: int, channels: int) -> None:
    sound = sounds.noise(12, 0.1, rate, channels)
    sound[: 4 * rate] *= 0.03
    sound[4 * rate : 7 * rate] *= 0.4
    import pyloudnorm  # noqa: PLC0415  # SciPy

    expected = pyloudnorm.Meter(rate).integrated_loudness(sound.astype(float))
    assert heard(sound, rate)["loudness"] == pytest.approx(expected, abs=0.1)


def test_a_sine_has_the_loudness_that_ebu_tech_3341_states() -> None:
    time = np.arange(48_000 * 20) / 48_000
    sine = 10 ** (-23 / 20) * np.sin(2 * np.pi * 1000 * time)
    stereo = np.stack([sine, sine], axis=1).astype(np.float32)
    found = heard(stereo, 48_000)
    assert found["loudness"] == pytest.approx(-23, abs=0.1)
    assert found["peak"] == pytest.approx(-23, abs=0.1)


def test_the_loudness_range_is_that_of_ebu_tech_3342() -> None:
    time = np.arange(48_000 * 20) / 48_000
    parts = [10 ** (level / 20) * np.sin(2 * np.pi * 1000 * time) for level in (-20, -30)]
    stereo = np.concatenate([np.stack([part, part], axis=1) for part in parts]).astype(np.float32)
    assert heard(stereo, 48_000)["loudness_range"] == pytest.approx(10, abs=1)


def test_timbre_follows_the_spectrum() -> None:
    low, high = heard(sounds.tone(200, 5, partials=1)), heard(sounds.tone(4000, 5, partials=1))
    assert low["centroid"] == pytest.approx(200, rel=0.1)
    assert high["centroid"] == pytest.approx(4000, rel=0.05)
    assert high["zero_crossings"] == pytest.approx(8000, rel=0.02)
    assert high["rolloff"] == pytest.approx(4000, rel=0.02)
    assert high["flatness"] < 0.001
    assert heard(sounds.noise(5))["flatness"] > 0.3
    assert low["rms"] == pytest.approx(np.sqrt(0.5) * 0.5, rel=0.05)


def test_scores_are_between_0_and_1_and_order_what_differs() -> None:
    wild = heard(sounds.clicks(128, 20) + 0.3 * sounds.noise(20)[:, 0])
    mild = heard(0.05 * sounds.cadence(0, "minor", 20))
    for found in (wild, mild):
        assert all(0 <= found[score] <= 1 for score in SCORES)
    assert wild["energy"] > mild["energy"]
    assert wild["danceability"] > mild["danceability"]
    assert mild["acousticness"] > wild["acousticness"]
    assert heard(sounds.cadence(0, "major", 20))["valence"] > mild["valence"]


def test_synthetic_tags_say_which_feature_they_came_from() -> None:
    found = heard(sounds.clicks(160, 20))
    names = ("bpm", "bpm_confidence", "pulse")
    source = ", ".join(f"{name} {found[name]:.4g}" for name in names)
    assert ["fast", source] in found["synthetic_tags"]


def test_a_tempo_that_is_no_more_than_a_guess_has_no_word() -> None:
    tags = {tag for tag, _ in heard(sounds.noise(20))["synthetic_tags"]}
    assert not tags & {"fast", "slow", "workout"}


def test_silence_has_a_result_that_says_so() -> None:
    found = heard(np.zeros((RATE * 5, 2), np.float32))
    assert found["loudness"] is None
    assert [tag for tag, _ in found["synthetic_tags"]] == ["silent"]
    assert "bpm" not in found


def test_the_same_sound_has_the_same_features_again() -> None:
    sound = sounds.cadence(3, "major") + sounds.clicks(96, 12)
    assert heard(sound) == heard(sound)
