"""A step, an evaluation, the loop, and how a run starts or goes on.

May import: what stands before it; not generation.
"""
