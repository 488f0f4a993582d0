//! FUNCTION: the libraries of functions that the process knows.

use std::sync::Arc;

use crate::base::glob;
use crate::command::script_library::{FunctionLibrary, Restore};
use crate::command::{Acl, Arg, Args, Arity, Command, Error, Exec, Flags, Group, Ran, ScriptLibrary, syntax};
use crate::format;
use crate::format::functions::{self, LibraryError};
use crate::protocol::reply::Reply;

const fn sub(name: &'static str, summary: &'static str) -> Command {
    Command::new(name, summary, Group::Scripting)
        .inside("FUNCTION")
        .since("7.0.0")
        .acl(Acl::SCRIPTING)
}

/// FUNCTION.
pub const COMMANDS: &[Command] = &[Command::new("FUNCTION", "Commands on functions.", Group::Scripting)
    .since("7.0.0")
    .complexity("Depends on subcommand.")
    .arity(Arity::AtLeast(2))
    .subcommands(SUBCOMMANDS)];

const CHANGES: Flags = Flags::NOSCRIPT.or(Flags::WRITE);
const ALL_SUCCEEDED: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const SUBCOMMANDS: &[Command] = &[
    sub("DELETE", "Deletes a library and its functions.")
        .complexity("O(1)")
        .arity(Arity::Exactly(3))
        .flags(CHANGES)
        .args(&[Arg::string("library-name")])
        .tips(ALL_SUCCEEDED)
        .run(Exec::Library(delete)),
    sub("DUMP", "Answers all libraries as a payload.")
        .complexity("O(N) where N is the number of functions")
        .arity(Arity::Exactly(2))
        .flags(Flags::NOSCRIPT)
        .run(Exec::Library(dump)),
    sub("FLUSH", "Deletes all libraries and functions.")
        .complexity("O(N) where N is the number of functions deleted")
        .arity(Arity::AtLeast(2))
        .flags(CHANGES)
        .args(&[Arg::one_of("flush-type", &[Arg::word("async", "ASYNC"), Arg::word("sync", "SYNC")]).optional()])
        .tips(ALL_SUCCEEDED)
        .run(Exec::Library(flush)),
    sub("HELP", "Tells what FUNCTION can do.")
        .arity(Arity::Exactly(2))
        .flags(Flags::LOADING.or(Flags::STALE))
        .run(Exec::Library(help)),
    sub("KILL", "Ends a function that has run for long and has written nothing.")
        .arity(Arity::Exactly(2))
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .run(Exec::Library(kill)),
    sub("LIST", "Tells all libraries and their functions.")
        .complexity("O(N) where N is the number of functions")
        .arity(Arity::AtLeast(2))
        .flags(Flags::NOSCRIPT)
        .args(&[
            Arg::string("library-name-pattern").token("LIBRARYNAME").optional(),
            Arg::word("withcode", "WITHCODE").optional(),
        ])
        .tips(&["nondeterministic_output_order"])
        .run(Exec::Library(list)),
    sub("LOAD", "Makes a library of functions known.")
        .complexity("O(1) (considering compilation time is redundant)")
        .arity(Arity::AtLeast(3))
        .flags(CHANGES.or(Flags::DENYOOM))
        .args(&[Arg::word("replace", "REPLACE").optional(), Arg::string("function-code")])
        .tips(ALL_SUCCEEDED)
        .run(Exec::Library(load)),
    sub("RESTORE", "Makes the libraries of a payload known.")
        .complexity("O(N) where N is the number of functions on the payload")
        .arity(Arity::AtLeast(3))
        .flags(CHANGES.or(Flags::DENYOOM))
        .args(&[
            Arg::string("serialized-value"),
            Arg::one_of(
                "policy",
                &[
                    Arg::word("flush", "FLUSH"),
                    Arg::word("append", "APPEND"),
                    Arg::word("replace", "REPLACE"),
                ],
            )
            .optional(),
        ])
        .tips(ALL_SUCCEEDED)
        .run(Exec::Library(restore)),
    sub("STATS", "Tells which function runs, and how many there are.")
        .arity(Arity::Exactly(2))
        .flags(Flags::NOSCRIPT.or(Flags::ALLOW_BUSY))
        .tips(&[
            "nondeterministic_output",
            "request_policy:all_shards",
            "response_policy:special",
        ])
        .run(Exec::Library(stats)),
];

fn delete(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    scripts.delete_library(args.at(2))?;
    reply.ok();
    Ok(())
}

fn flush(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    if args.len() > 3 {
        return Err(too_many(args));
    }
    if args.len() == 3 && !args.is(2, "ASYNC") && !args.is(2, "SYNC") {
        return Err(Error::Text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    scripts.flush_libraries();
    reply.ok();
    Ok(())
}

fn help(_: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    syntax::write_help("FUNCTION", SUBCOMMANDS, reply);
    Ok(())
}

fn kill(scripts: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    scripts.kill(true)?;
    reply.ok();
    Ok(())
}

fn list(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    let (mut pattern, mut with_code) = (None, false);
    let mut at = 2;
    while at < args.len() {
        if !with_code && args.is(at, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && args.is(at, "LIBRARYNAME") {
            at += 1;
            let given = args.get(at);
            pattern = Some(given.ok_or(Error::Text("ERR library name argument was not given"))?);
        } else {
            return Err(Error::quoting("ERR Unknown argument ", args.at(at), ""));
        }
        at += 1;
    }
    let mut libraries = scripts.libraries();
    libraries.retain(|library| pattern.is_none_or(|pattern| glob::matches(pattern, library.name.as_bytes())));
    reply.array(libraries.len());
    libraries
        .iter()
        .for_each(|library| write_library(library, with_code, reply));
    Ok(())
}

fn write_library(library: &Arc<FunctionLibrary>, with_code: bool, reply: &mut Reply) {
    reply.map(3 + usize::from(with_code));
    reply.bulk(b"library_name");
    reply.bulk(library.name.as_bytes());
    reply.bulk(b"engine");
    reply.bulk(b"LUA");
    reply.bulk(b"functions");
    reply.array(library.functions.len());
    for function in &library.functions {
        reply.map(3);
        reply.bulk(b"name");
        reply.bulk(function.name.as_bytes());
        reply.bulk(b"description");
        match &function.description {
            Some(description) => reply.bulk(description.as_bytes()),
            None => reply.null(),
        }
        reply.bulk(b"flags");
        reply.set(function.flags.len());
        function.flags.iter().for_each(|flag| reply.simple(flag));
    }
    if with_code {
        reply.bulk(b"library_code");
        reply.bulk(&library.code);
    }
}

fn load(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    let options = 2..args.len() - 1;
    if let Some(at) = options.clone().find(|&at| !args.is(at, "REPLACE")) {
        return Err(Error::quoting("ERR Unknown option given: ", args.at(at), ""));
    }
    let name = scripts.load_library(args.at(args.len() - 1), !options.is_empty())?;
    reply.bulk(name.as_bytes());
    Ok(())
}

fn dump(scripts: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    let mut payload = Vec::new();
    for library in scripts.libraries() {
        functions::write(&library.code, &mut payload);
    }
    format::dump::seal(&mut payload);
    reply.bulk(&payload);
    Ok(())
}

fn too_many(args: Args<'_>) -> Error {
    Error::quoting(
        "ERR unknown subcommand or wrong number of arguments for '",
        args.at(1),
        "'. Try FUNCTION HELP.",
    )
}

fn restore(scripts: &mut dyn ScriptLibrary, args: Args<'_>, reply: &mut Reply) -> Ran {
    if args.len() > 4 {
        return Err(too_many(args));
    }
    let how = match args.get(3) {
        None => Restore::Append,
        Some(_) if args.is(3, "APPEND") => Restore::Append,
        Some(_) if args.is(3, "REPLACE") => Restore::Replace,
        Some(_) if args.is(3, "FLUSH") => Restore::Flush,
        Some(_) => {
            return Err(Error::Text(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
    };
    let libraries =
        format::dump::open(args.at(2)).map_err(|_| Error::Text("ERR DUMP payload version or checksum are wrong"))?;
    let mut codes = functions::read(libraries).map(|code| code.map_err(no_library));
    scripts.restore_libraries(&mut codes, how)?;
    reply.ok();
    Ok(())
}

fn no_library(error: LibraryError) -> Error {
    Error::Text(match error {
        LibraryError::Other => "ERR given type is not a function",
        LibraryError::Early => "ERR Pre-GA function format not supported",
        LibraryError::Damaged => "ERR Failed loading library payload",
    })
}

fn stats(scripts: &mut dyn ScriptLibrary, _: Args<'_>, reply: &mut Reply) -> Ran {
    let running = scripts.running()?;
    reply.map(2);
    reply.bulk(b"running_script");
    match running {
        None => reply.null(),
        Some(running) => {
            reply.map(3);
            reply.bulk(b"name");
            reply.bulk(&running.function);
            reply.bulk(b"command");
            reply.array(running.command.len());
            running.command.iter().for_each(|word| reply.bulk(word));
            reply.bulk(b"duration_ms");
            reply.int(running.duration_ms as i64);
        }
    }
    let libraries = scripts.libraries();
    let functions = libraries.iter().map(|library| library.functions.len()).sum();
    reply.bulk(b"engines");
    reply.map(1);
    reply.bulk(b"LUA");
    reply.map(2);
    reply.bulk(b"libraries_count");
    reply.count(libraries.len());
    reply.bulk(b"functions_count");
    reply.count(functions);
    Ok(())
}
