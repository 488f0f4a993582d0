//! Publish and subscribe. Subscribing is the coordinator's; publishing records an effect that the coordinator delivers.

use crate::base::glob;
use crate::command::{
    Announcement, Arg, Args, Arity, Command, Context, Control, Exec, Flags, Group, Key, KeyFlags, Publication, Ran,
    Topic,
};

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
    Command::new("SPUBLISH", "Sends a message to a shard channel.", Group::PubSub)
        .since("7.0.0")
        .complexity("O(N) where N is the number of clients subscribed to the receiving shard channel.")
        .arity(Arity::Exactly(3))
        .flags(READER.or(Flags::FAST).or(Flags::MAY_REPLICATE))
        .keys(&[Key::at(1).flags(KeyFlags::NOT_KEY)])
        .args(&[Arg::string("shardchannel"), Arg::string("message")])
        .run(Exec::Keys(spublish)),
    subscriber("SSUBSCRIBE", "Listens to shard channels.", Arity::AtLeast(2), Control::Subscribe(Topic::ShardChannel))
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels to subscribe to.")
        .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::NOT_KEY)])
        .args(&[Arg::string("shardchannel").multiple()]),
    subscriber("SUNSUBSCRIBE", "Stops listening to shard channels, or to all.", Arity::AtLeast(1), Control::Unsubscribe(Topic::ShardChannel))
        .since("7.0.0")
        .complexity("O(N) where N is the number of shard channels to unsubscribe.")
        .keys(&[Key::at(1).range(-1, 1).flags(KeyFlags::NOT_KEY)])
        .args(&[Arg::string("shardchannel").optional().multiple()]),
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
            Command::new("SHARDCHANNELS", "Lists the shard channels that have subscribers.", Group::PubSub).inside("PUBSUB")
                .since("7.0.0")
                .complexity("O(N) where N is the number of active shard channels, and assuming constant time pattern matching (relatively short shard channels).")
                .arity(Arity::AtLeast(2))
                .flags(READER)
                .args(&[Arg::pattern("pattern").optional()])
                .run(Exec::Keys(shard_channels)),
            Command::new("SHARDNUMSUB", "Counts the subscribers of shard channels.", Group::PubSub).inside("PUBSUB")
                .since("7.0.0")
                .complexity("O(N) for the SHARDNUMSUB subcommand, where N is the number of requested shard channels")
                .arity(Arity::AtLeast(2))
                .flags(READER)
                .args(&[Arg::string("shardchannel").optional().multiple()])
                .run(Exec::Keys(shard_numsub)),
            Command::new("HELP", "Tells the subcommands.", Group::PubSub).inside("PUBSUB")
                .since("6.2.0")
                .arity(Arity::Exactly(2))
                .flags(Flags::LOADING.or(Flags::STALE))
                .run(Exec::Keys(help)),
        ]),
]];

fn publish(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    publish_to(ctx, args, false)
}

fn spublish(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    publish_to(ctx, args, true)
}

fn publish_to(ctx: &mut Context<'_>, args: Args<'_>, sharded: bool) -> Ran {
    let (shards, reached) = ctx.subscriptions.audience(args.at(1), sharded);
    if reached > 0 || ctx.subscriptions.come_late() {
        let publication = Publication {
            channel: args.at(1).into(),
            payload: args.at(2).into(),
            sharded,
            shards,
            by: Some(ctx.caller.client),
            number: 0,
        };
        ctx.keys.effects.announcements.push(Announcement::Message(publication));
    }
    ctx.reply.count(reached);
    Ok(())
}

fn channels(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    list_channels(ctx, args, Topic::Channel)
}

fn shard_channels(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    list_channels(ctx, args, Topic::ShardChannel)
}

fn list_channels(ctx: &mut Context<'_>, args: Args<'_>, topic: Topic) -> Ran {
    if args.len() > 3 {
        return Err(crate::command::Error::Composed(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
            String::from_utf8_lossy(args.at(1))
        )));
    }
    let fits = |name: &&[u8]| args.get(2).is_none_or(|pattern| glob::matches(pattern, name));
    let names: Vec<&[u8]> = ctx.subscriptions.channels(topic).filter(fits).collect();
    ctx.reply.array(names.len());
    names.into_iter().for_each(|name| ctx.reply.bulk(name));
    Ok(())
}

fn numsub(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    count_subscribers(ctx, args, Topic::Channel)
}

fn shard_numsub(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    count_subscribers(ctx, args, Topic::ShardChannel)
}

fn count_subscribers(ctx: &mut Context<'_>, args: Args<'_>, topic: Topic) -> Ran {
    ctx.reply.array((args.len() - 2) * 2);
    for channel in args.from(2) {
        ctx.reply.bulk(channel);
        ctx.reply.count(ctx.subscriptions.subscribers(topic, channel));
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
        "SHARDCHANNELS [<pattern>]",
        "    Return the currently active shard level channels matching a <pattern> (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers for the specified shard level channel(s)",
        "HELP",
        "    Print this help.",
    ];
    ctx.reply.array(lines.len());
    lines.iter().for_each(|line| ctx.reply.simple(line));
    Ok(())
}
