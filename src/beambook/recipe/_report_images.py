"""Pictures of a report: found, checked, measured; nothing outside the notebook's folder is read."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

__all__ = ["BadImage", "Image", "Images", "read_image"]

MOST_PIXELS = 80_000_000
MOST_BYTES = 64_000_000
POINTS = {"pt": 1.0, "px": 0.75, "": 0.75, "in": 72.0, "cm": 72 / 2.54, "mm": 7.2 / 2.54, "pc": 12}
OUTSIDE = re.compile(
    rb"(<(?:\w+:)?(?:image|feImage)\b[^>]*?\bhref\s*=\s*)([\"'])(?!#|data:)[^\"']*\2", re.S | re.I
)
NOTHING = (  # one transparent pixel
    b"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf"
    b"DwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


class BadImage(ValueError):
    """A picture that cannot be shown, and why."""


@dataclass(frozen=True)
class Image:
    """A picture whose bytes look sound.

    Attributes
    ----------
    content : bytes
    kind : str
        ``png``, ``jpg``, ``gif``, ``webp`` or ``svg``.
    width, height : float
        Natural size, in pt (1/72 inch); 0 when the file does not say.
    lost : str
        What of it is not shown.
    """

    content: bytes
    kind: str
    width: float
    height: float
    lost: str = ""

    @property
    def mime(self) -> str:
        """Media type."""
        return {"jpg": "image/jpeg", "svg": "image/svg+xml"}.get(self.kind, f"image/{self.kind}")

    @property
    def data_uri(self) -> str:
        """The whole picture as a ``data:`` address."""
        return f"data:{self.mime};base64,{base64.b64encode(self.content).decode()}"


@dataclass
class Images:
    """The pictures of one report by their id; a string says why there is none.

    Parameters
    ----------
    folders : tuple of Path
        Where the notebook lies, and where it came from; pictures are read from there and below.
    """

    folders: tuple[Path, ...]
    found: dict[str, Image | str] = field(default_factory=dict)
    alts: dict[str, str] = field(default_factory=dict)

    def add(self, content: bytes, *, alt: str = "", width: Any = None, scale: float = 1.0) -> str:
        """Keep the picture of an output; the id says where. A bad one raises BadImage."""
        image = read_image(content, width=width)
        image = replace(image, width=image.width * scale, height=image.height * scale)
        name = f"o{len(self.found) + 1}"
        self.found[name], self.alts[name] = image, alt
        return name

    def resolve(
        self,
        name: str,
        source: str,
        attachments: dict[str, Any],
        *,
        alt: str = "",
        folders: tuple[Path, ...] | None = None,
    ) -> str:
        """Find the picture that a text names; returns what of it cannot be shown and why."""
        self.alts[name] = alt
        folders = self.folders if folders is None else folders
        try:
            image = read_image(_bytes(source, attachments, folders))
            self.found[name] = image
            return image.lost
        except BadImage as error:
            self.found[name] = str(error)
            return str(error)


def _bytes(source: str, attachments: dict[str, Any], folders: tuple[Path, ...]) -> bytes:
    shown = source if len(source) < 80 else source[:77] + "…"
    if source.startswith("attachment:"):
        return _attached(unquote(source.removeprefix("attachment:")), attachments)
    if source.startswith("data:"):
        return _from_data_uri(source)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|//", source):
        raise BadImage(f"the picture {shown} lies elsewhere and is not fetched")
    return _local(unquote(source.partition("?")[0].partition("#")[0]), shown, folders)


def _local(source: str, shown: str, folders: tuple[Path, ...]) -> bytes:
    problem = BadImage(f"the picture {shown} is missing")
    for folder in folders:
        try:
            return _inside(folder, source, shown)
        except BadImage as error:
            problem = error
        except (OSError, ValueError):
            problem = BadImage(f"the picture {shown} cannot be read")
    raise problem


def _inside(folder: Path, source: str, shown: str) -> bytes:
    root = folder.resolve()
    path = (root / source).resolve()
    if not path.is_relative_to(root):
        raise BadImage(f"the picture {shown} lies outside of the notebook's folder")
    if not path.is_file():
        raise BadImage(f"the picture {shown} is missing")
    if path.stat().st_size > MOST_BYTES:
        raise BadImage(f"the picture {shown} is larger than {MOST_BYTES / 1e6:.0f} MB")
    return path.read_bytes()


def read_image(content: bytes, *, width: Any = None) -> Image:
    """Check and measure a picture.

    Parameters
    ----------
    content : bytes
    width : number, optional
        Width that the notebook wants, in px (1/96 inch).

    Raises
    ------
    BadImage
        If it is damaged, far too large, or no picture at all.
    """
    for kind, magic, size in READERS:
        if re.match(magic, content, re.S):
            width_pt, height_pt = size(content)
            content, lost = _self_contained(content) if kind == "svg" else (content, "")
            return _scaled(Image(content, kind, width_pt, height_pt, lost), width)
    raise BadImage("a picture is damaged or of an unknown kind")


def _scaled(image: Image, width: Any) -> Image:
    try:
        wanted = float(width) * POINTS["px"]
    except (TypeError, ValueError):
        return image
    if not (1 <= wanted <= 1e5 and image.width):
        return image
    return replace(image, width=wanted, height=image.height * wanted / image.width)


def _self_contained(svg: bytes) -> tuple[bytes, str]:
    """An SVG without the pictures that it would fetch."""
    svg, count = OUTSIDE.subn(rb"\1\2" + NOTHING + rb"\2", svg)
    return svg, "an SVG names pictures that lie elsewhere; they are not fetched" if count else ""


def _png(content: bytes) -> tuple[float, float]:
    damaged = BadImage("a PNG picture is damaged or cut off")
    density, size, last = 0.0, (0, 0), b""
    inflate, pixels = zlib.decompressobj(), 0
    for kind, body in _chunks(content):
        if kind == b"IHDR" and len(body) == 13:
            size = (int.from_bytes(body[:4]), int.from_bytes(body[4:8]))
            _in_points(size, 0)
        elif kind == b"pHYs" and len(body) == 9 and body[8] == 1:
            density = int.from_bytes(body[:4]) * 0.0254
        elif kind == b"IDAT":
            pixels += _inflated(inflate, body)
        last = kind
    if last != b"IEND" or pixels < size[1] or not inflate.eof:
        raise damaged
    return _in_points(size, density)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4])
        kind, body, check = content[at + 4 : at + 8], content[at + 8 : end], content[end : end + 4]
        if len(check) < 4 or int.from_bytes(check) != zlib.crc32(kind + body):
            raise BadImage("a PNG picture is damaged or cut off")
        yield kind, body
        at = end + 4


def _inflated(inflate: Any, body: bytes) -> int:
    """How many bytes `body` unpacks to; none of them is kept."""
    count = 0
    try:
        while body and count <= 8 * MOST_PIXELS:
            count += len(inflate.decompress(body, 1 << 20))
            body = inflate.unconsumed_tail
    except zlib.error as error:
        raise BadImage("a PNG picture is damaged or cut off") from error
    return count


def _jpeg(content: bytes) -> tuple[float, float]:
    at = 2
    whole = content.rfind(b"\xff\xd9") > 0
    while whole and at + 9 < len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            height, width = content[at + 5 : at + 7], content[at + 7 : at + 9]
            return _in_points((int.from_bytes(width), int.from_bytes(height)), 0)
        at += 2 + int.from_bytes(content[at + 2 : at + 4])
    raise BadImage("a JPEG picture is damaged or cut off")


def _gif(content: bytes) -> tuple[float, float]:
    width, height = content[6:8], content[8:10]
    return _in_points((int.from_bytes(width, "little"), int.from_bytes(height, "little")), 0)


def _webp(content: bytes) -> tuple[float, float]:
    kind = content[12:16]
    if kind == b"VP8X" and len(content) > 30:
        size = [1 + int.from_bytes(content[i : i + 3], "little") for i in (24, 27)]
    elif kind == b"VP8 " and len(content) > 30:
        size = [int.from_bytes(content[i : i + 2], "little") & 0x3FFF for i in (26, 28)]
    elif kind == b"VP8L" and len(content) > 25:
        bits = int.from_bytes(content[21:25], "little")
        size = [1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)]
    else:
        raise BadImage("a WebP picture is damaged or cut off")
    return _in_points((size[0], size[1]), 0)


def _svg(content: bytes) -> tuple[float, float]:
    import xml.etree.ElementTree as ET

    if b"<!ENTITY" in content:
        raise BadImage("an SVG picture defines entities of its own and is not shown")
    try:
        root = ET.fromstring(content)  # noqa: S314 entities are refused above
    except ET.ParseError as error:
        raise BadImage(f"an SVG picture is damaged: {error}") from error
    if not root.tag.endswith("svg"):
        raise BadImage("an SVG picture is damaged: its root is no <svg>")
    width, height = _length(root.get("width")), _length(root.get("height"))
    box = re.split(r"[\s,]+", (root.get("viewBox") or "").strip())
    if not (width and height) and len(box) == 4:
        width, height = _length(box[2]), _length(box[3])
    return (width, height) if width and height else (0.0, 0.0)


def _length(text: str | None) -> float:
    match = re.fullmatch(r"\s*([0-9.]+(?:e[+-]?\d+)?)\s*(pt|px|in|cm|mm|pc|)\s*", text or "")
    try:
        return min(float(match[1]) * POINTS[match[2]], 1e5) if match else 0.0
    except ValueError:
        return 0.0


def _in_points(size: tuple[int, int], density: float) -> tuple[float, float]:
    width, height = size
    if not (width and height):
        raise BadImage("a picture is damaged: it has no size")
    if width * height > MOST_PIXELS:
        raise BadImage(f"a picture of {width} × {height} pixels is too large to be shown")
    scale = 72 / density if 20 < density < 3000 else POINTS["px"]
    return width * scale, height * scale


READERS = (
    ("png", rb"\x89PNG\r\n\x1a\n", _png),
    ("jpg", rb"\xff\xd8\xff", _jpeg),
    ("gif", rb"GIF8[79]a.{6}", _gif),
    ("webp", rb"RIFF....WEBP", _webp),
    ("svg", rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml|<!--|<!DOCTYPE svg|<svg)", _svg),
)


def _attached(name: str, attachments: dict[str, Any]) -> bytes:
    bundle = attachments.get(name)
    if not isinstance(bundle, dict) or not bundle:
        raise BadImage(f"the attached picture {name} is missing")
    kinds = [kind for kind in bundle if str(kind).startswith("image/")] or list(bundle)
    content = bundle[kinds[0]]
    content = "".join(content) if isinstance(content, list) else str(content)
    if kinds[0] == "image/svg+xml" and content.lstrip().startswith("<"):
        return content.encode(errors="replace")
    return decoded(content)


def _from_data_uri(source: str) -> bytes:
    head, _, body = source.partition(",")
    return decoded(unquote(body)) if head.endswith(";base64") else unquote_to_bytes(body)


def decoded(text: str) -> bytes:
    """Bytes of a base64 text; BadImage if it is none."""
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise BadImage("a picture is damaged: it is no base64") from error
