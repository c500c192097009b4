"""Importing this imports librosa, once it is compiled.

Importing compiles parts of it already, which one process is to do. The children that analyse sound
are forked of the one that imports this, and need not import librosa then.
"""

from jobs.audio_analysis import outcomes

outcomes.ensure_compiled()
import jobs.audio_analysis.features  # noqa: E402, F401
