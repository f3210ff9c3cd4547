"""What a failure on the way to a plugin is taken for."""

import pytest

from prism.errors import BackendUnavailable, InternalError
from prism.plugins.rpc.translation import of_failure
from prism.reason import Reason
from prism.wire import Code, Status, StatusError
from prism.wire.grpc.response_head import reset_status
from prism.wire.http2.frames import ErrorCode


@pytest.mark.parametrize("code", [ErrorCode.INTERNAL_ERROR, ErrorCode.NO_ERROR, ErrorCode.CANCEL])
def test_a_call_that_was_cut_off_blames_no_defect(code: ErrorCode) -> None:
    """The transport made the status up: the plugin has said nothing, and a retry may help."""
    error = of_failure(StatusError(reset_status(code)), "far")
    assert isinstance(error, BackendUnavailable)
    assert (error.reason, error.outcome) == (Reason.PLUGIN_LOST, None)


def test_the_plugins_own_internal_error_is_its_own() -> None:
    """It came with trailers."""
    assert isinstance(of_failure(StatusError(Status(Code.INTERNAL, "a defect")), "far"), InternalError)
