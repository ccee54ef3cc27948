"""Puts the packages of tests/third_party where Python finds them, as an installation would."""

from __future__ import annotations

import shutil
from pathlib import Path

import tomli

THIRD_PARTY = Path(__file__).parent / "third_party"


def install(folder: Path, *names: str) -> Path:
    """Copies packages into ``folder``, which then belongs on Python's path."""
    folder.mkdir(exist_ok=True)
    for name in names:
        source = THIRD_PARTY / name
        project = tomli.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for module in source.glob("*.py"):
            shutil.copy(module, folder)
        info = folder / f"{name.replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(about, encoding="utf-8")
        points = project["entry-points"]["zoo"].items()
        lines = ["[zoo]", *(f"{point} = {module}" for point, module in points)]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
