"""The root of the command line: help, exit codes, one sentence for each error."""

from importlib.metadata import version

import pytest

from cli.command import fresh_prism as prism
from client.upstream import Fault, Upstream
from prism.client import BackendUnavailable, InternalError, NamespaceNotFound, PermissionDenied, PrismError


async def test_help_lists_groups_and_exit_codes() -> None:
    """What there is to run, and what its exit codes mean."""
    done = await prism("--help")
    assert done.code == 0
    for word in ("serve", "kv", "namespace", "completion", "version", "Exit codes:"):
        assert word in done.out


async def test_version_says_how_the_wire_runs_where_asked() -> None:
    """A script reads one line; an operator sees whether the native part is used, or why not."""
    done = await prism("version", PRISM_NATIVE="0")
    assert (done.code, done.out) == (0, f"{version('prism-gateway')}\n")
    verbose = await prism("version", "--verbose", PRISM_NATIVE="0")
    assert verbose.out == f"{done.out}wire: in plain Python: PRISM_NATIVE is 0\n"


@pytest.mark.parametrize("arguments", [(), ("kv",), ("kv", "get"), ("kv", "import"), ("serve",)])
async def test_help_imports_no_library_that_it_does_not_need(arguments: tuple[str, ...]) -> None:
    """The start stays fast because it loads little."""
    done = await prism(*arguments, "--help", PYTHONPROFILEIMPORTTIME="1")
    assert done.code == 0
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
    assert "click" in imported
    assert imported.isdisjoint({"asyncio", "google.protobuf", "pydantic", "yaml", "uvloop", "prism.client"})


async def test_reading_imports_nothing_of_a_gateway(upstream: Upstream) -> None:
    """The same of a command that asks one."""
    done = await prism("kv", "get", "default", "r", endpoint=upstream.address, PYTHONPROFILEIMPORTTIME="1")
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines()}
    assert "prism.client" in imported
    assert imported.isdisjoint({"pydantic", "yaml", "uvloop", "prism.gateway", "prism.control", "prometheus_client"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NamespaceNotFound("no namespace of that name"), 2),
        (BackendUnavailable("the store is away", retry_after=100), 3),
        (PermissionDenied("not yours"), 4),
        (InternalError("a defect"), 6),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, PrismError) else str(value),
)
async def test_an_error_is_one_sentence_and_an_exit_code(upstream: Upstream, error: PrismError, code: int) -> None:
    """No traceback; what the gateway said."""
    upstream.faults.append(Fault(error))
    done = await prism("kv", "get", "default", "r", "k", endpoint=upstream.address)
    assert (done.code, done.out, done.err) == (code, "", f"prism: {error.message}\n")


async def test_debug_shows_where(upstream: Upstream) -> None:
    """On request, the traceback."""
    upstream.faults.append(Fault(InternalError("a defect")))
    done = await prism("--debug", "kv", "get", "default", "r", "k", endpoint=upstream.address)
    assert done.code == 1
    assert "Traceback" in done.err


async def test_no_gateway() -> None:
    """The sentence says what to do."""
    done = await prism("kv", "get", "default", "r")
    assert done.code == 3
    assert "127.0.0.1:1" in done.err
    assert "prism serve" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("kv", "gte"), "did you mean get?"),
        (("nonsense",), "the commands are serve, kv"),
        (("kv", "get", "default", "r", "--endpoint", "nonsense"), "host:port"),
        (("kv", "get", "default", "r", "--timeout", "soon"), "1h30m"),
        (("kv", "get", "a\nb", "r"), r"'a\nb' is not a valid namespace name; give 1 to 63 characters"),
        (("kv", "get", "default", "r", "--token", "a\n"), "the token is not one line of printable ASCII"),
        (("kv", "get", "default", "r\udcff"), r"'r\udcff' is not UTF-8"),
    ],
)
async def test_a_wrong_command_line_is_explained(arguments: tuple[str, ...], hint: str) -> None:
    """With what would be right, and the exit code for usage."""
    done = await prism(*arguments)
    assert done.code == 2
    assert hint in done.err


async def test_version() -> None:
    """A number."""
    done = await prism("version")
    assert done.code == 0
    assert done.out.strip().replace(".", "").isalnum()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_script(shell: str) -> None:
    """Each shell gets the script that asks this command."""
    done = await prism("completion", shell)
    assert done.code == 0
    assert f"_PRISM_COMPLETE={shell}_complete" in done.out


async def test_completion_completes() -> None:
    """A begun word."""
    done = await prism(_PRISM_COMPLETE="bash_complete", COMP_WORDS="prism kv re", COMP_CWORD="2")
    assert done.out.split() == ["plain,records"]
