"""What the Python clients share: the fields of an event, line by line, and where to resume."""

import time


class Follower:
    """Follows a stream as its user would write it: resume after the last id, again and again."""

    def __init__(self):
        self.last = None
        self.fields = {}

    def headers(self, coding):
        headers = {"Accept": "text/event-stream", "Accept-Encoding": coding}
        if self.last is not None:
            headers["Last-Event-ID"] = self.last
        self.fields = {}
        return headers

    def line(self, line):
        line = line.rstrip("\r\n")
        if line:
            name, _, value = line.partition(":")
            self.fields[name] = value.removeprefix(" ")
            return
        if "data" in self.fields:
            self.last = self.fields.get("id", self.last)
            print(self.fields.get("event", "message"), self.last, flush=True)
        self.fields = {}

    def pause(self):
        time.sleep(0.1)
