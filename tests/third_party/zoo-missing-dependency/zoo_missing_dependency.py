"""Broken on purpose: needs a module that is not installed."""

import no_such_module_for_zoo  # noqa: F401
