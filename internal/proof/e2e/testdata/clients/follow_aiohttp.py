"""python3-aiohttp, with the lines of its StreamReader."""

import asyncio
import sys

import aiohttp

from lines import Follower

url, coding = sys.argv[1:]


async def follow():
    follower = Follower()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=60)) as session:
        while True:
            try:
                async with session.get(url, headers=follower.headers(coding)) as response:
                    response.raise_for_status()
                    async for line in response.content:
                        follower.line(line.decode())
            except (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError):
                pass
            await asyncio.sleep(0.1)


asyncio.run(follow())
