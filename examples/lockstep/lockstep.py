"""A client for modules that run in lockstep (docs/lockstep.md). Python 3.8 or later, nothing but its standard library.

    with Module("module.toml") as module:
        module.send("air_data", b"...")
        module.advance(by_ns=50_000_000)
        print(module.receive("controls"))
"""

import json
import os
import socket
import subprocess
import tempfile
import time


class Refused(Exception):
    """The supervisor refuses a request; the words say which key is wrong."""


class Ended(Exception):
    """The run has ended without having been asked to."""


class Module:
    """A module that runs in virtual time, no further than it is told to.

    now_ns: the instant at which it is, in nanoseconds since the beginning of the run
    hello:  what it said about itself; hello["ports"] has the ports that a program outside has
    end:    once the run is over: why, and its digest
    """

    def __init__(self, configuration, arguments=(), bulkhead=None, **popen):
        """Starts `bulkhead run` on a configuration. The binary is `bulkhead`, or $BULKHEAD, or the one in the search path."""
        self.now_ns, self.end = 0, None
        self._folder = tempfile.TemporaryDirectory(prefix="lockstep-")
        path = os.path.join(self._folder.name, "socket")
        binary = bulkhead or os.environ.get("BULKHEAD", "bulkhead")
        command = [binary, "run", "--virtual", "--lockstep", path, *arguments, str(configuration)]
        self._socket = None
        self.process = subprocess.Popen(command, **popen)
        try:
            self._socket = self._connect(path)
            self._lines = self._socket.makefile("rb")
            self.hello = json.loads(self._lines.readline())
            if self.hello["protocol"] != 1:
                raise Refused(f"protocol {self.hello['protocol']} is none that this client speaks")
        except BaseException:
            self._abandon()
            raise

    def _connect(self, path):
        while True:
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(path)
                return client
            except (FileNotFoundError, ConnectionRefusedError):
                client.close()
            if self.process.poll() is not None:
                raise Ended(f"bulkhead has ended with status {self.process.returncode}")
            time.sleep(0.01)

    def _ask(self, op, **keys):
        request = json.dumps({"op": op, **keys}).encode() + b"\n"
        try:
            self._socket.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            pass  # What it had to say before that is still there.
        answer = self._line()
        if answer["type"] == "end":
            self.end = answer
            raise Ended(answer["ending"])
        self.now_ns = answer["now_ns"]
        if not answer["ok"]:
            raise Refused(answer["error"])
        return answer

    def _line(self):
        line = self._lines.readline()
        if not line:
            raise Ended("the supervisor is gone")
        return json.loads(line)

    def advance(self, by_ns=None, until_ns=None):
        """Lets time pass; true if the instant is reached, false if the run has ended, in which case `end` says why."""
        wanted = {"by_ns": by_ns, "until_ns": until_ns}
        answer = self._ask("advance", **{key: value for key, value in wanted.items() if value is not None})
        if answer["why"] == "ended":
            self.end = self._line()
            return False
        return True

    def send(self, port, message):
        """Sends bytes at this very instant; false if the queue has no room for them."""
        return self._ask("send", port=port, data=message.hex())["sent"]

    def receive(self, port):
        """The next message of a queue, or None."""
        data = self._ask("receive", port=port)["data"]
        return None if data is None else bytes.fromhex(data)

    def sample(self, port):
        """The latest message of a sampling port, and whether it is fresh; (None, False) if there is none."""
        answer = self._ask("receive", port=port)
        return (None, False) if answer["data"] is None else (bytes.fromhex(answer["data"]), answer["valid"])

    def state(self):
        """How partitions and channels are."""
        return self._ask("state")["state"]

    def stop(self):
        """Ends the run; the result is the digest."""
        if self.end is None:
            self._ask("stop")
            self.end = self._line()
        return self.end["digest"]

    def close(self):
        """Ends the run if it is not over, and returns the exit status of `bulkhead run`."""
        try:
            self.stop()
        except (Ended, OSError):
            pass
        self._socket.close()
        status = self.process.wait()
        self._folder.cleanup()
        return status

    def _abandon(self):
        if self._socket is not None:
            self._socket.close()
        self.process.terminate()
        self.process.wait()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self._abandon()
