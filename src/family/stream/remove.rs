//! XDEL: deleting entries by id.

use super::{DELETES, ids};
use crate::command::{Acl, Arg, Args, Arity, Class, Command, Context, Exec, Flags, Group, Ran};

/// XDEL.
pub const COMMANDS: &[Command] = &[
    Command::new("XDEL", "Deletes entries of a stream by their ids.", Group::Stream)
        .since("5.0.0")
        .arity(Arity::AtLeast(3))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::STREAM)
        .keys(DELETES)
        .args(&[Arg::key("key", 0), Arg::string("id").multiple()])
        .run(Exec::Keys(xdel)),
];

fn xdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let Some(stream) = ctx.keys.stream_mut(key)? else {
        ctx.reply.int(0);
        return Ok(());
    };
    let ids = ids(args, 2)?;
    let deleted = ids.into_iter().filter(|id| stream.log.delete(*id)).count();
    if deleted > 0 {
        ctx.keys.changed(key, Class::Stream, "xdel");
    }
    ctx.reply.count(deleted);
    Ok(())
}
