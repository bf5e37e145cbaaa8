from pathlib import Path

import pytest

from tests.scripts.stubs import Machine

DPKG = 'case "${@: -1}" in sox|make) echo -n installed;; *) exit 1;; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.stub("dpkg-query", DPKG)
    machine.stub("id", "echo 0")
    machine.stub("sleep", "")
    machine.stub("apt-get", f'cat "{tmp_path}/policy" >>"{tmp_path}/seen"')
    return machine


def test_nothing_is_done_and_no_root_needed_when_all_is_there(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    done = machine.run("apt", "sox", "make", POLICY_RC_D=str(machine.folder / "policy"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert {call.split()[0] for call in machine.calls} == {"dpkg-query"}


def test_only_what_is_missing_is_installed_and_no_service_may_start(machine: Machine) -> None:
    policy = machine.folder / "policy"
    done = machine.run("apt", "sox", "tshark", "espeak-ng", POLICY_RC_D=str(policy))
    assert done.returncode == 0, done.stderr
    apt = [call for call in machine.calls if call.startswith("apt-get")]
    assert len(apt) == 2
    assert "update" in apt[0]
    assert apt[1].endswith("--no-install-recommends tshark espeak-ng")
    assert (machine.folder / "seen").read_text() == "#!/bin/sh\nexit 101\n" * 2
    assert not policy.exists()


def test_the_machines_own_policy_comes_back(machine: Machine) -> None:
    policy = machine.folder / "policy"
    policy.write_text("own")
    machine.stub("apt-get", "exit 100")
    done = machine.run("apt", "tshark", POLICY_RC_D=str(policy))
    assert done.returncode != 0
    assert policy.read_text() == "own"
    assert [path.name for path in machine.folder.glob("policy*")] == ["policy"]


def test_a_policy_that_is_a_dangling_link_comes_back(machine: Machine) -> None:
    policy = machine.folder / "policy"
    policy.symlink_to("/nonexistent")
    assert machine.run("apt", "tshark", POLICY_RC_D=str(policy)).returncode == 0
    assert policy.is_symlink()


def test_apt_is_tried_again(machine: Machine) -> None:
    count = machine.folder / "count"
    machine.stub("apt-get", f'echo >>"{count}"; [ "$(wc -l <"{count}")" -gt 2 ]')
    done = machine.run("apt", "tshark", POLICY_RC_D=str(machine.folder / "policy"))
    assert done.returncode == 0
    assert done.stderr.count("failed (attempt") == 2
    assert len([call for call in machine.calls if call.startswith("apt-get")]) == 4


def test_apt_is_given_up_in_the_end(machine: Machine) -> None:
    machine.stub("apt-get", "exit 100")
    done = machine.run("apt", "tshark", POLICY_RC_D=str(machine.folder / "policy"))
    assert done.returncode == 1
    assert len([call for call in machine.calls if call.startswith("apt-get")]) == 4


def test_who_is_not_root_goes_through_sudo(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    machine.stub("sudo", '"$@"')
    assert machine.run("apt", "tshark", POLICY_RC_D=str(machine.folder / "policy")).returncode == 0
    assert any(call.startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get") for call in machine.calls)


def test_without_root_and_sudo_the_missing_packages_are_named(machine: Machine) -> None:
    machine.stub("id", "echo 1000")
    for tool in ("bash", "env", "cat"):
        (machine.folder / "bin" / tool).symlink_to(f"/bin/{tool}")
    done = machine.run("apt", "tshark", "baresip-core", PATH=f"{machine.folder}/bin")
    assert done.returncode == 1
    assert "apt-get install tshark baresip-core" in done.stderr
