"""The s3 backend on MinIO before the acceptance kit, for `make acceptance`: many have it, and it ignores the most."""

from prism.acceptance import PluginAcceptanceHarness
from prism.backends.s3.testing import MinioTestBackend

minio = PluginAcceptanceHarness("s3", MinioTestBackend, ways=("binding",), suites=("objectstore",))
