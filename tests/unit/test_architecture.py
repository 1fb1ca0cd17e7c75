"""The house rules that a machine can check (design §2)."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {
    "domain": set(),
    "runtime": {"domain"},
    "ingest": {"domain", "runtime"},
    "rules": {"domain", "runtime"},
    "alerts": {"domain", "runtime"},
    "dashboards": {"domain", "runtime"},
    "simulators": {"domain", "runtime"},
    "app": {"domain", "runtime", "ingest", "rules", "alerts", "dashboards", "simulators"},
}
DOORS = {
    "aiokafka": {"runtime/kafka.py"},
    "mqtt5": {"runtime/mqtt.py"},
    "paho": {"simulators/publish_mqtt.py"},
    "psycopg_pool": {"runtime/database.py"},
    "yoyo": {"runtime/migrations.py"},
    "openpyxl": {"runtime/register_sheet.py"},
    "argon2": {"runtime/accounts.py"},
    "prometheus_client": {"runtime/metrics.py"},
}
DRAWERS = {"utils", "common", "helpers", "manager", "types", "misc"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Full names of the modules that a file imports, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_table_allows(room: str) -> None:
    allowed = ROOMS[room] | {room}
    for path in modules(room):
        rooms = {name.split(".")[0] for name in imports(path)} & set(ROOMS)
        assert rooms <= allowed, f"{path.relative_to(ROOT)} imports {rooms - allowed}"


@pytest.mark.parametrize("library", DOORS)
def test_a_foreign_library_has_one_door(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in modules(room)
        if any(name.split(".")[0] == library for name in imports(path))
    }
    assert users <= DOORS[library], f"{library} is also touched by {users - DOORS[library]}"


def test_simulators_touch_the_outside_only_where_they_publish() -> None:
    for path in modules("simulators"):
        if any(name.startswith("runtime") for name in imports(path)):
            assert "publish" in path.stem, path.name


def test_domain_opens_nothing() -> None:
    outside = {"socket", "asyncio", "os", "pathlib", "subprocess", "threading"}
    for path in modules("domain"):
        assert not {name.split(".")[0] for name in imports(path)} & outside, path.name


def test_no_import_cycles() -> None:
    """Module-level imports of our own modules have an order."""
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in ROOMS
        for path in modules(room)
    }
    graph = {name: {found for found in top_level(path) if found in names} for name, path in names.items()}
    done: set[str] = set()
    while ready := {name for name, needs in graph.items() if name not in done and needs <= done}:
        done |= ready
    assert done == set(graph), f"in a cycle: {sorted(set(graph) - done)}"


def top_level(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_no_junk_drawers() -> None:
    for room in ROOMS:
        for path in modules(room):
            assert path.stem not in DRAWERS, path
