"""The error function and its complement for `Number`."""

from __future__ import annotations

from typing import Any

from rectifiers.backends.cpu.numbers import Number
from rectifiers.backends.cpu.quick import polynomial
from rectifiers.backends.cpu.words import abs_, exp, where

__all__ = ["erf", "erfc"]

# log(erfc(z) / t) + z^2 by rising powers of 2 t - 1, with t = 2 / (2 + z): a Chebyshev expansion for z >= 0,
# off by less than 2^-24 and 2^-55.
_TAIL_SINGLE = (
    -0.671794056892395, 0.67264324426651, 0.04734332114458084, -0.046895481646060944,
    -0.009872980415821075, 0.008823557756841183, 0.00176133937202394, -0.0023392776492983103,
    -0.00015613427967764437, 0.0006579538458026946, -7.119731162674725e-05,
    -0.00015463378804270178, 4.179589814157225e-05, 2.0723071429529227e-05, -8.12125472293701e-06,
)  # fmt: skip
_TAIL_DOUBLE = (
    -0.6717940840566923, 0.6726432239776567, 0.04734330684190443, -0.0468956102311753,
    -0.009872689366389959, 0.008824938557060623, 0.001758933557799016, -0.002345812500482853,
    -0.00014624686337800336, 0.000673678795580235, -9.37350311709817e-05, -0.0001743029472030762,
    7.14010141275703e-05, 3.17451797494374e-05, -3.0187884551394243e-05, 1.3772664134464417e-07,
    8.562623420121286e-06, -2.947986876998259e-06, -1.27231190486887e-06, 1.2500276612569754e-06,
    -1.6849800720653297e-07, -2.495832761719667e-07, 1.5334345920908177e-07,
    1.4448658046252676e-09, -3.9171820510271855e-08, 1.1172352263623759e-08, 4.06088214696972e-09,
    -1.8902306008944537e-09,
)  # fmt: skip
# erf(z) / z by rising powers of z^2, for |z| < 0.75: off by less than 2^-23.8 and 2^-55 of its value.
_MIDDLE_SINGLE = (
    1.128379225730896, -0.37612637877464294, 0.11283791065216064, -0.026866121217608452,
    0.005223633721470833, -0.0008535105152986944, 0.00011771161371143535, -1.1673209883156233e-05,
)  # fmt: skip
_MIDDLE_DOUBLE = (
    1.1283791670955126, -0.37612638903183754, 0.11283791670955126, -0.02686617064513125,
    0.005223977625442116, -0.0008548327023440613, 0.00012055332980843479, -1.4925650299027694e-05,
    1.6462111766799696e-06, -1.6365764434504567e-07, 1.4805449561993589e-08,
    -1.2264434848271208e-09, 9.164453467536058e-11, -5.17242661179764e-12,
)  # fmt: skip


def erfc(x: Any) -> Number:
    """Complement of the error function, to the digits of the tail."""
    w = x.writer
    z = abs_(x).tight()
    t = 2.0 / (z + 2.0)
    y = (2.0 * t - 1.0).rounded()
    smooth = Number(w, polynomial(w, y, _TAIL_DOUBLE if w.double else _TAIL_SINGLE))
    tail = t * exp(smooth - z * z)
    result: Number = where(x < 0.0, 2.0 - tail, tail)
    return result


def erf(x: Any) -> Number:
    """Error function."""
    w = x.writer
    squared = (x * x).rounded()
    series = Number(w, polynomial(w, squared, _MIDDLE_DOUBLE if w.double else _MIDDLE_SINGLE))
    outer = 1.0 - erfc(abs_(x))
    result: Number = where(abs_(x) < 0.75, x * series, where(x < 0.0, -outer, outer))
    return result
