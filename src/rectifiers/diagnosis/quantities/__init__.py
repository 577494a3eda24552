"""What is measured at every site: one file each."""

from rectifiers.diagnosis.quantities._quantity import ENOUGH, Gradient, History, Quantity, Sample, Totals
from rectifiers.diagnosis.quantities.dead import dead
from rectifiers.diagnosis.quantities.depth import output_square, slope_square
from rectifiers.diagnosis.quantities.dormant import dormant, dormant_gradient
from rectifiers.diagnosis.quantities.gradient import gradient
from rectifiers.diagnosis.quantities.linear import linear
from rectifiers.diagnosis.quantities.moments import deviation, mean, output_mean, output_median
from rectifiers.diagnosis.quantities.rounding import rounding
from rectifiers.diagnosis.quantities.saturation import saturation
from rectifiers.diagnosis.quantities.sparsity import sparsity

__all__ = ["ALL", "ENOUGH", "Gradient", "History", "Quantity", "Sample", "Totals"]

ALL: tuple[Quantity, ...] = (
    *(dead, linear, saturation, sparsity, dormant, dormant_gradient),
    *(mean, deviation, output_mean, output_median, output_square, slope_square),
    *(rounding, gradient),
)
"""In the order of the table."""
