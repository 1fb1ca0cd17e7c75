"""One embedded stack for all tests of a worker that ask for it, and a fresh database for each module."""

import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient

from app.embedded import debian, kafka_jars
from app.embedded.cache import cache_dir
from app.embedded.process import wait_until
from app.embedded.stack import Stack
from domain.topics import EVALUATIONS, READINGS, REJECTED
from runtime.kafka import create_topics
from runtime.settings import Kafka

_STARTED = pytest.StashKey[Stack]()
TOPICS = {READINGS, REJECTED, EVALUATIONS}
_OF_WORKERS = pytest.StashKey[list[str]]()


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
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")  # a worker has none
    say = print if terminal is None else terminal.write_line
    folder = Path(tempfile.mkdtemp(prefix="yanchen-tests-"))
    async with Stack(folder, durable=False, say=say) as running:
        request.config.stash[_STARTED] = running
        yield running
    if not request.session.testsfailed:
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database_url(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[str]:
    """An empty database and empty topics of the module's own; a migration must create the extension."""
    await _empty_the_log(Kafka(bootstrap=stack.endpoints.kafka_bootstrap))
    module = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    name = f"{module[:40]}_{uuid.uuid4().hex[:8]}"
    yield await stack.database.create_database(name)
    await stack.database.drop_database(name)


async def _empty_the_log(kafka: Kafka) -> None:
    """Topics as new: what other tests wrote would move the watermarks past what is to be judged."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()

    async def gone() -> bool:
        return TOPICS.isdisjoint(await admin.list_topics())

    async def there() -> bool:
        await create_topics(kafka)
        return set(await admin.list_topics()) >= TOPICS

    try:
        old = TOPICS.intersection(await admin.list_topics())
        if old:
            await admin.delete_topics(sorted(old))
        assert await wait_until(gone, 30), "Kafka does not delete its topics"
        assert await wait_until(there, 30), "Kafka does not create its topics"
    finally:
        await admin.close()


def _told(config: pytest.Config) -> list[str]:
    """What is worth knowing of the stack that has run."""
    stack = config.stash.get(_STARTED, None)
    if stack is None:
        return []
    told = [f"{one.name}: {one.version}, last start {one.started_in:.1f} s" for one in stack.servers]
    told += [f"{part}: {warning}" for part, warning in stack.warnings.items()]
    return told + ([f"logs: {stack.endpoints.logs}"] if stack.data_dir.exists() else [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker has no terminal: whoever started it tells."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["stack"] = _told(session.config)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    told = node.config.stash.setdefault(_OF_WORKERS, [])
    told += getattr(node, "workeroutput", {}).get("stack", [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    told = _told(config) + config.stash.get(_OF_WORKERS, [])
    if told:
        terminalreporter.section("embedded stack")
    for line in told:
        terminalreporter.line(line)
