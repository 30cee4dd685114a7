"""Storage migrations in the admin: start them, watch them, stop them, and take their reports.

    runs        the list, the run's page, and which address leads where
    access      who may look and who may operate
    listing     what runs are called, and the counts that their list shows
    progress    what a run's page tells: figures, causes, failed items, and what can be done
    actions     pause, resume, cancel, try again, remove
    start_form  what somebody wishes for
    starting    the way to a new run: form, plan, start
    reporting   the report of a run, to be downloaded

No rule of a run lives here: what may follow what is the table of ``states``, and ``control`` makes and audits it.
"""

from migrations_tools.admin import runs

__all__ = ["runs"]
