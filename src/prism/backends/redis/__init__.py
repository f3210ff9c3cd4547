"""The redis backend: KeyValue, Cache, PubSub and Queue on Redis or Valkey, alone, with Sentinel, or as a cluster."""
