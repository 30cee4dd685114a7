"""Finds the Chromium that browser tests drive through Playwright."""

import os
import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")

# Chromium's own sandbox refuses to run as root; in a container the container is the sandbox.
ARGUMENTS = ("--disable-background-networking", *(("--no-sandbox",) if os.geteuid() == 0 else ()))


def find_chromium() -> str | None:
    """The path for Playwright's ``executable_path``, or None where there is no Chromium."""
    return next((path for program in PROGRAMS if (path := shutil.which(program))), None)
