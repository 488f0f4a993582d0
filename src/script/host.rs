//! What a running script asks of the server.
//!
//! Owns the trait between the engine and those who embed it. It must not know how commands run.

use crate::protocol::reply::Reply;

/// Why a script is abandoned. No code of the script can catch it: neither `pcall`, `xpcall` nor a coroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The script has to run again from its start, for instance because a key is missing here; nothing is replied.
    Restart,
    /// The script was killed by a client; the engine replies with `KILLED`'s text.
    Killed,
}

/// Level of a line that a script logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `LOG_DEBUG`.
    Debug,
    /// `LOG_VERBOSE`.
    Verbose,
    /// `LOG_NOTICE`.
    Notice,
    /// `LOG_WARNING`.
    Warning,
}

/// What `acl_check_cmd` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AclCheck {
    /// The user may run the command on these keys.
    Allowed,
    /// The user may not.
    Denied,
    /// There is no such command.
    UnknownCommand,
}

/// The server, as a script sees it. One value serves one run of a script.
pub trait Host {
    /// Runs a command and appends its reply to `reply`, whose protocol is the one that the script has chosen (RESP2 unless it called
    /// `setresp(3)`). `argv` has at least one word; words are borrowed from the interpreter. An error reply becomes an error of the
    /// script (`call`) or an error table (`pcall`); its text needs its code (`ERR ...`).
    ///
    /// # Errors
    /// A reason to abandon the script; `reply` is ignored then.
    fn call(&mut self, argv: &[&[u8]], reply: &mut Reply) -> Result<(), Stop>;

    /// Asked every [`super::INTERRUPT_INTERVAL`] instructions: whether the script is to be abandoned.
    fn interrupted(&mut self) -> Option<Stop>;

    /// Writes to the server's log.
    fn log(&mut self, level: LogLevel, text: &[u8]);

    /// Whether the user who runs the script may run the command.
    fn acl_check(&mut self, argv: &[&[u8]]) -> AclCheck;

    /// The script asks where its following changes go: bit 0 the append-only file, bit 1 the replicas.
    fn set_replication(&mut self, targets: u8);
}
