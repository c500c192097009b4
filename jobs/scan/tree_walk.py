"""Walk a root, or a part of it: folder group by folder group, and only the library's own.

A group is a folder with its disc folders (`db.scanning.library_files`), so that the files of one
album are found together. Left out are hidden folders and files, unless the owner takes them in, and
the litter of systems (`db.scanning.selection`), folders with a `.nomedia` or an `.ndignore` (one
with patterns hides what they match, as in .gitignore), and the fleet's own data folder. A symbolic
link is followed when it stays inside the root, or the owner follows those that lead out, and when
nothing else leads there: no file is found twice, no loop is entered.

Whatever is left out is counted, and of what may be music its folder has a note.
"""

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import NamedTuple

from db.files import NotAFileError, read_small
from db.publishing.written_files import OwnArt
from db.scanning.library_files import (
    IGNORE_FILES,
    LONGEST_PATH,
    IgnoreRules,
    Scope,
    album_folder,
    folder_of,
    is_companion,
    is_disc_folder,
    is_sheet,
    recordable,
    refused_root,
)
from db.scanning.selection import Kind, LeftOut, Selection, Tally
from db.sql.path_text import is_under, to_bytes, to_text

_LONGEST_IGNORE_FILE = 64 * 1024


class SeenFile(NamedTuple):
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
    """Picture files, and what speaks of the music: see `is_companion`."""
    unreadable: list[str] = field(default_factory=list)
    """The paths of what speaks of the music and may not be read: what is known of it stays."""

    @property
    def holds_anything(self) -> bool:
        """Whether it has anything that a scan takes note of."""
        return bool(self.audio or self.images or self.unreadable)


class Walk:
    """One walk over a root. `unreadable` holds afterwards the folders that could not be listed."""

    def __init__(
        self,
        root: bytes,
        data_dir: bytes,
        selection: Selection | None = None,
        own: OwnArt | None = None,
    ) -> None:
        """`selection` is what the settings say, if it is not given. Raises SettingError.

        `own` are the pictures that the fleet wrote there itself.
        """
        self.root = root
        self.own = own
        self._selection = Selection.of_settings() if selection is None else selection
        self.unreadable: dict[str, str] = {}
        """The reason for each folder that could not be listed."""
        self.data_dir = os.path.realpath(data_dir)
        """The fleet's own folder, which is no music."""
        self._real_root = os.path.realpath(root)
        self._base = (root, self._real_root)
        """The root or followed link that is walked, and its real path: below it are no links."""
        self._seen_folders: set[bytes] = set()
        """By their real paths: inodes are not to be trusted on every network share."""
        self._followed: set[bytes] = set()
        """The files that links led to."""
        self._links: list[tuple[bytes, list[IgnoreRules]]] = []
        self._rules_above: dict[bytes, list[IgnoreRules] | None] = {}
        self.listed: set[str] = set()
        """The folders whose files were found."""
        self.left_out = Tally()
        self.pictures = 0
        """How many picture files were found."""
        self.remarks: dict[str, str] = {}
        """What is wrong with a file or folder that costs nothing else."""

    def groups(self) -> Iterator[FolderGroup]:
        """Every folder group below the root that holds audio or pictures, in the order of names."""
        yield from self._walk(self.root, [])
        while self._links:  # a followed link may lead to further links
            links, self._links = self._links, []
            # Folders first: a file that a link leads to may lie in one of them.
            folders = [each for each in links if os.path.isdir(each[0])]
            if folders:
                self._links = [each for each in links if not os.path.isdir(each[0])]
            for folder, others in groupby(folders or links, lambda each: os.path.dirname(each[0])):
                group = FolderGroup(to_text(folder))
                for path, rules in others:
                    yield from self._follow(path, rules, group)
                if group.holds_anything:
                    yield group

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
                if group.holds_anything:
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

    def take_art_along(self) -> None:
        """Write where pictures lie that the fleet wrote and that moved with their folders."""
        if self.own and self.own.moved:
            self.own.take_along()

    @property
    def met_links(self) -> bool:
        """Whether links wait to be followed."""
        return bool(self._links)

    def _rules_at(self, folder: bytes) -> list[IgnoreRules] | None:
        """The rules that hold for what is called so, from the folders above; None: it is hidden."""
        if folder == self.root:
            return []
        return self._rules_for(folder, self._rules_below(os.path.dirname(folder)))

    def _rules_for(
        self, folder: bytes, rules: list[IgnoreRules] | None
    ) -> list[IgnoreRules] | None:
        """As `_rules_at`, given the rules for what lies in the folder above."""
        if rules is None or self._selection.refusal(os.path.basename(folder)):
            return None
        if os.path.islink(folder):  # noqa: PTH114  # bytes
            self._links.append((folder, rules))
            return None
        return None if any(rule.hide(folder, True) for rule in rules) else rules

    def _rules_below(self, folder: bytes) -> list[IgnoreRules] | None:
        """The rules for what lies in a folder; None when all of it is hidden, or not there."""
        unknown = []
        above = folder
        while above not in self._rules_above:
            unknown.append(above)
            if above == self.root:
                break
            above = os.path.dirname(above)
        for each in reversed(unknown):
            rules: list[IgnoreRules] | None = []
            if each != self.root:
                rules = self._rules_for(each, self._rules_above[os.path.dirname(each)])
            if rules is not None and os.path.realpath(each) != self.data_dir:
                own = self._own_rules_of(each)
                rules = None if own is None else rules + own
            else:
                rules = None
            self._rules_above[each] = rules
        return self._rules_above[folder]

    def _own_rules_of(self, folder: bytes) -> list[IgnoreRules] | None:
        present = [name for name in IGNORE_FILES if os.path.lexists(os.path.join(folder, name))]
        try:
            return self._own_rules(folder, present)
        except OSError as error:
            self.unreadable[to_text(folder)] = error.strerror or str(error)
            return None

    def _own_rules(self, folder: bytes, names: Collection[bytes]) -> list[IgnoreRules] | None:
        """The rules of the ignore files among a folder's names; None when they hide all of it."""
        rules = []
        for name in IGNORE_FILES:
            if name in names:
                lines = self._lines(os.path.join(folder, name))
                if lines is None:
                    continue
                if not lines:
                    return None
                rules.append(IgnoreRules.of(folder, lines))
        return rules

    def _lines(self, path: bytes) -> list[str] | None:
        """The patterns of an ignore file, [] for an empty one; None for what is no file."""
        try:
            data, whole = read_small(path, _LONGEST_IGNORE_FILE)
        except NotAFileError as error:
            self.remarks[to_text(path)] = f"{error.strerror}, so it hides nothing — remove it"
            return None
        except FileNotFoundError:
            return None  # a dangling link, or it went
        if not whole:
            data = data[: data.rfind(b"\n") + 1]
            self.remarks[to_text(path)] = (
                f"only its first {_LONGEST_IGNORE_FILE:,} bytes count — write fewer patterns"
            )
        lines = (line.strip() for line in data.decode("utf-8", "replace").splitlines())
        patterns = [line for line in lines if line and not line.startswith("#")]
        return patterns if patterns or whole else None

    def _walk(self, folder: bytes, rules: list[IgnoreRules]) -> Iterator[FolderGroup]:
        stack = [(folder, rules)]
        while stack:
            group, below = self._group(*stack.pop())
            if group.holds_anything:
                yield group
            stack += reversed(below)

    def _group(
        self, folder: bytes, rules: list[IgnoreRules]
    ) -> tuple[FolderGroup, list[tuple[bytes, list[IgnoreRules]]]]:
        """The group of a folder, and the folders below that are no part of it."""
        group = FolderGroup(to_text(folder))
        below = self._list(folder, rules, group)
        own, others = len(group.images), []
        for path, rules_there in below:
            if is_disc_folder(to_text(path)):
                others += self._list(path, rules_there, group)
            else:
                others.append((path, rules_there))
        if not group.audio:
            self._leave_out_sheets(group, 0, own)
        return group, others

    def _list(
        self, folder: bytes, rules: list[IgnoreRules], group: FolderGroup
    ) -> list[tuple[bytes, list[IgnoreRules]]]:
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
        music, others = len(group.audio), len(group.images)
        for entry in entries:
            if refusal := self._selection.refusal(entry.name):
                self._leave_out_name(entry, refusal)
            elif entry.is_symlink():
                self._links.append((entry.path, rules))
            elif entry.is_dir(follow_symlinks=False):
                if rules and any(rule.hide(entry.path, True) for rule in rules):
                    self.left_out.add(entry.path, LeftOut.IGNORED)
                else:
                    below.append((entry.path, rules))
            elif entry.is_file(follow_symlinks=False):
                self._add_entry(entry, rules, group)
            else:
                self.left_out.add(entry.path, LeftOut.NO_FILE)
        if len(group.audio) == music and to_text(folder) != group.folder:
            self._leave_out_sheets(group, others, len(group.images))
        return below

    def _leave_out_sheets(self, group: FolderGroup, first: int, end: int) -> None:
        """Leave out the cue sheets of a folder without music, which are among these pictures.

        Those of an album's folder may be of the discs in it.
        """
        for file in [each for each in group.images[first:end] if is_sheet(each.path)]:
            group.images.remove(file)
            self.pictures -= 1
            self.left_out.add(to_bytes(file.path), LeftOut.CUE)

    def _leave_out_name(self, entry: os.DirEntry[bytes], reason: LeftOut) -> None:
        """Leave out what is hidden or litter, whatever it is."""
        if reason is LeftOut.HIDDEN and self._selection.holds_music(entry):
            reason = LeftOut.HIDDEN_MUSIC
        self.left_out.add(entry.path, reason)

    def _add_entry(
        self, entry: os.DirEntry[bytes], rules: list[IgnoreRules], group: FolderGroup
    ) -> None:
        try:
            self._add_file(entry.path, entry.stat(follow_symlinks=False), rules, group)
        except FileNotFoundError:
            return  # it went since it was listed
        except OSError as error:
            self.unreadable[to_text(entry.path)] = error.strerror or str(error)

    def _entries(self, folder: bytes) -> tuple[list[os.DirEntry[bytes]], list[IgnoreRules] | None]:
        """A folder's entries by name and its own rules; None for rules when it is left out."""
        base, real_base = self._base
        real = real_base + folder[len(base) :]  # as realpath finds, without reading each part
        if real in self._seen_folders or real == self.data_dir:
            is_own = real == self.data_dir
            self.left_out.add(folder, LeftOut.OWN if is_own else LeftOut.LINK)
            return [], None
        self._seen_folders.add(real)
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        own = self._own_rules(folder, {entry.name for entry in entries})
        if own is None:
            self.left_out.add(folder, LeftOut.IGNORED)
            return [], None
        return entries, own

    def _add_file(
        self, path: bytes, status: os.stat_result, rules: list[IgnoreRules], group: FolderGroup
    ) -> None:
        kind = self._selection.kind_of(path)
        if isinstance(kind, LeftOut):
            self.left_out.add(path, kind)
            return
        text = to_text(path)
        if rules and any(rule.hide(path, False) for rule in rules):
            self.left_out.add(path, LeftOut.IGNORED)
        elif len(text) > LONGEST_PATH // 4 and len(text.encode()) > LONGEST_PATH:
            self._leave_out_long(text)
        elif kind is Kind.IMAGE and is_companion(text) and not os.access(path, os.R_OK):
            self.left_out.add(path, LeftOut.UNREADABLE)
            group.unreadable.append(text)
        elif self.own and self.own.holds(text, status.st_size, status.st_mtime_ns):
            self.left_out.add(path, LeftOut.OWN)
        else:
            self.pictures += kind is Kind.IMAGE
            files = group.audio if kind is Kind.AUDIO else group.images
            files.append(SeenFile(text, status.st_size, status.st_mtime_ns))

    def _leave_out_long(self, path: str) -> None:
        self.left_out.add(to_bytes(path), LeftOut.LONG_PATH)
        self.remarks[recordable(path)] = (
            f"a path below it has more than {LONGEST_PATH:,} bytes, and is left out — shorten it"
        )

    def _follow(
        self, link: bytes, rules: list[IgnoreRules], beside: FolderGroup
    ) -> Iterator[FolderGroup]:
        """The groups of a folder that a link leads to; a file comes to the others `beside` it."""
        target = os.path.realpath(link)
        status = None
        with suppress(OSError):  # a dangling link holds no music
            status = os.stat(target)
        reason = self._link_refusal(link, target, status, rules)
        if status is None or reason is not None:
            self.left_out.add(link, reason or LeftOut.LINK_BROKEN)
        elif stat.S_ISDIR(status.st_mode):
            self._base = (link, target)
            yield from self._walk(link, rules)
        else:
            self._followed.add(target)
            self._add_file(link, status, rules, beside)

    def _link_refusal(
        self, link: bytes, target: bytes, status: os.stat_result | None, rules: list[IgnoreRules]
    ) -> LeftOut | None:
        """Why a link is not followed; None when it is."""
        if any(rule.hide(link, False) for rule in rules):
            return LeftOut.IGNORED
        if status is None:
            return LeftOut.LINK_BROKEN
        if not (target + b"/").startswith(self._real_root.rstrip(b"/") + b"/"):
            own = to_text(self.data_dir)
            if not self._selection.follow_links or refused_root(to_text(target), own):
                return LeftOut.LINK_OUT
        if self._is_found(target) or target in self._seen_folders:
            return LeftOut.LINK
        is_any = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
        return None if is_any else LeftOut.NO_FILE

    def _is_found(self, file: bytes) -> bool:
        """Whether the walk, or another link, found this file as it is."""
        folder, name = os.path.split(file)
        listed = folder in self._seen_folders and not self._selection.refusal(name)
        return file in self._followed or (listed and self._selection.is_of_interest(name))
