"""Wishes not to be called that outlive an upload: its numbers go when it is pruned, and the rows of its file stay."""

from sqlmodel import Session

from worker.counted import counted
from worker.errors import InputError
from worker.store import pruning


def refuse_lost(session: Session, account: str, digest: str | None, upload_id: int | None = None) -> None:
    """Refuse a file of which somebody withdrew, in another upload than `upload_id`, who is known by his row alone.

    Raises InputError `wishes_pruned`, which names the rows, counted from the first of the file.
    """
    ulids, rows = pruning.lost_wishes(session, account, digest, upload_id) if digest else ([], [])
    if not rows:
        return
    named = f"row{'s' * bool(rows[1:])} {', '.join(str(row) for row in rows)}"
    where = f"upload{'s' * bool(ulids[1:])} {', '.join(ulids)}, now pruned"
    text = f"{counted(len(rows), 'contact')} of this very file asked not to be called, in {where}: {named}"
    raise InputError("wishes_pruned", f"{text}. Take them out and upload the rest.")
