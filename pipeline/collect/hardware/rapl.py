"""The energy counters of processor packages and memory (RAPL), where the kernel lets us read them.

A counter wraps at `max_energy_range_uj`, which is a fact of the manifest; what is recorded is what was read.
"""

from dataclasses import dataclass
from pathlib import Path

from pipeline.collect.hardware._row import Row

ROOT = Path("/sys/class/powercap")


@dataclass(frozen=True)
class Zone:
    """One counter: `package-0`, `dram`, `psys`."""

    device: str
    path: Path

    def read(self) -> Row:
        """Read the counter; the reason where it cannot be."""
        try:
            return Row(device=self.device, energy_uj=int((self.path / "energy_uj").read_text()))
        except (OSError, ValueError) as error:
            return Row(device=self.device, error=str(error))


def sources(root: Path = ROOT) -> tuple[list[Zone], str | None]:
    """All readable counters, and the reason where there are none."""
    zones = [_zone(path) for path in sorted(root.glob("intel-rapl:*"))]
    if not zones:
        return [], f"no RAPL counters under {root} (a virtual machine, or another processor)"
    errors = {zone: zone.read().error for zone in zones}
    readable = [zone for zone in zones if errors[zone] is None]
    return readable, None if readable else f"RAPL counters cannot be read: {errors[zones[0]]}; run as root"


def facts(root: Path = ROOT) -> dict[str, dict[str, int | None]]:
    """Where each counter wraps, in microjoules."""
    return {"rapl": {zone.device: _wraps_at(zone.path) for zone in sources(root)[0]}}


def _wraps_at(path: Path) -> int | None:
    try:
        return int((path / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return None


def _zone(path: Path) -> Zone:
    """Name a zone by the kernel's name, and where it lies in another, by both."""
    own = (path / "name").read_text().strip()
    parent = path.with_name(path.name.rpartition(":")[0]) / "name"
    return Zone(f"{parent.read_text().strip()}/{own}" if parent.exists() else own, path)
