"""Write the tables of settings into docs/operate.md, from the code that has them.

    python tools/settings_table.py

Names, defaults and meanings come from `lipwright.service.settings`; a test fails when the document is behind.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lipwright.service import settings
from lipwright.service.settings import GIB, MIB, PREFIX, Settings

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "operate.md"
BEGIN = "<!-- settings: written by tools/settings_table.py -->"
END = "<!-- end of settings -->"


def main() -> None:
    """Bring the document up to date."""
    DOCUMENT.write_text(with_tables(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


def with_tables(text: str) -> str:
    """The document with fresh tables between its two marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{tables()}\n{END}{after}"


def tables() -> str:
    """One table for each group of settings, in the order of the code."""
    return "\n".join("\n".join(_table(title, names)) for title, names in _groups()) + "\n"


def _groups() -> Iterator[tuple[str, list[str]]]:
    """The groups that the comments `# ---- title` in the code make, each with the names of its settings."""
    source = Path(settings.__file__).read_text(encoding="utf-8")
    title, names = "", list[str]()
    for line in source.splitlines():
        if heading := re.fullmatch(r"    # ---- (.+)", line):
            if names:
                yield title, names
            title, names = heading[1].capitalize(), []
        elif (field := re.match(r"    ([a-z_0-9]+): .* = Field\(", line)) and field[
            1
        ] in Settings.model_fields:
            names.append(field[1])
    yield title, names


def _table(title: str, names: list[str]) -> Iterator[str]:
    yield f"**{title}**\n"
    yield "| Variable | Default | Meaning |"
    yield "|---|---|---|"
    for name in names:
        field = Settings.model_fields[name]
        default = (
            "the user's data folder" if field.default_factory is not None else _shown(name, field.default)
        )
        yield f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |"
    yield ""


def _shown(name: str, value: Any) -> str:
    """A default as one writes it: sizes in MiB, lists with commas, nothing for "not given"."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(str(part) for part in value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if name.endswith("_bytes") and value % MIB == 0:
        size = f"{value // GIB} GiB" if value % GIB == 0 else f"{value // MIB} MiB"
        return f"`{value}` ({size})"
    return f"`{value}`"


if __name__ == "__main__":
    main()
