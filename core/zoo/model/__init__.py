"""The decoder, layers, sequence, key/value cache, what parts may return, parameter roles.

May import: contracts.
"""
