"""python3-requests, with iter_lines as it is."""

import sys

import requests

from lines import Follower

url, coding = sys.argv[1:]
follower = Follower()
while True:
    try:
        with requests.get(url, headers=follower.headers(coding), stream=True, timeout=60) as response:
            response.raise_for_status()
            for line in response.iter_lines(decode_unicode=True):
                follower.line(line)
    except requests.RequestException:
        pass
    follower.pause()
