"""The real servers that tests run against: found or installed, started on loopback, stopped again.

``python -m tests.services.install`` installs what the distribution has; ``python -m tests.services.run -- COMMAND``
starts PostgreSQL, Valkey and an S3 server, runs the command with their addresses in its environment, and stops them.
"""
