"""Options of the leaky plugin."""

from pydantic import SecretStr

from prism.sdk import Config


class LeakyConfig(Config):
    """Options.

    Attributes:
        url: may hold a password.
        fails: it does not start.
    """

    url: str = ""
    fails: bool = False


class LeakyCredentials(Config):
    """Credentials.

    Attributes:
        username: may come out.
        password: what must not come out.
    """

    username: str = "default"

    password: SecretStr
