"""The decoder, layers, sequence, key/value cache, parameter roles.

May import: contracts.
"""
