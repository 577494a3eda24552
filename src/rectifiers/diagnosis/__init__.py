"""What happens inside a model while it trains: public as `rectifiers.watch`."""

from rectifiers.diagnosis._watch import Watch as Watch
from rectifiers.diagnosis._watch import watch as watch

__all__ = ["Watch", "watch"]
