"""Graph on Neo4j, and on other servers that speak openCypher over Bolt."""
