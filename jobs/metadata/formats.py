"""Which containers a file may have by its name."""

GUESSED_BY_EXTENSION = {
    **dict.fromkeys(("mp3", "mp2", "mp1", "mpga"), "mp3"),
    **dict.fromkeys(("aac", "adts"), "aac"),
    **dict.fromkeys(("mpc", "mp+", "mpp"), "musepack"),
}
"""Containers that may begin with anything, by the extensions that make them likely."""
