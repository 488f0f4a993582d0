//! Commands that read or set fields and change their expiry, or delete what they read.

use super::{fields, setting};
use crate::base::time::UnixMillis;
use crate::command::{
    Acl, Arg, Args, Arity, Class, Command, Context, Error, Exec, ExpiryForm, Flags, Group, Key, KeyFlags, Ran,
};
use crate::types::hash::{Found, Ttl};

const PAIR: &[Arg] = &[Arg::string("field"), Arg::string("value")];

macro_rules! forms_and {
    ($last:expr) => {
        Arg::one_of(
            "expiration",
            &[
                Arg::integer("seconds").token("EX"),
                Arg::integer("milliseconds").token("PX"),
                Arg::unix_time("unix-time-seconds").token("EXAT"),
                Arg::unix_time("unix-time-milliseconds").token("PXAT"),
                $last,
            ],
        )
        .optional()
    };
}

/// HGETEX, HSETEX and HGETDEL.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "HGETEX",
        "Returns the values of fields, and sets or clears their expiry on demand.",
        Group::Hash,
    )
    .since("9.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(5))
    .flags(Flags::WRITE.or(Flags::FAST))
    .acl(Acl::HASH)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE)])
    .args(&[
        Arg::key("key", 0),
        forms_and!(Arg::word("persist", "PERSIST")),
        fields::FIELDS,
    ])
    .run(Exec::Keys(hgetex)),
    Command::new(
        "HSETEX",
        "Sets fields, on conditions and with an expiry on demand.",
        Group::Hash,
    )
    .since("9.0.0")
    .complexity("O(N)")
    .arity(Arity::AtLeast(6))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::FAST))
    .acl(Acl::HASH)
    .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::INSERT)])
    .args(&[
        Arg::key("key", 0),
        Arg::one_of("key-condition", &[Arg::word("nx", "NX"), Arg::word("xx", "XX")]).optional(),
        Arg::one_of("fields-condition", &[Arg::word("fnx", "FNX"), Arg::word("fxx", "FXX")]).optional(),
        forms_and!(Arg::word("keepttl", "KEEPTTL")),
        Arg::block("fields", &[fields::COUNT, Arg::block("data", PAIR).multiple()]).token("FIELDS"),
    ])
    .run(Exec::Keys(hsetex)),
    Command::new("HGETDEL", "Returns the values of fields and deletes them.", Group::Hash)
        .since("9.1.0")
        .complexity("O(N)")
        .arity(Arity::AtLeast(5))
        .flags(Flags::WRITE.or(Flags::FAST))
        .acl(Acl::HASH)
        .keys(&[Key::at(1).flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::DELETE)])
        .args(&[Arg::key("key", 0), fields::FIELDS])
        .run(Exec::Keys(hgetdel)),
];

/// What happens to the expiry of fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expiry {
    /// The word that is given at this place says when they expire.
    At(ExpiryForm, usize),
    /// PERSIST.
    Persist,
    /// KEEPTTL.
    Keep,
}

/// The words between the key and FIELDS.
#[derive(Default)]
struct Options {
    expiry: Option<Expiry>,
    /// XX or NX: whether the key must be there.
    key_exists: Option<bool>,
    /// FXX or FNX: whether all fields must be there, or none of them.
    fields_exist: Option<bool>,
}

/// Which command's options are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// HGETEX: PERSIST.
    Persist,
    /// HSETEX: KEEPTTL and the conditions.
    Keep,
}

impl Options {
    /// Reads the words from the key up to `end`. An option may come twice, but not two that exclude each other.
    fn parse(args: Args<'_>, end: usize, takes: Takes) -> Result<Self, Error> {
        let mut options = Options::default();
        let mut at = 2;
        while at < end {
            let word = args.at(at);
            if let Some(form) = ExpiryForm::named(word).filter(|_| at + 1 < end) {
                at += 1;
                options.expire(Expiry::At(form, at))?;
            } else if args.is(at, "PERSIST") && takes == Takes::Persist {
                options.expire(Expiry::Persist)?;
            } else if takes == Takes::Persist {
                return Err(Error::Syntax);
            } else if args.is(at, "KEEPTTL") {
                options.expire(Expiry::Keep)?;
            } else if args.is(at, "NX") || args.is(at, "XX") {
                choose(&mut options.key_exists, args.is(at, "XX"))?;
            } else if args.is(at, "FNX") || args.is(at, "FXX") {
                choose(&mut options.fields_exist, args.is(at, "FXX"))?;
            } else {
                return Err(Error::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    fn expire(&mut self, expiry: Expiry) -> Result<(), Error> {
        let agree = match (self.expiry, expiry) {
            (None, _) => true,
            (Some(Expiry::At(one, _)), Expiry::At(other, _)) => one == other,
            (Some(one), other) => one == other,
        };
        self.expiry = Some(expiry);
        if agree { Ok(()) } else { Err(Error::Syntax) }
    }

    /// When fields shall expire, if the words say so.
    fn deadline(&self, args: Args<'_>, now: UnixMillis, command: &'static str) -> Result<Option<UnixMillis>, Error> {
        match self.expiry {
            Some(Expiry::At(form, at)) => form.deadline_from_now_on(args, at, now, command).map(Some),
            _ => Ok(None),
        }
    }
}

fn choose(choice: &mut Option<bool>, new: bool) -> Result<(), Error> {
    if choice.replace(new).is_some_and(|old| old != new) {
        return Err(Error::Syntax);
    }
    Ok(())
}

fn hgetex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    // From the key on: Valkey takes even a key called `fields` for the word.
    let at = fields::find(args, 1)?;
    let options = Options::parse(args, at, Takes::Persist)?;
    let fields = fields::parse(args, at, 1)?;
    let (time, now) = (ctx.keys.now_ms(), ctx.keys.horizon());
    let hash = ctx.keys.hash_mut(key)?;
    let deadline = options.deadline(args, time, "hgetex")?;
    ctx.reply.array(fields.len());
    let Some(hash) = hash else {
        fields.for_each(|_| ctx.reply.null());
        return Ok(());
    };
    let (mut set, mut cleared, mut expired) = (0, 0, 0);
    for field in fields {
        let Some(value) = hash.get(field, now) else {
            ctx.reply.null();
            continue;
        };
        ctx.reply.bulk(value);
        match deadline {
            Some(at) if at <= now => expired += usize::from(hash.take_out(field)),
            Some(at) => {
                hash.set_expiry(field, Some(at));
                set += 1;
            }
            None if options.expiry == Some(Expiry::Persist) && hash.expiry(field, now).flatten().is_some() => {
                hash.set_expiry(field, None);
                cleared += 1;
            }
            None => {}
        }
    }
    let emptied = hash.is_empty();
    if set > 0 {
        ctx.keys.changed(key, Class::Hash, "hexpire");
    }
    if cleared > 0 {
        ctx.keys.changed(key, Class::Hash, "hpersist");
    }
    if expired > 0 {
        ctx.keys.fields_expired(key, expired);
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

fn hsetex(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    // From the key on: Valkey takes even a key called `fields` for the word.
    let at = fields::find(args, 1)?;
    let options = Options::parse(args, at, Takes::Keep)?;
    let words = fields::parse(args, at, 2)?;
    let (time, now) = (ctx.keys.now_ms(), ctx.keys.horizon());
    let hash = ctx.keys.hash(key)?;
    if options.key_exists.is_some_and(|exists| exists != hash.is_some()) {
        ctx.reply.int(0);
        return Ok(());
    }
    let mut fields = words.clone().step_by(2);
    let exists = |field: &[u8]| hash.is_some_and(|hash| hash.get(field, now).is_some());
    let refused = options
        .fields_exist
        .is_some_and(|wanted| fields.any(|field| exists(field) != wanted));
    let deadline = options.deadline(args, time, "hsetex")?;
    if refused {
        ctx.reply.int(0);
        return Ok(());
    }
    match deadline {
        Some(at) if at <= now => set_expired(ctx, key, words)?,
        _ => set_fields(ctx, key, words, ttl(&options, deadline))?,
    }
    ctx.reply.int(1);
    Ok(())
}

fn ttl(options: &Options, deadline: Option<UnixMillis>) -> Ttl {
    match deadline {
        Some(at) => Ttl::At(at),
        None if options.expiry == Some(Expiry::Keep) => Ttl::Keep,
        None => Ttl::Never,
    }
}

fn set_fields<'a>(
    ctx: &mut Context<'_>,
    key: &[u8],
    mut words: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ttl: Ttl,
) -> Ran {
    let setting = setting(ctx, ttl);
    let hash = ctx.keys.hash_or_create(key)?;
    hash.will_grow(setting.limits, words.clone());
    let mut expired = 0;
    while let (Some(field), Some(value)) = (words.next(), words.next()) {
        expired += usize::from(hash.set(field, value, setting) == Found::Expired);
    }
    if expired > 0 {
        ctx.keys.fields_expired(key, expired);
    }
    ctx.keys.changed(key, Class::Hash, "hset");
    if matches!(ttl, Ttl::At(_)) {
        ctx.keys.event(key, Class::Hash, "hexpire");
    }
    Ok(())
}

/// Fields that are set with an expiry in the past are gone; the events are those of fields that come and go.
fn set_expired<'a>(ctx: &mut Context<'_>, key: &[u8], words: impl ExactSizeIterator<Item = &'a [u8]>) -> Ran {
    let count = words.len() / 2;
    let hash = ctx.keys.hash_mut(key)?;
    let emptied = hash.is_none_or(|hash| {
        for field in words.step_by(2) {
            hash.take_out(field);
        }
        hash.is_empty()
    });
    ctx.keys.changed(key, Class::Hash, "hset");
    ctx.keys.event(key, Class::Hash, "hexpire");
    ctx.keys.fields_expired(key, count);
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}

fn hgetdel(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let key = args.at(1);
    let fields = fields::parse_third(args, None)?;
    let now = ctx.keys.horizon();
    let hash = ctx.keys.hash_mut(key)?;
    ctx.reply.array(fields.len());
    let Some(hash) = hash else {
        fields.for_each(|_| ctx.reply.null());
        return Ok(());
    };
    let mut deleted = 0;
    for field in fields {
        match hash.get(field, now) {
            Some(value) => {
                ctx.reply.bulk(value);
                deleted += usize::from(hash.take_out(field));
            }
            None => ctx.reply.null(),
        }
    }
    let emptied = hash.is_empty();
    if deleted > 0 {
        ctx.keys.changed(key, Class::Hash, "hdel");
    }
    if emptied {
        ctx.keys.remove_emptied(key);
    }
    Ok(())
}
