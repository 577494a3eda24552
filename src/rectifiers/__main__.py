"""``python -m rectifiers``."""

from __future__ import annotations

import sys

from rectifiers.cli import main

if __name__ == "__main__":
    sys.exit(main())
