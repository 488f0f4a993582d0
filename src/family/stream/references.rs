//! What becomes of references to entries that are deleted: KEEPREF, DELREF and ACKED of XADD, XTRIM, XDELEX and XACKDEL (Redis 8.2).

use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group as Docs, Key, KeyFlags, Ran,
};
use crate::types::Stream;
use crate::types::stream::{StreamId, Trim};

use super::id_at;

/// XACKDEL and XDELEX.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "XACKDEL",
        "Acknowledges entries and deletes those that their references allow to.",
        Docs::Stream,
    )
    .since("8.2.0")
    .arity(Arity::AtLeast(6))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STREAM)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::DELETE | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::string("group"), REFERENCES, IDS])
    .run(Exec::Keys(xackdel)),
    Command::new(
        "XDELEX",
        "Deletes entries that their references allow to be deleted.",
        Docs::Stream,
    )
    .since("8.2.0")
    .arity(Arity::AtLeast(5))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::STREAM)
    .keys(super::DELETES)
    .args(&[Arg::key("key", 0), REFERENCES, IDS])
    .run(Exec::Keys(xdelex)),
];

/// The grammar of the policies.
pub const REFERENCES: Arg = Arg::one_of(
    "condition",
    &[
        Arg::word("keepref", "KEEPREF"),
        Arg::word("delref", "DELREF"),
        Arg::word("acked", "ACKED"),
    ],
)
.since("8.2.0")
.optional();

/// The grammar of a counted list of ids.
pub const IDS: Arg = Arg::block("ids", &[Arg::integer("numids"), Arg::string("id").multiple()]).token("IDS");

/// What becomes of what is pending for groups when entries are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// It stays.
    #[default]
    Keep,
    /// It goes with the entry.
    Delete,
    /// An entry is deleted only when every group has got it and it is pending for none.
    Acked,
}

/// What became of an entry that was to be deleted, as replies tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was not there.
    Missing = -1,
    /// It is deleted.
    Deleted = 1,
    /// It stays, since a group needs it.
    Needed = 2,
}

impl References {
    /// The policy that word `at` names.
    pub fn named(args: Args<'_>, at: usize) -> Option<Self> {
        let names = [
            ("KEEPREF", References::Keep),
            ("DELREF", References::Delete),
            ("ACKED", References::Acked),
        ];
        names
            .into_iter()
            .find(|(name, _)| args.is(at, name))
            .map(|(_, policy)| policy)
    }

    /// Deletes from the front; answers how many entries.
    pub fn trim(self, stream: &mut Stream, to: Trim, whole_nodes: Option<u64>) -> u64 {
        let Stream { log, groups, .. } = stream;
        if groups.is_empty() || self == References::Keep {
            return log.trim(to, whole_nodes);
        }
        if self == References::Acked {
            let needed = |id| groups.values().any(|group| group.needs(id));
            return log.trim_sparing(to, whole_nodes, &needed);
        }
        let mut told = Some(Vec::new());
        let trimmed = log.trim_telling(to, whole_nodes, &mut told);
        for id in told.into_iter().flatten() {
            forget(stream, id);
        }
        trimmed
    }

    /// Deletes the entry at `id`; also tells whether anything has changed.
    fn delete(self, stream: &mut Stream, id: StreamId) -> (Fate, bool) {
        let there = stream.log.get(id).is_some();
        match self {
            References::Keep => {}
            References::Delete => {
                let forgotten = forget(stream, id);
                if !there {
                    return (Fate::Missing, forgotten);
                }
            }
            References::Acked if there && is_needed(stream, id) => return (Fate::Needed, false),
            References::Acked => {}
        }
        if stream.log.delete(id) {
            (Fate::Deleted, true)
        } else {
            (Fate::Missing, false)
        }
    }
}

/// Whether a group needs the entry at `id`. Without groups nobody has got it yet.
fn is_needed(stream: &Stream, id: StreamId) -> bool {
    stream.groups.is_empty() || stream.groups.values().any(|group| group.needs(id))
}

/// Forgets what is pending at `id` for any group; tells whether something was.
fn forget(stream: &mut Stream, id: StreamId) -> bool {
    let mut forgotten = false;
    stream
        .groups
        .values_mut()
        .for_each(|group| forgotten |= group.remove(id));
    forgotten
}

/// The words `IDS numids id ...` from word `at` on: the first id and how many there are.
pub fn counted_ids(args: Args<'_>, at: usize) -> Result<(usize, usize), Error> {
    let count = args.int_in(
        at + 1,
        1..=i64::MAX,
        Error::Text("ERR Number of IDs must be a positive integer"),
    )?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    if count > args.len() - (at + 2) {
        return Err(Error::Text(
            "ERR The `numids` parameter must match the number of arguments",
        ));
    }
    Ok((at + 2, count))
}

/// The policy and the ids among the words from `from` on.
fn options(args: Args<'_>, from: usize) -> Result<(References, Vec<StreamId>), Error> {
    let (mut policy, mut ids) = (None, None);
    let mut at = from;
    while at < args.len() {
        if let Some(named) = References::named(args, at).filter(|_| policy.is_none()) {
            policy = Some(named);
            at += 1;
        } else if args.is(at, "IDS") && at + 1 < args.len() && ids.is_none() {
            let (first, count) = counted_ids(args, at)?;
            at = first + count;
            ids = Some(first..at);
        } else {
            return Err(Error::Syntax);
        }
    }
    let ids = ids.ok_or(Error::Syntax)?;
    let ids = ids.map(|at| id_at(args, at, 0)).collect::<Result<_, Error>>()?;
    Ok((policy.unwrap_or_default(), ids))
}

/// Deletes each of `ids` as `fate` says, which also tells whether anything has changed, and writes what became of it.
fn delete_each(
    ctx: &mut Context<'_>,
    key: &[u8],
    ids: &[StreamId],
    fate: &mut dyn FnMut(&mut Stream, StreamId) -> (Fate, bool),
) -> Ran {
    let stream = ctx.keys.stream_mut(key)?.expect("the stream was just found");
    let before = stream.log.len();
    let mut dirty = 0;
    ctx.reply.array(ids.len());
    for &id in ids {
        let (fate, changed) = fate(stream, id);
        dirty += u64::from(changed);
        ctx.reply.int(fate as i64);
    }
    if stream.log.len() < before {
        ctx.keys.changed(key, Class::Stream, "xdel");
    } else {
        ctx.keys.effects.dirty += dirty;
    }
    Ok(())
}

fn write_missing(ctx: &mut Context<'_>, count: usize) -> Ran {
    ctx.reply.array(count);
    (0..count).for_each(|_| ctx.reply.int(Fate::Missing as i64));
    Ok(())
}

fn xdelex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (policy, ids) = options(args, 2)?;
    if ctx.keys.stream(args.at(1))?.is_none() {
        return write_missing(ctx, ids.len());
    }
    delete_each(ctx, args.at(1), &ids, &mut |stream, id| policy.delete(stream, id))
}

fn xackdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, name) = (args.at(1), args.at(2));
    let (policy, ids) = options(args, 3)?;
    let stream = ctx.keys.stream(key)?;
    if !stream.is_some_and(|stream| stream.groups.contains_key(name)) {
        return write_missing(ctx, ids.len());
    }
    delete_each(ctx, key, &ids, &mut |stream, id| {
        let group = stream.groups.get_mut(name).expect("the group was just found");
        let acknowledged = group.remove(id);
        if !acknowledged && policy != References::Delete {
            return (Fate::Missing, false);
        }
        // Not acknowledged, it is not deleted: only references to what is gone are forgotten.
        if !acknowledged && stream.log.get(id).is_some() {
            return (Fate::Missing, false);
        }
        match policy.delete(stream, id) {
            // It was acknowledged, whether or not somebody had deleted it before.
            (Fate::Missing, _) if acknowledged => (Fate::Deleted, true),
            (fate, changed) => (fate, changed || acknowledged),
        }
    })
}
