//! Consumer groups: what was delivered to whom and is not acknowledged yet, by id for the group and for each consumer.
//! Both orders know the least delivery time below each branch, which is how what has been idle for long is found. Knows no entries and no clock.

use std::collections::BTreeMap;

use super::id::StreamId;
use super::tree::{Flow, Item, Tree};
use crate::base::size_class::good_size;

/// Bits of a delivery count that stand beside the delivery time.
const COUNT_LOW_BITS: u32 = 16;
/// The greatest delivery count that is kept: as many or more, which is told as the greatest integer of the protocol.
const DELIVERIES_MAX: u64 = (1 << 48) - 1;

/// The name of a consumer within its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerId(u32);

/// Owns what was released and waits for another consumer.
const NOBODY: ConsumerId = ConsumerId(u32::MAX);

/// A delivery that is not acknowledged.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The delivery time in Unix milliseconds, which fits 48 bits, above the low bits of the count.
    time_and_count: u64,
    count_high: u32,
    consumer: ConsumerId,
}

const _: () = assert!(size_of::<Pending>() == 16, "a million of these are kept");

impl Pending {
    /// An entry delivered to `consumer` at `time_ms` for the `count`th time.
    pub fn new(consumer: ConsumerId, time_ms: u64, count: u64) -> Self {
        let count = count.min(DELIVERIES_MAX);
        Pending {
            time_and_count: time_ms << COUNT_LOW_BITS | count & ((1 << COUNT_LOW_BITS) - 1),
            count_high: (count >> COUNT_LOW_BITS) as u32,
            consumer,
        }
    }

    /// An entry that was delivered `count` times and released by its consumer, the `turn`th of its group.
    fn released(turn: u64, count: u64) -> Self {
        Pending::new(NOBODY, turn, count)
    }

    /// By what it is ordered: the delivery time, or before all of these the turn in which it was released.
    fn age(self) -> u64 {
        self.time_and_count >> COUNT_LOW_BITS
    }

    /// Whether its consumer has released it.
    pub fn is_released(self) -> bool {
        self.consumer == NOBODY
    }

    /// When it was delivered, in Unix milliseconds; 0 when it was released.
    pub fn time_ms(self) -> u64 {
        if self.is_released() { 0 } else { self.age() }
    }

    /// How long ago it was delivered, in milliseconds; -1 when it was released.
    pub fn idle_ms(self, now_ms: i64) -> i64 {
        if self.is_released() {
            return -1;
        }
        (now_ms - self.age() as i64).max(0)
    }

    /// How often it was delivered.
    pub fn count(self) -> u64 {
        let count = u64::from(self.count_high) << COUNT_LOW_BITS | self.time_and_count & ((1 << COUNT_LOW_BITS) - 1);
        if count == DELIVERIES_MAX {
            i64::MAX as u64
        } else {
            count
        }
    }

    /// To whom.
    pub fn consumer(self) -> ConsumerId {
        self.consumer
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x at {} to {}", self.count(), self.time_ms(), self.consumer.0)
    }
}

impl Item for Pending {
    type Summary = u64;

    fn summary(&self) -> u64 {
        self.age()
    }

    fn join(one: u64, other: u64) -> u64 {
        one.min(other)
    }
}

/// The delivery time of an entry in its consumer's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Since(u64);

impl Item for Since {
    type Summary = u64;

    fn summary(&self) -> u64 {
        self.0
    }

    fn join(one: u64, other: u64) -> u64 {
        one.min(other)
    }
}

/// Who reads for a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Consumer {
    name: Box<[u8]>,
    /// When it last asked for something, in Unix milliseconds.
    pub seen_ms: i64,
    /// When it last got something, in Unix milliseconds; -1: never.
    pub active_ms: i64,
    pending: Tree<Since>,
}

impl Consumer {
    /// Its name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// How many deliveries it has not acknowledged; O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }
}

/// A consumer group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The id of the last entry that was delivered.
    pub last_id: StreamId,
    /// How many entries the stream had ever got up to that one, when that is known for good, or was said.
    pub entries_read: Option<u64>,
    pending: Tree<Pending>,
    names: BTreeMap<Box<[u8]>, ConsumerId>,
    consumers: Vec<Option<Consumer>>,
    free: Vec<ConsumerId>,
    /// How many of those that are pending are released.
    released_len: usize,
    /// How often anything was released.
    releases: u64,
}

/// Consumers and what is pending count; how consumers are numbered does not.
impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        let pending = |group: &Self| {
            let items = group.pending.items().into_iter();
            let shown = items.map(|(id, item)| (id, item.time_ms(), item.count(), group.name(item.consumer).to_vec()));
            shown.collect::<Vec<_>>()
        };
        self.last_id == other.last_id
            && self.entries_read == other.entries_read
            && self.consumers().eq(other.consumers())
            && pending(self) == pending(other)
    }
}

impl Group {
    /// A group that has got everything up to `last_id`.
    pub fn new(last_id: StreamId, entries_read: Option<u64>) -> Self {
        Group {
            last_id,
            entries_read,
            ..Group::default()
        }
    }

    /// The consumers, by name.
    pub fn consumers(&self) -> impl ExactSizeIterator<Item = &Consumer> {
        self.names.values().map(|id| self.consumer(*id))
    }

    /// The number of the consumer called `name`.
    pub fn find(&self, name: &[u8]) -> Option<ConsumerId> {
        self.names.get(name).copied()
    }

    /// The consumer with this number, which must be there.
    pub fn consumer(&self, id: ConsumerId) -> &Consumer {
        self.consumers[id.0 as usize]
            .as_ref()
            .expect("a number names a consumer")
    }

    /// As [`Group::consumer`], to be changed.
    pub fn consumer_mut(&mut self, id: ConsumerId) -> &mut Consumer {
        self.consumers[id.0 as usize]
            .as_mut()
            .expect("a number names a consumer")
    }

    /// The name of a consumer; none of who owns what was released.
    pub fn name(&self, id: ConsumerId) -> &[u8] {
        if id == NOBODY { b"" } else { self.consumer(id).name() }
    }

    /// Makes a consumer, of which there must be none with that name.
    pub fn add_consumer(&mut self, name: &[u8], now_ms: i64) -> ConsumerId {
        let consumer = Some(Consumer {
            name: name.into(),
            seen_ms: now_ms,
            active_ms: -1,
            pending: Tree::default(),
        });
        let id = self.free.pop().unwrap_or_else(|| {
            self.consumers.push(None);
            ConsumerId(u32::try_from(self.consumers.len() - 1).expect("memory ends before four billion consumers"))
        });
        self.consumers[id.0 as usize] = consumer;
        let before = self.names.insert(name.into(), id);
        assert!(before.is_none(), "consumers have names of their own");
        id
    }

    /// Removes a consumer with all that is pending for it; answers how much that was. O(what is pending for it, log n).
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let id = self.names.remove(name)?;
        let consumer = self.consumers[id.0 as usize].take().expect("a number names a consumer");
        for (entry, _) in consumer.pending.items() {
            self.pending.remove(entry);
        }
        self.free.push(id);
        Some(consumer.pending.len())
    }

    /// How many deliveries are not acknowledged; O(1).
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// The least and the greatest id that is pending.
    pub fn pending_ends(&self) -> Option<(StreamId, StreamId)> {
        let (first, _) = self.pending.first()?;
        let (last, _) = self.pending.last()?;
        Some((first, last))
    }

    /// What is pending at `id`.
    pub fn pending(&self, id: StreamId) -> Option<Pending> {
        self.pending.get(id).copied()
    }

    /// Records a delivery, whoever had the entry before; O(log n).
    pub fn put(&mut self, id: StreamId, pending: Pending) {
        let before = self.pending.insert(id, pending);
        if let Some(before) = before.filter(|before| before.consumer != pending.consumer) {
            self.disown(id, before);
        }
        let since = Since(pending.age());
        self.consumer_mut(pending.consumer).pending.insert(id, since);
    }

    /// Takes the entry at `id` from its consumer and keeps it for the next who claims, as delivered `count` times; O(log n). What was released
    /// earlier is found earlier.
    pub fn release(&mut self, id: StreamId, count: u64) {
        self.releases += 1;
        let before = self.pending.insert(id, Pending::released(self.releases, count));
        if let Some(before) = before {
            self.disown(id, before);
        }
        self.released_len += 1;
    }

    /// How many entries are pending that were released.
    pub fn released_len(&self) -> usize {
        self.released_len
    }

    fn disown(&mut self, id: StreamId, pending: Pending) {
        if pending.is_released() {
            self.released_len -= 1;
        } else {
            self.consumer_mut(pending.consumer).pending.remove(id);
        }
    }

    /// Forgets what is pending at `id`; tells whether something was. O(log n).
    pub fn remove(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else {
            return false;
        };
        self.disown(id, pending);
        true
    }

    /// Whether some consumer may still need the entry at `id`: the group has not got it yet, or it is pending.
    pub fn needs(&self, id: StreamId) -> bool {
        id > self.last_id || self.pending.get(id).is_some()
    }

    /// Visits what has been pending since `until_ms` or longer, the oldest first; O(log n for each that is visited).
    pub fn oldest(&self, until_ms: u64, visit: &mut dyn FnMut(StreamId, Pending) -> Flow) {
        let _ended = self.pending.least(until_ms, &mut |id, pending| visit(id, *pending));
    }

    /// The first that has been pending since `until_ms` or longer, from `from` on; O(log n).
    pub fn next(&self, from: StreamId, until_ms: u64) -> Option<(StreamId, Pending)> {
        let mut found = None;
        self.walk(from, until_ms, &mut |id, pending| {
            found = Some((id, pending));
            Flow::Break(())
        });
        found
    }

    /// Visits what has been pending since `until_ms` or longer, from `from` on in the order of ids; O(log n + log n for each that is visited).
    pub fn walk(&self, from: StreamId, until_ms: u64, visit: &mut dyn FnMut(StreamId, Pending) -> Flow) {
        let _ended = self
            .pending
            .walk(from, &|since| since <= until_ms, &mut |id, pending| visit(id, *pending));
    }

    /// As [`Group::walk`], of what is pending for one consumer.
    pub fn walk_of(
        &self,
        consumer: ConsumerId,
        from: StreamId,
        until_ms: u64,
        visit: &mut dyn FnMut(StreamId) -> Flow,
    ) {
        let pending = &self.consumer(consumer).pending;
        let _ended = pending.walk(from, &|since| since <= until_ms, &mut |id, _| visit(id));
    }

    /// Bytes on the heap; O(consumers).
    pub fn heap_bytes(&self) -> usize {
        let consumers = self.consumers.iter().flatten();
        let named = |consumer: &Consumer| 2 * good_size(consumer.name.len()) + consumer.pending.heap_bytes();
        self.pending.heap_bytes()
            + consumers.map(named).sum::<usize>()
            + good_size(self.consumers.capacity() * size_of::<Option<Consumer>>())
            + self.names.len() * (size_of::<Box<[u8]>>() + size_of::<ConsumerId>())
            + good_size(self.free.capacity() * size_of::<ConsumerId>())
    }

    /// Panics unless both orders hold the same.
    #[cfg(test)]
    pub fn check(&self) {
        self.pending.check();
        for (id, pending) in self.pending.items() {
            if !pending.is_released() {
                let since = self.consumer(pending.consumer).pending.get(id);
                assert_eq!(since, Some(&Since(pending.age())));
            }
        }
        let of_consumers: usize = self.consumers().map(|consumer| consumer.pending.len()).sum();
        assert_eq!(of_consumers + self.released_len, self.pending.len());
        self.consumers().for_each(|consumer| consumer.pending.check());
        assert_eq!(self.names.len() + self.free.len(), self.consumers.len());
    }
}
