"""Debian packages, unmodified, unpacked into a folder of the cache: no root, nothing installed.

The programs are newer than an older machine's C library, so the folder brings its own and every program is
called through a small script that hands it to the unpacked loader. The scripts stand in a tree of the same
shape as the packages' own, because PostgreSQL finds its files relative to where its program seems to be.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from app.embedded import apt_sources
from app.embedded.cache import build_once
from domain.errors import Unavailable

SUITE = "trixie"
_POSTGRES = "postgresql-17 postgresql-17-timescaledb postgresql-client-17"
_POSTGRES_LIBRARIES = (
    "libpq5 libc6 libgssapi-krb5-2 libkrb5-3 libkrb5support0 libk5crypto3 libkeyutils1 libcom-err2 libicu76 "
    "libldap2 libsasl2-2 liblz4-1 libpam0g libaudit1 libcap-ng0 libssl3t64 libstdc++6 libgcc-s1 libsystemd0 "
    "libcap2 libxml2 libzstd1 zlib1g liblzma5 libxxhash0 libselinux1 libpcre2-8-0 libreadline8t64 libtinfo6"
)
_MOSQUITTO = (
    "mosquitto mosquitto-clients libmosquitto1 libcjson1 libdlt2 libwebsockets19t64 libwrap0 libuv1t64 "
    "libev4t64 libnsl2 libtirpc3t64 libglib2.0-0t64"
)
PACKAGES = tuple(f"{_POSTGRES} {_POSTGRES_LIBRARIES} {_MOSQUITTO}".split())
_LEFT_OUT = ("./usr/share/doc", "./usr/share/man", "./usr/share/locale", "*/bitcode", "*llvmjit*")
_PROGRAM_FOLDERS = ("usr/bin", "usr/sbin", "usr/lib/postgresql/17/bin")
# Relative to its own place, so that the folder may be moved as a whole.
_SCRIPT = """#!/bin/sh
root=${{0%/{folder}/{name}}}
exec "$root/unpacked/{loader}" --library-path "$root/unpacked/{libraries}" --argv0 "$0" \
"$root/unpacked/{program}" "$@"
"""


def folder(cache: Path) -> Path:
    """Where the packages are, or will be, below `cache`."""
    names = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:8]
    return cache / f"debian-{SUITE}-{names}"


def fetched(cache: Path) -> bool:
    """Whether the packages are there already."""
    return folder(cache).is_dir()


def fetch(cache: Path) -> Path:
    """Have the packages below `cache`; the result holds ``usr/bin`` and so on, ready to be called.

    Raises:
        Unavailable: this machine is no Debian, or its mirror cannot be reached.
    """
    return build_once(folder(cache), _build)


def obstacle() -> str | None:
    """Why packages cannot be fetched on this machine, None when nothing speaks against it."""
    missing = [name for name in ("apt-get", "dpkg-deb", "tar") if shutil.which(name) is None]
    if missing:
        return f"{', '.join(missing)} not found: not a Debian machine"
    return None if mirror_lines() else "apt knows no Debian mirror on this machine"


def mirror_lines(etc: Path = Path("/etc")) -> list[str]:
    """The machine's own mirror lines, for the suite wanted."""
    release = _release(etc / "os-release")
    lines: list[str] = []
    for path in (etc / "apt/sources.list", *sorted((etc / "apt/sources.list.d").glob("*.list"))):
        if path.is_file():
            lines += apt_sources.turn_list(path.read_text(), release, SUITE)
    for path in sorted((etc / "apt/sources.list.d").glob("*.sources")):
        lines += apt_sources.turn_stanzas(path.read_text(), release, SUITE)
    return lines


def _release(path: Path) -> str:
    for line in path.read_text().splitlines() if path.is_file() else ():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    return "none"


def _build(root: Path) -> None:
    if reason := obstacle():
        raise Unavailable(reason)
    private = root / "apt"
    _download(private)
    unpacked = root / "unpacked"
    unpacked.mkdir()
    for package in sorted((private / "packages").glob("*.deb")):
        _unpack(package, unpacked)
    shutil.rmtree(private)
    _open_to_all(unpacked)
    _write_scripts(root)


def _download(private: Path) -> None:
    for name in (
        "etc/apt.conf.d",
        "etc/preferences.d",
        "lists/partial",
        "cache/archives/partial",
        "packages",
    ):
        (private / name).mkdir(parents=True)
    (private / "status").touch()
    (private / "etc/sources.list").write_text("\n".join(mirror_lines()) + "\n")
    (private / "apt.conf").write_text(_apt_configuration(private))
    _run(["apt-get", "update", "--error-on=any"], private)
    _run(["apt-get", "download", *PACKAGES], private)


def _apt_configuration(private: Path) -> str:
    """Everything of apt's in one private folder: the machine's own lists and state are not touched."""
    return f"""Dir::Etc "{private}/etc";
Dir::Etc::SourceParts "-";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";
Dir::Etc::Netrc "/etc/apt/auth.conf";
Dir::Etc::NetrcParts "/etc/apt/auth.conf.d";
Dir::State::Lists "{private}/lists";
Dir::State::Status "{private}/status";
Dir::Cache "{private}/cache";
Debug::NoLocking "true";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::Retries "3";
""" + _network_settings()


def _network_settings() -> str:
    """How the machine's own apt reaches its mirror, a proxy say."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout  # noqa: S607
    return "".join(line + "\n" for line in dump.splitlines() if line.startswith("Acquire::http"))


def _run(command: list[str], private: Path) -> None:
    environment = {**os.environ, "APT_CONFIG": str(private / "apt.conf"), "LC_ALL": "C"}
    done = subprocess.run(  # noqa: S603 - the words are ours
        command, cwd=private / "packages", env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"{' '.join(command[:2])} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def _unpack(package: Path, into: Path) -> None:
    archive = ["dpkg-deb", "--fsys-tarfile", str(package)]
    content = subprocess.run(archive, capture_output=True, check=True).stdout  # noqa: S603
    left_out = [f"--exclude={pattern}" for pattern in _LEFT_OUT]
    command = ["tar", "-x", "--no-same-owner", "-C", str(into), *left_out]
    subprocess.run(command, input=content, check=True)  # noqa: S603


def _open_to_all(unpacked: Path) -> None:
    """Let the unprivileged user of the servers read what our umask may have closed."""
    for path in (unpacked, *unpacked.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))


def _write_scripts(root: Path) -> None:
    unpacked = root / "unpacked"
    loader = _only(unpacked, "usr/lib/*-linux-gnu*/ld-linux*.so.*")
    for name in _PROGRAM_FOLDERS:
        (root / name).mkdir(parents=True)
        for program in sorted((unpacked / name).iterdir()):
            _write_script(root, program.relative_to(unpacked), loader)
    for name in ("usr/lib/postgresql/17/lib", "usr/share"):
        up = Path(*[".."] * (len(Path(name).parts) - 1))
        (root / name).symlink_to(up / "unpacked" / name)


def _write_script(root: Path, program: Path, loader: Path) -> None:
    script = root / program
    script.write_text(
        _SCRIPT.format(
            folder=program.parent, name=program.name, loader=loader, libraries=loader.parent, program=program
        )
    )
    script.chmod(0o755)


def _only(unpacked: Path, pattern: str) -> Path:
    found = sorted(unpacked.glob(pattern))
    if not found:
        raise Unavailable(f"no {pattern} in the Debian packages: the suite {SUITE} has changed its layout")
    return found[0].relative_to(unpacked)
