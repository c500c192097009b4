"""Parts that are of one release though their tags name it differently.

A folder may lack the release id that another of the same title and artists has. And a compilation
may lie in the folders of its artists without a release id, a flag or an album artist. Each of these
folders seems to hold an album of its own, but their positions, together and not alone, are those of
one record: none is there twice, hardly any is missing, and the totals are equal. Albums of one
title by several artists, each with its own first track, are never joined.
"""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from db.library.names import of_one_artist
from jobs.batch.parts import (
    NO_RELEASE,
    VARIOUS_ARTISTS,
    Part,
    all_folded,
    folded,
    titled,
)

ANYBODY = "*"
"""Among those whose albums of a title are looked for elsewhere: all."""
_MOST_MISSING = 5
"""Of a record without totals one of so many positions may be missing."""
_WOVEN = 5
"""How many artists, and changes between them from one position to the next, make a compilation."""


def united(parts: Sequence[Part]) -> list[Part]:
    """The parts, each with the release that it is of by what others of its title say."""
    of_title: dict[str, list[Part]] = defaultdict(list)
    found: list[Part] = []
    for part in parts:
        (of_title[part.title_key] if _is_titled(part) else found).append(part)
    for each in of_title.values():
        are_several = len({part.release for part in each}) > 1
        found += _by_artist(_compiled(each)) if are_several else each
    return found


def wanted(parts: Sequence[Part]) -> dict[str, set[str]]:
    """Whose albums of each title say what the release of these parts is; or ANYBODY's."""
    found: dict[str, set[str]] = defaultdict(set)
    for part in filter(_is_titled, parts):
        found[part.title_key] |= part.whose
        if _is_piece(part):
            found[part.title_key].add(ANYBODY)
    return found


def _is_titled(part: Part) -> bool:
    """Whether other folders may be of the same release."""
    is_known = part.release != NO_RELEASE and part.title_key
    return bool(is_known) and not part.release.startswith(f"{part.place}\n")


def _by_artist(parts: Sequence[Part]) -> list[Part]:
    """Parts of one title, those of the same artists as of one release: of its id, if it has one."""
    groups: list[tuple[set[str], list[Part]]] = []
    strangers = _strangers(parts)
    for part in parts:
        whose, members = set(part.whose - strangers.get(part.name, set())), [part]
        for group in [each for each in groups if each[0] & whose]:
            groups.remove(group)
            whose, members = whose | group[0], [*group[1], *members]
        groups.append((whose, members))
    return [part for _, members in groups for part in _of_one(members)]


def _of_one(parts: Sequence[Part]) -> list[Part]:
    """Parts by the same artists; which of several release ids others are of is not known."""
    ids = {part.release for part in parts if part.by_id}
    named = {part.release for part in parts if not part.by_id}
    release = min(ids) if len(ids) == 1 else min(named, default="")
    return [part if part.by_id else replace(part, release=release) for part in parts]


def _strangers(parts: Sequence[Part]) -> Mapping[str, set[str]]:
    """By name the artist ids that do not belong to it, though files say so."""
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for part in parts:
        names |= {each: names[each] + Counter([part.name]) for each in part.whose}
    found: dict[str, set[str]] = defaultdict(set)
    for each, counts in names.items():
        for name in counts.keys() - of_one_artist(counts):
            found[name].add(each)
    return found


def _compiled(parts: Sequence[Part]) -> list[Part]:
    """Parts of one title, with those that are pieces of a compilation as Various Artists'."""
    pieces = [number for number, part in enumerate(parts) if _is_piece(part)]
    near: dict[str, list[int]] = defaultdict(list)
    for number in pieces:
        near[posixpath.dirname(posixpath.dirname(parts[number].place))].append(number)
    found = list(parts)
    joined = _of_one_record(parts, pieces)
    for number in joined or [
        each for some in near.values() for each in _of_one_record(parts, some)
    ]:
        found[number] = titled(replace(parts[number], artists=[VARIOUS_ARTISTS]))
    return found


def _is_piece(part: Part) -> bool:
    """Whether a part may be a piece of a compilation that nothing else says to be one."""
    is_numbered = len(part.numbers) == len(part.tracks)
    is_whole = all(
        total == sum(each == disc for each, _ in part.numbers)
        for disc, total in part.totals.items()
    )
    if part.by_id or not is_numbered or is_whole:
        return False
    if all_folded(part.artists) == all_folded([VARIOUS_ARTISTS]):
        return not _begins(part)
    return not any(track.album_artists or track.compilation for track in part.tracks)


def _begins(part: Part) -> bool:
    """Whether a part may be a whole record: it has all positions from the first on."""
    discs = Counter(disc for disc, _ in part.numbers)
    return not any(part.totals.values()) and all(
        {number for each, number in part.numbers if each == disc} == set(range(1, count + 1))
        for disc, count in discs.items()
    )


def _of_one_record(parts: Sequence[Part], pieces: Sequence[int]) -> list[int]:
    """Those of the pieces that are one record together; none where that is not certain."""
    others = [number for number in pieces if not _begins(parts[number])]
    taken = frozenset[tuple[int, int]]().union(*(parts[number].numbers for number in others))
    first = [
        each for each in pieces if each not in others and taken.isdisjoint(parts[each].numbers)
    ]
    together = [*others, *first]
    return together if others and _fit_together([parts[each] for each in together]) else []


def _fit_together(pieces: Sequence[Part]) -> bool:
    owners = {position: number for number, part in enumerate(pieces) for position in part.numbers}
    if len(owners) < sum(len(part.numbers) for part in pieces):
        return False
    totals: dict[int, set[int]] = defaultdict(set)
    for part in pieces:
        for disc, total in part.totals.items():
            totals[disc] |= {total} if total else set()
    for disc, said in totals.items():
        numbers = [number for each, number in owners if each == disc]
        if len(said) > 1 or not _is_run(len(numbers), max(numbers), next(iter(said), None)):
            return False
    artists = {folded(track.lead) for part in pieces for track in part.tracks}
    is_mostly_one = any(len(part.numbers) * 2 > len(owners) and part.is_by_one for part in pieces)
    if len(artists) < 2 or is_mostly_one:
        return False
    order = [owners[position] for position in sorted(owners)]
    changes = sum(one != other for one, other in pairwise(order))
    return all(totals.values()) or changes + len(artists) >= _WOVEN


def _is_run(count: int, last: int, total: int | None) -> bool:
    """Whether so many positions up to the last are those of a record."""
    if total:
        return last <= total <= count * 2
    return last - count <= count // _MOST_MISSING
