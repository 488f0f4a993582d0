//! Parts of large structures that nobody needs any more. A thread that serves others frees them a few at a time, so that nobody waits while
//! millions are freed; any other thread frees them at once.
//!
//! What is dropped while its owner is dropped comes here by itself: see [`Pile`].

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::ops::{Deref, DerefMut};

use slab::Slab;

/// Parts up to which a pile is freed in place.
const FEW: usize = 4;
/// Items of a map that are freed at once.
const MAP_ITEMS: usize = 16;

/// What can be freed part by part. A part has few allocations, since each may be the last one of a page, which then goes back to the kernel.
pub trait Debris {
    /// Whether this is worth the trouble.
    fn is_large(&self) -> bool;
    /// Frees a part; tells whether more is left.
    fn free_part(&mut self) -> bool;
}

impl<T> Debris for Vec<T> {
    fn is_large(&self) -> bool {
        self.len() > FEW
    }

    fn free_part(&mut self) -> bool {
        drop(self.pop());
        !self.is_empty()
    }
}

impl<T> Debris for VecDeque<T> {
    fn is_large(&self) -> bool {
        self.len() > FEW
    }

    fn free_part(&mut self) -> bool {
        drop(self.pop_back());
        !self.is_empty()
    }
}

impl<T: 'static> Debris for Box<[T]> {
    fn is_large(&self) -> bool {
        self.len() > FEW
    }

    fn free_part(&mut self) -> bool {
        leave(std::mem::take(self).into_vec());
        false
    }
}

impl<T: 'static> Debris for Slab<T> {
    fn is_large(&self) -> bool {
        self.len() > FEW
    }

    fn free_part(&mut self) -> bool {
        let parts = std::mem::take(self).into_iter().map(|(_, part)| part);
        leave(parts.collect::<Vec<T>>());
        false
    }
}

impl<K: Ord, V> Debris for BTreeMap<K, V> {
    fn is_large(&self) -> bool {
        self.len() > MAP_ITEMS
    }

    fn free_part(&mut self) -> bool {
        (0..MAP_ITEMS).all(|_| self.pop_first().is_some())
    }
}

/// Stands below the parts of some objects: when its turn comes, they are gone.
struct Mark {
    objects: u64,
}

impl Debris for Mark {
    fn is_large(&self) -> bool {
        true
    }

    fn free_part(&mut self) -> bool {
        HEAP.with(|heap| {
            heap.pending.set(heap.pending.get() - self.objects);
            heap.freed.set(heap.freed.get() + self.objects);
        });
        false
    }
}

/// What one thread has still to free.
#[derive(Default)]
struct Heap {
    /// Whether the thread comes back to free what is put here.
    is_tended: Cell<bool>,
    /// The last is freed first: what its parts leave comes before its other parts, so that little lies here.
    piles: RefCell<Vec<Box<dyn Debris>>>,
    pending: Cell<u64>,
    freed: Cell<u64>,
}

thread_local! {
    static HEAP: Heap = Heap::default();
}

/// From now on this thread calls [`free_part`] until nothing is left.
pub fn tend() {
    HEAP.with(|heap| heap.is_tended.set(true));
}

/// Whether this thread comes back to free what is left to it.
pub fn is_tended() -> bool {
    // At its end a thread frees what there is.
    HEAP.try_with(|heap| heap.is_tended.get()).unwrap_or(false)
}

/// Leaves something to be freed later, or frees it at once.
pub fn leave<D: Debris + 'static>(debris: D) {
    if is_tended() {
        let pile = Box::new(debris);
        HEAP.with(|heap| heap.piles.borrow_mut().push(pile));
    }
}

/// Frees a part of what was left; tells whether there is more.
pub fn free_part() -> bool {
    let taken = HEAP.with(|heap| {
        let mut piles = heap.piles.borrow_mut();
        piles.pop().map(|pile| (piles.len(), pile))
    });
    let Some((below, mut pile)) = taken else {
        return false;
    };
    // Its part may itself leave piles.
    let has_more = pile.free_part();
    HEAP.with(|heap| {
        let mut piles = heap.piles.borrow_mut();
        if has_more {
            piles.insert(below, pile);
        }
        !piles.is_empty()
    })
}

/// Whether something is left to be freed.
#[inline]
pub fn is_pending() -> bool {
    HEAP.with(|heap| !heap.piles.borrow().is_empty())
}

/// Runs `drop`, which drops so many objects, and counts them when they leave something.
pub fn objects(objects: u64, drop: impl FnOnce()) {
    let len = || HEAP.try_with(|heap| heap.piles.borrow().len()).unwrap_or(0);
    let below = len();
    drop();
    if len() > below {
        HEAP.with(|heap| {
            heap.pending.set(heap.pending.get() + objects);
            heap.piles.borrow_mut().insert(below, Box::new(Mark { objects }));
        });
    }
}

/// How many objects this thread has still to free, and how many it has freed piecemeal.
pub fn counts() -> (u64, u64) {
    HEAP.with(|heap| (heap.pending.get(), heap.freed.get()))
}

/// Sets the number of objects freed piecemeal to zero.
pub fn reset_counts() {
    HEAP.with(|heap| heap.freed.set(0));
}

/// A container whose parts are large: they are freed one by one when there are many.
#[derive(Clone, Debug, PartialEq)]
pub struct Pile<C: Debris + Default + 'static>(C);

impl<C: Debris + Default> Default for Pile<C> {
    fn default() -> Self {
        Pile(C::default())
    }
}

impl<C: Debris + Default> From<C> for Pile<C> {
    fn from(parts: C) -> Self {
        Pile(parts)
    }
}

impl<C: Debris + Default> Deref for Pile<C> {
    type Target = C;

    #[inline]
    fn deref(&self) -> &C {
        &self.0
    }
}

impl<C: Debris + Default> DerefMut for Pile<C> {
    #[inline]
    fn deref_mut(&mut self) -> &mut C {
        &mut self.0
    }
}

impl<C: Debris + Default> Drop for Pile<C> {
    fn drop(&mut self) {
        if self.0.is_large() {
            leave(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    /// A tree of piles with `width` parts each.
    struct Node {
        _alive: Rc<()>,
        _below: Pile<Vec<Node>>,
    }

    fn tree(width: usize, height: usize, alive: &Rc<()>) -> Node {
        let below = if height == 0 { 0 } else { width };
        let below: Vec<Node> = (0..below).map(|_| tree(width, height - 1, alive)).collect();
        Node {
            _alive: alive.clone(),
            _below: below.into(),
        }
    }

    fn on_a_thread(run: impl FnOnce() + Send + 'static) {
        std::thread::spawn(run).join().expect("the test's thread ends");
    }

    #[test]
    fn a_thread_that_does_not_come_back_frees_at_once() {
        on_a_thread(|| {
            let alive = Rc::new(());
            drop(tree(10, 2, &alive));
            assert_eq!((Rc::strong_count(&alive), is_pending(), counts()), (1, false, (0, 0)));
        });
    }

    #[test]
    fn parts_are_freed_one_by_one_with_few_piles_at_a_time() {
        on_a_thread(|| {
            tend();
            let alive = Rc::new(());
            let one = tree(10, 3, &alive);
            objects(1, || drop(one));
            assert_eq!(counts(), (1, 0));
            let (mut before, mut calls) = (Rc::strong_count(&alive), 0);
            assert_eq!(before, 1 + 1110);
            loop {
                let more = free_part();
                let now = Rc::strong_count(&alive);
                assert!(
                    before - now <= 1,
                    "only one node and what it keeps in place goes at once"
                );
                assert!(HEAP.with(|heap| heap.piles.borrow().len()) <= 6);
                (before, calls) = (now, calls + 1);
                if !more {
                    break;
                }
            }
            assert_eq!((before, counts()), (1, (0, 1)));
            assert!(calls > 1000);
        });
    }

    #[test]
    fn what_is_small_is_freed_in_place_and_maps_piecemeal() {
        on_a_thread(|| {
            tend();
            objects(1, || drop(Pile::from(vec![1; FEW])));
            assert_eq!((is_pending(), counts()), (false, (0, 0)));
            let map: BTreeMap<u32, u32> = (0..1000).map(|n| (n, n)).collect();
            objects(3, || drop(Pile::from(map)));
            let parts = std::iter::repeat_with(free_part).take_while(|&more| more).count();
            assert!((60..70).contains(&parts), "{parts}");
            assert_eq!(counts(), (0, 3));
        });
    }

    #[test]
    fn what_cannot_be_taken_apart_as_it_is_becomes_parts() {
        on_a_thread(|| {
            tend();
            let alive = Rc::new(());
            let parts = || (0..100).map(|_| alive.clone());
            let slab: Slab<Rc<()>> = parts().enumerate().collect();
            objects(2, || {
                drop(Pile::from(parts().collect::<Box<[_]>>()));
                drop(Pile::from(slab));
            });
            assert_eq!((Rc::strong_count(&alive), counts()), (201, (2, 0)));
            let mut before = 201;
            while free_part() {
                let now = Rc::strong_count(&alive);
                assert!(before - now <= 1, "one part at a time");
                before = now;
            }
            assert_eq!((Rc::strong_count(&alive), counts()), (1, (0, 2)));
        });
    }

    #[test]
    fn the_end_of_a_thread_frees_what_is_left() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        on_a_thread(move || {
            tend();
            drop(Pile::from(vec![sender; 100]));
            assert!(is_pending());
        });
        assert!(receiver.recv().is_err(), "all senders are gone");
    }
}
