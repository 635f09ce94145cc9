"""How many cores and threads: the affinity, and the quota of a container."""

import pytest

from siamdw_ros.siamdw import cpu_cores
from siamdw_ros.siamdw.cpu_cores import available_cores, cgroup_quota, choose_threads


@pytest.fixture
def cgroup(tmp_path, monkeypatch):
    """A cgroup file system in a folder; returns what writes a file into it."""
    own = tmp_path / "self_cgroup"
    own.write_text("0::/pod/container\n4:cpu,cpuacct:/pod\n3:memory:/elsewhere\n")
    monkeypatch.setattr(cpu_cores, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cpu_cores, "OWN_CGROUP", own)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(32)))

    def write(path, text):
        file = tmp_path / "cgroup" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    return write


@pytest.mark.parametrize(
    ("cores", "threads"), [({0}, 1), ({0, 1}, 1), (set(range(4)), 3), (set(range(64)), 4)]
)
def test_a_core_is_left_to_others(cores, threads, monkeypatch):
    monkeypatch.setattr(cpu_cores, "cgroup_quota", lambda: None)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: cores)
    assert choose_threads() == threads
    assert choose_threads(2) == 2


def test_without_a_quota_all_cores_of_the_affinity_count(cgroup):
    cgroup("pod/container/cpu.max", "max 100000\n")
    cgroup("cpu/pod/cpu.cfs_quota_us", "-1\n")
    cgroup("cpu/pod/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota() is None
    assert (available_cores(), choose_threads()) == (32, 4)


@pytest.mark.parametrize(
    ("quota", "cores", "threads"), [("100000", 1, 1), ("150000", 2, 1), ("300000", 3, 2)]
)
def test_quota_of_a_container_limits_the_threads(cgroup, quota, cores, threads):
    cgroup("pod/container/cpu.max", f"{quota} 100000\n")
    assert (available_cores(), choose_threads()) == (cores, threads)
    assert choose_threads(3) == 3, "the user may want more"


def test_smallest_quota_of_the_parents_counts(cgroup):
    cgroup("pod/container/cpu.max", "400000 100000\n")
    cgroup("cpu.max", "200000 100000\n")
    assert cgroup_quota() == 2


def test_quota_of_cgroup_version_1_counts(cgroup):
    cgroup("cpu/pod/cpu.cfs_quota_us", "250000\n")
    cgroup("cpu/pod/cpu.cfs_period_us", "100000\n")
    assert cgroup_quota() == 2.5


def test_system_without_cgroups_has_no_quota(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu_cores, "OWN_CGROUP", tmp_path / "nothing")
    assert cgroup_quota() is None
