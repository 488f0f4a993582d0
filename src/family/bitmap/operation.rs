//! Operations on the bits of several strings.

use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::{Entry, Value};
use crate::types::bits::{self, Operation};

/// BITOP.
pub const COMMANDS: &[Command] =
    &[
        Command::new("BITOP", "Stores the bits of several strings, combined.", Group::Bitmap)
            .since("2.6.0")
            .complexity("O(N)")
            .arity(Arity::AtLeast(4))
            .flags(Flags::WRITE.or(Flags::DENYOOM))
            .acl(Acl::BITMAP)
            .keys(&[
                Key::at(2).flags(KeyFlags::OW | KeyFlags::UPDATE),
                Key::at(3).range(-1, 1).read(),
            ])
            .args(&[
                Arg::one_of(
                    "operation",
                    &[
                        Arg::word("and", "AND"),
                        Arg::word("or", "OR"),
                        Arg::word("xor", "XOR"),
                        Arg::word("not", "NOT"),
                    ],
                ),
                Arg::key("destkey", 0),
                Arg::key("key", 1).multiple(),
            ])
            .run(Exec::Keys(bitop)),
    ];

fn operation(args: Args<'_>) -> Result<Operation, Error> {
    let names = [
        ("AND", Operation::And),
        ("OR", Operation::Or),
        ("XOR", Operation::Xor),
        ("NOT", Operation::Not),
    ];
    let named = names.into_iter().find(|(name, _)| args.is(1, name));
    match named.ok_or(Error::Syntax)?.1 {
        Operation::Not if args.len() != 4 => Err(Error::Text("ERR BITOP NOT must be called with a single source key.")),
        operation => Ok(operation),
    }
}

fn bitop(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let operation = operation(args)?;
    let destination = args.at(2);
    // Removes what has expired, so that the sources can then be borrowed together.
    for key in args.from(3) {
        ctx.keys.lookup_string(key)?;
    }
    let db = ctx.keys.space.db(ctx.keys.db);
    let string = |key| db.get(key).and_then(Entry::as_string);
    let sources: Vec<_> = args
        .from(3)
        .map(|key| string(key).map(|string| string.bytes()))
        .collect();
    let sources = sources.iter().map(|bytes| bytes.as_deref().unwrap_or_default());
    let result = bits::combine(operation, sources);
    ctx.reply.count(result.len());
    if !result.is_empty() {
        ctx.keys.insert(Entry::new(destination, Value::String(result)).raw());
        ctx.keys.changed(destination, Class::String, "set");
    } else if ctx.keys.take(destination).is_some() {
        ctx.keys.changed(destination, Class::Generic, "del");
    }
    Ok(())
}
