from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def oracles() -> ModuleType:
    """oracles.py beside this file, which no package makes importable."""
    spec = importlib.util.spec_from_file_location("oracles", Path(__file__).with_name("oracles.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["oracles"] = module
    spec.loader.exec_module(module)
    return module
