//! Commands that give a value another key or database.

use crate::base::id::DbIndex;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Footprint, Group, Key, KeyFlags, Ran,
};

/// RENAME, RENAMENX, COPY and MOVE.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "RENAME",
        "Gives a key another name, over whatever has that name.",
        Group::Generic,
    )
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE)
    .acl(Acl::KEYSPACE)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::OW | KeyFlags::UPDATE),
    ])
    .args(&[Arg::key("key", 0), Arg::key("newkey", 1)])
    .run(Exec::Keys(rename)),
    Command::new(
        "RENAMENX",
        "Gives a key another name if no key has that name.",
        Group::Generic,
    )
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[
        Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE),
        Key::at(2).flags(KeyFlags::OW | KeyFlags::INSERT),
    ])
    .args(&[Arg::key("key", 0), Arg::key("newkey", 1)])
    .history(&[("3.2.0", "No error when both names are the same.")])
    .run(Exec::Keys(renamenx)),
    Command::new(
        "COPY",
        "Copies the value of a key to another key or database.",
        Group::Generic,
    )
    .since("6.2.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).read(), Key::at(2).flags(KeyFlags::OW | KeyFlags::UPDATE)])
    .args(&[
        Arg::key("source", 0),
        Arg::key("destination", 1),
        Arg::integer("destination-db").token("DB").optional(),
        Arg::word("replace", "REPLACE").optional(),
    ])
    .footprint(Footprint::Databases)
    .run(Exec::Keys(copy)),
    Command::new(
        "MOVE",
        "Moves a key to another database, unless it exists there.",
        Group::Generic,
    )
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::KEYSPACE)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)])
    .args(&[Arg::key("key", 0), Arg::integer("db")])
    .footprint(Footprint::Databases)
    .run(Exec::Keys(move_key)),
];

/// The database that word `at` names.
fn db_at(ctx: &Context<'_>, args: Args<'_>, at: usize) -> Result<DbIndex, Error> {
    let number = i32::try_from(args.int(at)?)
        .map_err(|_| Error::Text("ERR value is out of range, value must between -2147483648 and 2147483647"))?;
    let index = u32::try_from(number).map(DbIndex).map_err(|_| Error::DbOutOfRange)?;
    if index.index() < ctx.keys.space.databases() {
        Ok(index)
    } else {
        Err(Error::DbOutOfRange)
    }
}

fn exists(ctx: &mut Context<'_>, db: DbIndex, key: &[u8]) -> bool {
    ctx.in_db(db, |ctx| ctx.keys.get(key).is_some())
}

fn rename(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (from, to) = (args.at(1), args.at(2));
    if ctx.keys.get(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    if from != to {
        give_name(ctx, from, to);
    }
    ctx.reply.ok();
    Ok(())
}

fn renamenx(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (from, to) = (args.at(1), args.at(2));
    if ctx.keys.get(from).is_none() {
        return Err(Error::NoSuchKey);
    }
    let free = from != to && ctx.keys.get(to).is_none();
    if free {
        give_name(ctx, from, to);
    }
    ctx.reply.int(i64::from(free));
    Ok(())
}

fn give_name(ctx: &mut Context<'_>, from: &[u8], to: &[u8]) {
    let entry = ctx.keys.take(from).expect("the key was there a moment ago");
    // What was there is deleted, not overwritten: the key is new.
    ctx.keys.take(to);
    ctx.keys.insert(entry.renamed(to));
    ctx.keys.changed(from, Class::Generic, "rename_from");
    ctx.keys.changed(to, Class::Generic, "rename_to");
}

fn copy(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (from, to) = (args.at(1), args.at(2));
    let (mut db, mut replace) = (ctx.keys.db, false);
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "REPLACE") {
            replace = true;
        } else if args.is(at, "DB") && at + 1 < args.len() {
            at += 1;
            db = db_at(ctx, args, at)?;
        } else {
            return Err(Error::Syntax);
        }
        at += 1;
    }
    if db == ctx.keys.db && from == to {
        return Err(Error::SameObject);
    }
    if ctx.keys.lookup(from).is_none() || exists(ctx, db, to) && !replace {
        ctx.reply.int(0);
        return Ok(());
    }
    let now = ctx.keys.horizon();
    let copied = ctx.keys.get(from).map(|entry| entry.clone().renamed(to));
    let mut copied = copied.expect("the key was there a moment ago");
    if let Some(hash) = copied.hash_mut() {
        hash.take_expired(now, usize::MAX);
    }
    ctx.in_db(db, |ctx| {
        // What was there is deleted, not overwritten: the key is new.
        let was_there = ctx.keys.take(to).is_some();
        if copied.hash().is_none_or(|hash| !hash.is_empty()) {
            ctx.keys.insert(copied);
            ctx.keys.changed(to, Class::Generic, "copy_to");
        } else if was_there {
            // All fields have expired, and the copy with them.
            ctx.keys.changed(to, Class::Generic, "del");
        }
        ctx.keys.redo_state(to, ctx.config);
    });
    ctx.reply.int(1);
    Ok(())
}

fn move_key(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let db = db_at(ctx, args, 2)?;
    if db == ctx.keys.db {
        return Err(Error::SameObject);
    }
    let moves = ctx.keys.get(key).is_some() && !exists(ctx, db, key);
    if moves {
        let entry = ctx.keys.take(key).expect("the key was there a moment ago");
        ctx.in_db(db, |ctx| ctx.keys.insert(entry));
        ctx.keys.changed(key, Class::Generic, "move_from");
        ctx.in_db(db, |ctx| ctx.keys.changed(key, Class::Generic, "move_to"));
        ctx.keys.redo([b"DEL", key]);
        ctx.in_db(db, |ctx| ctx.keys.redo_state(key, ctx.config));
    }
    ctx.reply.int(i64::from(moves));
    Ok(())
}
