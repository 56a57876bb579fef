"""Plugins: the manager, which of them take part where, and the small features that are plugins.

manager ── builtin ── notify ─► delivery
"""
