"""Gains and initialisation: public as `rectifiers.gain` and `rectifiers.init_`."""

from rectifiers.initialization._gain import Gain as Gain
from rectifiers.initialization._gain import gain as gain
from rectifiers.initialization._gain import slope_of as slope_of
from rectifiers.initialization._init import Initialisation as Initialisation
from rectifiers.initialization._init import InitialisedLayer as InitialisedLayer
from rectifiers.initialization._init import init_ as init_

__all__ = ["Gain", "Initialisation", "InitialisedLayer", "gain", "init_", "slope_of"]
