//! Looking inside a HyperLogLog, and testing the arithmetic.

use super::{corrupted, edit, read, write};
use crate::base::rng::Rng;
use crate::command::error::quotable;
use crate::command::session::SessionContext;
use crate::command::{Acl, Arg, Args, Arity, Command, Context, Error, Exec, Flags, Group, Key, KeyFlags, Ran};
use crate::keyspace::Entry;
use crate::types::hyperloglog::{self, Encoding, Hit, Union};

/// PFDEBUG and PFSELFTEST.
pub const COMMANDS: &[Command] = &[
    Command::new(
        "PFDEBUG",
        "Shows how a HyperLogLog is stored: GETREG, DECODE, ENCODING, TODENSE.",
        Group::HyperLogLog,
    )
    .since("2.8.9")
    .complexity("N/A")
    .arity(Arity::Exactly(3))
    .flags(Flags::WRITE.or(Flags::DENYOOM).or(Flags::ADMIN))
    .acl(Acl::HYPERLOGLOG)
    .keys(&[Key::at(2).flags(KeyFlags::RW | KeyFlags::ACCESS)])
    .args(&[Arg::string("subcommand"), Arg::key("key", 0)])
    .system()
    .run(Exec::Keys(pfdebug)),
    Command::new(
        "PFSELFTEST",
        "Tests that HyperLogLogs count within their error, in either encoding.",
        Group::HyperLogLog,
    )
    .since("2.8.9")
    .complexity("N/A")
    .arity(Arity::Exactly(1))
    .flags(Flags::ADMIN)
    .acl(Acl::HYPERLOGLOG)
    .system()
    .run(Exec::Session(pfselftest)),
];

fn pfdebug(ctx: &mut Context<'_>, args: Args<'_>) -> Ran {
    let missing = Error::Text("ERR The specified key does not exist");
    let entry = ctx.keys.get_mut(args.at(2)).ok_or(missing)?;
    let (_, encoding) = write(entry)?;
    match quotable(args.at(1)).to_ascii_uppercase().as_slice() {
        b"GETREG" => {
            make_dense(entry)?;
            let mut union = Union::default();
            union.merge(read(entry)?.0).map_err(corrupted)?;
            ctx.reply.array(hyperloglog::REGISTERS);
            union
                .registers()
                .iter()
                .for_each(|value| ctx.reply.int(i64::from(*value)));
        }
        b"DECODE" if encoding == Encoding::Dense => return Err(Error::Text("ERR HLL encoding is not sparse")),
        b"DECODE" => ctx.reply.bulk(hyperloglog::runs(read(entry)?.0).as_bytes()),
        b"ENCODING" => ctx.reply.simple(match encoding {
            Encoding::Dense => "dense",
            Encoding::Sparse => "sparse",
        }),
        b"TODENSE" => {
            make_dense(entry)?;
            ctx.reply.int(i64::from(encoding == Encoding::Sparse));
        }
        _ => return Err(Error::quoting("ERR Unknown PFDEBUG subcommand '", args.at(1), "'")),
    }
    if encoding == Encoding::Sparse && !args.is(1, "DECODE") && !args.is(1, "ENCODING") {
        ctx.keys.effects.dirty += 1;
    }
    Ok(())
}

fn make_dense(entry: &mut Entry) -> Result<(), Error> {
    edit(entry, hyperloglog::make_dense)
}

/// Elements that the self-test adds.
const ELEMENTS: u64 = 100_000;
/// The self-test allows so many standard errors.
const ERRORS_MAX: f64 = 6.0;

fn pfselftest(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    let mut rng = Rng::new(ctx.now.mono_us);
    let standard_error = 1.04 / (hyperloglog::REGISTERS as f64).sqrt();
    let (mut sparse, mut dense) = (hyperloglog::new(), hyperloglog::new());
    hyperloglog::make_dense(&mut dense).map_err(corrupted)?;
    let mut check_at = 1;
    for added in 1..=ELEMENTS {
        let hit = Hit::of(&rng.next_u64().to_ne_bytes());
        hyperloglog::raise(&mut sparse, hit, ctx.config.hll_sparse_max_bytes).map_err(corrupted)?;
        hyperloglog::raise_dense(&mut dense, hit);
        if added < check_at {
            continue;
        }
        check_at *= 10;
        let count = hyperloglog::count(&dense).map_err(corrupted)?;
        if hyperloglog::count(&sparse) != Ok(count) {
            return Err(Error::Text("TESTFAILED dense/sparse disagree"));
        }
        let allowed = (added as f64 * standard_error * ERRORS_MAX).ceil().max(1.0);
        if (count as f64 - added as f64).abs() > allowed {
            return Err(Error::Composed(format!(
                "TESTFAILED Too big error. card:{added} abserr:{}",
                count.abs_diff(added)
            )));
        }
    }
    ctx.reply.ok();
    Ok(())
}
