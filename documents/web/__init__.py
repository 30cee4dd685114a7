"""The pages: a face of the services, server-rendered. No rule lives here."""
