"""A streaming replica of a server that tests started, to be promoted when that one is gone."""

from prism.backends.postgres.testing_server import PostgresServer


class StandbyServer(PostgresServer):
    """A hot standby, which copies its primary at its first start and follows it from then on.

    Args:
        primary: it runs when this one is made and first started.
    """

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(within=primary.folder.parent)
        self._primary = primary
        self.password = primary.password
        self.url = self._url()

    def promote(self) -> None:
        """Makes it a primary, with all that it has received; returns when it takes writes."""
        self._run("pg_ctl", "promote", "--wait", f"--pgdata={self._data}")

    def _fill(self) -> None:
        source = ["--dbname", self._primary.socket_url, f"--pgdata={self._data}"]
        self._run("pg_basebackup", *source, "--write-recovery-conf", "--checkpoint=fast", "--no-sync")
