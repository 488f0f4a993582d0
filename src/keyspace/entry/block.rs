//! The memory of an entry: one allocation and the pointer that owns it. Knows the layout and nothing of commands.
//!
//! ```text
//! 0   value: an integer, {length, capacity} of embedded bytes, or a pointer        8 bytes
//! 8   key length                                                                    4
//! 12  tag, flags, access information                                                1 + 3
//! 16  expiry, only when there is one                                                8
//! ..  key
//! ..  tail: the embedded bytes and their slack; of a buffer its length and capacity (8 + 8, unaligned)
//! ```
//!
//! The pointer's spare bits say what a table wants to know without touching the memory: bit 0 whether there is an expiry,
//! the top 16 bits the entry's rank (whatever the table that holds it stores there). User space ends below 2^48 on every
//! Linux that this runs on; an allocation above is refused.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error, realloc};
use std::ptr::{self, NonNull};
use std::{mem, slice};

use crate::base::debris;
use crate::base::size_class::good_size;
use crate::base::time::UnixMillis;
use crate::types::{Hash, List, Set, SortedSet, Stream};

use super::{Value, ValueRef};
use crate::base::prefetch::prefetch;

/// Strings up to this length live in the entry itself; longer ones in a buffer of their own, which can grow in place.
pub(super) const EMBEDDED_BYTES_MAX: usize = 1024;
/// A string that was edited (APPEND, SETRANGE, SETBIT) is embedded only up to this: more edits are likely, each would copy it.
pub(super) const EDITED_BYTES_MAX: usize = 256;

const CACHE_LINE_BYTES: usize = 64;
const HEADER_BYTES: usize = size_of::<Header>();
const EXPIRY_BYTES: usize = 8;
/// Length and capacity of a buffer.
const BUFFER_TAIL_BYTES: usize = 16;

const EXPIRES: usize = 1;
const RANK_SHIFT: u32 = 48;
const ADDRESS: usize = (1 << RANK_SHIFT) - 8;

const TAG: u32 = 0x7f;
/// The string's encoding is called "raw" although its size would make it "embstr".
const RAW: u32 = 0x80;
const ACCESS_SHIFT: u32 = 8;

const _: () = assert!(usize::BITS == 64 && HEADER_BYTES == 16 && align_of::<Header>() == 8);
const _: () = assert!(size_of::<Option<Entry>>() == 8);

/// One key with its value and expiry: a pointer to one allocation that holds the key, and a short string's bytes too.
pub struct Entry(NonNull<u8>);

#[repr(C)]
struct Header {
    word: Word,
    key_len: u32,
    meta: u32,
}

/// The value, or where it is; the tag says which.
#[derive(Clone, Copy)]
#[repr(C)]
union Word {
    int: i64,
    embedded: Embedded,
    pointer: *mut u8,
}

#[derive(Clone, Copy)]
#[repr(C)]
struct Embedded {
    len: u32,
    capacity: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Tag {
    Int,
    Embedded,
    Buffer,
    List,
    Hash,
    Set,
    SortedSet,
    Stream,
}

const TAGS: [Tag; 8] = [
    Tag::Int,
    Tag::Embedded,
    Tag::Buffer,
    Tag::List,
    Tag::Hash,
    Tag::Set,
    Tag::SortedSet,
    Tag::Stream,
];

// SAFETY: an entry owns its allocation and what that points to, all of it values that may be sent (see `values_may_be_sent`).
unsafe impl Send for Entry {}
// SAFETY: `&Entry` gives shared references only; nothing in the allocation changes through them.
unsafe impl Sync for Entry {}

const fn may_be_sent<T: Send + Sync>() {}
const _: () = may_be_sent::<Value>();

impl Entry {
    /// An entry with room for `tail` bytes behind the key, whose value is the integer 0 until it is written.
    fn allocate(key: &[u8], expires_at: Option<UnixMillis>, tail: usize) -> Entry {
        let key_len = u32::try_from(key.len()).expect("the protocol's limits keep keys below 4 GiB");
        let key_at = HEADER_BYTES + expires_at.map_or(0, |_| EXPIRY_BYTES);
        let layout = layout(key_at + key.len() + tail);
        // SAFETY: the layout's size is at least the header's, so it is not zero.
        let base = Entry::checked(unsafe { alloc(layout) }, layout);
        // SAFETY: the allocation is ours, aligned to 8 and at least `key_at + key.len()` long.
        unsafe {
            let word = Word { int: 0 };
            let meta = Tag::Int as u32;
            base.cast::<Header>().write(Header { word, key_len, meta });
            if let Some(at) = expires_at {
                base.add(HEADER_BYTES).cast::<i64>().write(at.0);
            }
            ptr::copy_nonoverlapping(key.as_ptr(), base.add(key_at).as_ptr(), key.len());
        }
        Entry(base.map_addr(|address| address | usize::from(expires_at.is_some())))
    }

    /// Refuses failed allocations, and addresses that leave no room for the spare bits.
    fn checked(base: *mut u8, layout: Layout) -> NonNull<u8> {
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout)
        };
        assert!(base.addr().get() >> RANK_SHIFT == 0, "user space ends below 2^48");
        base
    }

    /// An entry that holds these bytes as they are.
    pub(super) fn with_bytes(key: &[u8], bytes: &[u8], expires_at: Option<UnixMillis>) -> Entry {
        if bytes.len() > EMBEDDED_BYTES_MAX {
            return Entry::with_buffer(key, bytes.to_vec(), expires_at);
        }
        let fixed = HEADER_BYTES + expires_at.map_or(0, |_| EXPIRY_BYTES) + key.len();
        let capacity = good_size(fixed + bytes.len()) - fixed;
        let mut entry = Entry::allocate(key, expires_at, capacity);
        entry.set_tag(Tag::Embedded);
        entry.header_mut().word.embedded = Embedded {
            len: 0,
            capacity: capacity as u32,
        };
        entry.fill_embedded(bytes);
        entry
    }

    /// An entry that holds these bytes in a buffer of their own.
    pub(super) fn with_buffer(key: &[u8], bytes: Vec<u8>, expires_at: Option<UnixMillis>) -> Entry {
        let mut entry = Entry::allocate(key, expires_at, BUFFER_TAIL_BYTES);
        entry.set_tag(Tag::Buffer);
        entry.put_buffer(bytes);
        entry
    }

    /// An entry that owns this value.
    pub(super) fn with_value(key: &[u8], value: Value, expires_at: Option<UnixMillis>) -> Entry {
        let (tag, word) = match value {
            Value::String(bytes) if bytes.len() > EMBEDDED_BYTES_MAX => {
                return Entry::with_buffer(key, bytes, expires_at);
            }
            Value::String(bytes) => return Entry::with_bytes(key, &bytes, expires_at),
            Value::Int(int) => (Tag::Int, Word { int }),
            Value::List(list) => (Tag::List, owned(list)),
            Value::Hash(hash) => (Tag::Hash, owned(hash)),
            Value::Set(set) => (Tag::Set, owned(set)),
            Value::SortedSet(sorted_set) => (Tag::SortedSet, owned(sorted_set)),
            Value::Stream(stream) => (Tag::Stream, owned(stream)),
        };
        let mut entry = Entry::allocate(key, expires_at, 0);
        entry.set_tag(tag);
        entry.header_mut().word = word;
        entry
    }

    /// Becomes `next`, in the same place of the same table and as recently used as before.
    fn become_entry(&mut self, mut next: Entry) {
        next.set_rank(self.rank());
        next.set_access(self.access());
        *self = next;
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &[u8] {
        // SAFETY: the key stands at `key_at`, written by `allocate` and moved with the offset by `shift_tail`.
        unsafe { slice::from_raw_parts(self.base().add(self.key_at()).as_ptr(), self.key_len()) }
    }

    /// The value.
    pub(super) fn value(&self) -> ValueRef<'_> {
        let word = self.header().word;
        // SAFETY: the tag says which field of the word was written, and that a collection's pointer came out of a box
        // which this entry owns; the borrow of `self` keeps it from being changed or freed.
        unsafe {
            match self.tag() {
                Tag::Int => ValueRef::Int(word.int),
                Tag::Embedded => {
                    ValueRef::Bytes(slice::from_raw_parts(self.tail().as_ptr(), word.embedded.len as usize))
                }
                Tag::Buffer => ValueRef::Bytes(slice::from_raw_parts(word.pointer, self.buffer_parts().0)),
                Tag::List => ValueRef::List(&*word.pointer.cast()),
                Tag::Hash => ValueRef::Hash(&*word.pointer.cast()),
                Tag::Set => ValueRef::Set(&*word.pointer.cast()),
                Tag::SortedSet => ValueRef::SortedSet(&*word.pointer.cast()),
                Tag::Stream => ValueRef::Stream(&*word.pointer.cast()),
            }
        }
    }

    /// The list, to be changed.
    pub fn list_mut(&mut self) -> Option<&mut List> {
        self.collection_mut(Tag::List)
    }

    /// The hash, to be changed.
    pub fn hash_mut(&mut self) -> Option<&mut Hash> {
        self.collection_mut(Tag::Hash)
    }

    /// The set, to be changed.
    pub fn set_mut(&mut self) -> Option<&mut Set> {
        self.collection_mut(Tag::Set)
    }

    /// The sorted set, to be changed.
    pub fn sorted_set_mut(&mut self) -> Option<&mut SortedSet> {
        self.collection_mut(Tag::SortedSet)
    }

    /// The stream, to be changed.
    pub fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.collection_mut(Tag::Stream)
    }

    /// `T` must be the collection that `tag` stands for.
    fn collection_mut<T>(&mut self, tag: Tag) -> Option<&mut T> {
        if self.tag() != tag {
            return None;
        }
        // SAFETY: the tag, and the five callers above, say that the pointer came out of a `Box<T>`; the borrow of `self` is exclusive.
        Some(unsafe { &mut *self.header().word.pointer.cast() })
    }

    /// A string's bytes, to be changed without changing their number; `None` for anything that is not stored as bytes.
    pub(super) fn bytes_mut(&mut self) -> Option<&mut [u8]> {
        let word = self.header().word;
        // SAFETY: as in `value`; the borrow of `self` is exclusive.
        unsafe {
            match self.tag() {
                Tag::Embedded => Some(slice::from_raw_parts_mut(
                    self.tail().as_ptr(),
                    word.embedded.len as usize,
                )),
                Tag::Buffer => Some(slice::from_raw_parts_mut(word.pointer, self.buffer_parts().0)),
                _ => None,
            }
        }
    }

    /// Replaces the value by these bytes, in the same memory when they fit without wasting a quarter of it.
    pub(super) fn put_bytes(&mut self, bytes: &[u8]) {
        let large = bytes.len() > EMBEDDED_BYTES_MAX;
        match self.tag() {
            Tag::Embedded if !large => {
                let room = self.layout().size();
                let needed = good_size(self.fixed_bytes() + bytes.len());
                if needed <= room && needed >= room - room / 4 {
                    return self.fill_embedded(bytes);
                }
            }
            Tag::Buffer if large => {
                let mut buffer = self.take_buffer();
                buffer.clear();
                if bytes.len() < buffer.capacity() / 2 {
                    buffer.shrink_to(bytes.len());
                }
                buffer.extend_from_slice(bytes);
                return self.put_buffer(buffer);
            }
            _ => {}
        }
        self.become_entry(Entry::with_bytes(self.key(), bytes, self.expires_at()));
    }

    /// Replaces the value by an integer.
    pub(super) fn put_int(&mut self, int: i64) {
        if self.tag() == Tag::Int {
            self.header_mut().word.int = int;
        } else {
            self.become_entry(Entry::with_value(self.key(), Value::Int(int), self.expires_at()));
        }
    }

    /// Hands the bytes to `edit` as a vector; `start` is what an entry that holds no bytes begins with. Long results get a buffer.
    pub(super) fn edit_bytes<T>(&mut self, start: &[u8], edit: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        if self.tag() == Tag::Buffer {
            let mut buffer = self.take_buffer();
            let result = edit(&mut buffer);
            self.put_buffer(buffer);
            return result;
        }
        let mut bytes = self.bytes_mut().map_or(start, |bytes| &*bytes).to_vec();
        let result = edit(&mut bytes);
        if bytes.len() <= EDITED_BYTES_MAX {
            self.put_bytes(&bytes);
        } else {
            self.become_entry(Entry::with_buffer(self.key(), bytes, self.expires_at()));
        }
        result
    }

    /// Takes the value out.
    pub(super) fn into_value(mut self) -> Value {
        let word = self.header().word;
        let tag = self.tag();
        let value = match tag {
            Tag::Buffer => return Value::String(self.take_buffer()),
            // SAFETY: the tag says that an integer was written.
            Tag::Int => return Value::Int(unsafe { word.int }),
            Tag::Embedded => return Value::String(self.bytes_mut().map(|bytes| bytes.to_vec()).unwrap_or_default()),
            // SAFETY: the tag says which box the pointer came out of; the tag written below keeps `drop` from making it a box again.
            _ => unsafe {
                match tag {
                    Tag::List => Value::List(Box::from_raw(word.pointer.cast())),
                    Tag::Hash => Value::Hash(Box::from_raw(word.pointer.cast())),
                    Tag::Set => Value::Set(Box::from_raw(word.pointer.cast())),
                    Tag::SortedSet => Value::SortedSet(Box::from_raw(word.pointer.cast())),
                    _ => Value::Stream(Box::from_raw(word.pointer.cast())),
                }
            },
        };
        // Integers and collections have no tail, so the layout stays what it was.
        self.set_tag(Tag::Int);
        value
    }

    /// When it expires; only [`crate::keyspace::Db::set_expiry`] changes that, since the database counts.
    #[inline]
    pub fn expires_at(&self) -> Option<UnixMillis> {
        if !self.has_expiry() {
            return None;
        }
        // SAFETY: the pointer's bit says that the expiry was written behind the header.
        Some(UnixMillis(unsafe {
            self.base().add(HEADER_BYTES).cast::<i64>().read()
        }))
    }

    /// Whether there is an expiry; touches no memory but the pointer.
    #[inline]
    pub(in crate::keyspace) fn has_expiry(&self) -> bool {
        self.0.addr().get() & EXPIRES != 0
    }

    /// Sets or clears the expiry; may move the entry's memory.
    pub(in crate::keyspace) fn set_expires_at(&mut self, at: Option<UnixMillis>) {
        if self.has_expiry() != at.is_some() {
            self.shift_tail(at.is_some());
        }
        if let Some(at) = at {
            // SAFETY: `shift_tail` made room for the expiry behind the header, if there was none.
            unsafe { self.base().add(HEADER_BYTES).cast::<i64>().write(at.0) };
        }
    }

    /// Makes room for an expiry before the key, or closes that room.
    fn shift_tail(&mut self, open: bool) {
        let tag = self.tag();
        let old_layout = self.layout();
        let from = self.key_at();
        let tail_used = match tag {
            Tag::Buffer => BUFFER_TAIL_BYTES,
            _ => self.bytes_mut().map_or(0, |bytes| bytes.len()),
        };
        let moved = self.key_len() + tail_used;
        let to = if open { from + EXPIRY_BYTES } else { from - EXPIRY_BYTES };
        let needed = to + moved;
        let size = match tag {
            Tag::Embedded if needed <= old_layout.size() => old_layout.size(),
            Tag::Embedded => good_size(needed),
            _ => needed,
        };
        let mut base = self.base();
        // SAFETY: the memory was allocated with `old_layout`. Growing comes before the bytes move up and shrinking after they
        // have moved down, so both ends of the copy are inside; until `self.0` is written below nothing else reads the entry.
        unsafe {
            if size > old_layout.size() {
                base = Entry::checked(realloc(base.as_ptr(), old_layout, size), layout(size));
            }
            ptr::copy(base.add(from).as_ptr(), base.add(to).as_ptr(), moved);
            if size < old_layout.size() {
                base = Entry::checked(realloc(base.as_ptr(), old_layout, size), layout(size));
            }
        }
        let spare = usize::from(self.rank()) << RANK_SHIFT | usize::from(open);
        self.0 = base.map_addr(|address| address | spare);
        if tag == Tag::Embedded {
            let capacity = (size - to - self.key_len()) as u32;
            let len = tail_used as u32;
            self.header_mut().word.embedded = Embedded { len, capacity };
        }
    }

    /// What the table stored with [`Entry::set_rank`].
    #[inline]
    pub(in crate::keyspace) fn rank(&self) -> u16 {
        (self.0.addr().get() >> RANK_SHIFT) as u16
    }

    /// Stores 16 bits in the pointer, for the table that holds the entry.
    #[inline]
    pub(in crate::keyspace) fn set_rank(&mut self, rank: u16) {
        let low = ADDRESS | EXPIRES;
        self.0 = self.0.map_addr(|address| {
            let address = address.get() & low | usize::from(rank) << RANK_SHIFT;
            address.try_into().expect("the address part is never zero")
        });
    }

    /// Begins to load the entry's memory: header, key and the first bytes of a short string.
    #[inline]
    pub(in crate::keyspace) fn prefetch(&self) {
        let start = self.base().as_ptr();
        prefetch(start);
        prefetch(start.wrapping_add(CACHE_LINE_BYTES));
    }

    /// Where the memory begins.
    #[cfg(test)]
    pub(super) fn address(&self) -> *const u8 {
        self.base().as_ptr()
    }

    /// What the eviction policy keeps about accesses: 24 bits (a clock, or a clock and a counter).
    pub fn access(&self) -> u32 {
        self.header().meta >> ACCESS_SHIFT
    }

    /// Stores what [`Entry::access`] answers; the upper 8 bits of `access` are dropped.
    pub fn set_access(&mut self, access: u32) {
        let header = self.header_mut();
        header.meta = header.meta & (TAG | RAW) | access << ACCESS_SHIFT;
    }

    pub(super) fn is_raw(&self) -> bool {
        self.header().meta & RAW != 0
    }

    pub(super) fn set_raw(&mut self, raw: bool) {
        let header = self.header_mut();
        header.meta = header.meta & !RAW | if raw { RAW } else { 0 };
    }

    /// Bytes of the entry's own allocation and of a string's buffer, rounded up to what the allocator takes.
    pub(super) fn own_bytes(&self) -> usize {
        let buffer = match self.tag() {
            Tag::Buffer => good_size(self.buffer_parts().1),
            _ => 0,
        };
        good_size(self.layout().size()) + buffer
    }

    fn base(&self) -> NonNull<u8> {
        self.0.map_addr(|address| {
            let address = address.get() & ADDRESS;
            // SAFETY: the address part of an entry's pointer is that of its allocation, never null.
            unsafe { address.try_into().unwrap_unchecked() }
        })
    }

    fn header(&self) -> &Header {
        // SAFETY: `allocate` wrote a header at the base, which is aligned to 8.
        unsafe { self.base().cast().as_ref() }
    }

    fn header_mut(&mut self) -> &mut Header {
        // SAFETY: as in `header`; the borrow of `self` is exclusive.
        unsafe { self.base().cast().as_mut() }
    }

    fn tag(&self) -> Tag {
        TAGS[(self.header().meta & TAG) as usize]
    }

    fn set_tag(&mut self, tag: Tag) {
        let header = self.header_mut();
        header.meta = header.meta & !TAG | tag as u32;
    }

    #[inline]
    fn key_at(&self) -> usize {
        HEADER_BYTES + (self.0.addr().get() & EXPIRES) * EXPIRY_BYTES
    }

    #[inline]
    fn key_len(&self) -> usize {
        self.header().key_len as usize
    }

    /// Bytes before the tail.
    fn fixed_bytes(&self) -> usize {
        self.key_at() + self.key_len()
    }

    fn tail(&self) -> NonNull<u8> {
        // SAFETY: the allocation is at least this long.
        unsafe { self.base().add(self.fixed_bytes()) }
    }

    fn layout(&self) -> Layout {
        let tail = match self.tag() {
            // SAFETY: the tag says that the word holds the sizes.
            Tag::Embedded => unsafe { self.header().word.embedded.capacity as usize },
            Tag::Buffer => BUFFER_TAIL_BYTES,
            _ => 0,
        };
        layout(self.fixed_bytes() + tail)
    }

    /// Writes embedded bytes, which must fit the capacity.
    fn fill_embedded(&mut self, bytes: &[u8]) {
        // SAFETY: only called on entries tagged as embedded.
        let capacity = unsafe { self.header().word.embedded.capacity };
        assert!(bytes.len() <= capacity as usize, "embedded bytes fit their room");
        // SAFETY: the tail has room for `capacity` bytes; `bytes` cannot overlap it, since `self` is borrowed exclusively.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.tail().as_ptr(), bytes.len()) };
        let len = bytes.len() as u32;
        self.header_mut().word.embedded = Embedded { len, capacity };
    }

    /// Length and capacity of the buffer; only on entries that are tagged as having one.
    fn buffer_parts(&self) -> (usize, usize) {
        let parts = self.tail().cast::<[usize; 2]>();
        // SAFETY: a buffer's entry has these two words as its tail, unaligned.
        let [len, capacity] = unsafe { parts.read_unaligned() };
        (len, capacity)
    }

    /// Leaves an empty buffer behind, so that the entry is whole even if what follows panics.
    fn take_buffer(&mut self) -> Vec<u8> {
        let (len, capacity) = self.buffer_parts();
        // SAFETY: these are the parts that `put_buffer` took from a vector; they are overwritten at once, so nobody frees them twice.
        let bytes = unsafe { Vec::from_raw_parts(self.header().word.pointer, len, capacity) };
        self.put_buffer(Vec::new());
        bytes
    }

    /// Stores a vector's parts; only on entries tagged as having a buffer whose former parts were taken.
    fn put_buffer(&mut self, bytes: Vec<u8>) {
        let mut bytes = mem::ManuallyDrop::new(bytes);
        let parts = [bytes.len(), bytes.capacity()];
        self.header_mut().word.pointer = bytes.as_mut_ptr();
        // SAFETY: a buffer's entry has two words as its tail, unaligned.
        unsafe { self.tail().cast::<[usize; 2]>().write_unaligned(parts) };
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let word = self.header().word;
        match self.tag() {
            Tag::Int | Tag::Embedded => {}
            Tag::Buffer => drop(self.take_buffer()),
            // SAFETY: the tag says which box the pointer came out of; nobody reads the entry any more.
            tag => debris::objects(1, || unsafe {
                match tag {
                    Tag::List => drop(Box::<List>::from_raw(word.pointer.cast())),
                    Tag::Hash => drop(Box::<Hash>::from_raw(word.pointer.cast())),
                    Tag::Set => drop(Box::<Set>::from_raw(word.pointer.cast())),
                    Tag::SortedSet => drop(Box::<SortedSet>::from_raw(word.pointer.cast())),
                    Tag::Stream => drop(Box::<Stream>::from_raw(word.pointer.cast())),
                    Tag::Int | Tag::Embedded | Tag::Buffer => unreachable!("these own no collection"),
                }
            }),
        }
        // SAFETY: nobody reads the entry any more, and what it owned is gone.
        unsafe { dealloc(self.base().as_ptr(), self.layout()) };
    }
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).expect("keys are below 4 GiB and embedded values short")
}

fn owned<T>(value: Box<T>) -> Word {
    let pointer = Box::into_raw(value).cast();
    Word { pointer }
}
