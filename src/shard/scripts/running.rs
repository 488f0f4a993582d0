//! Scripts that run for longer than clients are made to wait: who runs, and whether it may still be ended. Nothing here is touched by scripts that
//! end in time.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::id::ShardId;
use crate::command::script_library::Running;
use crate::command::{Error, Ran};

/// What may be done to a slow script.
const UNCHANGED: u8 = 0;
const CHANGED: u8 = 1;
const KILLED: u8 = 2;

/// A script that runs for long.
pub struct Slow {
    shard: ShardId,
    function: Option<Box<[u8]>>,
    command: Vec<Box<[u8]>>,
    began_us: u64,
    state: AtomicU8,
}

impl Slow {
    /// The script is about to write; false when it has been killed before.
    pub fn may_change(&self) -> bool {
        let before = self
            .state
            .compare_exchange(UNCHANGED, CHANGED, Ordering::AcqRel, Ordering::Acquire);
        before != Err(KILLED)
    }

    /// Whether a client has killed it.
    pub fn is_killed(&self) -> bool {
        self.state.load(Ordering::Acquire) == KILLED
    }

    fn kill(&self) -> bool {
        let killed = self
            .state
            .compare_exchange(UNCHANGED, KILLED, Ordering::AcqRel, Ordering::Acquire);
        killed.is_ok()
    }
}

/// The slow scripts of all shards.
#[derive(Default)]
pub struct SlowScripts {
    count: AtomicUsize,
    scripts: Mutex<Vec<Arc<Slow>>>,
}

impl SlowScripts {
    fn scripts(&self) -> MutexGuard<'_, Vec<Arc<Slow>>> {
        // A panic elsewhere leaves the list as it is: each change is one insertion or removal.
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no script runs for long.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// A script has begun to be slow.
    pub(super) fn add(
        &self,
        shard: ShardId,
        function: Option<&[u8]>,
        command: Vec<Box<[u8]>>,
        began_us: u64,
        changed: bool,
    ) -> Arc<Slow> {
        let slow = Arc::new(Slow {
            shard,
            function: function.map(Box::from),
            command,
            began_us,
            state: AtomicU8::new(if changed { CHANGED } else { UNCHANGED }),
        });
        let mut scripts = self.scripts();
        scripts.push(slow.clone());
        self.count.store(scripts.len(), Ordering::Relaxed);
        slow
    }

    /// A slow script is over.
    pub(super) fn remove(&self, slow: &Arc<Slow>) {
        let mut scripts = self.scripts();
        scripts.retain(|other| !Arc::ptr_eq(other, slow));
        self.count.store(scripts.len(), Ordering::Relaxed);
    }

    /// What a client is told whose command needs one of the shards that `concerns` tells, when a script occupies it.
    pub fn refusal(&self, concerns: impl Fn(ShardId) -> bool) -> Option<Error> {
        let scripts = self.scripts();
        let slow = scripts.iter().find(|slow| concerns(slow.shard))?;
        Some(busy(slow.function.is_some()))
    }

    /// The function that has run for longest; as in Valkey an error when what has run for longest is a script.
    pub fn longest(&self, now_us: u64) -> Result<Option<Running>, Error> {
        let scripts = self.scripts();
        let Some(slow) = scripts.iter().min_by_key(|slow| slow.began_us) else {
            return Ok(None);
        };
        let function = slow.function.clone().ok_or_else(|| busy(false))?;
        Ok(Some(Running {
            function,
            command: slow.command.clone(),
            duration_ms: now_us.saturating_sub(slow.began_us) / 1000,
        }))
    }

    /// Ends the slow functions, or scripts, that have written nothing.
    pub fn kill(&self, function: bool) -> Ran {
        let scripts = self.scripts();
        let Some(first) = scripts.first() else {
            return Err(Error::Text("NOTBUSY No scripts in execution right now."));
        };
        let mut meant = scripts
            .iter()
            .filter(|slow| slow.function.is_some() == function)
            .peekable();
        if meant.peek().is_none() {
            // Whether it could be killed at all is asked first, as in Valkey.
            let unkillable = first.state.load(Ordering::Acquire) == CHANGED;
            return Err(if unkillable {
                UNKILLABLE
            } else {
                busy(first.function.is_some())
            });
        }
        if meant.filter(|slow| slow.kill()).count() == 0 {
            return Err(UNKILLABLE);
        }
        Ok(())
    }
}

const UNKILLABLE: Error = Error::Text(
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
);

fn busy(function: bool) -> Error {
    Error::Text(if function {
        "BUSY Valkey is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
    } else {
        "BUSY Valkey is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_written_is_not_killed_and_what_is_killed_does_not_write() {
        let slow = SlowScripts::default();
        assert!(slow.is_empty());
        assert!(
            slow.kill(false)
                .is_err_and(|error| error.line().starts_with(b"NOTBUSY"))
        );
        assert_eq!(slow.longest(5000), Ok(None));
        let script = slow.add(ShardId(1), None, vec![b"EVAL".as_slice().into()], 1000, false);
        assert!(slow.kill(true).is_err_and(|error| error.line().starts_with(b"BUSY")));
        assert!(slow.refusal(|shard| shard == ShardId(0)).is_none());
        assert!(slow.refusal(|shard| shard == ShardId(1)).is_some());
        assert_eq!(slow.longest(5000), Err(busy(false)));
        assert_eq!(slow.kill(false), Ok(()));
        assert!(script.is_killed() && !script.may_change());
        let writer = slow.add(ShardId(2), Some(b"f"), Vec::new(), 0, false);
        let running = slow.longest(4000).expect("a function has run for longest");
        assert_eq!(running.map(|running| running.duration_ms), Some(4));
        assert!(writer.may_change() && writer.may_change());
        slow.remove(&script);
        assert!(
            slow.kill(true)
                .is_err_and(|error| error.line().starts_with(b"UNKILLABLE"))
        );
        assert_eq!(slow.kill(false), Err(UNKILLABLE));
        slow.remove(&writer);
        assert!(slow.is_empty());
    }
}
