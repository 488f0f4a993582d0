//! Commands that read strings.

use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, Ran};
use crate::keyspace::StringRef;

/// GET and its relatives.
pub const COMMANDS: &[Command] = &[Command::new("GET", "Returns the string value of a key.", Group::String)
    .arity(Arity::Exactly(2))
    .flags(Flags::READONLY.or(Flags::FAST))
    .acl(Acl::STRING)
    .keys(&[Key::at(1).read()])
    .args(&[Arg::key("key", 0)])
    .run(Exec::Keys(get))];

fn get(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    match ctx.keys.lookup(args.at(1)) {
        None => ctx.reply.null(),
        Some(entry) => match entry.as_string().ok_or(Error::WrongType)? {
            StringRef::Bytes(bytes) => ctx.reply.bulk(bytes),
            StringRef::Int(number) => ctx.reply.bulk_int(number),
        },
    }
    Ok(())
}
