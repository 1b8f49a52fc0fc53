"""A PostgreSQL of its own for one run: a child that ends with its parent, on a socket that nobody else can open."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from bench.engines.adaptors.base import BuildError
from bench.processes import ended_with_this, removed_with_this

_START_S, _STOP_S = 60, 120
_LONGEST_SOCKET = 80  # of the 107 bytes that a socket's path may have, without its name
_UNPRIVILEGED = "nobody"  # PostgreSQL refuses to be run by root


class Server:
    """PostgreSQL on one data folder.

    Its socket and log are in a folder of its own below the system's temporary one. The data stay in the run's folder;
    where root started the run, and the user whom the server runs as cannot reach that folder, a copy in the other is
    what it works on.

    Parameters
    ----------
    folder : Path
        Holds the data, in ``data``, before and after.
    settings : mapping of str to str
        Of the server.
    """

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._kept, self._settings = folder / "data", settings
        self._user = pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None
        self._undo = contextlib.ExitStack()
        self._process: subprocess.Popen | None = None
        self._prepared = False

    def create(self) -> None:
        """Make an empty data folder.

        Raises
        ------
        BuildError
            With initdb's words.
        """
        self._prepare()
        self._data.mkdir()
        self._give(self._data)
        options = ["-U", "bench", "-A", "trust", "-E", "UTF8", "--locale=C", "--wal-segsize=1"]
        done = subprocess.run(
            [str(_program("initdb")), "-D", str(self._data), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **self._as_user(),
        )
        if done.returncode != 0:
            raise BuildError(f"initdb: {_last(done.stdout)}")

    def start(self) -> Any:
        """Start it, and return a connection (psycopg).

        Raises
        ------
        BuildError
            With the last line of its log.
        """
        import psycopg

        self._prepare()
        if not self._data.exists():
            shutil.copytree(self._kept, self._data)
        for path in (self._data, *self._data.rglob("*")):
            self._give(path)
        settings = {"listen_addresses": "", "unix_socket_permissions": "0700", **self._settings}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = self._home / "log"
        with log.open("wb") as file:
            # SIGQUIT ends the server with all of its processes, and leaves no shared memory.
            self._process = subprocess.Popen(
                [_program("postgres"), "-D", self._data, "-k", self._home, *options],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                **self._as_user(signal.SIGQUIT),
            )
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                return psycopg.connect(host=str(self._home), user="bench", dbname="postgres", autocommit=True)
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise BuildError(f"PostgreSQL does not start: {_last(log.read_text(errors='replace'))}")

    def processes(self) -> list[int]:
        """Those of the server."""
        if self._process is None:
            return []
        with contextlib.suppress(psutil.Error):
            return [self._process.pid, *(one.pid for one in psutil.Process(self._process.pid).children(recursive=True))]
        return [self._process.pid]

    def stop(self, keep: bool) -> None:
        """End it; with ``keep``, all is written before and the data are in the run's folder."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT if keep else signal.SIGQUIT)
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        if keep and self._data != self._kept and self._data.exists():
            shutil.move(self._data, self._kept)
        self._undo.close()
        self._prepared = False

    def _prepare(self) -> None:
        """The folder of its own, and where the data are meanwhile."""
        if self._prepared:
            return
        self._prepared = True
        self._home = Path(tempfile.mkdtemp(prefix="bench-postgres-", dir=self._place()))
        self._undo.callback(shutil.rmtree, self._home, ignore_errors=True)
        self._undo.enter_context(removed_with_this(self._home))
        self._give(self._home)
        self._data = self._kept if self._user is None or _open_to_all(self._kept.parent) else self._home / "data"

    def _place(self) -> Path:
        """The system's temporary folder, or another if a socket there has too long a path or cannot be reached."""
        usual = Path(tempfile.gettempdir())
        usable = len(str(usual)) < _LONGEST_SOCKET and (self._user is None or _open_to_all(usual))
        return usual if usable else Path("/tmp")

    def _give(self, path: Path) -> None:
        """To the user whom the server runs as, and to nobody else."""
        path.chmod(0o700)
        if self._user is not None:
            os.chown(path, self._user, self._user)

    def _as_user(self, end: signal.Signals = signal.SIGKILL) -> dict[str, Any]:
        return {"preexec_fn": ended_with_this(end, self._user), "cwd": self._home}


def _program(name: str) -> Path:
    """Of the package; it need not be imported."""
    spec = importlib.util.find_spec("pgserver")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    path = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name
    if os.geteuid() == 0 and not _open_to_all(path):
        raise BuildError(f"PostgreSQL refuses to run as root, and user {_UNPRIVILEGED} cannot reach {path}")
    return path


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o001 for part in (path, *path.resolve().parents))


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
