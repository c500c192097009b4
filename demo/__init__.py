"""A small library of synthesised music, to try the fleet with: `python -m demo`.

`catalogue` says what is in it, `sounds` makes notes, drums and noise, `tunes` plays songs of them,
`pictures` draws the covers, `files` encodes and tags, `library` puts all of it into a folder. The
tests and the bench take their sounds and songs from here, too. Everything follows from the
catalogue alone: two libraries made with the same versions of NumPy, libsndfile and Pillow are the
same, byte by byte.
"""
