"""Experiments and options → Plan, and what a worker needs to run its cases."""
