"""A command about the topics of one namespace."""

from prism.cli.gateway_command import GatewayCommand


class PubSubCommand(GatewayCommand):
    """Runs an async callback with the namespace's PubSub."""

    abstraction = "pubsub"
