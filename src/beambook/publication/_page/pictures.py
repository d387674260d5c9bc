"""Pictures of a figure: published, new, and where they differ."""

from __future__ import annotations

import binascii
import io
from base64 import b64decode
from dataclasses import dataclass
from typing import Any

from beambook.publication._page.drawings import as_pixels
from beambook.publication._page.evidence import Evidence
from beambook.publication._page.model import Picture, Pictures
from beambook.recipe._cells import Output
from beambook.recipe._pictures import picture_of_difference
from beambook.recipe._report_images import BadImage, Image, read_image

__all__ = ["Album", "has_picture"]

RASTERS = ("image/png", "image/jpeg", "image/gif", "image/webp")
SVG = "image/svg+xml"
WIDEST = 1000  # px
SVG_BYTES = 500_000
SETS_MOST = 30
LEGEND = "Grey: in both. Red: only in the new picture. Blue: only in the published one."
NOT_KEPT = "no picture was stored"


def has_picture(evidence: Evidence) -> bool:
    """Whether there is a picture on either side."""
    return any(map(_pictured, (evidence.value, evidence.reference)))


@dataclass
class Album:
    """The pictures of one page, of which there is a largest number.

    Attributes
    ----------
    shown, left_out : int
    """

    shown: int = 0
    left_out: int = 0

    def pictures(self, evidence: Evidence, what: str, leg: str = "") -> Pictures | None:
        """Published, new, difference; None where there is no room, or no picture."""
        if not has_picture(evidence):
            return None
        if self.shown >= SETS_MOST:
            self.left_out += 1
            return None
        self.shown += 1
        new = "Executed again" + (f" ({leg})" if leg else "")
        two = [
            _picture("Published", evidence.reference, f"{what}, as it was published"),
            _picture(new, evidence.value, f"{what}, executed again"),
        ]
        contents = _rasters(evidence, two)
        if contents is None:
            return Pictures(two, _why_no_difference(evidence))
        difference, caption = _difference(*contents, what)
        return Pictures([*two, difference] if difference is not None else two, caption)


def _pictured(output: Output | None) -> bool:
    return output is not None and any(mime in output.data for mime in (*RASTERS, SVG))


def _rasters(evidence: Evidence, shown: list[Picture]) -> tuple[bytes, bytes] | None:
    """The new and the published picture as pixels, of drawings as they look."""
    value, reference = (_raster(each) for each in (evidence.value, evidence.reference))
    if value is not None and reference is not None:
        return value, reference
    published, new = (each.image for each in shown)
    if new is None or published is None or {new.kind, published.kind} != {"svg"}:
        return None
    return None if new.content == published.content else as_pixels((new, published))


def _why_no_difference(evidence: Evidence) -> str:
    if not (_pictured(evidence.value) and _pictured(evidence.reference)):
        return ""
    same = _content(evidence.value, SVG) == _content(evidence.reference, SVG)
    return "Both drawings are identical." if same else "Drawings (SVG): see the table of numbers."


def _content(output: Output | None, mime: str) -> Any:
    return output.data.get(mime) if output is not None else None


def _raster(output: Output | None) -> bytes | None:
    for mime in RASTERS:
        text = _content(output, mime)
        if isinstance(text, str):
            try:
                return b64decode(text)
            except (binascii.Error, ValueError):
                return None
    return None


def _picture(label: str, output: Output | None, alt: str) -> Picture:
    if not _pictured(output):
        return Picture(label, None, NOT_KEPT)
    raster = _raster(output)
    try:
        return Picture(label, _image(raster) if raster else _svg(output), alt)
    except BadImage as error:
        return Picture(label, None, f"cannot be shown: {error}")


def _svg(output: Output | None) -> Image:
    content = str(_content(output, SVG) or "").encode(errors="replace")
    if len(content) > SVG_BYTES:
        raise BadImage(f"a drawing of {len(content) / 1e6:.1f} MB is too large for this page")
    return read_image(content)


def _image(content: bytes) -> Image:
    """A picture drawn anew: not larger than a page needs, and nothing but its pixels."""
    from PIL import Image as Pillow

    known = read_image(content)
    try:
        with Pillow.open(io.BytesIO(content)) as file:
            picture = file.convert("RGBA")
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise BadImage("a picture is damaged") from error
    if picture.width > WIDEST:
        height = max(1, picture.height * WIDEST // picture.width)
        picture = picture.resize((WIDEST, height), Pillow.Resampling.LANCZOS)
    white = Pillow.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    file_ = io.BytesIO()
    white.convert("RGB").save(file_, "PNG", optimize=False)
    return Image(file_.getvalue(), "png", known.width, known.height)


def _difference(value: bytes, reference: bytes, what: str) -> tuple[Picture | None, str]:
    if value == reference:
        return None, "Both pictures are identical, pixel for pixel."
    try:
        content, share = picture_of_difference(value, reference)
        image = _image(content)
    except (ValueError, OSError) as error:
        return None, f"There is no picture of the difference: {error}"
    if not share:
        text = "The pictures differ in shades or by a pixel or two, nowhere by more."
        return None, text
    alt = f"{what}: where the two pictures differ, {_percent(share)} of the area"
    return Picture("Difference", image, alt), f"{LEGEND} {_percent(share)} of the area differs."


def _percent(share: float) -> str:
    return "less than 0.01 %" if share < 1e-4 else f"{share:.2%}".replace("%", " %")
