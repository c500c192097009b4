"""Walk a root, or a part of it: folder group by folder group, and only the library's own.

A group is a folder with its disc folders (`db.library.albums`), so that the files of one album are
found together. Skipped are hidden folders and files (one leading dot), folders with a `.nomedia` or
an `.ndignore` (one with patterns hides what they match, as in .gitignore), the litter of NAS
systems, and the fleet's own data folder. A symbolic link is followed only when it stays inside the
root and nothing else leads there: no file is found twice, no loop is entered.
"""

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import pathspec

from db.library.albums import album_folder, folder_of, is_disc_folder
from db.scanning.library_files import (
    AUDIO_EXTENSIONS,
    IGNORE_FILES,
    KNOWN_EXTENSIONS,
    Scope,
    extension_of,
    is_artist_nfo,
    is_hidden,
)
from db.settings.cover_orders import EXTENSIONS
from db.sql.path_text import is_under, to_bytes, to_text

_LONGEST_IGNORE_FILE = 64 * 1024


@dataclass(frozen=True)
class SeenFile:
    """A file as the walk saw it."""

    path: str
    """Absolute, in the text form of `db.sql.path_text`."""
    size: int
    mtime_ns: int


@dataclass
class FolderGroup:
    """A folder and its disc folders."""

    folder: str
    audio: list[SeenFile] = field(default_factory=list)
    images: list[SeenFile] = field(default_factory=list)
    """Picture files, and an artist.nfo, which may name some."""


@dataclass
class _Rules:
    """The patterns of one .ndignore and the folder that they are relative to."""

    folder: bytes
    patterns: pathspec.GitIgnoreSpec

    def hide(self, path: bytes, is_folder: bool) -> bool:
        relative = os.fsdecode(os.path.relpath(path, self.folder)) + ("/" if is_folder else "")
        return self.patterns.match_file(relative)


class Walk:
    """One walk over a root. `unreadable` holds afterwards the folders that could not be listed."""

    def __init__(self, root: bytes, data_dir: bytes) -> None:
        self.root = root
        self.unreadable: dict[str, str] = {}
        """The reason for each folder that could not be listed."""
        self.data_dir = os.path.realpath(data_dir)
        """The fleet's own folder, which is no music."""
        self._real_root = os.path.realpath(root)
        self._seen_folders: set[bytes] = set()
        """By their real paths: inodes are not to be trusted on every network share."""
        self._followed: set[bytes] = set()
        """The files that links led to."""
        self._links: list[tuple[bytes, list[_Rules]]] = []
        self._rules_above: dict[bytes, list[_Rules] | None] = {}
        self.listed: set[str] = set()
        """The folders whose files were found."""

    def groups(self) -> Iterator[FolderGroup]:
        """Every folder group below the root that holds audio or pictures, in the order of names."""
        yield from self._walk(self.root, [])
        while self._links:  # a followed link may lead to further links
            links, self._links = self._links, []
            for path, rules in links:
                yield from self._follow(path, rules)

    def groups_in(self, scope: Scope) -> Iterator[FolderGroup]:
        """The folder groups of a part of the root, with what links in it lead to left out.

        `met_links` says afterwards whether that is so: only a walk over the whole root knows what
        else leads there.
        """
        for tree in sorted(map(to_bytes, scope.trees)):
            rules = self._rules_at(tree)
            if rules is not None and os.path.isdir(tree):
                yield from self._walk(tree, rules)
        for folder in sorted(map(to_bytes, scope.folders)):
            rules = self._rules_at(folder)
            if rules is not None:
                group, _ = self._group(folder, rules)
                if group.audio or group.images:
                    yield group

    def part(self, wanted: Scope) -> tuple[list[FolderGroup], Scope] | None:
        """The folder groups of a part of the root, and all folders that were covered.

        None when only a walk over the whole root can find them, for a symbolic link lies there.
        """
        scope = self._present(wanted)
        groups = list(self.groups_in(scope))
        if self.met_links:
            return None
        return groups, Scope(scope.folders | self.listed, scope.trees)

    def _present(self, scope: Scope) -> Scope:
        """The scope as it fits the disk: a folder that is gone is a tree, for all below is gone.

        For a tree that is a file, or the disc folder of an album, it has its album's folder.
        """
        root = to_text(self.root)
        folders = {each for each in scope.folders if is_under(each, root)}
        trees = {each for each in scope.trees if is_under(each, root)}
        gone = {folder for folder in folders if not os.path.lexists(to_bytes(folder))}
        for tree in trees:
            place = to_bytes(tree)
            if os.path.isfile(place):
                folders.add(album_folder(root, folder_of(tree)))
            elif os.path.isdir(place):
                folders.add(album_folder(root, tree))
        return Scope.of(folders - gone - trees, trees | gone)

    @property
    def met_links(self) -> bool:
        """Whether links wait to be followed."""
        return bool(self._links)

    def _rules_at(self, folder: bytes) -> list[_Rules] | None:
        """The rules that hold for what is called so, from the folders above; None: it is hidden."""
        if folder == self.root:
            return []
        above, name = os.path.split(folder)
        rules = self._rules_below(above)
        if rules is None or is_hidden(name):
            return None
        if os.path.islink(folder):  # noqa: PTH114  # bytes
            self._links.append((folder, rules))
            return None
        return None if any(rule.hide(folder, True) for rule in rules) else rules

    def _rules_below(self, folder: bytes) -> list[_Rules] | None:
        """The rules for what lies in a folder; None when all of it is hidden, or not there."""
        if folder not in self._rules_above:
            self._rules_above[folder] = None
            rules = self._rules_at(folder)
            if rules is not None and os.path.realpath(folder) != self.data_dir:
                own = self._own_rules_of(folder)
                self._rules_above[folder] = None if own is None else rules + own
        return self._rules_above[folder]

    def _own_rules_of(self, folder: bytes) -> list[_Rules] | None:
        present = [name for name in IGNORE_FILES if os.path.lexists(os.path.join(folder, name))]
        try:
            return _own_rules(folder, present)
        except OSError as error:
            self.unreadable[to_text(folder)] = error.strerror or str(error)
            return None

    def _walk(self, folder: bytes, rules: list[_Rules]) -> Iterator[FolderGroup]:
        stack = [(folder, rules)]
        while stack:
            group, below = self._group(*stack.pop())
            if group.audio or group.images:
                yield group
            stack += reversed(below)

    def _group(
        self, folder: bytes, rules: list[_Rules]
    ) -> tuple[FolderGroup, list[tuple[bytes, list[_Rules]]]]:
        """The group of a folder, and the folders below that are no part of it."""
        group = FolderGroup(to_text(folder))
        below = self._list(folder, rules, group)
        discs = [each for each in below if is_disc_folder(to_text(each[0]))]
        others = [each for each in below if each not in discs]
        for disc, disc_rules in discs:
            others += self._list(disc, disc_rules, group)
        return group, others

    def _list(
        self, folder: bytes, rules: list[_Rules], group: FolderGroup
    ) -> list[tuple[bytes, list[_Rules]]]:
        """Add a folder's files to the group and return the folders below it with their rules."""
        try:
            entries, own = self._entries(folder)
        except OSError as error:
            self.unreadable[to_text(folder)] = error.strerror or str(error)
            return []
        if own is None:
            return []
        self.listed.add(to_text(folder))
        rules = rules + own
        below = []
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_symlink():
                self._links.append((entry.path, rules))
            elif entry.is_dir(follow_symlinks=False):
                if not any(rule.hide(entry.path, True) for rule in rules):
                    below.append((entry.path, rules))
            elif entry.is_file(follow_symlinks=False):
                self._add_entry(entry, rules, group)
        return below

    def _add_entry(
        self, entry: os.DirEntry[bytes], rules: list[_Rules], group: FolderGroup
    ) -> None:
        try:
            self._add_file(entry.path, entry.stat(follow_symlinks=False), rules, group)
        except FileNotFoundError:
            return  # it went between listing and looking
        except OSError as error:
            self.unreadable[to_text(entry.path)] = error.strerror or str(error)

    def _entries(self, folder: bytes) -> tuple[list[os.DirEntry[bytes]], list[_Rules] | None]:
        """A folder's entries by name and its own rules; None for rules when all of it is hidden."""
        real = os.path.realpath(folder)
        if real in self._seen_folders or real == self.data_dir:
            return [], None
        self._seen_folders.add(real)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        own = _own_rules(folder, {entry.name for entry in entries})
        return ([], None) if own is None else (entries, own)

    def _add_file(
        self, path: bytes, status: os.stat_result, rules: list[_Rules], group: FolderGroup
    ) -> None:
        extension = extension_of(path)
        if extension in AUDIO_EXTENSIONS:
            kind = group.audio
        elif extension in EXTENSIONS or is_artist_nfo(path):
            kind = group.images
        else:
            return
        if any(rule.hide(path, False) for rule in rules):
            return
        kind.append(SeenFile(to_text(path), status.st_size, status.st_mtime_ns))

    def _follow(self, link: bytes, rules: list[_Rules]) -> Iterator[FolderGroup]:
        target = os.path.realpath(link)
        inside = target.startswith(self._real_root.rstrip(b"/") + b"/")
        if not inside or any(rule.hide(link, False) for rule in rules):
            return
        try:
            status = os.stat(target)
        except OSError:
            return  # a dangling link holds no music
        if os.path.isdir(target):
            yield from self._walk(link, rules)
        elif not self._is_found(target):
            self._followed.add(target)
            group = FolderGroup(to_text(os.path.dirname(link)))
            self._add_file(link, status, rules, group)
            if group.audio or group.images:
                yield group

    def _is_found(self, file: bytes) -> bool:
        """Whether the walk, or another link, found this file as it is."""
        folder, name = os.path.split(file)
        listed = folder in self._seen_folders and not is_hidden(name)
        return file in self._followed or (listed and extension_of(name) in KNOWN_EXTENSIONS)


def _own_rules(folder: bytes, names: Collection[bytes]) -> list[_Rules] | None:
    """The rules of the ignore files among a folder's names; None when they hide all of it."""
    rules = []
    for name in IGNORE_FILES:
        if name in names:
            patterns = _patterns(os.path.join(folder, name))
            if not patterns:
                return None
            rules.append(_Rules(folder, pathspec.GitIgnoreSpec.from_lines(patterns)))
    return rules


def _patterns(path: bytes) -> list[str]:
    """The patterns of an ignore file; none when it is empty or holds only comments."""
    with open(path, "rb") as file:
        text = file.read(_LONGEST_IGNORE_FILE).decode("utf-8", "replace")
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
