//! EVAL, EVALSHA, FCALL and their forms that only read.

use crate::command::exec::Program;
use crate::command::{Acl, Arg, Arity, Command, Exec, Flags, Group, Key, KeyFlags};

const RUNS: Flags = Flags::NOSCRIPT
    .or(Flags::SKIP_MONITOR)
    .or(Flags::NO_MANDATORY_KEYS)
    .or(Flags::STALE);

const KEYS: [Key; 2] = [
    Key::at(2)
        .counted(0, 1, 1)
        .flags(KeyFlags::RW | KeyFlags::ACCESS | KeyFlags::UPDATE),
    Key::at(2).counted(0, 1, 1).flags(KeyFlags::RO | KeyFlags::ACCESS),
];
const WRITES: &[Key] = &[KEYS[0]];
const READS: &[Key] = &[KEYS[1]];
const WRITES_NOTED: &[Key] =
    &[KEYS[0].notes("We cannot tell how the keys will be used so we assume the worst, RW and UPDATE")];
const READS_NOTED: &[Key] =
    &[KEYS[1].notes("We cannot tell how the keys will be used so we assume the worst, RO and ACCESS")];

const fn arguments(program: &'static str) -> [Arg; 4] {
    [
        Arg::string(program),
        Arg::integer("numkeys"),
        Arg::key("key", 0).optional().multiple(),
        Arg::string("arg").optional().multiple(),
    ]
}
const SCRIPT: &[Arg] = &arguments("script");
const DIGEST: &[Arg] = &arguments("sha1");
const FUNCTION: &[Arg] = &arguments("function");

const fn runs(name: &'static str, summary: &'static str, since: &'static str, program: Program) -> Command {
    Command::new(name, summary, Group::Scripting)
        .since(since)
        .complexity("Depends on the script that is executed.")
        .arity(Arity::AtLeast(3))
        .flags(RUNS)
        .acl(Acl::SCRIPTING)
        .run(Exec::Script(program))
}

pub const COMMANDS: &[Command] = &[
    runs("EVAL", "Runs a script.", "2.6.0", Program::Text)
        .keys(WRITES_NOTED)
        .args(SCRIPT),
    runs(
        "EVALSHA",
        "Runs a script that is known by its digest.",
        "2.6.0",
        Program::Digest,
    )
    .keys(WRITES)
    .args(DIGEST),
    runs("EVAL_RO", "Runs a script that only reads.", "7.0.0", Program::Text)
        .flags(RUNS.or(Flags::READONLY))
        .keys(READS_NOTED)
        .args(SCRIPT),
    runs(
        "EVALSHA_RO",
        "Runs a script that only reads and is known by its digest.",
        "7.0.0",
        Program::Digest,
    )
    .flags(RUNS.or(Flags::READONLY))
    .keys(READS)
    .args(DIGEST),
    runs("FCALL", "Calls a function.", "7.0.0", Program::Function)
        .complexity("Depends on the function that is executed.")
        .keys(WRITES_NOTED)
        .args(FUNCTION),
    runs(
        "FCALL_RO",
        "Calls a function that only reads.",
        "7.0.0",
        Program::Function,
    )
    .complexity("Depends on the function that is executed.")
    .flags(RUNS.or(Flags::READONLY))
    .keys(READS_NOTED)
    .args(FUNCTION),
];
