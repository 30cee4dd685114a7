"""What a person does, in a real Chromium against a real server."""
