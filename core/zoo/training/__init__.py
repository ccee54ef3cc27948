"""A step, an evaluation, the loop, and how a run starts or resumes."""
