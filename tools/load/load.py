#!/usr/bin/env python3
"""Puts a running service under load and says how it stands it.

usage: load.py MEASUREMENT PROGRAM [--seconds N] [--pictures N] [--set NAME=VALUE]… FILE…

Starts a service of its own, with as many workers as there are cores, and sends it the FILEs, in turn.

  ready        seconds from the start of the process to ready
  throughput   pictures a second of the service and of `serialeye read --jobs`, in turns
  latency      p50, p95, p99 at half of what it can
  overload     ten times what it can: how soon refused, whether in time, memory
  slow         a client's p99 beside 1,000 slow connections
  memory       many pictures of mixed sizes: growth after the first tenth
  identical    32 clients without a time limit against one
  kill         a worker or the front killed again and again (--pictures: kills) while jobs come in
  faults       a full disk, a locked database, too many open files

The exit status is 1 when what docs/service.md promises was not held.
"""
import argparse
import http.client
import itertools
import json
import os
import pathlib
import random
import re
import resource
import socket
import sqlite3
import subprocess
import sys
import threading
import time

from service import PATIENCE, Arrivals, Clients, Service, multipart, percentile, summary

CORES = os.cpu_count()
failures = []


def check(good, what):
    print(("held: " if good else "NOT HELD: ") + what)
    if not good:
        failures.append(what)


class Pictures:
    """The files, in turn, without end."""

    def __init__(self, paths):
        self.all = [(os.path.basename(path), pathlib.Path(path).read_bytes()) for path in paths]
        self.turn = itertools.cycle(self.all)
        self.lock = threading.Lock()

    def next(self):
        with self.lock:
            return next(self.turn)


def closed(service, pictures, seconds, count=2 * CORES):
    """Pictures a second with as many clients as keep the workers busy."""
    run = Clients(service, count, pictures.next, seconds=seconds).go()
    if set(run.statuses) != {200}:
        raise SystemExit(f"not all were read: {run.statuses}")
    return len(run.times) / run.seconds, run


# ---- speed -------------------------------------------------------------------------------------


def ready(options, _pictures):
    times = []
    for _ in range(5):
        service = Service(options.program, *options.settings, workers=CORES)
        times.append(service.ready_s)
        service.stop()
    print("seconds to ready:", ", ".join(f"{one:.2f}" for one in times))
    check(min(times) <= 1, f"ready within 1 s of the start (least of 5: {min(times):.2f} s)")


def throughput(options, pictures):
    rates, costs, client = {"service": [], "read": []}, {"service": [], "read": []}, []
    service = Service(options.program, *options.settings, workers=CORES)
    flags = [flag for one in options.settings for flag in ("--set", one)]
    closed(service, pictures, 3)
    for _ in range(3):
        before, own = service.cpu_seconds(), time.process_time()
        rate, run = closed(service, pictures, options.seconds)
        rates["service"].append(rate)
        costs["service"].append((service.cpu_seconds() - before) / len(run.times))
        client.append((time.process_time() - own) / len(run.times))
        paths = list(itertools.islice(itertools.cycle(options.files), int(rates["service"][-1] * options.seconds) + 1))
        # Its start, models included, is taken off: the service has that behind it.
        alone, all_ = run_read(options.program, flags, paths[:1]), run_read(options.program, flags, paths)
        rates["read"].append((len(paths) - 1) / (all_[0] - alone[0]))
        costs["read"].append((all_[1] - alone[1]) / (len(paths) - 1))
    service.stop()
    for name, values in rates.items():
        print(f"{name}: " + ", ".join(f"{one:.2f}" for one in values) + " pictures/s; processor time "
              + ", ".join(f"{one * 1e3:.1f}" for one in costs[name]) + " ms a picture")
    print(f"the client: {sorted(client)[1] * 1e3:.2f} ms a picture")
    ratio = sorted(a / b for a, b in zip(rates["service"], rates["read"]))[1]
    check(ratio >= 0.9, f"at least 0.9 of serialeye read --jobs {CORES} (median of 3 pairs: {ratio:.2f})")


def run_read(program, flags, paths):
    """Seconds by the clock, and of processor time."""
    begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    # The service's workers are as nice: other programs on the machine take as much from both.
    subprocess.run(["nice", "-n", "5", program, "read", "--json", "--jobs", str(CORES), "--set", "threads=1", *flags, *paths],
                   stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def latency(options, pictures):
    service = Service(options.program, *options.settings, workers=CORES)
    closed(service, pictures, 3)
    rate = closed(service, pictures, options.seconds / 2)[0]
    run = Arrivals(service, rate / 2, options.seconds, pictures.next, random.Random(1)).go()
    print(f"{rate:.1f} pictures/s at most; at {rate / 2:.1f}: " + summary(run.times.get(200, [])))
    check(set(run.times) == {200}, f"all read: { {status: len(times) for status, times in run.times.items()} }")
    service.stop()


def overload(options, pictures):
    service = Service(options.program, *options.settings, workers=CORES)
    closed(service, pictures, 3)
    rate = closed(service, pictures, options.seconds / 3)[0]
    deadline = int(service.json("/config")["deadline_ms"]["value"]) / 1e3
    Arrivals(service, 10 * rate, 4, pictures.next, random.Random(1)).go()
    before = service.memory()
    run = Arrivals(service, 10 * rate, options.seconds, pictures.next, random.Random(2)).go()
    after = service.memory()
    refused, read = run.times.get(503, []), run.times.get(200, [])
    print(f"{rate:.1f} pictures/s at most; {10 * rate:.0f} came ({run.left_out} left out for want of threads)")
    print("503: " + summary(refused))
    print("200: " + summary(read))
    print(f"memory {before / 1e6:.1f} MB before, {after / 1e6:.1f} MB after")
    check(set(run.times) <= {200, 503}, f"200 or 503: { {status: len(times) for status, times in run.times.items()} }")
    check(percentile(refused, 99) <= 0.05, f"503 within 50 ms of the headers (p99 {percentile(refused, 99) * 1e3:.1f} ms)")
    check(max(read, default=0) <= deadline, "accepted requests inside their deadline")
    check(len(read) >= 0.8 * rate * options.seconds, f"goes on reading ({len(read) / options.seconds:.1f} pictures/s)")
    check(after <= 1.05 * before, f"memory flat ({100 * (after / before - 1):+.1f} %)")
    service.stop()


class SlowCrowd:
    """Connections that send a byte a second, some of them headers, some a body."""

    def __init__(self, service, count):
        self.service, self.end = service, threading.Event()
        self.clients = [self.connect(i) for i in range(count)]
        self.cut = 0
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def connect(self, i):
        client = socket.create_connection(("127.0.0.1", self.service.port), timeout=PATIENCE)
        client.setblocking(False)
        start = b"POST /v1/read HTTP/1.1\r\nHost: localhost\r\n"
        client.send(start + (b"Content-Length: 20000\r\n\r\n" if i % 2 else b"X-A: "))
        return client

    def run(self):
        while not self.end.wait(1):
            for i, client in enumerate(self.clients):
                try:
                    client.send(b"x")
                except OSError: # cut off: another comes in its place
                    client.close()
                    self.cut += 1
                    self.clients[i] = self.connect(i)

    def stop(self):
        self.end.set()
        self.thread.join()
        for client in self.clients:
            client.close()


def slow(options, pictures):
    service = Service(options.program, "connections_per_address=1200", *options.settings, workers=CORES)
    closed(service, pictures, 3)
    times = {False: [], True: []}
    for _ in range(3):
        for crowded in (False, True):
            crowd = SlowCrowd(service, 1000) if crowded else None
            time.sleep(1)
            times[crowded] += closed(service, pictures, options.seconds / 3, count=1)[1].times
            if crowd:
                crowd.stop()
    print("alone: " + summary(times[False]))
    print("beside 1,000 slow connections: " + summary(times[True]))
    ratio = percentile(times[True], 99) / percentile(times[False], 99)
    check(ratio <= 2, f"p99 at most twice as long ({ratio:.2f})")
    service.stop()


# ---- memory, sameness --------------------------------------------------------------------------


def memory(options, pictures):
    """Growth is of the largest of many looks in the last tenth against the second one."""
    service = Service(options.program, *options.settings, workers=CORES)
    tenth, peaks = max(1, options.pictures // 10), []
    begin = time.monotonic()
    for part in range(10):
        looks, end = [], threading.Event()

        def watch(looks=looks, end=end):
            while not end.wait(0.25):
                looks.append(service.memory())

        thread = threading.Thread(target=watch)
        thread.start()
        run = Clients(service, 2 * CORES, pictures.next, total=tenth).go()
        end.set()
        thread.join()
        looks.append(service.memory())
        peaks.append(max(looks))
        print(f"{(part + 1) * tenth} pictures, {time.monotonic() - begin:.0f} s, {run.statuses}: "
              f"highest {peaks[-1] / 1e6:.2f} MB, now {looks[-1] / 1e6:.2f} MB", flush=True)
    growth = max(peaks[-2:]) / max(peaks[1:3]) - 1
    check(growth <= 0.01, f"memory grows at most 1 % after the first fifth ({100 * growth:+.2f} %)")
    service.stop()


def without_times(body):
    result = json.loads(body)
    result.pop("ms", None)
    result.pop("request_id", None)
    return json.dumps(result)


def identical(options, pictures):
    service = Service(options.program, "time_limit_ms=0", "deadline_ms=600000", *options.settings, workers=CORES)
    one = Clients(service, 1, pictures.next, total=len(pictures.all)).go()
    expected = {name: (status, without_times(body)) for name, status, body in one.bodies}
    many = Clients(service, 32, pictures.next, total=max(options.pictures, 4 * len(pictures.all))).go()
    different = [name for name, status, body in many.bodies if expected[name] != (status, without_times(body))]
    print(f"{len(expected)} pictures by one client, {len(many.bodies)} answers to 32: {many.statuses}")
    check(not different, f"the same answers (different: {sorted(set(different))})")
    service.stop()


# ---- faults ------------------------------------------------------------------------------------


class Jobs:
    """A client that adds jobs, and knows which were acknowledged."""

    def __init__(self, service, pictures):
        self.service, self.pictures = service, pictures
        self.acknowledged, self.refused, self.number = {}, 0, 0
        self.end, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(3)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.end.is_set():
            with self.lock:
                self.number += 1
                key = f"key-{self.number}"
            body, headers = multipart([self.pictures.next() for _ in range(2)])
            while not self.end.is_set(): # the same key until there is an answer
                try:
                    status, reply = self.service.request("POST", "/v1/jobs", body, {**headers, "Idempotency-Key": key})
                except (OSError, http.client.HTTPException): # the front is gone for a moment
                    time.sleep(0.01)
                    continue
                if status in (200, 202):
                    with self.lock:
                        self.acknowledged[key] = json.loads(reply)["id"]
                    time.sleep(0.1)
                    break
                self.refused += 1
                time.sleep(0.05)

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join()


def wait_for_jobs(service):
    """Waits as long as there is progress."""
    before, end = 0, 0
    while (stats := service.json("/stats"))["jobs_open"]:
        if stats["readings"] > before:
            before, end = stats["readings"], time.monotonic() + PATIENCE
        elif time.monotonic() > end:
            break
        time.sleep(0.2)
    return stats


def kill(options, pictures):
    """A job of two pictures each; every second kill is the front's."""
    chance = random.Random(3)
    service = Service(options.program, "max_jobs=1000000", "refuse_s=0", *options.settings, workers=CORES)
    jobs, again = Jobs(service, pictures), []
    for i in range(options.pictures):
        time.sleep(chance.uniform(0.05, 0.6))
        if i % 2:
            service.kill()
            service.start(port=service.port)
            again.append(service.ready_s)
        else:
            pids = service.worker_pids()
            if pids:
                os.kill(chance.choice(pids), 9)
    jobs.stop()
    print(f"{len(jobs.acknowledged)} jobs acknowledged, {jobs.refused} refused; ready again: " + summary(again))
    ids = set(jobs.acknowledged.values())
    check(len(ids) == len(jobs.acknowledged), "one job for each idempotency key")
    stats = wait_for_jobs(service)
    service.own_folder = False # its database is looked at when it has ended
    service.stop()
    with sqlite3.connect(service.folder + "/service.db") as store:
        rows = dict(store.execute("SELECT id, done FROM jobs WHERE finished IS NOT NULL"))
        twice = store.execute("SELECT count(*) FROM (SELECT job, position, count(*) AS n FROM readings"
                              " WHERE job IS NOT NULL GROUP BY job, position HAVING n > 1)").fetchone()[0]
        readings = dict(store.execute("SELECT job, count(*) FROM readings GROUP BY job"))
        codes = dict(store.execute("SELECT coalesce(error, 'read'), count(*) FROM readings GROUP BY 1"))
    print(f"{stats['readings']} readings: {codes}")
    check(all(rows.get(one) == 2 and readings.get(one) == 2 for one in ids), "no acknowledged job is lost")
    check(twice == 0, "no picture is reported twice")
    check(max(again) <= 2, f"ready again within 2 s (longest {max(again):.2f} s)")


def expect(service, path, body, statuses, what):
    status, reply = service.request("POST", path, body)
    code = json.loads(reply).get("code")
    check(status in statuses, f"{what}: {path} is answered {status} {code or ''}")
    return status


def faults(options, pictures):
    data = pictures.next()[1]
    locked_database(options, data)
    too_many_files(options, data)
    full_disk(options, data)


def goes_on(service, data, what):
    for path, good in (("/v1/read", 200), ("/v1/jobs", 202)):
        end = time.monotonic() + 15
        while (status := service.request("POST", path, data)[0]) != good and time.monotonic() < end:
            time.sleep(0.1)
        check(status == good, f"after {what}: {path} is answered {status}")


def locked_database(options, data):
    service = Service(options.program, *options.settings, workers=1)
    with sqlite3.connect(service.folder + "/service.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        expect(service, "/v1/jobs", data, {503}, "database locked")
        expect(service, "/v1/read", data, {200}, "database locked")
        other.execute("ROLLBACK")
    goes_on(service, data, "the lock")
    service.stop()


def too_many_files(options, data):
    service = Service(options.program, *options.settings, workers=1, files=64)
    taken = []
    for _ in range(100):
        client = socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)
        client.send(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n")
        taken.append(client)
    time.sleep(0.5)
    status = "none"
    client = taken[0] # one that was let in finds no file for its picture, or is read
    client.send(b"\r\n")
    reply = client.recv(4096)
    status = int(reply.split()[1])
    check(status in (200, 503), f"too many open files: {status} for a connection that was let in")
    head = f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    client.sendall(head + data)
    reply = client.recv(4096)
    status = int(reply.split()[1])
    check(status in (200, 500, 503), f"too many open files: a picture is answered {status} "
          + (re.findall(rb'"code":"(\w+)"', reply) or [b""])[0].decode())
    for one in taken:
        one.close()
    goes_on(service, data, "too many open files")
    service.stop()


def full_disk(options, data):
    folder = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"serialeye-full-{os.getpid()}"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False)
    if mounted.returncode != 0:
        print("SKIP: a small disk cannot be mounted here (needs root)")
        folder.rmdir()
        return
    try:
        service = Service(options.program, *options.settings, workers=1, folder=str(folder))
        filler = folder / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass # full
        expect(service, "/v1/jobs", data + bytes(100000), {503}, "disk full")
        expect(service, "/v1/read", data, {200}, "disk full")
        filler.unlink()
        goes_on(service, data, "the full disk")
        service.stop()
    finally:
        subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


MEASUREMENTS = {one.__name__: one for one in
                (ready, throughput, latency, overload, slow, memory, identical, kill, faults)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurement", choices=MEASUREMENTS)
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    options = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{options.measurement}: {CORES} cores, load {load:.1f} before, {' '.join(options.settings)}")
    MEASUREMENTS[options.measurement](options, Pictures(options.files))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
