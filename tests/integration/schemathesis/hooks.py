"""What the document cannot say of a body: a reading's time is at most 5 minutes ahead of the clock.

Times that are further ahead, and right otherwise, are moved into the past. That they are refused, `http_node_test.ts`
and the unit tests of the way in show.
"""

import re
import time

import schemathesis

# The last time that the document allows: what is beyond is left as it is, for it must be refused.
MAX_TIME_MS = 8_640_000_000_000_000


def passed(ts):
    if isinstance(ts, (int, float)) and not isinstance(ts, bool) and ts <= MAX_TIME_MS:
        now_ms = time.time() * 1000
        while ts > now_ms:
            ts //= 10
    elif isinstance(ts, str) and re.match(r"[2-9]\d{3}-", ts):
        # 1996 is a leap year too.
        ts = "1996" + ts[4:]
    return ts


@schemathesis.hook
def before_call(context, case, kwargs):
    items = case.body if isinstance(case.body, list) else [case.body]
    for item in items:
        if isinstance(item, dict) and "ts" in item:
            item["ts"] = passed(item["ts"])
