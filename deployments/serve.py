"""Brings up everything that `prefect deployment run refresh/default` needs, on this machine.

Starts a Prefect server on the loopback address, makes with `set_up.py` what the flows need there
and starts a worker for each pool. Ends them all on Ctrl-C or when one of them ends.

Environment: PLM_HOME (home folder), PLM_PORT (port of the server, default 4200).
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
POOLS = ("plm", "gpu")
START_SECONDS = 120
END_SECONDS = 15


def main() -> int:
    """Serve until interrupted; returns the exit code."""
    port = int(os.environ.get("PLM_PORT") or 4200)
    if not _is_free(port):
        print(f"port {port} is taken; choose another with PLM_PORT", file=sys.stderr)
        return 1
    url = f"http://127.0.0.1:{port}/api"
    environment = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",  # see set_up.py
        **os.environ,
        "PREFECT_API_URL": url,
        # Found by the flow runs that the workers start.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    server_arguments = ["server", "start", "--host", "127.0.0.1", "--port", str(port)]
    processes = [_start(server_arguments, environment)]
    try:
        _wait_for(f"{url}/health", processes[0])
        _set_up(environment)
        for pool in POOLS:
            processes.append(
                _start(["worker", "start", "--pool", pool, "--limit", "1"], environment)
            )
        print(
            f"ready: {url} (home {os.environ.get('PLM_HOME', 'plm')})\n"
            f"  export PREFECT_API_URL={url}\n"
            "  prefect deployment run refresh/default --watch\n"
            "Ctrl-C ends it.",
            flush=True,
        )
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        _end(processes)


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Ask all to end, the server last; what still runs after END_SECONDS is killed with its kin."""
    for process in reversed(processes):
        process.terminate()
    deadline = time.monotonic() + END_SECONDS
    for process in reversed(processes):
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(arguments: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    # A session of its own: a Ctrl-C at the terminal reaches only this program, which ends them.
    command = [sys.executable, "-m", "prefect", *arguments]
    return subprocess.Popen(command, env=environment, cwd=CHECKOUT, start_new_session=True)


def _set_up(environment: dict[str, str]) -> None:
    command = [sys.executable, str(CHECKOUT / "deployments" / "set_up.py")]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    if done.returncode:
        raise SystemExit(done.returncode)


def _wait_for(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise SystemExit("the Prefect server ended while starting; its output is above")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"the Prefect server did not answer at {url} in {START_SECONDS} s")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


if __name__ == "__main__":
    # SIGTERM ends it as Ctrl-C does, and so does SIGINT where the shell had it ignored (a job of a
    # script's background starts so).
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    sys.exit(main())
