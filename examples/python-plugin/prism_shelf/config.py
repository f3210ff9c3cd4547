"""Configuration of the shelf plugin."""

from prism.sdk import Config


class ShelfConfig(Config):
    """Options of the shelf plugin.

    Attributes:
        path: the file; made where it is missing, in a folder that exists.
    """

    path: str
