//! SCRIPT: the scripts that the process knows.

use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran, ScriptLibrary, syntax};
use crate::protocol::reply::Reply;

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Scripting)
        .inside("SCRIPT")
        .since("2.6.0")
        .acl(Acl::SCRIPTING)
}

/// SCRIPT.
pub const COMMANDS: &[Command] = &[Command::new("SCRIPT", "Commands on scripts.", Group::Scripting)
    .since("2.6.0")
    .complexity("Depends on subcommand.")
    .arity(Arity::AtLeast(2))
    .subcommands(SUBCOMMANDS)];

const KNOWS: Flags = Flags::NOSCRIPT.or(Flags::STALE);

const SUBCOMMANDS: &[Command] = &[
    sub(
        "DEBUG",
        "Chooses how scripts are debugged; there is no debugger, so only NO changes nothing.",
    )
    .since("3.2.0")
    .arity(Arity::AtLeast(3))
    .flags(Flags::NOSCRIPT)
    .args(&[
        Arg::one_of(
            "mode",
            &[
                Arg::word("yes", "YES"),
                Arg::word("sync", "SYNC"),
                Arg::word("no", "NO"),
            ],
        ),
        Arg::string("engine").optional().since("9.1.0"),
    ])
    .run(Exec::Library(debug)),
    sub("EXISTS", "Tells which scripts are known.")
        .complexity(
            "O(N) with N being the number of scripts to check (so checking a single script is an O(1) operation).",
        )
        .arity(Arity::AtLeast(3))
        .flags(KNOWS)
        .args(&[Arg::string("sha1").multiple()])
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
        .run(Exec::Library(exists)),
    sub("FLUSH", "Forgets all scripts.")
        .complexity("O(N) with N being the number of scripts in cache")
        .arity(Arity::AtLeast(2))
        .flags(KNOWS)
        .args(&[
            Arg::one_of("flush-type", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")])
                .since("6.2.0")
                .optional(),
        ])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(Exec::Library(flush)),
    sub("HELP", "Tells what SCRIPT can do.")
        .since("5.0.0")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Library(help)),
    sub("KILL", "Ends a script that has run for long and has written nothing.")
        .arity(Arity::Exactly(2))
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .run(Exec::Library(kill)),
    sub("LOAD", "Makes a script known without running it.")
        .complexity("O(N) with N being the length in bytes of the script body.")
        .arity(Arity::Exactly(3))
        .flags(KNOWS)
        .args(&[Arg::string("script")])
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .run(Exec::Library(load)),
    sub("SHOW", "Answers the text of a script that is known.")
        .since("8.0.0")
        .arity(Arity::Exactly(3))
        .flags(KNOWS)
        .args(&[Arg::string("sha1")])
        .run(Exec::Library(show)),
];

fn debug(_: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    if args.len() > 4 {
        return Err(Error::Arity("script|debug".to_owned()));
    }
    if let Some(engine) = args.get(3).filter(|engine| !engine.eq_ignore_ascii_case(b"lua")) {
        return Err(Error::quoting(
            "ERR No scripting engine found with name '",
            engine,
            "' to enable debug",
        ));
    }
    if args.is(2, "NO") {
        reply.ok();
        Ok(())
    } else if args.is(2, "YES") || args.is(2, "SYNC") {
        Err(Error::Text("ERR this server has no script debugger"))
    } else {
        Err(Error::Text("ERR Use SCRIPT DEBUG YES/SYNC/NO"))
    }
}

fn exists(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    reply.array(args.len() - 2);
    for digest in args.from(2) {
        reply.int(i64::from(scripts.script(digest).is_some()));
    }
    Ok(())
}

fn flush(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    if args.len() > 3 || args.len() == 3 && !args.is(2, "ASYNC") && !args.is(2, "SYNC") {
        return Err(Error::Text("ERR SCRIPT FLUSH only support SYNC|ASYNC option"));
    }
    scripts.flush_scripts();
    reply.ok();
    Ok(())
}

fn help(_: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    syntax::write_help("SCRIPT", SUBCOMMANDS, reply);
    Ok(())
}

fn kill(scripts: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    scripts.kill(false)?;
    reply.ok();
    Ok(())
}

fn load(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    reply.bulk(&scripts.load_script(args.at(2))?);
    Ok(())
}

fn show(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    let text = scripts
        .script(args.at(2))
        .ok_or(Error::Text("NOSCRIPT No matching script."))?;
    reply.bulk(&text);
    Ok(())
}
