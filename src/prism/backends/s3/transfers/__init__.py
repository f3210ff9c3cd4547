"""How bytes get to S3 and back: cut into parts, bounded in memory, sent again where they may be."""
