//! SORT and SORT_RO: the elements of a list, set or sorted set in an order that other keys may decide, with what other keys say of them.

mod elements;
mod options;
mod pattern;
#[cfg(test)]
mod tests;

use elements::{Element, load, order};
use options::Options;
use pattern::Pattern;

use crate::command::waiting::Look;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Keys, Ran,
};
use crate::keyspace::Entry;
use crate::types::List;
use crate::types::list::{End, Limit};

const COMPLEXITY: &str = "O(N+M*log(M)) for N elements of which M are answered.";
const SOURCE: Key = Key::at(1).read();
const PATTERNS: Key = Key::unknown().read().notes(
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
);
const DESTINATION: Key = Key::untold("STORE", &[("BY", 1), ("GET", 1), ("LIMIT", 2)], 2)
    .flags(KeyFlags::OW | KeyFlags::UPDATE)
    .notes(
        "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
    );

const fn key() -> Arg {
    Arg::key("key", 0)
}

const BY: Arg = Arg::pattern("by-pattern")
    .display("pattern")
    .of_key(1)
    .token("BY")
    .optional();
const LIMIT: Arg = Arg::block("limit", &[Arg::integer("offset"), Arg::integer("count")])
    .token("LIMIT")
    .optional();
const GET: Arg = Arg::pattern("get-pattern")
    .display("pattern")
    .of_key(1)
    .token("GET")
    .optional()
    .multiple_token();
const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();
const SORTING: Arg = Arg::word("sorting", "ALPHA").optional();
const STORE: Arg = Arg::key("destination", 2).token("STORE").optional();

/// SORT and SORT_RO.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "SORT",
        "Answers the elements of a list, set or sorted set in order, or stores them.",
        Group::Generic,
    )
    .complexity(COMPLEXITY)
    .arity(Arity::AtLeast(2))
    .flags(Flags::WRITE.or(Flags::DENYOOM))
    .acl(Acl::SET.or(Acl::SORTEDSET).or(Acl::LIST).or(Acl::DANGEROUS))
    .keys(&[SOURCE, PATTERNS, DESTINATION])
    .args(&[key(), BY, LIMIT, GET, ORDER, SORTING, STORE])
    .run(Exec::Roaming {
        touches: |args, look, touch| touches(args, true, look, touch),
        run: |ctx, args| sort(ctx, args, true),
    }),
    Command::new(
        "SORT_RO",
        "Answers the elements of a list, set or sorted set in order.",
        Group::Generic,
    )
    .since("7.0.0")
    .complexity(COMPLEXITY)
    .arity(Arity::AtLeast(2))
    .flags(Flags::READONLY)
    .acl(Acl::SET.or(Acl::SORTEDSET).or(Acl::LIST).or(Acl::DANGEROUS))
    .keys(&[SOURCE, PATTERNS])
    .args(&[key(), BY, LIMIT, GET, ORDER, SORTING])
    .run(Exec::Roaming {
        touches: |args, look, touch| touches(args, false, look, touch),
        run: |ctx, args| sort(ctx, args, false),
    }),
];

/// Tells the keys that the patterns make of the elements.
fn touches(args: Args<'_>, stores: bool, look: Look<'_>, touch: &mut dyn FnMut(&[u8])) {
    let Ok(options) = Options::parse(args, stores) else {
        return;
    };
    let patterns: Vec<&Pattern<'_>> = options.patterns().collect();
    let mut name = Vec::new();
    let mut touch_all = |element: &[u8]| {
        for pattern in &patterns {
            if pattern.name_for(element, &mut name) {
                touch(&name);
            }
        }
    };
    if let (false, Some(entry)) = (patterns.is_empty(), look(args.at(1))) {
        elements::each(entry, &mut touch_all);
    }
}

fn sort(ctx: &mut Context<'_>, args: Args<'_>, stores: bool) -> Ran {
    let mut options = Options::parse(args, stores)?;
    let source = args.at(1);
    let entry = ctx.keys.lookup_mut(source);
    if entry.as_ref().is_some_and(|entry| !elements::can_sort(entry)) {
        return Err(Error::WrongType);
    }
    let entry = entry.map(|entry| {
        // Valkey walks a sorted set by its large form, and leaves it in that.
        if let Some(set) = entry.sorted_set_mut() {
            set.grow_large();
        }
        &*entry
    });
    let fixed_order = options.store.is_some() || ctx.caller.scripted;
    if options.unsorted && fixed_order && entry.is_some_and(|entry| entry.set().is_some()) {
        // A set has no order of its own, and what is stored or seen by a script must not depend on luck.
        options.order_by_text();
    }
    let len = entry.map_or(0, elements::len);
    let wanted = options.range(len);
    let (mut elements, wanted) = load(entry, &options, wanted, len);
    if !options.unsorted {
        weigh(ctx, &options, &mut elements)?;
        let collation = options.store.is_none().then_some(&ctx.config.locale_collate);
        order(&mut elements, &options, wanted.clone(), collation);
    }
    let chosen = &elements[wanted];
    match options.store {
        Some(destination) => store(ctx, destination, chosen, &options),
        None => answer(ctx, chosen, &options),
    }
    Ok(())
}

/// Finds what each element is ordered by.
fn weigh(ctx: &mut Context<'_>, options: &Options<'_>, elements: &mut [Element]) -> Ran {
    let mut fits = true;
    let mut name = Vec::new();
    for element in elements {
        let weight = match &options.by {
            None => Some(element.bytes().into()),
            Some(by) => by.look(&mut ctx.keys, element.bytes(), &mut name),
        };
        fits &= element.weigh(weight, options.alpha, options.store.is_none());
    }
    if fits {
        Ok(())
    } else {
        Err(Error::Text("ERR One or more scores can't be converted into double"))
    }
}

/// Hands over, for each element, the element itself or what the patterns say of it.
fn tell(keys: &mut Keys<'_>, chosen: &[Element], options: &Options<'_>, each: &mut dyn FnMut(Option<&[u8]>)) {
    let mut name = Vec::new();
    for element in chosen {
        if options.get.is_empty() {
            each(Some(element.bytes()));
        }
        for pattern in &options.get {
            each(pattern.look(keys, element.bytes(), &mut name).as_deref());
        }
    }
}

fn answer(ctx: &mut Context<'_>, chosen: &[Element], options: &Options<'_>) {
    let Context { keys, reply, .. } = ctx;
    reply.array(chosen.len() * options.get.len().max(1));
    tell(keys, chosen, options, &mut |told| match told {
        Some(bytes) => reply.bulk(bytes),
        None => reply.null(),
    });
}

fn store(ctx: &mut Context<'_>, destination: &[u8], chosen: &[Element], options: &Options<'_>) {
    let mut list = List::new();
    let limit = Limit::from_directive(ctx.config.list_max_listpack_size);
    tell(&mut ctx.keys, chosen, options, &mut |told| {
        let told = told.unwrap_or_default();
        list.will_grow(limit, 1, told.len());
        list.push(End::Right, told);
    });
    ctx.reply.count(list.len());
    if !list.is_empty() {
        ctx.keys.insert(Entry::new(destination, list));
        ctx.keys.changed(destination, Class::List, "sortstore");
    } else if ctx.keys.take(destination).is_some() {
        ctx.keys.changed(destination, Class::Generic, "del");
    }
}
