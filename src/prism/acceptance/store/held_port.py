"""A port for a server that has to be given one: no other process gets it while the server is down."""

import socket
import weakref


class HeldPort:
    """A free port of 127.0.0.1, kept until this object is gone.

    A socket is bound to it that does not listen: the system gives the port to no process that asks for any, and to no
    connection, while a server that sets SO_REUSEADDR, as servers do, may listen there. Until one does, and after it,
    connections are refused.

    Attributes:
        number: of the port; `str` of the object is the same.
    """

    def __init__(self) -> None:
        holder = socket.socket()
        weakref.finalize(self, holder.close)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        self.number = int(holder.getsockname()[1])

    def __str__(self) -> str:
        return str(self.number)
