"""The REST API, version 1: a face of the services. No rule lives here."""
