"""Formant AI's batch calls: create, list, get, metrics, and the webhooks that tell what became of each call.

Written from the provider's API reference and guides. There is no cancel, no append and no list of a batch's
recipients; a webhook names no batch, so whoever wants to know his row again puts a column of his own into the file.
"""
