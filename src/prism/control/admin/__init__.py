"""The admin service: what an operator sees of a running gateway and does to it, on a port of its own."""

from prism.control.admin.action import Action, Actor
from prism.control.admin.port import AdminPort
from prism.control.admin.service import Admin

__all__ = ["Action", "Actor", "Admin", "AdminPort"]
