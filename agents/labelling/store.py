"""Labelling's cases on disk: RocksDB, behind what is not committed yet.

Changes are kept in memory until the commit that holds them is accepted; then cases, agenda and source offsets
are written as one batch. So the store is never ahead of Kafka, and after a crash it is whole, at most a
commit behind.

A log of changes and files that are not merged yet keep what was deleted. So behind an erasure all files are
written again in a thread of their own, and looked through.

| key | value |
|---|---|
| `c` case key | the packed cases of an id |
| `a` due time, case key | nothing: the agenda, in its order |
| `o` source | identity of its log, and the offset up to which the store is complete |
| `s` | the sampler's state |
| `n` | how many ids there are |
| `p` | there while files may hold what was erased |
| `w` | nothing: written behind each rewriting, so that the list of files is a new one, too |
"""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from shutil import disk_usage
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from rocksdict import BlockBasedOptions, Options, Rdict, ReadOptions, WriteBatch

from models.decay import NEVER
from models.labelling.pending import Cases, case_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Entry = tuple[float, str]

_CASE, _AGENDA, _OFFSET, _SAMPLER, _COUNT = b"c", b"a", b"o", b"s", b"n"
_ERASED, _WRITTEN = b"p", b"w"
_DUE: Final = struct.Struct(">d")
_BLOOM_BITS: Final = 10
"""Bits of the filter a key: one absent key in a hundred is looked for on disk all the same."""
_PART_BYTES: Final = 1 << 20
_WINDOW_SECONDS: Final = 60.0
"""Event time of the agenda that is brought to memory at once."""


@dataclass
class _Changes:
    """What is not on disk yet: cases (None: forgotten), agenda entries (False: taken off), and the rest."""

    cases: dict[str, bytes | None] = field(default_factory=dict)
    agenda: dict[Entry, bool] = field(default_factory=dict)
    marks: dict[bytes, bytes] = field(default_factory=dict)
    erased: set[str] = field(default_factory=set)
    """Subjects of whom nothing may stay in the files."""

    def batch(self) -> Any:
        """As writes to the database."""
        batch = WriteBatch(raw_mode=True)
        for key, payload in self.cases.items():
            if payload is None:
                batch.delete(_CASE + key.encode())
            else:
                batch.put(_CASE + key.encode(), payload)
        for entry, is_added in self.agenda.items():
            if is_added:
                batch.put(_agenda_key(*entry), b"")
            else:
                batch.delete(_agenda_key(*entry))
        for name, mark in self.marks.items():
            batch.put(name, mark)
        return batch


class RocksPendingStore:
    """The `Rows` of one labelling partition, in a folder of their own.

    Args:
        folder: made where it is missing; one process at a time may hold it.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        try:
            self._db = Rdict(str(folder), _options())
        except Exception as failure:
            raise self._failed("opened", failure) from failure
        self._changed: dict[str, Cases | None] = {}
        self._found: dict[str, bool] = {}
        self._agenda: dict[Entry, bool] = {}
        self._frozen = _Changes()
        self._near: list[Entry] = []
        self._near_until = NEVER
        self._count = int(self._db.get(_COUNT) or 0)
        self._erased: set[str] = set()
        self._unwritten: set[str] | None = set() if self._db.get(_ERASED) is not None else None
        self._rewriting: _Rewriting | None = None

    def __len__(self) -> int:
        return self._count

    def get(self, key: str) -> Cases | None:
        """The cases of an id, if there are any.

        Raises:
            OSError: the disk fails.
            LookupError, TypeError, ValueError: what is stored was packed by another release.
        """
        if key in self._changed:
            return self._changed[key]
        frozen = self._frozen.cases
        payload = frozen[key] if key in frozen else self._stored(key)
        self._found[key] = payload is not None
        return None if payload is None else Cases.unpack(payload)

    def _stored(self, key: str) -> bytes | None:
        try:
            stored: bytes | None = self._db.get(_CASE + key.encode())
        except Exception as failure:
            raise self._failed("read", failure) from failure
        return stored

    def put(self, key: str, cases: Cases) -> None:
        """Keep the cases of an id."""
        self._count += not self._is_kept(key)
        self._changed[key] = cases

    def forget(self, key: str) -> None:
        """Keep them no longer."""
        self._count -= self._is_kept(key)
        self._changed[key] = None

    def of_subject(self, subject: str) -> list[str]:
        """The keys of a card's or an account's cases."""
        first = case_key(subject, "")
        found = dict.fromkeys(self._stored_cases(first), True)
        for fresh in (self._frozen.cases, self._changed):
            found |= {key: case is not None for key, case in fresh.items() if key.startswith(first)}
        return [key for key, is_kept in found.items() if is_kept]

    def erased(self, subject: str) -> None:
        """Note that nothing of a subject may stay in the files, once this is saved."""
        self._erased.add(subject)

    def rewritten(self) -> int | Exception | None:
        """Return how many files hold an erased subject after they were written again.

        The answer is an exception where they could not be, which is tried again, and None where there is
        nothing new to say.
        """
        done, self._rewriting = self._rewriting, None
        if done is None or done.is_alive():
            self._rewriting = done
            return None
        if done.result != 0:
            self._unwritten = (self._unwritten or set()) | done.subjects
        elif self._unwritten is None:
            self._db.delete(_ERASED)
        return done.result

    def _is_kept(self, key: str) -> bool:
        """Whether there is a case; who puts one back has just read it, which need not be done again."""
        if key in self._changed:
            return self._changed[key] is not None
        return self._found[key] if key in self._found else self.get(key) is not None

    def schedule(self, due: float, key: str) -> None:
        """Have `next_due` name the case at `due`; times before 1970 count as 1970."""
        entry = max(0.0, due), key  # in this order: -0.0 has other bytes than 0.0
        self._agenda[entry] = True
        if entry[0] <= self._near_until:
            heappush(self._near, entry)

    def unschedule(self, due: float, key: str) -> None:
        """Take an entry off the agenda, if it is there; what is in memory names no case any more."""
        self._agenda[max(0.0, due), key] = False

    def next_due(self, until: float) -> Entry | None:
        """Take the first entry of the agenda that is due."""
        if until > self._near_until:
            self._bring_near(until + _WINDOW_SECONDS)
        if not self._near or self._near[0][0] > until:
            return None
        entry = heappop(self._near)
        while self._near and self._near[0] == entry:  # scheduled twice
            heappop(self._near)
        self._agenda[entry] = False
        return entry

    def position(self, source: str) -> tuple[int, int]:
        """Identity of a source's log (0: not known), and the offset up to which the store has it."""
        stored = self._db.get(_OFFSET + source.encode()) or b"0"
        *log, offset = stored.split()
        return int(log[0]) if log else 0, int(offset)

    def sampler(self) -> bytes | None:
        """The sampler's state as it was saved last."""
        stored: bytes | None = self._db.get(_SAMPLER)
        return stored

    def freeze(self, positions: Mapping[str, tuple[int, int]], sampler: bytes) -> None:
        """Keep apart what was changed so far; these are the logs and offsets of its sources."""
        cases = {key: case.pack() if case else None for key, case in self._changed.items()}
        marks = {
            _OFFSET + source.encode(): f"{log} {offset}".encode()
            for source, (log, offset) in positions.items()
        }
        marks |= {_SAMPLER: sampler, _COUNT: str(self._count).encode()}
        if self._erased:
            marks[_ERASED] = b""
        before = self._frozen  # not saved yet: the other source's part in the same commit
        self._frozen = _Changes(
            before.cases | cases,
            before.agenda | self._agenda,
            before.marks | marks,
            before.erased | self._erased,
        )
        self._changed, self._found, self._agenda, self._erased = {}, {}, {}, set()

    def save(self) -> None:
        """Write what was kept apart, at once or not at all.

        Raises:
            OSError: the disk is full, or fails.
        """
        if self._frozen.marks:
            try:
                self._db.write(self._frozen.batch())
            except Exception as failure:
                raise self._failed("written", failure) from failure
            if self._frozen.erased:
                self._unwritten = (self._unwritten or set()) | self._frozen.erased
            self._frozen = _Changes()
        if self._unwritten is not None and self._rewriting is None:
            self._rewriting, self._unwritten = _Rewriting(self._db, self._folder, self._unwritten), None
            self._rewriting.start()

    def disk_bytes(self) -> int:
        """Size of the store's files."""
        return sum(map(_size, self._folder.iterdir()))

    def free_bytes(self) -> int:
        """Free bytes of the file system that the store is on."""
        return disk_usage(self._folder).free

    def close(self) -> None:
        """Let go of the folder; what was not saved is given up."""
        rewriting, self._rewriting = self._rewriting, None
        if rewriting is None or not rewriting.is_alive():
            self._db.close()
            return
        self._db.cancel_all_background(True)  # noqa: FBT003 - and wait until they are
        rewriting.join()
        with suppress(Exception):  # it would flush, which it cannot any more; the log of changes has all
            self._db.close()

    def _failed(self, what: str, failure: Exception) -> OSError:
        """RocksDB's own error has no class to tell it by; its text names files."""
        return OSError(
            f"the labelling store in {self._folder} cannot be {what} ({failure}): make room under "
            "FRAUDSTREAM_WORKER__FOLDER, or remove the store, which is then filled again from Kafka"
        )

    def _bring_near(self, until: float) -> None:
        """Bring the entries of the agenda up to `until` to memory."""
        taken_off = {entry for changes in (self._frozen.agenda, self._agenda) for entry in changes}
        for entry in self._stored_agenda(self._near_until, until):
            if entry not in taken_off:
                heappush(self._near, entry)
        for entry, is_added in (self._frozen.agenda | self._agenda).items():
            if is_added and self._near_until < entry[0] <= until:
                heappush(self._near, entry)
        self._near_until = until

    def _stored_cases(self, first: str) -> Iterator[str]:
        """Keys on disk that begin so."""
        cases, start = self._db.iter(ReadOptions()), _CASE + first.encode()
        cases.seek(start)
        while cases.valid() and (key := cases.key()).startswith(start):
            yield key[len(_CASE) :].decode()
            cases.next()

    def _stored_agenda(self, after: float, until: float) -> Iterator[Entry]:
        entries = self._db.iter(ReadOptions())
        entries.seek(_AGENDA + _DUE.pack(max(after, 0.0)))
        while entries.valid() and (key := entries.key()).startswith(_AGENDA):
            (due,) = _DUE.unpack_from(key, len(_AGENDA))
            if due > until:
                return
            if due > after:
                yield due, key[len(_AGENDA) + _DUE.size :].decode()
            entries.next()


class _Rewriting(Thread):
    """Writes all files of a store again, and looks for subjects in them.

    Args:
        database: the store.
        folder: where its files are.
        subjects: whom to look for.
    """

    def __init__(self, database: Rdict, folder: Path, subjects: set[str]) -> None:
        super().__init__(name="labelling-rewriting", daemon=True)
        self._database = database
        self._folder = folder
        self.subjects = subjects
        self.result: int | Exception = 0
        """How many files hold one of them, or why that is not known."""

    def run(self) -> None:
        """Flush, compact, look."""
        try:
            self._database.flush()
            self._database.compact_range(None, None)
            self._database.put(_WRITTEN, b"")
            self._database.flush()
            self.result = sum(_holds(file, self.subjects) for file in self._folder.iterdir())
        except Exception as failure:  # noqa: BLE001 - RocksDB's own error has no class to tell it by
            self.result = failure


def _holds(file: Path, subjects: Iterable[str]) -> bool:
    """Look for subjects in a file, as they stand in keys and in packed transactions; not for payees."""
    wanted = [text.encode() for name in subjects for text in (case_key(name, ""), f'"subject":"{name}"')]
    longest, end = max(map(len, wanted), default=1), b""
    with suppress(FileNotFoundError), file.open("rb") as content:
        while part := content.read(_PART_BYTES):
            if any(text in end + part for text in wanted):
                return True
            end = part[-longest:]
    return False


def _options() -> Options:
    """RocksDB's own, and a Bloom filter: most keys that are asked for are new, and are in no file.

    The list of files names their first and last keys, so it is written anew with each change.
    """
    tables = BlockBasedOptions()
    tables.set_bloom_filter(_BLOOM_BITS, block_based=False)
    options = Options(raw_mode=True)
    options.set_block_based_table_factory(tables)
    options.set_max_manifest_file_size(1)
    return options


def _size(file: Path) -> int:
    """The size of a file, which RocksDB may remove at any time."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _agenda_key(due: float, key: str) -> bytes:
    return _AGENDA + _DUE.pack(due) + key.encode()
