//! Every error text a client can read, in one closed enum.

use std::fmt;

/// An error reply; [`fmt::Display`] gives the line without its leading `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The key holds another type than the command works on.
    WrongType,
    /// The options do not parse.
    Syntax,
    /// An argument is not a 64-bit integer.
    NotInteger,
    /// An argument is not a double.
    NotFloat,
    /// A count must be positive.
    NotPositive,
    /// A value must be positive (`must be positive` wording of counts given as options).
    OutOfRangePositive,
    /// A list index outside the list.
    IndexOutOfRange,
    /// The key does not exist, where it must.
    NoSuchKey,
    /// An increment would leave the 64-bit range.
    Overflow,
    /// A decrement by the least integer.
    DecrementOverflow,
    /// A float result is NaN or infinite.
    FloatResult,
    /// A timeout is not a number.
    TimeoutNotFloat,
    /// A timeout is below zero.
    TimeoutNegative,
    /// A timeout is beyond what can be waited.
    TimeoutOutOfRange,
    /// An expiry that is zero, negative or beyond the range, with the command's lower-case name.
    InvalidExpire(&'static str),
    /// No such database index.
    DbOutOfRange,
    /// A string would become longer than `proto-max-bulk-len`.
    StringTooLong,
    /// An offset below zero or beyond the limit.
    OffsetOutOfRange,
    /// A cursor that is not a number.
    InvalidCursor,
    /// Source and destination are the same object.
    SameObject,
    /// A request with too few or too many words, with the command's full lower-case name.
    Arity(String),
    /// No such command; the words that follow are quoted back.
    UnknownCommand { name: Vec<u8>, arguments: Vec<u8> },
    /// No such subcommand of a container.
    UnknownSubcommand { name: Vec<u8>, container: &'static str },
    /// The connection has not authenticated.
    NoAuth,
    /// Wrong user name or password.
    WrongPass,
    /// AUTH without a password where none is set.
    AuthNotConfigured,
    /// Not allowed while the connection has RESP2 subscriptions; the command's lower-case name.
    SubscribedOnly(String),
    /// EXEC without MULTI.
    ExecWithoutMulti,
    /// DISCARD without MULTI.
    DiscardWithoutMulti,
    /// A command that may not be queued, with its full lower-case name.
    NotAllowedInMulti(String),
    /// EXEC after a command was refused while queueing.
    ExecAbort,
    /// The memory limit is reached and nothing can be evicted.
    OutOfMemory,
    /// A write on a replica that refuses its clients' writes.
    ReadOnlyReplica,
    /// A replica without link to its primary that must not answer from what it has.
    PrimaryDown,
    /// The data of a primary is on its way.
    Loading,
    /// A text that one command alone can answer, with its code (`ERR ...`).
    Text(&'static str),
    /// As [`Error::Text`], composed at run time.
    Composed(String),
    /// As [`Error::Composed`], quoting bytes that a client sent.
    Quoted(Vec<u8>),
}

/// The part of a client's word that error texts quote: up to a zero byte.
pub fn quotable(word: &[u8]) -> &[u8] {
    word.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// How many bytes of an unknown name are quoted back.
const NAME_BYTES_MAX: usize = 128;

/// The beginning of a word as it is quoted back.
pub fn quoted(word: &[u8], bytes_max: usize) -> &[u8] {
    quotable(&word[..word.len().min(bytes_max)])
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.line()))
    }
}

impl Error {
    /// An error that quotes `word`; as in Valkey, whose texts are C strings, the quotation ends at a zero byte.
    pub fn quoting(before: &str, word: &[u8], after: &str) -> Error {
        Error::Quoted([before.as_bytes(), quotable(word), after.as_bytes()].concat())
    }

    /// An unknown subcommand.
    pub fn unknown_subcommand(name: &[u8], container: &'static str) -> Error {
        Error::UnknownSubcommand {
            name: quoted(name, NAME_BYTES_MAX).to_vec(),
            container,
        }
    }

    /// The line with which EXEC is refused for this reason.
    pub fn aborts_exec(&self) -> Vec<u8> {
        let line = self.line();
        let reason = line.strip_prefix(b"ERR ").unwrap_or(&line);
        [b"EXECABORT Transaction discarded because of: ", reason].concat()
    }

    /// The error line without its leading `-`, byte for byte.
    pub fn line(&self) -> std::borrow::Cow<'_, [u8]> {
        let text: &'static str = match self {
            Error::WrongType => "WRONGTYPE Operation against a key holding the wrong kind of value",
            Error::Syntax => "ERR syntax error",
            Error::NotInteger => "ERR value is not an integer or out of range",
            Error::NotFloat => "ERR value is not a valid float",
            Error::NotPositive => "ERR value is out of range, must be positive",
            Error::OutOfRangePositive => "ERR value must be positive",
            Error::IndexOutOfRange => "ERR index out of range",
            Error::NoSuchKey => "ERR no such key",
            Error::Overflow => "ERR increment or decrement would overflow",
            Error::DecrementOverflow => "ERR decrement would overflow",
            Error::FloatResult => "ERR increment would produce NaN or Infinity",
            Error::TimeoutNotFloat => "ERR timeout is not a float or out of range",
            Error::TimeoutNegative => "ERR timeout is negative",
            Error::TimeoutOutOfRange => "ERR timeout is out of range",
            Error::DbOutOfRange => "ERR DB index is out of range",
            Error::StringTooLong => "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
            Error::OffsetOutOfRange => "ERR offset is out of range",
            Error::InvalidCursor => "ERR invalid cursor",
            Error::SameObject => "ERR source and destination objects are the same",
            Error::NoAuth => "NOAUTH Authentication required.",
            Error::WrongPass => "WRONGPASS invalid username-password pair or user is disabled.",
            Error::AuthNotConfigured => {
                "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
            }
            Error::ExecWithoutMulti => "ERR EXEC without MULTI",
            Error::DiscardWithoutMulti => "ERR DISCARD without MULTI",
            Error::ExecAbort => "EXECABORT Transaction discarded because of previous errors.",
            Error::OutOfMemory => "OOM command not allowed when used memory > 'maxmemory'.",
            Error::ReadOnlyReplica => "READONLY You can't write against a read only replica.",
            Error::PrimaryDown => "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            Error::Loading => "LOADING Valkey is loading the dataset in memory",
            Error::Text(text) => text,
            composed => return composed.composed_line().into(),
        };
        text.as_bytes().into()
    }

    fn composed_line(&self) -> Vec<u8> {
        match self {
            Error::InvalidExpire(command) => format!("ERR invalid expire time in '{command}' command").into_bytes(),
            Error::Arity(name) => format!("ERR wrong number of arguments for '{name}' command").into_bytes(),
            Error::UnknownCommand { name, arguments } => {
                [b"ERR unknown command '", name.as_slice(), b"', with args beginning with: ", arguments].concat()
            }
            Error::UnknownSubcommand { name, container } => {
                [b"ERR unknown subcommand '", name.as_slice(), b"'. Try ", container.as_bytes(), b" HELP."].concat()
            }
            Error::NotAllowedInMulti(name) => {
                format!("ERR Command '{name}' not allowed inside a transaction").into_bytes()
            }
            Error::SubscribedOnly(name) => format!(
                "ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"
            )
            .into_bytes(),
            Error::Composed(text) => text.clone().into_bytes(),
            Error::Quoted(bytes) => bytes.clone(),
            fixed => fixed.line().into_owned(),
        }
    }
}
