"""Fetch data that a publication refers to, or find what was fetched before."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

from beambook.errors import DataError
from beambook.events import Progress, Reporter
from beambook.publication._contents import DataFile, DataReference
from beambook.publication._fetch.archive import DOI, Archives
from beambook.publication._fetch.cache import DataCache
from beambook.publication._fetch.download import PAUSES_S, download
from beambook.publication._fetch.web import host_of, why_not_asked
from beambook.recipe._memory import as_size

__all__ = ["Fetcher", "asked_of", "why_not_fetched"]

MEGABYTE = 1_000_000
MOST_HOSTS = 3
_SHA256 = re.compile(r"[0-9a-f]{64}")  # it becomes the name of a file


def why_not_fetched(reference: DataReference) -> str:
    """Why data cannot be fetched, by what its publication says of it; empty if it can."""
    if not reference.files:
        return "the publication names no files of it"
    if any(not file.url for file in reference.files):
        return "the publication names no address of it"
    for url in (file.url for file in reference.files if not file.url.startswith(DOI)):
        if why := why_not_asked(url):
            return f"its address {url[:200]!r} {why}"
    if any(not _SHA256.fullmatch(file.sha256 or "") for file in reference.files):
        return "the publication has no checksums of it"
    if any(file.size < 0 for file in reference.files):
        return "the publication states an impossible size"
    return ""


def asked_of(reference: DataReference) -> str:
    """Whom a download would ask, for the user to judge before: hosts of the web, and DOIs.

    Examples
    --------
    >>> files = [DataFile("a.h5", 1, url="https://zenodo.org/a.h5")]
    >>> asked_of(DataReference("raw", "url", files=(*files, DataFile("b", 1, url="doi:10.1/x/b"))))
    'zenodo.org, doi:10.1/x'
    """
    named = [
        f.url.rpartition("/")[0] if f.url.startswith(DOI) else host_of(f.url)
        for f in reference.files
    ]
    hosts = list(dict.fromkeys(named))
    more = len(hosts) - MOST_HOSTS
    return ", ".join([*hosts[:MOST_HOSTS], *([f"and {more} more"] if more > 0 else [])])


@dataclass(frozen=True)
class Fetcher:
    """Downloads into a cache that all publications share.

    Attributes
    ----------
    reporter : Reporter
    cache : DataCache
    archives : Archives
    pauses : tuple of float
        As for `download`.
    """

    reporter: Reporter
    cache: DataCache = field(default_factory=DataCache.of_user)
    archives: Archives = field(default_factory=Archives)
    pauses: tuple[float, ...] = PAUSES_S

    def kept(self, reference: DataReference) -> Path | None:
        """The folder of data that was fetched before; no network is asked.

        Every file is read and compared with its checksum.
        """
        if why_not_fetched(reference) or not all(map(self.cache.has, reference.files)):
            return None
        return self.cache.laid_out(reference)

    def fetched(self, reference: DataReference) -> tuple[Path, str]:
        """Download what of it is not here.

        Parameters
        ----------
        reference : DataReference

        Returns
        -------
        Path, str
            The folder that its files are in, and what was done, in words.

        Raises
        ------
        DataError
            If a file cannot be had, is not what was sealed, or there is no room for it.
        """
        if why := why_not_fetched(reference):
            raise DataError(f"data {reference.name} cannot be fetched: {why}")
        missing = {f.sha256: f for f in reference.files if not self.cache.has(f)}
        self._refuse_without_room(reference, list(missing.values()))
        hosts: dict[str, None] = {}
        done, began = 0, time.monotonic()
        for file in missing.values():
            try:
                hosts[self._one(reference, file, done, began)] = None
            except (DataError, OSError) as error:
                raise DataError(
                    f"data {reference.name}: {file.path} cannot be fetched: {error}"
                ) from error
            done += file.size
        size = as_size(sum(file.size for file in missing.values()))
        files = f"{len(missing)} file{'s' * (len(missing) != 1)}"
        note = f"data {reference.name}: {files} ({size}) fetched from {', '.join(hosts)}"
        return self.cache.laid_out(reference), note

    def _one(self, reference: DataReference, file: DataFile, before: int, began: float) -> str:
        """Fetch one file; the host that it came from."""
        url = self.archives.address(file.url)
        total = max(1, reference.size // MEGABYTE)

        def tell(done: int) -> None:
            step = min((before + done) // MEGABYTE, total)
            label = f"MB  {file.path} from {host_of(url)}"
            self.reporter(
                Progress(f"fetch {reference.name}", step, total, label, time.monotonic() - began)
            )

        with self.cache.locked(file):
            if not self.cache.has(file):  # somebody else may have fetched it meanwhile
                tell(0)
                download(url, file, self.cache.place(file), tell=tell, pauses=self.pauses)
        return host_of(url)

    def _refuse_without_room(self, reference: DataReference, files: list[DataFile]) -> None:
        here = next(f for f in (self.cache.folder, *self.cache.folder.parents) if f.is_dir())
        needed, free = sum(file.size for file in files), shutil.disk_usage(here).free
        if needed > free:
            raise DataError(
                f"data {reference.name} cannot be fetched: it has {as_size(needed)}, and "
                f"{as_size(free)} are free in {self.cache.folder}"
            )
