"""Runs over everything that is stored, in shares that any number of workers take: see ``worker``."""
