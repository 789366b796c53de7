"""A stand-in for the voice providers, written from their documents: a real HTTP server with a ledger.

State is held in memory and is gone when the process ends, the ledger included.
"""
