"""Importing this imports librosa, once it is compiled.

Importing compiles parts of it already, which one process is to do. The children that analyse sound
are forked of the one that imports this, and need not import librosa then.
"""

from jobs.audio_analysis import compiled

compiled.ensure()
import jobs.audio_analysis.extracting  # noqa: E402, F401
