"""OpenSubsonic at /rest: the library and what is a user's, for the players that people have.

The specification is that of https://opensubsonic.netlify.app, at version 1.16.1 of Subsonic.
"""
