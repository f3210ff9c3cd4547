"""The ways into a store: straight to the plugin, and through gateways by every protocol and client."""
