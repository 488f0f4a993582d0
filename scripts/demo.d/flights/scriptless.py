"""Celery without EVALSHA, for a server that does not execute scripts.

Celery sends scripts in three places: when it binds a queue that expires (worker control, replies, events), when it
releases the lock under which it restores messages of dead workers, and for chords. The first is a matter of
settings; the second is done here by WATCH, MULTI and EXEC; chords are not used.
"""

from redis import WatchError
from redis.exceptions import LockNotOwnedError
from redis.lock import Lock


def apply(app):
    """Makes the application and the client library do without scripts."""
    app.conf.update(control_queue_expires=None, event_queue_expires=None)
    Lock.do_release = _release


def _release(lock, expected_token):
    """Deletes the lock's key if it still holds our token, atomically."""
    with lock.redis.pipeline() as pipe:
        pipe.watch(lock.name)
        held = pipe.get(lock.name)
        if isinstance(held, str):
            held = held.encode()
        if held != expected_token:
            raise LockNotOwnedError("Cannot release a lock that's no longer owned", lock_name=lock.name)
        pipe.multi()
        pipe.delete(lock.name)
        try:
            pipe.execute()
        except WatchError:
            raise LockNotOwnedError("Cannot release a lock that's no longer owned", lock_name=lock.name) from None
