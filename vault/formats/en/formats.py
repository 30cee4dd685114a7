"""English, with the zone after each time: an operator compares them with logs (Django's letters for dates)."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y, H:i:s e"
