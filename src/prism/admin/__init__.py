"""The admin service: what an operator sees of a running gateway and does to it, on a port of its own."""

from prism.admin.action import Action, Actor
from prism.admin.port import AdminPort
from prism.admin.service import Admin

__all__ = ["Action", "Actor", "Admin", "AdminPort"]
