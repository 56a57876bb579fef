"""Clusters of this machine, for tests: started, named by their address, and ended."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from warm_start import WarmProcess

from expt.ground.processes import process_is_alive

if TYPE_CHECKING:
    from collections.abc import Iterator

DASK = """
    import asyncio, ctypes, os

    import dask
    from distributed import Scheduler, Worker

    dask.config.set({
        "distributed.admin.system-monitor.interval": "10s",
        "distributed.admin.tick.interval": "1s",
        "distributed.worker.memory.monitor-interval": "10s",
        "distributed.worker.profile.enabled": False,
    })

    def end_with_parent():
        if hasattr(ctypes.CDLL(None), "prctl"):
            ctypes.CDLL(None).prctl(1, 9)

    def begin(live, *words):
        pid = os.fork()
        if pid == 0:
            end_with_parent()
            try:
                asyncio.run(live(*words))
            finally:
                os._exit(0)
        return pid

    async def schedule(told):
        async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
            os.write(told, scheduler.address.encode())
            await scheduler.finished()

    async def work(address):
        async with Worker(address, nthreads=1, host="127.0.0.1") as worker:
            await worker.finished()

    end_with_parent()
    os.setpgrp()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    told, tell = os.pipe()
    begin(schedule, tell)
    address = os.read(told, 1000).decode()
    workers = {begin(work, address), begin(work, address)}
    print(address, flush=True)
    while True:
        pid, _ = os.wait()
        workers.remove(pid)
        workers.add(begin(work, address))
"""
RAY = """
    import ray

    context = ray.init(num_cpus=2, include_dashboard=False)
    print(context.address_info["gcs_address"], flush=True)
    input()
"""


RAY_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""What whoever speaks to that cluster has in the environment."""


@contextlib.contextmanager
def cluster(script: str, folder: str) -> Iterator[str]:
    """The address of a cluster of two worker processes, which a script keeps up."""
    file = f"{folder}/cluster.py"
    with open(file, "w") as written:
        written.write(textwrap.dedent(script))
    process = subprocess.Popen(
        [sys.executable, file],
        cwd=folder,
        env={**os.environ, **RAY_TOKEN},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster does not start"
        yield address
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


@contextlib.contextmanager
def dask_cluster(folder: str) -> Iterator[str]:
    """The address of a Dask cluster of two workers, which are forked from what has imported it.

    A worker that dies is followed by another one, as with Dask's own nannies.
    """
    file = f"{folder}/cluster.py"
    with open(file, "w") as written:
        written.write(textwrap.dedent(DASK))
    environment = {**os.environ, "EXPT_START_METHOD": "spawn"}  # a run's parent is its node
    process = WarmProcess([file], folder, environment, engines=True, python=True)
    try:
        address = process.stdout.readline().strip()
        assert address, "the cluster does not start"
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


SLURM_CONF = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/pgid
TaskPlugin=task/none
ReturnToService=2
KillWait=2
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SchedulerParameters=batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MinJobAge=600
NodeName={host} NodeAddr=127.0.0.1 CPUs={processors} RealMemory=1000 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def why_no_slurm() -> str | None:
    """Why Slurm cannot be started here; None where it can."""
    if os.name != "posix" or os.geteuid() != 0:
        return "a Slurm of one node is started by root"
    missing = [name for name in ("slurmctld", "slurmd", "munged") if shutil.which(name) is None]
    if missing:
        return f"{missing[0]} is not installed: apt-get install slurm-wlm munge"
    return None if find_spec("submitit") else "submitit is not installed"


def free_ports(number: int) -> list[int]:
    """Ports that nobody has, of those that the system gives to nobody who asks for any."""
    ports: set[int] = set()
    while len(ports) < number:
        port = secrets.choice(range(10_000, 32_000))  # Linux begins at 32768
        with contextlib.suppress(OSError), socket.socket() as tried:
            tried.bind(("127.0.0.1", port))
            ports.add(port)
    return list(ports)


@contextlib.contextmanager
def one_node_slurm(folder: Path) -> Iterator[str]:
    """A real Slurm whose one node is this machine: its configuration file, for SLURM_CONF."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    file = folder / "slurm.conf"
    ports = free_ports(2)
    host = socket.gethostname().partition(".")[0]
    processors = min(2, os.cpu_count() or 1)  # of more jobs, some wait
    text = SLURM_CONF.format(host=host, ports=ports, folder=folder, processors=processors)
    file.write_text(text)
    environ = {**os.environ, "SLURM_CONF": str(file)}
    pids: list[Path] = []
    try:
        key = folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        told = [f"--{name}={folder}/munge.{ending}" for name, ending in places.items()]
        subprocess.run(["munged", f"--key-file={key}", *told, "--force"], check=True, timeout=30)
        pids.append(folder / "munge.pid")
        for daemon in ("slurmctld", "slurmd"):
            subprocess.run([daemon], env=environ, check=True, timeout=30)
            pids.append(folder / f"{daemon}.pid")
        deadline = time.monotonic() + 60
        while "idle" not in ask_slurm(str(file), "sinfo", "-h", "-o", "%T"):
            assert time.monotonic() < deadline, "the node does not come up"
            time.sleep(0.2)
        yield str(file)
        ask_slurm(str(file), "scancel", "--me", "--full", "--signal=KILL")
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(OSError, ValueError):
                end_daemon(int(pid.read_text()), at_once=pid.name == "slurmctld.pid")
        _end_steps(folder)


def _end_steps(folder: Path) -> None:
    """End what waits for a job for ever, where the daemon that would tell it is gone."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            is_step = (process / "comm").read_text() == "slurmstepd\n"
            if is_step and (process / "cwd").readlink().is_relative_to(folder):
                os.kill(int(process.name), signal.SIGKILL)


def end_daemon(pid: int, *, at_once: bool) -> None:
    """End a process that is no child of ours, and be sure of it."""
    os.kill(pid, signal.SIGKILL if at_once else signal.SIGTERM)
    deadline = time.monotonic() + 10
    while process_is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    if process_is_alive(pid):
        os.kill(pid, signal.SIGKILL)


def ask_slurm(conf: str, *words: str) -> str:
    """What a command of Slurm's says."""
    done = subprocess.run(
        words,
        env={**os.environ, "SLURM_CONF": conf},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout
