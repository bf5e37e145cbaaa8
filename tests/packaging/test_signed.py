"""Archives that are signed: install.sh takes nothing that the box's public key did not sign."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: As far as it comes here: what follows the checks finds that the package is none.
VERIFIED = "not a Debian format archive"


def _is_debian() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and 'VERSION_ID="12"' in release.read_text() and os.geteuid() == 0


pytestmark = [
    pytest.mark.skipif(not _is_debian(), reason="install.sh is for root of a Debian 12"),
    pytest.mark.skipif(not (shutil.which("gpg") and shutil.which("gpgv")), reason="needs gpg and gpgv"),
]


class Key:
    """A key pair made for a test, without a passphrase."""

    def __init__(self, folder: Path, name: str) -> None:
        self.home = folder / f"gpg-{name}"
        self.home.mkdir(mode=0o700)
        self.name = f"{name}@example.org"
        self.gpg("--passphrase", "", "--quick-gen-key", self.name, "ed25519", "sign", "never")
        self.public = folder / f"{name}.asc"
        self.gpg("--armor", "--output", str(self.public), "--export", self.name)

    def gpg(self, *arguments: str) -> None:
        subprocess.run(["gpg", "--homedir", self.home, "--batch", "--quiet", *arguments], check=True)

    def close(self) -> None:
        """End the agent that gpg has started."""
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "gpg-agent"], check=False)


@pytest.fixture
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Key, Key]]:
    folder = tmp_path_factory.mktemp("k")
    made = Key(folder, "ours"), Key(folder, "another")
    yield made
    for key in made:
        key.close()


def archive(folder: Path, key: Key | None) -> Path:
    """Make what an archive has, with checksums as a release has them; its package is none."""
    folder.mkdir()
    shutil.copy(ROOT / "packaging/install.sh", folder)
    (folder / "edge-appliance_1.0_amd64.deb").write_text("x\n")
    signing = {"EDGE_SIGN_KEY": key.name, "GNUPGHOME": str(key.home)} if key else {}
    environment = {name: value for name, value in os.environ.items() if name != "EDGE_SIGN_KEY"} | signing
    subprocess.run([ROOT / "scripts/checksums", folder], check=True, env=environment)
    return folder


def installing(folder: Path, public: Path | None) -> str:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
    if public:
        environment["EDGE_RELEASE_KEY"] = str(public)
    done = subprocess.run([folder / "install.sh"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stderr


def test_only_what_the_key_of_the_box_has_signed_is_installed(tmp_path: Path, keys: tuple[Key, Key]) -> None:
    ours, another = keys
    signed = archive(tmp_path / "signed", ours)
    assert VERIFIED in installing(signed, ours.public)
    binary = tmp_path / "ours.gpg"
    ours.gpg("--output", str(binary), "--export", ours.name)
    assert VERIFIED in installing(signed, binary), "a key without armour will do, too"
    said = installing(signed, another.public)
    assert f"the signature is not that of {another.public}: nothing is installed" in said
    assert VERIFIED not in said
    assert f"there is no {tmp_path}/none" in installing(signed, tmp_path / "none")


def test_what_is_not_signed_or_was_changed_is_not_installed_where_there_is_a_key(
    tmp_path: Path, keys: tuple[Key, Key]
) -> None:
    ours, _another = keys
    plain = archive(tmp_path / "plain", None)
    assert VERIFIED in installing(plain, None)
    said = installing(plain, ours.public)
    assert "SHA256SUMS is not signed: nothing is installed" in said
    assert VERIFIED not in said
    signed = archive(tmp_path / "signed", ours)
    (signed / "edge-appliance_1.0_amd64.deb").write_text("y\n")
    assert "files are not as they were made" in installing(signed, ours.public)
    # With checksums that fit what was changed, which are not what was signed.
    names = ["install.sh", "edge-appliance_1.0_amd64.deb"]
    sums = subprocess.run(["sha256sum", *names], cwd=signed, capture_output=True, check=True)
    (signed / "SHA256SUMS").write_bytes(sums.stdout)
    assert "the signature is not that of" in installing(signed, ours.public)


def test_who_has_no_key_is_told_that_checksums_tell_damage_only(tmp_path: Path, keys: tuple[Key, Key]) -> None:
    said = installing(archive(tmp_path / "signed", keys[0]), None)
    assert "tell damage, not origin" in said
    assert VERIFIED in said
