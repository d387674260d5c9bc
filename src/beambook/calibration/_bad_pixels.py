"""The reasons for which a pixel's value is not to be trusted, as bits of the mask."""

from __future__ import annotations

from enum import IntFlag

__all__ = ["BadPixels"]


class BadPixels(IntFlag):
    """Bits of a mask, under the names and with the values of European XFEL's constants.

    A pixel whose mask is 0 is good. Constants bring bits 0 to 10, 15, 18 to 23; bits 11 to 14,
    17 and 21 can be set while data is corrected. Users may add 30 and 31.

    Examples
    --------
    >>> BadPixels(4098)
    <BadPixels.NOISE_OUT_OF_THRESHOLD|VALUE_OUT_OF_RANGE: 4098>
    >>> BadPixels.NOISY_ADC in BadPixels(1 << 17)
    True
    """

    OFFSET_OUT_OF_THRESHOLD = 1 << 0
    NOISE_OUT_OF_THRESHOLD = 1 << 1
    OFFSET_NOISE_EVAL_ERROR = 1 << 2
    NO_DARK_DATA = 1 << 3
    CI_GAIN_OF_OF_THRESHOLD = 1 << 4  # spelt like this at the facility
    CI_LINEAR_DEVIATION = 1 << 5
    CI_EVAL_ERROR = 1 << 6
    FF_GAIN_EVAL_ERROR = 1 << 7
    FF_GAIN_DEVIATION = 1 << 8
    FF_NO_ENTRIES = 1 << 9
    CI2_EVAL_ERROR = 1 << 10
    VALUE_IS_NAN = 1 << 11
    VALUE_OUT_OF_RANGE = 1 << 12
    GAIN_THRESHOLDING_ERROR = 1 << 13
    DATA_STD_IS_ZERO = 1 << 14
    ASIC_STD_BELOW_NOISE = 1 << 15
    INTERPOLATED = 1 << 16
    NOISY_ADC = 1 << 17
    OVERSCAN = 1 << 18
    NON_SENSITIVE = 1 << 19
    NON_LIN_RESPONSE_REGION = 1 << 20
    WRONG_GAIN_VALUE = 1 << 21
    NON_STANDARD_SIZE = 1 << 22
    EXPERT_CHOICE = 1 << 23
    USER1 = 1 << 30
    USER2 = 1 << 31
