"""Explain: the life of an upload, or of one contact, told from the journal and the rows, in the order of time."""

from worker.explain.contact import contact
from worker.explain.event import Event, Told
from worker.explain.life import life, told, words_of

__all__ = ["Event", "Told", "contact", "life", "told", "words_of"]
