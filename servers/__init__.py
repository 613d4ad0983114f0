"""The production servers. Each has a master that knows none of the app's code, and workers that load it as it is then."""
