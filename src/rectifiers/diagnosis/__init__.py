"""What happens inside a model while it trains: public as `rectifiers.watch`."""

from rectifiers.diagnosis._findings import SQUASHING as SQUASHING
from rectifiers.diagnosis._findings import Advice as Advice
from rectifiers.diagnosis._watch import Watch as Watch
from rectifiers.diagnosis._watch import watch as watch
from rectifiers.diagnosis.quantities import ENOUGH as ENOUGH

__all__ = ["ENOUGH", "SQUASHING", "Advice", "Watch", "watch"]
