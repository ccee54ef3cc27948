"""The decoder and what its parts share: layers, sequence, key/value cache, roles of parameters.

May import: contracts.
"""
