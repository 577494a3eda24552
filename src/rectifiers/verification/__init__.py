"""Is a function right, and is this its derivative? Public as `rectifiers.check`."""

from rectifiers.verification._check import check as check
from rectifiers.verification._result import CheckResult as CheckResult
from rectifiers.verification._result import Row as Row

__all__ = ["CheckResult", "Row", "check"]
