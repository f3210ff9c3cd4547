"""S3 for tests: versitygw and MinIO, real servers on folders of their own."""

from prism.backends.s3.testing.backend import MinioTestBackend, S3TestBackend, make_bucket
from prism.backends.s3.testing.program import ServerMissing
from prism.backends.s3.testing.server import Minio, S3Server, Versitygw

__all__ = ["Minio", "MinioTestBackend", "S3Server", "S3TestBackend", "ServerMissing", "Versitygw", "make_bucket"]
