"""Every format is decoded by one decoder or the other, and only the excerpt of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest
import soundfile

from demo import sounds
from demo.sounds import Wave
from jobs.errors import UnreadableFileError
from jobs.records import ProblemCode

if TYPE_CHECKING:
    from jobs.audio_analysis.spectrum import Excerpt

RATE = 44_100


def encode(path: Path, sound: Wave, codec: str, rate: int = RATE) -> Path:
    """Write mono samples with one of FFmpeg's encoders."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 128_000
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            stream.codec_context.format, "mono", rate, stream.codec_context.frame_size or None
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return path


def decode(
    path: Path,
    seconds: float,
    duration: float | None,
    decoder: str = "decode",
    begin: float | None = None,
) -> "Excerpt":
    """The middle of a file or part that is said to last so long, by this decoder or any."""
    from jobs.audio_analysis import decoder as decoders  # noqa: PLC0415  # librosa

    request = decoders.ExcerptRequest(str(path), seconds, duration, begin)
    excerpt: Excerpt = getattr(decoders, decoder)(request)
    return excerpt


def pitch(samples: Wave, rate: int) -> float:
    """The frequency of the strongest partial."""
    spectrum = np.abs(np.fft.rfft(samples[:, 0]))
    return float(np.argmax(spectrum) * rate / len(samples))


@pytest.mark.parametrize("extension", ["wav", "flac", "aiff", "ogg", "opus", "mp3"])
@pytest.mark.parametrize("decoder", ["by_soundfile", "by_pyav"])
def test_both_decoders_read_what_libsndfile_writes(
    tmp_path: Path, extension: str, decoder: str
) -> None:
    path = tmp_path / f"a.{extension}"
    form = {"opus": ("OGG", "OPUS"), "mp3": ("MP3", None)}.get(extension, (None, None))
    soundfile.write(path, sounds.tone(440, 4, 48_000), 48_000, format=form[0], subtype=form[1])
    found = decode(path, 90, 4.0, decoder)
    assert found.seconds == pytest.approx(4, abs=0.1)
    assert pitch(found.samples, found.rate) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("extension", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("decoder", ["by_soundfile", "by_pyav"])
def test_of_a_part_nothing_is_decoded_that_is_before_or_behind_it(
    tmp_path: Path, extension: str, decoder: str
) -> None:
    path = tmp_path / f"a.{extension}"
    tones = np.concatenate([sounds.tone(pitch, 3, 48_000) for pitch in (440, 880, 1320)])
    soundfile.write(path, tones, 48_000, format="MP3" if extension == "mp3" else None)
    for begin, length, of in (
        (0.0, 3.0, 440),
        (3.0, 3.0, 880),
        (6.0, None, 1320),
        (6.0, 9.0, 1320),
    ):
        found = decode(path, 90, length, decoder, begin)
        assert (found.start, found.seconds) == (0, pytest.approx(3, abs=0.15))
        assert pitch(found.samples, found.rate) == pytest.approx(of, abs=2)
    found = decode(path, 1, 3.0, decoder, 3.0)
    assert (found.start, found.seconds) == (1, pytest.approx(1, abs=0.1))
    assert pitch(found.samples, found.rate) == pytest.approx(880, abs=2)


def test_tags_that_are_no_utf_8_are_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, sounds.tone(440, 4, 48_000), 48_000)
    title = "Jóga".encode("latin-1") + b"\0\0"
    info = b"INFOINAM" + len(title).to_bytes(4, "little") + title
    with path.open("ab") as file:
        file.write(b"LIST" + len(info).to_bytes(4, "little") + info)
        end = file.tell()
    with path.open("r+b") as file:
        file.seek(4)
        file.write((end - 8).to_bytes(4, "little"))
    assert decode(path, 90, 4.0, "by_pyav").seconds == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.m4a", "aac"),
        ("b.m4a", "alac"),
        ("a.wma", "wmav2"),
        ("a.wv", "wavpack"),
        ("a.aac", "aac"),
    ],
)
def test_pyav_reads_what_libsndfile_does_not(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, sounds.tone(440, 4, RATE), codec)
    found = decode(path, 90, 4.0)
    assert found.decoder == "pyav"
    assert found.seconds == pytest.approx(4, abs=0.2)
    assert pitch(found.samples, found.rate) == pytest.approx(440, abs=2)


def test_a_file_with_another_formats_name_is_read_by_the_other_decoder(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", sounds.tone(440, 4, RATE), "aac").rename(tmp_path / "a.mp3")
    assert decode(path, 90, 4.0).decoder == "pyav"


@pytest.mark.parametrize("name", ["a.flac", "a.mp3", "a.m4a"])
def test_the_excerpt_is_from_the_middle(tmp_path: Path, name: str) -> None:
    parts = [sounds.tone(hertz, 10, RATE, partials=1) for hertz in (300, 500, 700)]
    sound = 0.5 * np.concatenate(parts)
    path = tmp_path / name
    if name.endswith("m4a"):
        encode(path, sound, "aac")
    else:
        soundfile.write(path, sound, RATE)
    found = decode(path, 8, 30.0)
    assert found.seconds == pytest.approx(8, abs=0.1)
    assert found.start == pytest.approx(11, abs=0.2)
    assert pitch(found.samples, found.rate) == pytest.approx(500, abs=2)


def test_no_more_than_48_khz_and_two_channels_are_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sounds.noise(6, rate=192_000, channels=6), 192_000)
    found = decode(tmp_path / "a.wav", 90, None)
    assert (found.rate, found.samples.shape[1]) == (48_000, 1)
    assert found.seconds == pytest.approx(6, abs=0.05)


def test_samples_that_are_no_numbers_are_silence(tmp_path: Path) -> None:
    sound = sounds.tone(440, 2)
    sound[100:200], sound[300] = np.nan, np.inf
    soundfile.write(tmp_path / "a.wav", sound, sounds.RATE, subtype="FLOAT")
    assert np.isfinite(decode(tmp_path / "a.wav", 90, None).samples).all()


def test_a_truncated_file_yields_what_is_left_of_it(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, sounds.noise(20), sounds.RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert decode(path, 90, 20.0).seconds > 5


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", ProblemCode.EMPTY), (b"This is not audio." * 50, ProblemCode.DAMAGED)],
)
def test_what_holds_no_sound_has_a_reason(tmp_path: Path, data: bytes, code: ProblemCode) -> None:
    (tmp_path / "a.mp3").write_bytes(data)
    with pytest.raises(UnreadableFileError) as caught:
        decode(tmp_path / "a.mp3", 90, None)
    assert caught.value.code is code


def test_what_each_decoder_said_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.flac").write_bytes(b"fLaC" + bytes(1000))
    with pytest.raises(UnreadableFileError, match=r"soundfile: .*; pyav: "):
        decode(tmp_path / "a.flac", 90, None)


def test_a_few_samples_are_told_to_be_too_little(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", sounds.tone(440, 0.01), sounds.RATE)
    with pytest.raises(UnreadableFileError, match=r"0\.010 s of audio are too little") as caught:
        decode(tmp_path / "a.wav", 90, None)
    assert caught.value.code is ProblemCode.EMPTY
