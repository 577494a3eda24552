"""Write the stubs of what is derived from the registry, for editors and type checkers.

    python tools/write_stubs.py            # after an activation was added or changed
    python tools/write_stubs.py --check    # exit 1 if a stub is not current

The stubs lie beside the modules they describe: functional/__init__.pyi and nn/__init__.pyi.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import rectifiers
from rectifiers import functional, nn
from rectifiers.activations import Elementwise, registry

_HEADER = "# Written by tools/write_stubs.py from the registry: change the records, not this file.\n"
_WIDTH = 110


def _annotation(value: Any) -> str:
    text = value if isinstance(value, str) else getattr(value, "__name__", None)
    if value is None:
        return "None"
    return (text or str(value)).replace("torch._C.Generator", "torch.Generator")


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _header(prefix: str, function: Callable[..., Any], first: str = "", returns: Any = None) -> str:
    """Return ``def name(...) -> type:`` on one line if it fits, else one parameter a line."""
    signature = inspect.signature(function)
    parts = [first] if first else []
    keyword_only = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            parts.append("*")
        default = "" if parameter.default is parameter.empty else f" = {_literal(parameter.default)}"
        parts.append(f"{parameter.name}: {_annotation(parameter.annotation)}{default}")
    ending = f") -> {_annotation(returns)}:"
    line = f"{prefix}({', '.join(parts)}{ending}"
    indent = " " * (len(prefix) - len(prefix.lstrip()))
    if len(line) + 4 <= _WIDTH:
        return line
    return f"{prefix}(\n" + "".join(f"{indent}    {part},\n" for part in parts) + indent + ending


def _docstring(owner: Any, indent: str) -> str:
    text = inspect.cleandoc(owner.__doc__)
    return textwrap.indent(f'"""{text}\n"""', indent, lambda line: bool(line.strip())) + "\n"


def _opening(imports: str, own: dict[str, str], public: list[str]) -> str:
    """Return the top of a stub: imports, hand-written names with the module they come from, `__all__`."""
    lines = [f"from {module} import {name} as {name}" for name, module in own.items()]
    names = "".join(f'    "{name}",\n' for name in sorted(public, key=_kind))
    return f"{_HEADER}{imports}{chr(10).join(sorted(lines))}\n\n__all__ = [\n{names}]\n\n"


def _kind(name: str) -> tuple[bool, bool, str]:
    return not name.isupper(), name[0].islower(), name  # constants, classes, functions


def functional_stub() -> str:
    """Return the text of functional/__init__.pyi."""
    derived = [name for name in registry if getattr(functional, name).__module__ == functional.__name__]
    own = {name: getattr(functional, name).__module__ for name in registry if name not in derived}
    imports = "from collections.abc import Callable\n\nimport torch\nfrom torch import Tensor\n\n"
    imports += "from rectifiers.activations import Activation\n"
    text = _opening(imports, own, functional.__all__)
    text += _header("def is_registered", functional.is_registered, returns="bool") + " ...\n"
    text += _header("def of", functional.of, returns="Callable[..., Tensor]") + " ...\n"
    for name in derived:
        function = getattr(functional, name)
        text += (
            _header(f"def {name}", function, returns="Tensor") + "\n" + _docstring(function, "    ") + "\n"
        )
    return text.rstrip("\n") + "\n"


def nn_stub() -> str:
    """Return the text of nn/__init__.pyi."""
    titles = [record.title for record in registry.values()]
    derived = [title for title in titles if getattr(nn, title).__module__ == nn.__name__]
    own = {name: getattr(nn, name).__module__ for name in nn.__all__ if name not in (*derived, "of")}
    imports = "from typing import ClassVar, Self\n\nimport torch\nfrom torch import Tensor\n\n"
    imports += "from rectifiers.activations import Activation, Elementwise, Gated\n"
    text = _opening(imports, own, nn.__all__)
    text += _header("def of", nn.of, returns="type[torch.nn.Module]") + " ...\n\n"
    for title in derived:
        cls = getattr(nn, title)
        base = "torch.nn." + (title if hasattr(torch.nn, title) else "Module")
        text += f"class {title}({base}):\n" + _docstring(cls, "    ") + "\n"
        elementwise = isinstance(cls.record, Elementwise)
        text += f"    record: ClassVar[{type(cls.record).__name__}]\n"
        text += "    inplace: bool\n\n" if elementwise else "    dim: int\n\n"
        text += _header("    def __init__", cls, "self") + " ...\n"
        text += "    def forward(self, input: Tensor) -> Tensor: ...\n"
        for name in sorted(n for n in dir(cls) if n.startswith("from_")):
            method = getattr(cls, name)
            text += "    @classmethod\n" + _header(f"    def {name}", method, "cls", returns="Self") + "\n"
            text += _docstring(method, " " * 8)
        text += "\n"
    return text.rstrip("\n") + "\n"


def main() -> int:
    """Write the stubs, or with --check compare them."""
    root = Path(rectifiers.__file__).parent
    stale = []
    for room, text in (("functional", functional_stub()), ("nn", nn_stub())):
        path = root / room / "__init__.pyi"
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if "--check" not in sys.argv:
                path.write_text(text)
    if "--check" in sys.argv and stale:
        print(f"not current: {', '.join(map(str, stale))}; run python tools/write_stubs.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
