"""One embedded stack for all tests that ask for it, and a fresh database for each module."""

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.embedded import debian, kafka_jars
from app.embedded.cache import cache_dir
from app.embedded.stack import Stack

_STARTED = pytest.StashKey[Stack]()


def pytest_report_header() -> str:
    cache = cache_dir()
    there = [debian.folder(cache).name] if debian.fetched(cache) else []
    there += [kafka_jars.folder(cache).name] if kafka_jars.fetched(cache) else []
    return f"embedded stack: {cache} has {', '.join(there) or 'nothing yet, the first start fetches it'}"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    """Kafka, mosquitto and TimescaleDB, started at the first test that wants them.

    Whoever stops a part starts it again. The data folder stays when a test has failed, for its logs.
    """
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None, "pytest's own plugin"
    folder = Path(tempfile.mkdtemp(prefix="yanchen-tests-"))
    async with Stack(folder, durable=False, say=terminal.write_line) as running:
        request.config.stash[_STARTED] = running
        yield running
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[str]:
    """An empty database of the module's own; a migration must create the extension."""
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    name = f"{module[:40]}_{uuid.uuid4().hex[:8]}"
    yield await stack.database.create_database(name)
    await stack.database.drop_database(name)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    stack = config.stash.get(_STARTED, None)
    if stack is None:
        return
    terminalreporter.section("embedded stack")
    for server in stack.servers:
        terminalreporter.line(f"{server.name}: {server.version}, last start {server.started_in:.1f} s")
    for part, warning in stack.warnings.items():
        terminalreporter.line(f"{part}: {warning}", yellow=True)
    if stack.data_dir.exists():
        terminalreporter.line(f"logs: {stack.endpoints.logs}")
