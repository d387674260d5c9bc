"""Changes made in the stored notebook itself, by hand and not by executing other code."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any

from PIL import Image

Edit = Callable[[Any], None]


def _in_data(mime: str, old: str, new: str) -> Edit:
    def edit(cell: Any) -> None:
        [output] = [o for o in cell.outputs if mime in o.get("data", {})]
        text = output.data[mime]
        assert old in text, (mime, text)
        output.data[mime] = text.replace(old, new, 1)

    return edit


def _in_print(old: str, new: str) -> Edit:
    def edit(cell: Any) -> None:
        output = next(o for o in cell.outputs if o.output_type == "stream" and old in o.text)
        output.text = output.text.replace(old, new, 1)

    return edit


def _picture(change: Callable[[Image.Image], Image.Image]) -> Edit:
    def edit(cell: Any) -> None:
        [output] = [o for o in cell.outputs if "image/png" in o.get("data", {})]
        with Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))) as file:
            info, picture = file.info, change(file.convert("RGBA"))
        made = io.BytesIO()
        picture.save(made, "PNG", dpi=info.get("dpi"))
        output.data["image/png"] = base64.b64encode(made.getvalue()).decode()

    return edit


def _blot(picture: Image.Image) -> Image.Image:
    """A box of the size of a legend is whitened, where the curve rises."""
    width, height = picture.size
    left, top = int(width * 0.33), int(height * 0.35)
    picture.paste((255, 255, 255, 255), (left, top, left + 90, top + 60))
    return picture


def _mirror(picture: Image.Image) -> Image.Image:
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def _swap_colours(picture: Image.Image) -> Image.Image:
    red, green, blue, alpha = picture.split()
    return Image.merge("RGBA", (blue, green, red, alpha))


def _vanish(cell: Any) -> None:
    del cell.outputs[-1]


def _twice(cell: Any) -> None:
    cell.outputs.append(cell.outputs[-1].copy())


def _empty(cell: Any) -> None:
    cell.outputs.clear()


def _swapped(cell: Any) -> None:
    cell.outputs[-2:] = cell.outputs[:-3:-1]


EDITS: list[tuple[str, str, Edit]] = [
    ("scalar", "the result vanished", _vanish),
    ("report", "nothing printed", _empty),
    ("table", "the table is shown twice", _twice),
    ("spectrum", "the figure vanished", _empty),
    ("several", "one output vanished", _vanish),
    ("several", "two outputs changed places", _swapped),
    ("report", "a printed digit", _in_print("7123.42", "7123.43")),
    ("report", "a printed minus", _in_print("0.9871", "-0.9871")),
    ("summary", "a digit of a printed table", _in_print("8.000000e+01", "8.100000e+01")),
    ("table", "a number in the HTML only", _in_data("text/html", "<td>3</td>", "<td>2</td>")),
    ("table", "a word in the HTML only", _in_data("text/html", "<td>B</td>", "<td>C</td>")),
    ("table", "a word in the text only", _in_data("text/plain", "False", "True")),
    ("grouped", "a name in the HTML only", _in_data("text/html", "mean", "median")),
    ("vector", "a digit in the text only", _in_data("text/plain", "4", "5")),
    ("dataset", "a word in the text only", _in_data("text/plain", "Fe foil", "Co foil")),
    ("sentence", "a digit", _in_data("text/markdown", "7123.4", "7123.5")),
    ("spectrum", "a blot over the picture", _picture(_blot)),
    ("spectrum", "the picture mirrored", _picture(_mirror)),
    ("detector", "the picture in other colours", _picture(_swap_colours)),
    ("bars", "the picture in other colours", _picture(_swap_colours)),
]
