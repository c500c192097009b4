"""A small library of synthesised music, to try the fleet with: `python -m demo`.

`catalogue` says what is in it, `tunes` plays it, `pictures` draws its covers, `files` encodes and
tags, `library` puts all of it into a folder. Everything follows from the catalogue alone: two
libraries made with the same versions of NumPy, libsndfile and Pillow are the same, byte by byte.
"""
