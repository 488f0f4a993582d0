//! XGROUP: consumer groups and consumers by name.

use std::collections::btree_map::Entry;

use super::{id_at, made_consumer, no_group_in, subcommand_syntax};
use crate::command::syntax::write_help;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group as Docs, Key, KeyFlags, Ran,
};
use crate::types::Stream;
use crate::types::stream::{Group, StreamId};

/// XGROUP.
pub const COMMANDS: &[Command] =
    &[
        Command::new("XGROUP", "The subcommands that manage consumer groups.", Docs::Stream)
            .since("5.0.0")
            .complexity("Depends on the subcommand.")
            .arity(Arity::AtLeast(2))
            .subcommands(SUBCOMMANDS),
    ];

const INSERTS: &[Key] = &[Key::at(2).flags(KeyFlags::RW | KeyFlags::INSERT)];
const UPDATES: &[Key] = &[Key::at(2).flags(KeyFlags::RW | KeyFlags::UPDATE)];
const DELETES: &[Key] = &[Key::at(2).flags(KeyFlags::RW | KeyFlags::DELETE)];
const CONSUMER_ARGS: &[Arg] = &[Arg::key("key", 0), Arg::string("group"), Arg::string("consumer")];
const ID: Arg = Arg::one_of("id-selector", &[Arg::string("id"), Arg::word("new-id", "$")]);
const ENTRIES_READ: Arg = Arg::integer("entriesread")
    .token("ENTRIESREAD")
    .display("entries-read")
    .optional();

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Docs::Stream)
        .inside("XGROUP")
        .since("5.0.0")
        .acl(Acl::STREAM)
}

const SUBCOMMANDS: &[Command] = &[
    sub("CREATE", "Creates a consumer group.")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(INSERTS)
        .args(&[
            Arg::key("key", 0),
            Arg::string("group"),
            ID,
            Arg::word("mkstream", "MKSTREAM").optional(),
            ENTRIES_READ,
        ])
        .history(&[("7.0.0", "The ENTRIESREAD option.")])
        .run(Exec::Keys(create)),
    sub("CREATECONSUMER", "Creates a consumer in a group.")
        .since("6.2.0")
        .arity(Arity::Exactly(5))
        .flags(Flags::WRITE.or(Flags::DENYOOM))
        .keys(INSERTS)
        .args(CONSUMER_ARGS)
        .run(Exec::Keys(create_consumer)),
    sub("DELCONSUMER", "Deletes a consumer with all that is pending for it.")
        .arity(Arity::Exactly(5))
        .flags(Flags::WRITE)
        .keys(DELETES)
        .args(CONSUMER_ARGS)
        .run(Exec::Keys(delete_consumer)),
    sub("DESTROY", "Deletes a consumer group.")
        .complexity("O(N)")
        .arity(Arity::Exactly(4))
        .flags(Flags::WRITE)
        .keys(DELETES)
        .args(&[Arg::key("key", 0), Arg::string("group")])
        .run(Exec::Keys(destroy)),
    sub("HELP", "Lists the subcommands.")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Keys(help)),
    sub("SETID", "Sets the id behind which a group goes on to read.")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE)
        .keys(UPDATES)
        .args(&[Arg::key("key", 0), Arg::string("group"), ID, ENTRIES_READ])
        .history(&[("7.0.0", "The ENTRIESREAD option.")])
        .run(Exec::Keys(set_id)),
];

const NO_KEY: Error = Error::Text(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.",
);

/// The options of CREATE and SETID.
struct Options {
    make_stream: bool,
    /// As given: -1 is for unknown.
    entries_read: Option<i64>,
}

impl Options {
    fn parse(args: Args<'_>, may_make: bool) -> Result<Self, Error> {
        let mut options = Options {
            make_stream: false,
            entries_read: None,
        };
        let mut at = 5;
        while at < args.len() {
            if may_make && args.is(at, "MKSTREAM") {
                options.make_stream = true;
                at += 1;
            } else if args.is(at, "ENTRIESREAD") && at + 1 < args.len() {
                let count = args.int(at + 1)?;
                if count < -1 {
                    return Err(Error::Text("ERR value for ENTRIESREAD must be positive or -1"));
                }
                options.entries_read = Some(count);
                at += 2;
            } else {
                return Err(subcommand_syntax(args, "XGROUP"));
            }
        }
        Ok(options)
    }

    /// How many entries a group that has got everything up to `id` has read: what was said, else what is known for good.
    fn entries_read(&self, stream: &Stream, id: StreamId) -> Option<u64> {
        match self.entries_read.map(u64::try_from) {
            Some(Ok(told)) => Some(told),
            _ => stream.log.entries_read_to(id),
        }
    }
}

/// The id that word 4 names, `$` being the last one of the stream.
fn position(args: Args<'_>, stream: Option<&Stream>) -> Result<StreamId, Error> {
    match args.at(4) {
        b"$" => Ok(stream.map_or(StreamId::MIN, |stream| stream.log.last_id())),
        _ => id_at(args, 4, 0),
    }
}

fn create(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let options = Options::parse(args, true)?;
    let (key, name) = (args.at(2), args.at(3));
    let stream = ctx.keys.stream(key)?;
    if stream.is_none() && !options.make_stream {
        return Err(NO_KEY);
    }
    let id = position(args, stream)?;
    let made = stream.is_none();
    let stream = ctx.keys.stream_or_create(key)?;
    let entries_read = options.entries_read(stream, id);
    match stream.groups.entry(name.into()) {
        Entry::Occupied(_) => return Err(Error::Text("BUSYGROUP Consumer Group name already exists")),
        Entry::Vacant(vacant) => drop(vacant.insert(Group::new(id, entries_read))),
    }
    if made {
        ctx.keys.changed(key, Class::Stream, "xgroup-create");
    } else {
        ctx.keys.effects.dirty += 1;
        ctx.keys.event(key, Class::Stream, "xgroup-create");
    }
    ctx.reply.ok();
    Ok(())
}

/// The stream at word 2, to be changed, which must have the group at word 3.
fn stream_of<'k>(ctx: &'k mut Context<'_>, args: Args<'_>) -> Result<&'k mut Stream, Error> {
    let (key, name) = (args.at(2), args.at(3));
    let stream = ctx.keys.stream_mut(key)?.ok_or(NO_KEY)?;
    if stream.groups.contains_key(name) {
        Ok(stream)
    } else {
        Err(no_group_in(key, name))
    }
}

/// As [`stream_of`], with the group.
fn group_of<'k>(ctx: &'k mut Context<'_>, args: Args<'_>) -> Result<&'k mut Group, Error> {
    let groups = &mut stream_of(ctx, args)?.groups;
    Ok(groups.get_mut(args.at(3)).expect("the group was just found"))
}

fn set_id(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let options = Options::parse(args, false)?;
    let stream = stream_of(ctx, args)?;
    let id = match args.at(4) {
        // As in Valkey, not for CREATE.
        b"-" => StreamId::MIN,
        b"+" => StreamId::MAX,
        _ => position(args, Some(stream))?,
    };
    let entries_read = options.entries_read(stream, id);
    let group = group_of(ctx, args)?;
    (group.last_id, group.entries_read) = (id, entries_read);
    ctx.keys.effects.dirty += 1;
    ctx.keys.event(args.at(2), Class::Stream, "xgroup-setid");
    ctx.reply.ok();
    Ok(())
}

fn destroy(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (key, name) = (args.at(2), args.at(3));
    let stream = ctx.keys.stream_mut(key)?.ok_or(NO_KEY)?;
    let destroyed = stream.groups.remove(name).is_some();
    if destroyed {
        ctx.keys.effects.dirty += 1;
        ctx.keys.event(key, Class::Stream, "xgroup-destroy");
    }
    ctx.reply.int(i64::from(destroyed));
    Ok(())
}

fn create_consumer(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let now = ctx.keys.now_ms();
    let (key, name) = (args.at(2), args.at(4));
    let group = group_of(ctx, args)?;
    let made = group.find(name).is_none();
    if made {
        group.add_consumer(name, now.0);
        made_consumer(ctx, key);
    }
    ctx.reply.int(i64::from(made));
    Ok(())
}

fn delete_consumer(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let removed = group_of(ctx, args)?.remove_consumer(args.at(4));
    if removed.is_some() {
        ctx.keys.effects.dirty += 1;
        ctx.keys.event(args.at(2), Class::Stream, "xgroup-delconsumer");
    }
    ctx.reply.count(removed.unwrap_or(0));
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Ran {
    write_help("XGROUP", SUBCOMMANDS, ctx.reply);
    Ok(())
}
