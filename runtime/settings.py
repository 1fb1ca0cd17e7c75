"""Settings: parsed once, strictly, into frozen values; the only reader of the environment.

Every value can be set as ``YANCHEN_<GROUP>__<NAME>``, such as
``YANCHEN_KAFKA__BOOTSTRAP=kafka:9092``. ``docs/settings.md`` lists them all.
"""

from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, FilePath, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import ConfigError


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(_Group):
    """The log between the services."""

    bootstrap: str = Field("127.0.0.1:9092", description="host:port list of the brokers")
    partitions: int = Field(4, ge=1, description="partitions of a topic when we create it")
    replication: int = Field(1, ge=1, description="replicas of a topic when we create it")


class Mqtt(_Group):
    """The broker that devices publish to."""

    host: str = Field("127.0.0.1", description="broker host")
    port: int = Field(1883, description="broker port")
    username: str = Field("yanchen", description="our account on the broker")
    password: str = Field("", description="its password")
    client_id: str = Field("yanchen-ingest", description="fixed, so that the broker keeps our session")
    receive_maximum: int = Field(
        2000, ge=1, le=65535, description="messages in flight before an acknowledgement"
    )
    tls: bool = Field(False, description="speak TLS, and check the broker's certificate")
    tls_ca: FilePath | None = Field(None, description="authority that signed it; none is the machine's own")
    tls_cert: FilePath | None = Field(None, description="our own certificate, where the broker wants one")
    tls_key: FilePath | None = Field(None, description="its private key")


class Database(_Group):
    """PostgreSQL with TimescaleDB, or a bare PostgreSQL."""

    url: str = Field("postgresql://yanchen@127.0.0.1:5432/yanchen", description="libpq connection URL")
    pool: int = Field(4, ge=1, description="connections of one service")


class Ingest(_Group):
    """The doors for devices."""

    hj212_host: str = Field("0.0.0.0", description="address of the HJ 212 gateway")  # noqa: S104
    hj212_port: int = Field(9212, description="TCP port of the HJ 212 gateway")
    hj212_clock_off: timedelta | None = Field(
        None, description="set the clocks of HJ 212 devices that are further off, unasked; empty is never"
    )
    make_up_every: timedelta = Field(
        timedelta(minutes=5), description="wait between rounds of asking HJ 212 devices for missing minutes"
    )
    max_future: timedelta = Field(timedelta(minutes=10), description="how far ahead a device's clock may be")
    max_age: timedelta = Field(timedelta(days=30), description="how old a back-filled report may be")
    max_payload: int = Field(1 << 20, ge=1024, description="bytes of one MQTT message")
    members: int = Field(1, ge=1, description="ingest processes that share the MQTT broker")
    member: int = Field(0, ge=0, description="which of them this is, from 0; names its session")


class Rules(_Group):
    """Judging."""

    packs: tuple[Path, ...] = Field((), description="a city's own pack files, or optional packs by name")
    health: FilePath | None = Field(None, description="a city's own thresholds of device health")
    grace: timedelta = Field(
        timedelta(seconds=90), description="wait after a window's end before its first verdict"
    )
    lateness: timedelta = Field(timedelta(hours=6), description="how late data may re-open a window")


class Alerts(_Group):
    """Cases and notices."""

    webhook_secret: str = Field("", description="HMAC-SHA256 key of the signed webhook")
    clear_after: int = Field(2, ge=1, description="passing windows in a row that end an episode")
    escalate_after: timedelta = Field(
        timedelta(minutes=30), description="unacknowledged before the next step"
    )
    offence_period: timedelta = Field(
        timedelta(days=365), description="a first offence is the first in this period"
    )


class Web(_Group):
    """The pages."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, description="TCP port of the pages")
    public_url: str = Field("", description="how squads reach the pages; in notices")
    secret: str = Field("", description="signs the login cookies; made anew at each start if empty")
    wall_token: str = Field("", description="opens the wall without a login; empty is never")
    context_token: str = Field("", description="opens POST /api/context; empty is never")
    demo: bool = Field(False, description="marks every page as showing invented data")


class Settings(BaseSettings):
    """All settings of all services."""

    model_config = SettingsConfigDict(
        env_prefix="YANCHEN_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    kafka: Kafka = Kafka()
    mqtt: Mqtt = Mqtt()
    database: Database = Database()
    ingest: Ingest = Ingest()
    rules: Rules = Rules()
    alerts: Alerts = Alerts()
    web: Web = Web()
    log_format: str = Field("console", pattern="^(console|json)$", description="console or json")
    metrics_port: int = Field(0, ge=0, description="port of the Prometheus metrics; 0 is none")
    heartbeat: Path | None = Field(None, description="file touched while the service is healthy")


def load_settings() -> Settings:
    """Read the environment.

    Raises:
        ConfigError: a value is wrong; the sentence names the variable and what it must be.
    """
    try:
        return Settings()
    except ValidationError as error:
        lines = [
            f"YANCHEN_{'__'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        ]
        raise ConfigError("settings are wrong:\n  " + "\n  ".join(lines)) from error
