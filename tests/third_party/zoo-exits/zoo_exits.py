"""Broken on purpose: leaves Python while it is imported."""

import sys

sys.exit("only works on Sundays")
