"""Kore.ai's campaign management: contact lists that are filled by name and later, and campaigns that dial them.

The provider's pages use five different roots and show no error at all. What they leave open is a switch whose name
begins with `kore_`. Nothing here is addressed by an id of the client's: only the names of lists and campaigns are.
"""
