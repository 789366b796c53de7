"""Voximplant's Management API, from its public documents (CreateCallList and its neighbours)."""

from worker.providers.voximplant.adapter import Voximplant

__all__ = ["Voximplant"]
