"""Sound and films in containers that FFmpeg writes."""

import io
from fractions import Fraction

import av
import numpy as np

TAGS = {
    **{"title": "Song", "ARTIST": "Band", "ALBUM/TITLE": "Disc"},
    **{"PART_NUMBER": "3", "DATE": "1999"},
}


def muxed(
    form: str,
    codec: str,
    *,
    film: bool = False,
    pictures: tuple[bytes, ...] = (),
    pitch: int = 1,
    **tags: str,
) -> bytes:
    """Half a second of a tone in a container that FFmpeg writes, with tags and pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        out.metadata.update(TAGS | tags)
        sound = out.add_stream(codec, rate=48_000, layout="mono")
        if film:
            moving = out.add_stream("mpeg4", rate=25)
            moving.width = moving.height = 32
        for number, data in enumerate(pictures):
            out.add_attachment(("cover.jpg", "back.jpg")[number], "image/jpeg", data)
        if film:
            out.mux(moving.encode(av.VideoFrame(32, 32, "yuv420p")))
        wave_form = np.sin(np.arange(24_000) * pitch / 20).astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(wave_form, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
        sampler = av.AudioResampler(sound.format.name, "mono", 48_000, sound.frame_size or 960)
        for part in [*sampler.resample(frame), *sampler.resample(None)]:
            out.mux(sound.encode(part))
        out.mux(sound.encode(None))
        if film:
            out.mux(moving.encode(None))
    return file.getvalue()
