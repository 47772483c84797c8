"""Pictures of several requests in one worker at once: python3 batch_test.py PROGRAM PICTURE TEXT"""
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

from running_service import PICTURE, TEXT, Answer, Server, WithServer, batches, main, until

CLIENTS = 16


def what_was_read(answer):
    """An answer without what differs from one reading to the next."""
    result = answer.json()
    for name in ("ms", "request_id", "reading_id"):
        result.pop(name, None)
    return answer.status, result


class Batches(WithServer):
    settings = ("batch_pictures=4", "batch_delay_ms=300", "refuse_s=1000")

    def stop_worker(self):
        until(lambda: self.server.get("/health/ready").status == 200, "ready")
        return self.server.signal_worker(signal.SIGSTOP)

    def send_and_wait(self, pictures, expected):
        """Sends them and waits until so many (with a worker, waiting for one) are there: expected(with, waiting)."""
        connections = [self.server.send(picture) for picture in pictures]

        def there():
            health = self.server.get("/health").json()
            return expected(health["pictures_running"], health["pictures_waiting"])

        until(there, "the pictures sent")
        return connections

    def expect_unknown(self, connections):
        for connection in connections:
            self.assertEqual(Answer(connection.getresponse()).code(), "unknown_type")
            connection.close()

    def test_answers_are_the_same(self):
        alone = Server(workers=1)
        try:
            expected = {picture: what_was_read(alone.read(picture)) for picture in (PICTURE, b"text")}
        finally:
            self.assertEqual(alone.stop(), 0)
        self.assertEqual(expected[PICTURE][1]["readings"][0]["text"], TEXT)
        pictures = [b"text" if i % 4 == 3 else PICTURE for i in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            for picture, answer in zip(pictures, clients.map(self.server.read, pictures)):
                status, result = what_was_read(answer)
                if picture == PICTURE:
                    self.assertEqual((status, result), expected[picture])
                else:
                    self.assertEqual((status, result["code"]), (415, "unknown_type"))

    def test_what_waits_goes_together(self):
        before = batches(self.server)
        pid = self.stop_worker()
        first = self.send_and_wait([b"text 0"], lambda running, waiting: running == 1)
        others = self.send_and_wait([b"text 1", b"text 2", b"text 3", b"text 4"],
                                    lambda running, waiting: waiting == 4)
        os.kill(pid, signal.SIGCONT)
        self.expect_unknown(first + others)
        after = batches(self.server)
        self.assertEqual([after[most] - before[most] for most in ("1", "3", "4", "+Inf")], [1, 1, 2, 2])

    def test_one_alone_waits_for_the_delay(self):
        began = time.monotonic()
        self.assertEqual(self.server.read(b"text 5").code(), "unknown_type")
        self.assertGreaterEqual(time.monotonic() - began, 0.3)

    def test_all_are_tried_again_and_none_is_refused(self):
        """The worker ends with several pictures; who is to blame is for test_engine."""
        pictures = [b"text 6", b"text 7", b"text 8", b"text 9"]
        pid = self.stop_worker()
        connections = self.send_and_wait(pictures, lambda running, waiting: running > 0 and running + waiting == 4)
        os.kill(pid, signal.SIGKILL)
        self.expect_unknown(connections)
        for picture in pictures:
            self.assertEqual(self.server.read(picture).code(), "unknown_type")

    def test_one_client_leaves(self):
        pid = self.stop_worker()
        connections = self.send_and_wait([PICTURE, b"text 10", PICTURE, b"text 11"],
                                         lambda running, waiting: running > 0 and running + waiting == 4)
        connections[0].close()
        os.kill(pid, signal.SIGCONT)
        self.assertEqual(Answer(connections[2].getresponse()).json()["readings"][0]["text"], TEXT)
        connections[2].close()
        self.expect_unknown([connections[1], connections[3]])


if __name__ == "__main__":
    main()
