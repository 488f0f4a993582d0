//! CONFIG: reading and changing the configuration while the server runs.

use crate::base::glob;
use crate::command::session::SessionContext;
use crate::command::{Arg, Args, Arity, Command, Error, Exec, Flags, Group, Local, Part, Ran, syntax};
use crate::config::affinity::Affinity;
use crate::config::{self, Changes, Config, Directive, Toggle};
use crate::protocol::reply::Reply;

const OPERATOR: Flags = Flags::ADMIN.or(Flags::NOSCRIPT).or(Flags::LOADING).or(Flags::STALE);
const TO_ALL: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Server).inside("CONFIG")
}

/// CONFIG.
pub const COMMANDS: &[Command] = &[Command::new("CONFIG", "Commands on the configuration.", Group::Server)
    .since("2.0.0")
    .complexity("Depends on subcommand.")
    .arity(Arity::AtLeast(2))
    .subcommands(SUBCOMMANDS)];

const SUBCOMMANDS: &[Command] = &[
    sub("GET", "Answers the values of directives.")
        .since("2.0.0")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .arity(Arity::AtLeast(3))
        .flags(OPERATOR)
        .args(&[Arg::string("parameter").multiple()])
        .history(&[("7.0.0", "Takes several patterns.")])
        .run(Exec::Session(get)),
    sub("HELP", "Tells what CONFIG can do.")
        .since("5.0.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Session(help)),
    sub("RESETSTAT", "Sets the counters of INFO to zero.")
        .since("2.0.0")
        .arity(Arity::Exactly(2))
        .flags(OPERATOR)
        .tips(TO_ALL)
        .run(Exec::Everywhere {
            changes: true,
            reroutes: crate::command::exec::reroutes_nothing,
            part: resetstat_part,
            combine: ok,
        }),
    sub("REWRITE", "Writes the configuration to its file.")
        .since("2.8.0")
        .arity(Arity::Exactly(2))
        .flags(OPERATOR)
        .tips(TO_ALL)
        .run(Exec::Session(rewrite)),
    sub("SET", "Changes directives, all or none.")
        .since("2.0.0")
        .complexity("O(N) when N is the number of configuration parameters provided")
        .arity(Arity::AtLeast(4))
        .flags(OPERATOR)
        .args(&[Arg::block("data", &[Arg::string("parameter"), Arg::string("value")]).multiple()])
        .tips(TO_ALL)
        .history(&[("7.0.0", "Takes several directives.")])
        .run(Exec::Everywhere {
            changes: true,
            reroutes,
            part: set_part,
            combine: ok,
        }),
];

fn help(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    syntax::write_help("CONFIG", SUBCOMMANDS, ctx.reply);
    Ok(())
}

fn ok(_: &[Part], _: Args<'_>, reply: &mut Reply) {
    reply.ok();
}

fn get(ctx: &mut SessionContext<'_>, args: Args<'_>) -> Ran {
    let mut found: Vec<(&[u8], &Directive)> = Vec::new();
    for word in args.from(2) {
        // A plain name comes back as it was typed.
        let plain = !word.iter().any(|byte| b"*?[".contains(byte));
        for (name, directive) in names() {
            let is_new = || !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            let asked = if plain {
                word.eq_ignore_ascii_case(name)
            } else {
                glob::matches_ignoring_case(word, name)
            };
            if asked && is_new() {
                found.push((if plain { word } else { name }, directive));
            }
        }
    }
    found.sort_unstable_by_key(|(name, _)| *name);
    ctx.reply.map(found.len());
    for (name, directive) in found {
        ctx.reply.bulk(name);
        ctx.reply.bulk(directive.text(ctx.config).as_bytes());
    }
    Ok(())
}

/// Every name of every directive.
fn names() -> impl Iterator<Item = (&'static [u8], &'static Directive)> {
    config::all().flat_map(|directive| {
        let names = [Some(directive.name), directive.alias];
        names
            .into_iter()
            .flatten()
            .map(move |name| (name.as_bytes(), directive))
    })
}

fn resetstat_part(local: &mut dyn Local, _: Args<'_>) -> Result<Part, Error> {
    local.reset_counters();
    Ok(Part::default())
}

fn rewrite(ctx: &mut SessionContext<'_>, _: Args<'_>) -> Ran {
    config::rewrite_file(ctx.config).map_err(|error| Error::Composed(format!("ERR {error}")))?;
    ctx.reply.ok();
    Ok(())
}

/// Every shard decides the same, since all have the same configuration: all change it, or none.
fn set_part(local: &mut dyn Local, args: Args<'_>) -> Result<Part, Error> {
    let changed = changed(local.config(), args)?;
    let before = std::mem::replace(local.config(), changed);
    if local.shard().index() == 0 {
        local.config().log_without_effect(&before);
    }
    Ok(Part::default())
}

/// Whether a directive is set that tells where keys are.
fn reroutes(args: Args<'_>) -> bool {
    let named = args
        .from(2)
        .step_by(2)
        .filter_map(|word| config::find(std::str::from_utf8(word).ok()?));
    named
        .into_iter()
        .any(|directive| directive.changes == Changes::WhileEmpty)
}

/// The configuration with the changes that the words ask for.
fn changed(config: &Config, args: Args<'_>) -> Result<Config, Error> {
    if !args.len().is_multiple_of(2) {
        return Err(Error::Syntax);
    }
    let directives = directives(config, args)?;
    let mut changed = config.clone();
    for (directive, value) in directives {
        let refused = |reason: &dyn std::fmt::Display| failed(directive.1, reason);
        let value = std::str::from_utf8(value).map_err(|_| refused(&config::ValueError::NotText))?;
        directive
            .0
            .set_text(&mut changed, value)
            .map_err(|error| refused(&error))?;
        if directive.0.changes == Changes::WhileEmpty {
            Affinity::new(&changed.affinity).map_err(|error| refused(&error))?;
        }
    }
    Ok(changed)
}

/// A directive, the name by which it was asked for, and its new value.
type Setting<'a> = ((&'static Directive, &'a str), &'a [u8]);

/// What is to be set, if all of it may be.
fn directives<'a>(config: &Config, args: Args<'a>) -> Result<Vec<Setting<'a>>, Error> {
    let mut directives: Vec<Setting<'a>> = Vec::new();
    for at in (2..args.len()).step_by(2) {
        let word = args.at(at);
        let found = std::str::from_utf8(word)
            .ok()
            .and_then(|name| Some((config::find(name)?, name)));
        let Some((directive, name)) = found else {
            let text = "ERR Unknown option or number of arguments for CONFIG SET - '";
            return Err(Error::quoting(text, word, "'"));
        };
        let protected = directive.changes == Changes::Protected && config.enable_protected_configs != Toggle::Yes;
        if directive.changes == Changes::AtStart {
            return Err(failed(name, &"can't set immutable config"));
        }
        if protected {
            return Err(failed(name, &"can't set protected config"));
        }
        if directives
            .iter()
            .any(|((_, other), _)| other.eq_ignore_ascii_case(name))
        {
            return Err(failed(name, &"duplicate parameter"));
        }
        directives.push(((directive, name), args.at(at + 1)));
    }
    Ok(directives)
}

fn failed(name: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Composed(format!(
        "ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"
    ))
}
