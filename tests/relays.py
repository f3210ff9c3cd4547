"""The relay of the kit as a plugin for tests: as it is found, and as if its package were installed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import prism.acceptance.relay
from prism.acceptance.relay.service import descriptors
from prism.plugins.discovery import MANIFEST, Plugin
from prism.plugins.manifest import read

FOLDER = Path(prism.acceptance.relay.__file__).parent
RELAY = Plugin(read((FOLDER / MANIFEST).read_bytes()), "prism.acceptance.relay", "relay", FOLDER)


def install(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Makes the relay known to gateways that this process starts, through files in `folder`."""
    about = folder / "relay-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: relay\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[prism.plugins]\nrelay = prism.acceptance.relay\n")
    patch.setenv("PYTHONPATH", str(folder))


def changed(folder: Path, content: bytes, **manifest: Any) -> Plugin:
    """The relay with other descriptors, in that folder, and something else in its manifest."""
    (folder / "relay.binpb").write_bytes(content)
    return replace(RELAY, manifest=RELAY.manifest.model_copy(update=manifest), folder=folder)


def other_descriptors() -> bytes:
    """What another version of the relay might say: `Open` changes nothing."""
    files = FileDescriptorSet.FromString(descriptors())
    (service,) = files.file[-1].service
    service.method[4].options.idempotency_level = service.method[4].options.NO_SIDE_EFFECTS
    return files.SerializeToString()
