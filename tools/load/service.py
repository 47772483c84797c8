"""A service to be measured, and clients that measure it. Python's standard library alone."""
import http.client
import json
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse

PATIENCE = 120  # seconds after which something will never happen


def percentile(values, percent):
    """The value below which `percent` of a hundred lie; nan of none."""
    if not values:
        return float("nan")
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def summary(seconds):
    """p50, p95, p99 and the longest, in milliseconds."""
    parts = [f"p{percent} {percentile(seconds, percent) * 1e3:.1f}" for percent in (50, 95, 99)]
    return ", ".join(parts) + f", longest {max(seconds, default=float('nan')) * 1e3:.1f} ms ({len(seconds)})"


def memory_of(pid):
    """Bytes that a process has for itself alone."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Private_"))


def cpu_of(pid):
    """Seconds of processor time that a process has spent."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Service:
    """A service of its own, in a folder of its own."""

    def __init__(self, program, *settings, workers=2, folder=None, files=None, ready=True):
        self.program, self.settings, self.workers = program, settings, workers
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="serialeye-load-")
        self.files = files
        self.start(ready)

    def start(self, ready=True, port=0):
        arguments = [self.program, "serve", "--host", "127.0.0.1", "--port", str(port), "--workers", str(self.workers)]
        for setting in (f"store={self.folder}/service.db", *self.settings):
            arguments += ["--set", setting]
        if self.files:
            arguments = ["prlimit", f"--nofile={self.files}:{self.files}", *arguments]
        self.started = time.monotonic()
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the service did not start; see {self.folder}/log")
        self.port = int(line.rsplit(":", 1)[1])
        self.ready_s = self.wait_ready() if ready else None

    def wait_ready(self):
        """Seconds from the start of the process until it is ready."""
        while time.monotonic() - self.started < PATIENCE:
            try:
                if self.request("GET", "/health/ready")[0] == 200:
                    return time.monotonic() - self.started
            except OSError:
                pass
            time.sleep(0.01)
        raise SystemExit("the service does not become ready")

    def request(self, method, path, body=None, headers=None, connection=None):
        """Status and body."""
        own = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            own.request(method, path, body, headers or {})
            response = own.getresponse()
            return response.status, response.read()
        finally:
            if not connection:
                own.close()

    def json(self, path):
        return json.loads(self.request("GET", path)[1])

    def worker_pids(self):
        pids = []
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                pids += (task / "children").read_text(encoding="ascii").split()
            except OSError:
                pass
        return [int(pid) for pid in pids]

    def memory(self):
        """Bytes of all processes together."""
        return memory_of(self.process.pid) + sum(memory_of(pid) for pid in self.worker_pids())

    def cpu_seconds(self):
        """Processor time of all processes together."""
        return cpu_of(self.process.pid) + sum(cpu_of(pid) for pid in self.worker_pids())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=PATIENCE)
        self.process.stdout.close()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if status != 0:
            raise SystemExit(f"the service ended with status {status}")


def multipart(pictures):
    """Body and headers of (name, bytes) pairs."""
    body = b"".join(b'--b\r\nContent-Disposition: form-data; name="f"; filename="' + name.encode() + b'"\r\n\r\n'
                    + data + b"\r\n" for name, data in pictures) + b"--b--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=b"}


class Connection:
    """A connection that is kept, with one request under way. It does not block."""

    def __init__(self, service):
        self.socket = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
        self.socket.setblocking(False)
        self.left, self.reply = memoryview(b""), b""

    def send(self, request):
        self.left, self.reply = memoryview(request), b""
        self.go_on()

    def go_on(self):
        """Sends what the socket takes."""
        try:
            while self.left:
                self.left = self.left[self.socket.send(self.left):]
        except BlockingIOError:
            pass

    def take(self):
        """Receives what is there; the status, the body and whether the connection stays, or None."""
        chunk = self.socket.recv(1 << 18)
        self.reply = self.reply + chunk if self.reply else chunk
        if not chunk:
            raise SystemExit("the service has closed a connection without a reply")
        end = self.reply.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.reply[:end + 2]
        length = int(re.search(rb"\r\nContent-Length: (\d+)\r\n", head)[1])
        if len(self.reply) < end + 4 + length:
            return None
        stays = not self.left and b"\r\nConnection: close\r\n" not in head
        return int(head[9:12]), self.reply[end + 4:], stays


class Clients:
    """`count` clients, one request after the other each, over connections that are kept. All of them
    are this thread, which takes as little of the processor as it can: it is the service that is to
    be measured."""

    def __init__(self, service, count, next_picture, seconds=None, total=None):
        self.service, self.count, self.next_picture = service, count, next_picture
        self.seconds, self.left = seconds, total
        self.times, self.statuses, self.bodies = [], {}, []
        self.requests = {}  # name → bytes

    def next_request(self):
        """The picture's name and its request; None at the end."""
        if self.left == 0 or (self.end and time.monotonic() >= self.end):
            return None
        if self.left:
            self.left -= 1
        name, data = self.next_picture()
        if name not in self.requests:
            self.requests[name] = (f"POST /v1/read?name={urllib.parse.quote(name)} HTTP/1.1\r\nHost: localhost\r\n"
                                   f"Content-Length: {len(data)}\r\n\r\n").encode() + data
        return name, self.requests[name]

    def start(self, connection=None):
        """The next request, over a connection of its own unless there is one."""
        request = self.next_request()
        if request is None:
            if connection:
                connection.socket.close()
            return
        if connection is None:
            connection = Connection(self.service)
            self.epoll.register(connection.socket, select.EPOLLIN)
            self.connections[connection.socket.fileno()] = connection
        connection.name, connection.begin = request[0], time.monotonic()
        connection.send(request[1])
        self.open += 1
        if connection.left:
            self.epoll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)

    def on_event(self, connection, event):
        if event & select.EPOLLOUT:
            connection.go_on()
            if not connection.left:
                self.epoll.modify(connection.socket, select.EPOLLIN)
        reply = connection.take() if event & ~select.EPOLLOUT else None
        if reply is None:
            return
        status, body, stays = reply
        self.times.append(time.monotonic() - connection.begin)
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.bodies.append((connection.name, status, body))
        self.open -= 1
        if not stays:
            connection.socket.close()
        self.start(connection if stays else None)

    def go(self):
        begin = time.monotonic()
        self.end = begin + self.seconds if self.seconds else None
        self.connections, self.open = {}, 0
        with select.epoll() as self.epoll:
            for _ in range(self.count):
                self.start()
            while self.open:
                events = self.epoll.poll(PATIENCE)
                if not events:
                    raise SystemExit("the service does not answer")
                for descriptor, event in events:
                    self.on_event(self.connections[descriptor], event)
        self.seconds = time.monotonic() - begin
        return self


class Arrivals:
    """Requests that come at random, `rate` a second, whatever becomes of those before. Each has a
    connection of its own, which is made beforehand; time runs from its headers to the reply's."""

    def __init__(self, service, rate, seconds, next_picture, chance, most=1500):
        self.service, self.rate, self.next_picture, self.chance = service, rate, next_picture, chance
        self.seconds, self.most = seconds, most
        self.lock = threading.Lock()
        self.times = {}  # status → seconds
        self.alive = self.left_out = 0

    def one(self, data):
        status = "no reply"
        begin = time.monotonic()
        try:
            with socket.create_connection(("127.0.0.1", self.service.port), timeout=PATIENCE) as client:
                head = f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
                begin = time.monotonic()
                client.sendall(head.encode())
                try:
                    client.sendall(data)
                except OSError:
                    pass  # refused at the headers: the reply is there
                reply = client.recv(4096)
                took = time.monotonic() - begin
                status = int(reply.split()[1]) if reply else "no reply"
        except OSError:
            took = time.monotonic() - begin
        with self.lock:
            self.times.setdefault(status, []).append(took)
            self.alive -= 1

    def go(self):
        threads = []
        at, end = time.monotonic(), time.monotonic() + self.seconds
        while at < end:
            time.sleep(max(0, at - time.monotonic()))
            at += self.chance.expovariate(self.rate)
            with self.lock:
                if self.alive >= self.most:
                    self.left_out += 1
                    continue
                self.alive += 1
            thread = threading.Thread(target=self.one, args=(self.next_picture()[1],))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()
        return self
