"""Servers that Atrium is measured beside: those for Python are modules, those for Node scripts."""
