"""Winds, flights and landings: values and physics without a server."""
