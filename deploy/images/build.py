"""`make images`: builds them with docker, podman or buildah; `make sizes` shows what they take."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import wheels
from engines import Engine, found
from images import ROOT, Image, images

HERE = Path(__file__).parent
DEBUG = "-debug"


@click.command()
@click.argument("names", nargs=-1)
@click.option("--debug", is_flag=True, help="The variants with busybox, for names that do not say so.")
@click.option("--sizes", is_flag=True, help="Show what the images take, and build none.")
@click.option("--python", default="3.14", show_default=True, envvar="PYTHON_VERSION", help="Version of Python.")
@click.option("--base", envvar="BASE", help="Base image, in place of Python's own on Debian.")
@click.option("--version", default="latest", envvar="VERSION", help="Tag beside `latest`.")
@click.option("--registry", default="", envvar="REGISTRY", help="In front of the name, such as ghcr.io/myorg.")
@click.option("--engine", default="", envvar="ENGINE", help="docker, podman or buildah; the first that works.")
@click.option("--store", type=click.Path(path_type=Path), help="Where buildah keeps images.")
@click.option("--no-pull", is_flag=True, help="Base images are there already.")
def main(
    names: tuple[str, ...], *, debug: bool, sizes: bool, python: str, base: str | None, version: str, registry: str,
    engine: str, store: Path | None, no_pull: bool,
) -> None:  # fmt: skip
    """Build the images NAMES, such as gateway, postgres or kafka-debug; all of them without a name."""
    builder = found(engine, store, pull=not no_pull)
    if sizes:
        show(builder)
        return
    chosen = [*_chosen(names, debug=debug)]
    arguments = {"PYTHON": python, "VERSION": version, "REVISION": revision()} | ({"BASE": base} if base else {})
    context = gather(python, [image for image, _ in chosen])
    for image, suffix in chosen:
        given = arguments | image.arguments()
        about = "".join(f"{name}={value}\n" for name, value in sorted(given.items()))
        (context / "about" / f"{image.name}.txt").write_text(about)
        tags = tagged(image, suffix, version, registry)
        builder.build(HERE / "Dockerfile", f"{image.kind}{suffix}", context, tags, given)
        click.echo(tags[0])


def tagged(image: Image, suffix: str, version: str, registry: str) -> list[str]:
    """`prism/postgres-plugin:latest` and `:v1.0.0`; of debug variants `:debug` and `:v1.0.0-debug`."""
    front = f"{registry.rstrip('/')}/" if registry else ""
    last = "debug" if suffix else "latest"
    labels = dict.fromkeys((last, last if version == "latest" else f"{version}{suffix}"))
    names = (image.name, image.alias) if image.alias else (image.name,)
    return [f"{front}prism/{name}:{label}" for name in names for label in labels]


def gather(python: str, chosen: Sequence[Image]) -> Path:
    """The context of the builds: wheels, what each image needs, and what gathers its root."""
    context = wheels.CACHE / f"context-{python}"
    context.mkdir(parents=True, exist_ok=True)
    for name, source in (("wheels", wheels.others(python)), ("prism", wheels.own())):
        shutil.rmtree(context / name, ignore_errors=True)
        shutil.copytree(source, context / name)
    shutil.copy2(HERE / "root.py", context)
    for name in ("requirements", "about"):
        (context / name).mkdir(exist_ok=True)
    for image in chosen:
        text = "".join(f"{each}\n" for each in image.requirements())
        file = context / "requirements" / f"{image.name}.txt"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
    return context


def revision() -> str:
    """The commit that is built."""
    done = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=False, env=os.environ
    )
    return done.stdout.strip() or "unknown"


def show(engine: Engine) -> None:
    """Each image's size, beside what the plugins README has for it."""
    expected = {image.name: image.promised for image in images()}
    for name, size in sorted(engine.sizes().items()):
        plain = name.rpartition("prism/")[2].partition(":")[0]
        if plain in expected:
            beside = f"   the README of Prism's first plugins, in Go: {expected[plain]}" if expected[plain] else ""
            click.echo(f"{size / 1e6:7.1f} MB  {name}{beside}")


def _chosen(names: Sequence[str], *, debug: bool) -> list[tuple[Image, str]]:
    known = {image.name: image for image in images()}
    known |= {image.plugin: image for image in images() if image.name == f"{image.plugin}-plugin"}
    if not names:
        return [(image, DEBUG * debug) for image in images()]
    found = []
    for name in names:
        plain = name.removesuffix(DEBUG)
        if plain not in known:
            raise click.UsageError(f"{name}: known are {', '.join(known)}, each with {DEBUG} too")
        found.append((known[plain], DEBUG * (debug or plain != name)))
    return found


if __name__ == "__main__":
    main()
