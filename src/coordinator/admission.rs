//! Whether a request may run at all: known command, right number of words, authentication, subscriber mode.

use super::connection::Connection;
use super::node::Node;
use crate::catalog;
use crate::command::error::quoted;
use crate::command::{Args, Command, Control, Error, Exec, Flags, Guard};
use crate::config::Toggle;

/// How many bytes of an unknown command's arguments are quoted back.
const QUOTED_BYTES_MAX: usize = 128;

/// First words of lines of an HTTP request.
const HTTP_WORDS: [&[u8]; 2] = [b"post", b"host:"];

impl Node {
    /// The command that `args` asks for, if this connection may run it now.
    #[inline]
    pub(super) fn admit(&self, conn: &Connection, args: Args<'_>) -> Result<&'static Command, Error> {
        if !conn.session.authenticated {
            check_stranger(args)?;
        }
        let command = match find(args, catalog::find) {
            // A primary knows nothing of the names that commands have been given here.
            Err(Error::UnknownCommand { .. }) if conn.session.from_primary => find(args, catalog::find_declared)?,
            found => found?,
        };
        if self.shard.config.is_replica() != conn.session.from_primary {
            self.check_role(conn, command)?;
        }
        if let Some(guard) = &command.guard {
            self.check_guard(conn, guard)?;
        }
        if conn.session.multi.is_some() && command.flags.has(Flags::NO_MULTI) {
            return Err(Error::NotAllowedInMulti(command.full_name()));
        }
        if conn.session.is_subscriber() {
            check_subscriber(conn, command)?;
        }
        Ok(command)
    }

    #[cold]
    fn check_guard(&self, conn: &Connection, guard: &Guard) -> Result<(), Error> {
        match (guard.toggle)(&self.shard.config) {
            Toggle::Yes => Ok(()),
            Toggle::Local if conn.session.local => Ok(()),
            _ => Err(Error::Text(guard.refusal)),
        }
    }

    /// Answers a request that was not admitted, and notes it for a transaction that is being queued.
    #[cold]
    pub(super) fn refuse(&mut self, conn: &mut Connection, args: Args<'_>, error: &Error) {
        if matches!(error, Error::UnknownCommand { .. }) && is_http(args) {
            log::warn!(
                "Possible SECURITY ATTACK: a client sends the lines of an HTTP request, as a browser would; connection aborted"
            );
            conn.reply.truncate(0);
            conn.session.closing = true;
            return;
        }
        self.counters.errors += 1;
        let mark = conn.reply.len();
        if catalog::find(args.at(0)).is_some_and(|command| matches!(command.exec, Exec::Control(Control::Exec))) {
            // EXEC ends its transaction even when it is refused.
            conn.session.multi = None;
            self.unwatch(conn);
            conn.reply.error_bytes(&error.aborts_exec());
        } else {
            if let Some(multi) = &mut conn.session.multi {
                multi.refused = true;
            }
            conn.reply.error_bytes(&error.line());
        }
        conn.finish_reply(mark);
    }
}

/// Whether a request is a line of an HTTP request: somebody may have made a browser send commands.
fn is_http(args: Args<'_>) -> bool {
    HTTP_WORDS.iter().any(|word| args.at(0).eq_ignore_ascii_case(word))
}

/// Who has not authenticated learns nothing about commands, not even which there are.
#[cold]
fn check_stranger(args: Args<'_>) -> Result<(), Error> {
    match catalog::find(args.at(0)) {
        Some(command) if command.flags.has(Flags::NO_AUTH) => Ok(()),
        // Lines of HTTP are dealt with as such.
        None if is_http(args) => Ok(()),
        _ => Err(Error::NoAuth),
    }
}

/// Looks a command up and checks the number of words.
#[inline]
fn find(args: Args<'_>, look: impl Fn(&[u8]) -> Option<&'static Command>) -> Result<&'static Command, Error> {
    let Some(command) = look(args.at(0)) else {
        return Err(unknown(args));
    };
    if command.subcommands.is_empty() || args.len() == 1 && command.arity.allows(1) {
        return check_arity(command, args);
    }
    let Some(name) = args.get(1) else {
        return Err(Error::Arity(command.name.to_ascii_lowercase()));
    };
    let Some(sub) = catalog::find_sub(command, name) else {
        return Err(Error::unknown_subcommand(name, command.name));
    };
    check_arity(sub, args)
}

#[inline]
fn check_arity(command: &'static Command, args: Args<'_>) -> Result<&'static Command, Error> {
    if command.arity.allows(args.len()) {
        Ok(command)
    } else {
        Err(Error::Arity(command.full_name()))
    }
}

#[cold]
fn unknown(args: Args<'_>) -> Error {
    let mut arguments = Vec::new();
    for word in args.from(1) {
        if arguments.len() >= QUOTED_BYTES_MAX {
            break;
        }
        let room = QUOTED_BYTES_MAX - arguments.len();
        arguments.push(b'\'');
        arguments.extend_from_slice(quoted(word, room));
        arguments.extend_from_slice(b"' ");
    }
    let name = args.at(0);
    Error::UnknownCommand {
        name: quoted(name, QUOTED_BYTES_MAX).to_vec(),
        arguments,
    }
}

/// With RESP2 a subscriber may only do what concerns subscriptions; RESP3 tells pushes and replies apart.
fn check_subscriber(conn: &Connection, command: &'static Command) -> Result<(), Error> {
    if command.for_subscribers || !conn.session.subscribed_only() {
        return Ok(());
    }
    Err(Error::SubscribedOnly(command.full_name()))
}
