//! Publish and subscribe. Subscribing is the coordinator's; publishing records an effect that the coordinator delivers.

use crate::base::glob;
use crate::command::{Arg, Args, Arity, Command, Context, Control, Exec, Flags, Group, Ran, Topic};

const SUBSCRIBER: Flags = Flags::PUBSUB.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const READER: Flags = Flags::PUBSUB.or(Flags::LOADING).or(Flags::STALE);

const fn subscriber(name: &'static str, summary: &'static str, arity: Arity, control: Control) -> Command {
    Command::new(name, summary, Group::PubSub)
        .since("2.0.0")
        .arity(arity)
        .flags(SUBSCRIBER)
        .for_subscribers()
        .run(Exec::Control(control))
}

/// The family.
pub const COMMANDS: &[&[Command]] = &[&[
    Command::new("PUBLISH", "Sends a message to a channel.", Group::PubSub)
        .since("2.0.0")
        .complexity("O(N+M) where N is the number of clients subscribed to the receiving channel and M is the total number of subscribed patterns (by any client).")
        .arity(Arity::Exactly(3))
        .flags(READER.or(Flags::FAST).or(Flags::MAY_REPLICATE))
        .args(&[Arg::string("channel"), Arg::string("message")])
        .run(Exec::Keys(publish)),
    subscriber("SUBSCRIBE", "Listens to channels.", Arity::AtLeast(2), Control::Subscribe(Topic::Channel))
        .complexity("O(N) where N is the number of channels to subscribe to.")
        .args(&[Arg::string("channel").multiple()]),
    subscriber("UNSUBSCRIBE", "Stops listening to channels, or to all.", Arity::AtLeast(1), Control::Unsubscribe(Topic::Channel))
        .complexity("O(N) where N is the number of channels to unsubscribe.")
        .args(&[Arg::string("channel").optional().multiple()]),
    subscriber("PSUBSCRIBE", "Listens to channels that match patterns.", Arity::AtLeast(2), Control::Subscribe(Topic::Pattern))
        .complexity("O(N) where N is the number of patterns to subscribe to.")
        .args(&[Arg::pattern("pattern").multiple()]),
    subscriber("PUNSUBSCRIBE", "Stops listening to patterns, or to all.", Arity::AtLeast(1), Control::Unsubscribe(Topic::Pattern))
        .complexity("O(N) where N is the number of patterns to unsubscribe.")
        .args(&[Arg::pattern("pattern").optional().multiple()]),
    Command::new("PUBSUB", "Tells who listens to what.", Group::PubSub)
        .since("2.8.0")
        .complexity("Depends on subcommand.")
        .arity(Arity::AtLeast(2))
        .subcommands(&[
            Command::new("CHANNELS", "Lists the channels that have subscribers.", Group::PubSub).inside("PUBSUB")
                .since("2.8.0")
                .complexity("O(N) where N is the number of active channels, and assuming constant time pattern matching (relatively short channels and patterns)")
                .arity(Arity::AtLeast(2))
                .flags(READER)
                .args(&[Arg::pattern("pattern").optional()])
                .run(Exec::Keys(channels)),
            Command::new("NUMSUB", "Counts the subscribers of channels.", Group::PubSub).inside("PUBSUB")
                .since("2.8.0")
                .complexity("O(N) for the NUMSUB subcommand, where N is the number of requested channels")
                .arity(Arity::AtLeast(2))
                .flags(READER)
                .args(&[Arg::string("channel").optional().multiple()])
                .run(Exec::Keys(numsub)),
            Command::new("NUMPAT", "Counts the patterns that are listened to.", Group::PubSub).inside("PUBSUB")
                .since("2.8.0")
                .arity(Arity::Exactly(2))
                .flags(READER)
                .run(Exec::Keys(numpat)),
            Command::new("HELP", "Tells the subcommands.", Group::PubSub).inside("PUBSUB")
                .since("6.2.0")
                .arity(Arity::Exactly(2))
                .flags(Flags::LOADING.or(Flags::STALE))
                .run(Exec::Keys(help)),
        ]),
]];

fn publish(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let (_, reached) = ctx.subscriptions.audience(args.at(1));
    if reached > 0 {
        ctx.keys.effects.publishes.push((args.at(1).into(), args.at(2).into()));
    }
    ctx.reply.count(reached);
    Ok(())
}

fn channels(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    if args.len() > 3 {
        return Err(crate::command::Error::Composed(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
            String::from_utf8_lossy(args.at(1))
        )));
    }
    let fits = |name: &&[u8]| args.get(2).is_none_or(|pattern| glob::matches(pattern, name));
    let names: Vec<&[u8]> = ctx.subscriptions.channels().filter(fits).collect();
    ctx.reply.array(names.len());
    names.into_iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

fn numsub(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    ctx.reply.array((args.len() - 2) * 2);
    for channel in args.from(2) {
        ctx.reply.bulk(channel);
        ctx.reply.count(ctx.subscriptions.subscribers(channel));
    }
    Ok(())
}

fn numpat(ctx: &mut Context<'_>, _: Args<'_>) -> Ran {
    ctx.reply.count(ctx.subscriptions.patterns_len());
    Ok(())
}

fn help(ctx: &mut Context<'_>, _: Args<'_>) -> Ran {
    let lines = [
        "PUBSUB <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "CHANNELS [<pattern>]",
        "    Return the currently active channels matching a <pattern> (default: '*').",
        "NUMPAT",
        "    Return number of subscriptions to patterns.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers for the specified channels, excluding",
        "    pattern subscriptions(default: no channels).",
        "HELP",
        "    Print this help.",
    ];
    ctx.reply.array(lines.len());
    lines.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}
