"""Where the files of a DOI are: Zenodo, figshare and Dataverse say it; others have to be named."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from beambook.errors import DataError
from beambook.publication._fetch.web import ask_json, host_of

__all__ = ["DOI", "Archives", "doi_address"]

DOI = "doi:"
_ZENODO = re.compile(r"10\.5281/zenodo\.(\d+)", re.I)
_FIGSHARE = re.compile(r"figshare\.(\d+)(?:\.v(\d+))?$", re.I)


def doi_address(doi: str, name: str) -> str:
    """A file of a DOI as an address: the DOI, and behind its last ``/`` the name.

    Examples
    --------
    >>> doi_address("10.5281/zenodo.1234567", "raw/run 487.h5")
    'doi:10.5281/zenodo.1234567/raw%2Frun%20487.h5'
    """
    return f"{DOI}{doi}/{quote(name, safe='')}"


@dataclass(frozen=True)
class Archives:
    """The archives whose files can be found, by what they answer programs.

    Attributes
    ----------
    handles : str
        Where a DOI's landing page is asked for, without opening it.
    figshare : str
    """

    handles: str = "https://doi.org/api/handles"
    figshare: str = "https://api.figshare.com/v2"

    def address(self, url: str) -> str:
        """Turn what `doi_address` made into an address of the web; others stay.

        Parameters
        ----------
        url : str

        Returns
        -------
        str

        Raises
        ------
        DataError
            If the DOI is nowhere, its archive is none of those known, or has no such file.

        Examples
        --------
        >>> Archives().address("doi:10.5281/zenodo.1234567/raw%2Frun%20487.h5")
        'https://zenodo.org/records/1234567/files/run%20487.h5?download=1'
        """
        if not url.startswith(DOI):
            return url
        doi, _, quoted = url.removeprefix(DOI).rpartition("/")
        name = unquote(quoted)
        if found := _ZENODO.fullmatch(doi):  # it has no folders
            file = quote(name.rpartition("/")[2])
            return f"https://zenodo.org/records/{found[1]}/files/{file}?download=1"
        if found := _FIGSHARE.search(doi):
            return _named(name, self._of_figshare(found[1], found[2]), doi)
        return _named(name, self._of_dataverse(doi), doi)

    def _of_figshare(self, article: str, version: str | None) -> dict[str, str]:
        said = ask_json(
            f"{self.figshare}/articles/{article}{f'/versions/{version}' * bool(version)}"
        )
        return {str(f.get("name")): str(f.get("download_url")) for f in _objects(said, "files")}

    def _of_dataverse(self, doi: str) -> dict[str, str]:
        """Anywhere: a Dataverse is known by its answers."""
        landing = self._landing(doi)
        home = f"{urlsplit(landing).scheme}://{urlsplit(landing).netloc}/api"
        try:
            said = ask_json(f"{home}/datasets/:persistentId/?persistentId={DOI}{quote(doi)}")
        except DataError as error:
            raise DataError(
                f"the files of {doi} are not to be found at {host_of(landing)}",
                hint="Known are Zenodo, figshare and Dataverse; of others give the url: of files",
            ) from error
        found = {}
        for each in _objects(said, "data", "latestVersion", "files"):
            file = each.get("dataFile")
            if isinstance(file, Mapping) and file.get("id") is not None:
                changed = file.get("originalFileName")  # tables are kept in another form, too
                name = str(changed or file.get("filename"))
                folder = each.get("directoryLabel")
                place = f"{home}/access/datafile/{quote(str(file['id']), safe='')}"
                found[f"{folder}/{name}" if folder else name] = (
                    f"{place}?format=original" if changed else place
                )
        return found

    def _landing(self, doi: str) -> str:
        for each in _objects(ask_json(f"{self.handles}/{quote(doi)}?type=URL"), "values"):
            data = each.get("data")
            if each.get("type") == "URL" and isinstance(data, Mapping):
                return str(data.get("value"))
        raise DataError(f"there is no page of {doi}")


def _objects(document: Any, *keys: str) -> list[Mapping[str, Any]]:
    """The list of objects that is reached by keys; empty where there is none."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return [e for e in document if isinstance(e, Mapping)] if isinstance(document, list) else []


def _named(name: str, files: Mapping[str, str], doi: str) -> str:
    """The file of this name: in its folder, else the only one that is called so."""
    if name in files:
        return files[name]
    last = name.rpartition("/")[2]
    found = [url for each, url in files.items() if each.rpartition("/")[2] == last]
    if len(found) != 1:
        raise DataError(f"{doi} has {'several files' if found else 'no file'} {last!r}")
    return found[0]
