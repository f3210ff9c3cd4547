"""The redis backend: KeyValue, Cache and PubSub on Redis or Valkey, alone, with Sentinel, or as a cluster."""
