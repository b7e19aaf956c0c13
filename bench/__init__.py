"""Measurements: each module is a command that brings up what it needs and prints what it finds."""
