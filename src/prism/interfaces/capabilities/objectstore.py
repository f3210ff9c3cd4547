"""What a backend's ObjectStore can do."""

from typing import Literal

from pydantic import Field

from prism.interfaces.capabilities.base import Capabilities

KeyRule = Literal["no_empty_part", "no_dot_part", "no_control", "part_255", "no_object_above"]
"""What a key must not be for a store; a part is what is between slashes.

- `no_empty_part`: no part is empty, so that no key begins or ends with a slash or has two in a row.
- `no_dot_part`: no part is `.` or `..`.
- `no_control`: no character from U+0000 to U+001F, none from U+007F to U+009F, not U+FFFE and U+FFFF: what XML lacks.
- `part_255`: no part has more than 255 bytes.
- `no_object_above`: no other object's key is the beginning of this one up to a slash, for some stores keep objects as
  files.
"""


class ObjectStoreCapabilities(Capabilities):
    """What a backend's ObjectStore can do.

    Attributes:
        key_rules: what keys must not be: empty parts, `.` and `..`, control characters, parts over 255 bytes,
            objects below objects.
        versions: objects have a version that is never given again.
        old_versions: an object that was replaced or deleted is kept, and read by its version.
        conditional_write: `if_match` and `if_none_match` of what stores objects.
        conditional_delete: `if_match` of Delete.
        conditional_copy: `if_match` and `if_none_match` of Copy.
        ttl: objects may expire.
        uploads: objects may come by parts.
        min_part_size: least bytes in a part, but for the last one.
        max_object_size: most bytes in an object.
        direct_presign: presigned addresses may be the store's own.
    """

    key_rules: tuple[KeyRule, ...] = ()
    versions: bool = False
    old_versions: bool = False
    conditional_write: bool = False
    conditional_delete: bool = False
    conditional_copy: bool = False
    ttl: bool = False
    uploads: bool = False
    min_part_size: int = Field(default=1, gt=0)
    max_object_size: int = Field(default=5 << 40, gt=0)
    direct_presign: bool = False
