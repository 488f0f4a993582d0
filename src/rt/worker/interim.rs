//! Passes of the loop while its machine is at work for long: the machine lends the loop another one for them.
//!
//! Owns how a machine reaches the loop that is calling it. It must not know why a machine is at work.

use std::cell::Cell;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::rc::Rc;

use super::Worker;
use crate::rt::machine::{Machine, Stage};

/// The loop's machine, which is away while it is called.
pub struct Held<M>(Option<Box<M>>);

const AWAY: &str = "a machine that is called calls the loop only with another one";

impl<M> Held<M> {
    pub fn new(machine: M) -> Self {
        Held(Some(Box::new(machine)))
    }
}

impl<M> Deref for Held<M> {
    type Target = M;

    fn deref(&self) -> &M {
        self.0.as_deref().expect(AWAY)
    }
}

impl<M> DerefMut for Held<M> {
    fn deref_mut(&mut self) -> &mut M {
        self.0.as_deref_mut().expect(AWAY)
    }
}

/// Where a loop waits while it calls its machine.
pub struct Wings<M: Machine> {
    worker: Cell<Option<NonNull<Worker<M>>>>,
}

impl<M: Machine> Wings<M> {
    pub fn new() -> Rc<Self> {
        Rc::new(Wings {
            worker: Cell::new(None),
        })
    }
}

impl<M: Machine> Stage<M> for Wings<M> {
    fn pass(&self, stand_in: Box<M>) -> (Box<M>, bool) {
        let mut worker = self
            .worker
            .take()
            .expect("a machine is at work only when its loop calls it");
        // SAFETY: `Worker::call` has put its exclusive borrow here and does not use it until the machine returns. The pointer is
        // taken out meanwhile, so there is no second one.
        let worker = unsafe { worker.as_mut() };
        worker.machine.0 = Some(stand_in);
        let ends = worker.interim_pass().is_err() || worker.mesh.is_stopping();
        worker.had_interim = true;
        let stand_in = worker.machine.0.take().expect(AWAY);
        self.worker.set(Some(NonNull::from(worker)));
        (stand_in, ends)
    }
}

impl<M: Machine> Worker<M> {
    /// Calls the machine for what may take long, and lets it call back.
    pub(super) fn call<T>(&mut self, body: impl FnOnce(&mut M) -> T) -> T {
        let mut machine = self.machine.0.take().expect(AWAY);
        let wings = self.wings.clone();
        let before = wings.worker.replace(Some(NonNull::from(&mut *self)));
        let answer = body(&mut machine);
        wings.worker.set(before);
        self.machine.0 = Some(machine);
        if std::mem::take(&mut self.had_interim) {
            // What the other machine left undone for connections that ended is done now.
            self.unsettled.extend(self.connections.ids());
        }
        answer
    }

    /// A pass without what only the machine itself can do: timers, and moving connections.
    fn interim_pass(&mut self) -> io::Result<()> {
        self.now = self.clock.read();
        self.machine.set_now(self.now);
        self.fetch()?;
        self.handle_completions()?;
        self.handle_events()?;
        self.send_batches()?;
        if let Some(buffers) = &mut self.buffers {
            buffers.publish();
        }
        self.ring.enter(0, None)
    }
}
