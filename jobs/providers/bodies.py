"""Reading the body of an answer, as much of it as is allowed and no more.

httpx would inflate whatever comes, a chunk at a time: 64 KiB of zeros become 64 MiB. Here a
compressed body is inflated no further than its limit.
"""

import zlib

import httpx

from jobs.providers.errors import BadDownloadError, StumbledError

ENCODINGS = "gzip"
"""What the header Accept-Encoding says."""
_PLAIN, _GZIP = {"", "identity"}, {"gzip", "x-gzip"}
_ZLIB_GZIP = 16 + zlib.MAX_WBITS


def read(response: httpx.Response, most: int) -> bytes:
    """The body, unpacked. Raises BadDownloadError when it is larger than `most` bytes.

    And StumbledError when it is not complete, or encoded in a way that was not asked for.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in _PLAIN | _GZIP:
        raise StumbledError(f"{response.url.host} answers in the encoding {encoding!r}")
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise _too_large(response, most)
    return _inflated(response, most) if encoding in _GZIP else _plain(response, most)


def _plain(response: httpx.Response, most: int) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > most:
            raise _too_large(response, most)
    return bytes(body)


def _inflated(response: httpx.Response, most: int) -> bytes:
    inflater = zlib.decompressobj(_ZLIB_GZIP)
    body = bytearray()
    for chunk in response.iter_raw():
        try:
            body += inflater.decompress(chunk, most + 1 - len(body))
        except zlib.error as error:
            raise StumbledError(f"{response.url.host} answers with bad gzip: {error}") from error
        if len(body) > most:
            raise _too_large(response, most)
    if not inflater.eof:
        raise StumbledError(f"the answer of {response.url.host} ends before its end")
    return bytes(body)


def _too_large(response: httpx.Response, most: int) -> BadDownloadError:
    return BadDownloadError(f"{response.url.host} sends more than {most:,} bytes")
