"""Pictures compared by their looks: the last resort.

The same Matplotlib draws the same numbers into the same pixels; its version stands in the PNG.
Between versions many pixels differ (text moves by one, edges are smoothed otherwise), so there
each pixel of one picture looks for its like in the other within two pixels. Ink that finds none
is a difference; where there is none the two look similar, which is all that can be said.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from beambook.recipe._tally import Tally

__all__ = [
    "FAR",
    "NEAR",
    "Bounds",
    "Likeness",
    "compare_looks",
    "compare_pictures",
    "picture_of_difference",
]

Pixels = NDArray[np.uint8]

REACH = 2  # pixels that a line may move
COLOUR = 40  # of 255: colours closer than this are alike
LARGEST = 1000  # pixels along a side that are looked at
BLOCK = 16  # pixels
SIMILAR, BLOCK_SIMILAR = 0.007, 0.3  # unmatched pixels: of all, in the worst block
STEP = 16  # of 255: the same software may differ by this much between machines
SHADE, SHADED = 1, 0.01  # … or by this much in at most this share of all pixels


@dataclass(frozen=True)
class Bounds:
    """From where on two pictures look different.

    Attributes
    ----------
    unmatched : float
        Share of all pixels that have no like.
    block : float
        The same in the worst block; more than 1 where it does not count.
    """

    unmatched: float
    block: float = 2.0


# Measured between Matplotlib 3.8 and 3.11, see docs/explanation/comparison.md: a legend that went
# into another corner has 1.4 % (and a whole block), the frame of a 3-D figure 7 % and another size.
NEAR = Bounds(0.02, 0.5)  # the same software
OTHER = Bounds(0.02)
FAR = Bounds(0.10)


@dataclass(frozen=True)
class Likeness:
    """How alike two pictures look.

    Attributes
    ----------
    similarity : float
        Structural similarity of the grey pictures (Wang et al., 2004), 1 where they are equal.
    unmatched : float
        Fraction of pixels that have no like within two pixels in the other picture.
    block : float
        The same, in the worst block of 16 × 16 pixels.
    resized : bool
        The two have not the same size.
    """

    similarity: float
    unmatched: float
    block: float
    resized: bool


def compare_pictures(
    value: bytes, reference: bytes, tally: Tally, *, likeness: Bounds | None = None
) -> None:
    """Compare two PNG or JPEG files; the tally gets a difference picture where they differ.

    Parameters
    ----------
    value, reference : bytes
    tally : Tally
    likeness : Bounds, optional
        From where on they look different; without it pixels must agree when the same software
        drew both.
    """
    if value == reference:
        tally.same()
        return
    try:
        (a, made_by), (b, made_with) = _read(value), _read(reference)
    except Exception as error:  # Pillow raises a dozen kinds for files that are no pictures
        tally.cannot = f"a picture cannot be read ({type(error).__name__})"
        return
    if a.shape == b.shape and (a == b).all():
        tally.same()
        return
    if likeness is None and made_by and made_by == made_with:
        _judge_pixels(a, b, made_by, tally)
    else:
        found = compare_looks(a, b)
        _judge(found, likeness or (FAR if found.resized else OTHER), tally)
    if tally.count or tally.cannot:
        tally.picture = _difference_picture(a, b)


def _judge_pixels(a: Pixels, b: Pixels, software: str, tally: Tally) -> None:
    if a.shape != b.shape:
        sizes = [f"{p.shape[1]} × {p.shape[0]} pixels" for p in (a, b)]
        tally.differ("picture", *sizes)
        return
    step = np.abs(a.astype(np.int16) - b.astype(np.int16)).max(2)
    other = float((step > STEP).mean())
    if float((step > SHADE).mean()) > SHADED:
        other = float((step > SHADE).mean())
    if other:
        tally.differ("picture", f"{other:.2%} of its pixels are others", "the reference")
        tally.notes.append(f"both drawn by {_named(software)}")
    else:
        tally.within()


def _judge(found: Likeness, bounds: Bounds, tally: Tally) -> None:
    seen = f"structural similarity {found.similarity:.3f}, {found.unmatched:.2%} unmatched"
    if found.unmatched >= bounds.unmatched or found.block >= bounds.block:
        tally.differ("picture", f"looks different ({seen})", "the reference")
    elif found.unmatched <= SIMILAR and found.block <= BLOCK_SIMILAR:
        tally.within()
        tally.notes.append(f"looks similar ({seen})")
    else:
        tally.cannot = f"the pictures look neither alike nor different ({seen})"


def compare_looks(a: Pixels, b: Pixels) -> Likeness:
    """Compare two pictures of shape (height, width, 3), uint8; `b` is resized to `a`."""
    resized = a.shape != b.shape
    if resized:
        b = _resized(b, a.shape[1], a.shape[0])
    alone = _alone(a, b) | _alone(b, a)
    return Likeness(_similarity(a, b), float(alone.mean()), _worst_block(alone), resized)


def _alone(a: Pixels, b: Pixels) -> NDArray[np.bool_]:
    """Pixels of `a` that have no like in `b` nearby."""
    padded = np.pad(b, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")
    rows, columns = np.nonzero(_unlike(a, b))  # few; only these look around
    for dy in range(2 * REACH + 1):
        for dx in range(2 * REACH + 1):
            still = _unlike(a[rows, columns], padded[rows + dy, columns + dx])
            rows, columns = rows[still], columns[still]
    alone = np.zeros(a.shape[:2], dtype=bool)
    alone[rows, columns] = True
    return alone


def _unlike(a: Pixels, b: Pixels) -> NDArray[np.bool_]:
    """Where any of the three colours differs."""
    step = np.abs(a.astype(np.int16) - b)
    far: NDArray[np.bool_] = step > COLOUR
    return far[..., 0] | far[..., 1] | far[..., 2]


def _worst_block(alone: NDArray[np.bool_]) -> float:
    height, width = (max(BLOCK, -(-n // BLOCK) * BLOCK) for n in alone.shape)
    padded = np.zeros((height, width))
    padded[: alone.shape[0], : alone.shape[1]] = alone
    blocks = padded.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).mean((1, 3))
    return float(blocks.max())


def _similarity(a: Pixels, b: Pixels) -> float:
    """Mean structural similarity with windows of 7 × 7 pixels."""
    from scipy.ndimage import uniform_filter

    x, y = a.astype(float).mean(2), b.astype(float).mean(2)
    mean_x, mean_y = uniform_filter(x, 7), uniform_filter(y, 7)
    var_x = uniform_filter(x * x, 7) - mean_x**2
    var_y = uniform_filter(y * y, 7) - mean_y**2
    both = uniform_filter(x * y, 7) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c1) * (2 * both + c2)
    return float((top / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _read(content: bytes) -> tuple[Pixels, str]:
    """A picture on white, of at most `LARGEST` pixels along a side, and what drew it."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as file:
        software = str(file.info.get("Software", ""))
        picture = file.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    white.alpha_composite(picture)
    largest = max(white.size)
    if largest > LARGEST:
        size = tuple(max(1, n * LARGEST // largest) for n in white.size)
        white = white.resize((size[0], size[1]), Image.Resampling.BOX)
    return np.asarray(white.convert("RGB")), software


def _named(software: str) -> str:
    """What a picture says of its program, as people write it.

    Examples
    --------
    >>> _named("Matplotlib version3.11.2, https://matplotlib.org/")
    'Matplotlib 3.11.2'
    """
    return " ".join(software.partition(",")[0].replace(" version", " ").split())


def _resized(pixels: Pixels, width: int, height: int) -> Pixels:
    from PIL import Image

    picture = Image.fromarray(pixels)
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def picture_of_difference(value: bytes, reference: bytes) -> tuple[bytes, float]:
    """Where two pictures differ, as a PNG and as a share of the area; 0 where they do not.

    Raises
    ------
    ValueError
        If one of them cannot be read.
    """
    try:
        (a, _), (b, _) = _read(value), _read(reference)
    except Exception as error:  # Pillow raises a dozen kinds for files that are no pictures
        raise ValueError(f"a picture cannot be read ({type(error).__name__})") from error
    b = b if a.shape == b.shape else _resized(b, a.shape[1], a.shape[0])
    apart = _alone(a, b) | _alone(b, a)
    if not apart.any():  # less than a line's move: then each pixel counts
        apart = np.abs(a.astype(np.int16) - b).max(2) > SHADE
    return _marked(a, b, apart), float(apart.mean())


def _difference_picture(a: Pixels, b: Pixels) -> bytes:
    """The value in pale grey; in red what only it has, in blue what only the reference has."""
    b = b if a.shape == b.shape else _resized(b, a.shape[1], a.shape[0])
    return _marked(a, b, _alone(a, b) | _alone(b, a))


def _marked(a: Pixels, b: Pixels, apart: NDArray[np.bool_]) -> bytes:
    """`a` in pale grey, the pixels that are apart in the colour of the darker side."""
    from PIL import Image

    pale = 255 - (255 - a.astype(int).mean(2)) * 0.25
    shown = np.repeat(pale[..., None], 3, axis=2).astype(np.uint8)
    darker = a.astype(int).sum(2) <= b.astype(int).sum(2)
    shown[apart & darker] = (214, 39, 40)
    shown[apart & ~darker] = (31, 119, 180)
    file = io.BytesIO()
    Image.fromarray(shown).save(file, "PNG")
    return file.getvalue()
