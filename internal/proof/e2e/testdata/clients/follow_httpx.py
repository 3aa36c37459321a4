"""python3-httpx, with iter_lines as it is."""

import sys

import httpx

from lines import Follower

url, coding = sys.argv[1:]
follower = Follower()
while True:
    try:
        with httpx.stream("GET", url, headers=follower.headers(coding), timeout=60) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                follower.line(line)
    except httpx.HTTPError:
        pass
    follower.pause()
