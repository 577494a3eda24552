"""The error function and its complement for `Number`."""

from __future__ import annotations

from typing import Any

from rectifiers.backends.cpu.exponentials import exp
from rectifiers.backends.cpu.numbers import Number
from rectifiers.backends.cpu.words import abs_, where

__all__ = ["erf", "erfc"]

# log(erfc(z) / t) + z^2 by rising powers of 2 t - 1, with t = 2 / (2 + z): a Chebyshev expansion for z >= 0,
# off by less than 2^-55.
_TAIL = (
    -0.6717940840566923, 0.6726432239776567, 0.04734330684190443, -0.0468956102311753,
    -0.009872689366389959, 0.008824938557060623, 0.001758933557799016, -0.002345812500482853,
    -0.00014624686337800336, 0.000673678795580235, -9.37350311709817e-05, -0.0001743029472030762,
    7.14010141275703e-05, 3.17451797494374e-05, -3.0187884551394243e-05, 1.3772664134464417e-07,
    8.562623420121286e-06, -2.947986876998259e-06, -1.27231190486887e-06, 1.2500276612569754e-06,
    -1.6849800720653297e-07, -2.495832761719667e-07, 1.5334345920908177e-07,
    1.4448658046252676e-09, -3.9171820510271855e-08, 1.1172352263623759e-08, 4.06088214696972e-09,
    -1.8902306008944537e-09,
)  # fmt: skip
# erf(z) / z by rising powers of z^2, for |z| < 0.75: off by less than 2^-55 of its value.
_MIDDLE = (
    1.1283791670955126, -0.37612638903183754, 0.11283791670955126, -0.02686617064513125,
    0.005223977625442116, -0.0008548327023440613, 0.00012055332980843479, -1.4925650299027694e-05,
    1.6462111766799696e-06, -1.6365764434504567e-07, 1.4805449561993589e-08,
    -1.2264434848271208e-09, 9.164453467536058e-11, -5.17242661179764e-12,
)  # fmt: skip


def erfc(x: Any) -> Number:
    """Complement of the error function, to the digits of the tail."""
    w = x.writer
    z = abs_(x)
    t = 2.0 / (z + 2.0)
    y = (2.0 * t - 1.0).vector
    smooth = Number(w, w.polynomial(y, _TAIL))
    tail = t * exp(smooth - z * z)
    result: Number = where(x < 0.0, 2.0 - tail, tail)
    return result


def erf(x: Any) -> Number:
    """Error function."""
    w = x.writer
    squared = (x * x).vector
    series = Number(w, w.polynomial(squared, _MIDDLE))
    outer = 1.0 - erfc(abs_(x))
    result: Number = where(abs_(x) < 0.75, x * series, where(x < 0.0, -outer, outer))
    return result
