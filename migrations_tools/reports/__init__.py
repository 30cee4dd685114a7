"""The report of a run: computed from rows, written in four forms, kept with the run and signed.

    contents      everything a report says, by aggregates of the run's items; measures and items are parts of it
    codes         what each cause means, and what to do
    writing       the door: a report as text, JSON, CSV or HTML, in pieces
    text, json_body, table, page    one form each
    kept          which kept report is of its run as it is now, and what the run left elsewhere
    shelf         making the rows of kept reports, and files out of them
    keeping       the door for a run that is over: keep its report, and sign it
    checking      whether a file is a report as this vault signed it

Only ``keeping`` and ``checking`` come near a key.
"""
