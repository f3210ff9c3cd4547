"""The gremlin backend: Graph on Apache TinkerPop, that is Gremlin Server and Amazon Neptune."""
