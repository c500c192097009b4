"""Which files are taken for music by their names."""

READABLE_EXTENSIONS = frozenset(
    (
        *("mp3", "mp2", "mp1", "mpga"),
        *("flac", "fla"),
        *("ogg", "oga", "oggflac", "opus", "spx"),
        *("m4a", "m4b", "m4p", "m4r", "mp4"),
        *("wav", "wave", "bwf", "rf64"),
        *("aif", "aiff", "aifc", "afc"),
        *("wma", "asf"),
        *("aac", "adts", "adif", "ac3", "eac3"),
        *("ape", "wv", "tta", "tak", "ofr", "ofs"),
        *("mpc", "mp+", "mpp"),
        *("dsf", "dff"),
    )
)
"""Of formats that are read here."""

UNREADABLE_EXTENSIONS = frozenset(
    ("caf", "mka", "weba", "dts", "dtshd", "shn", "amr", "au", "snd", "w64", "ra", "la")
)
"""Music that nothing here can read: found all the same, so that people are told."""

AUDIO_EXTENSIONS = READABLE_EXTENSIONS | UNREADABLE_EXTENSIONS
"""Lower case, without the dot: what discovery picks up."""

GUESSED_BY_EXTENSION = {
    **dict.fromkeys(("mp3", "mp2", "mp1", "mpga"), "mp3"),
    **dict.fromkeys(("aac", "adts"), "aac"),
    **dict.fromkeys(("mpc", "mp+", "mpp"), "musepack"),
}
"""Containers that may begin with anything, by the extensions that make them likely."""
