//! The hot path: requests out of a connection's input, each to where its keys are.

use super::connection::{Connection, Flow};
use super::node::Node;
use crate::base::id::{ConnId, ShardId};
use crate::command::session::{Queued, SessionContext};
use crate::command::{Args, Command, Control, Error, Exec, Flags};
use crate::protocol::request::{Limits, Parsed, Span};
use crate::protocol::scout::scout;
use crate::shard::Outcome;
use crate::shard::message::Message;

/// Whether a request was dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It ran, was sent, queued, or refused; so many bytes of the requests that follow it were dealt with too.
    Done(usize),
    /// It must wait for what its connection is waiting for.
    NotYet,
}

/// Where a command's keys are.
pub(super) enum Target {
    /// All on one shard (or it has none, then on this one).
    One(ShardId),
    /// On several.
    Many,
    /// On all, as a whole.
    Whole,
}

/// Unsent replies above which a connection's requests wait, in bytes.
pub(super) const UNSENT_BYTES_MAX: usize = 1 << 20;
/// The weight of a blocking command when choosing the shard that a connection should live on.
const BLOCKING_WEIGHT: u16 = 16;
/// What the primary has run is not cut down.
const PRIMARY_LIMITS: Limits = Limits {
    bulk_len_max: usize::MAX,
    query_buffer_max: usize::MAX,
    authenticated: true,
};

impl Node {
    /// Processes what is in the connection's own buffer.
    pub(super) fn process_input(&mut self, id: ConnId, conn: &mut Connection) {
        if conn.input_bytes() > 0 {
            let (input, start) = conn.take_input();
            let used = self.process(id, conn, &input[start..]);
            conn.put_input(input, start + used);
        }
    }

    /// Processes requests at the front of `data` as far as possible; answers how many bytes they take.
    pub(super) fn process(&mut self, id: ConnId, conn: &mut Connection, data: &[u8]) -> usize {
        if conn.reply.capacity() == 0 {
            conn.reply.replace(self.spare_buffers.take());
        }
        let mut between_requests = conn.parser.is_none();
        let mut parser = match conn.parser.take() {
            Some(parser) => parser,
            None => self.spare_parsers.pop().unwrap_or_default(),
        };
        let mut at = 0;
        let mut scouted = std::mem::take(&mut conn.scouted_bytes);
        // After a script that has run for long, what came meanwhile comes first.
        while at < data.len() && may_start(conn) && !self.interim.is_over() {
            let rest = &data[at..];
            let consumed = match conn.parsed.take() {
                Some(consumed) => consumed,
                None => match parser.parse(rest, &self.limits(conn)) {
                    Parsed::Request { consumed } => consumed,
                    Parsed::Empty { consumed } => {
                        at += consumed;
                        between_requests = true;
                        continue;
                    }
                    Parsed::Incomplete => {
                        between_requests = false;
                        break;
                    }
                    Parsed::Invalid(error) if matches!(conn.flow, Flow::Ready) => {
                        error.write(&mut conn.reply);
                        conn.session.closing = true;
                        at = data.len();
                        *parser = Default::default();
                        between_requests = true;
                        break;
                    }
                    // The error's reply must follow those in flight.
                    Parsed::Invalid(_) => {
                        *parser = Default::default();
                        between_requests = true;
                        break;
                    }
                },
            };
            let (bytes, spans) = parser.words(rest);
            match self.dispatch(id, conn, Args::new(bytes, spans), &rest[consumed..]) {
                Verdict::Done(following) => {
                    at += consumed + following;
                    between_requests = true;
                }
                Verdict::NotYet => {
                    conn.parsed = Some(consumed);
                    between_requests = false;
                    break;
                }
            }
            if at >= scouted && at < data.len() && !conn.expects_group() {
                scouted = at + self.look_ahead(conn, &data[at..]);
            }
        }
        conn.scouted_bytes = scouted.saturating_sub(at);
        if matches!(conn.flow, Flow::Ready) {
            self.end_hold_for_input(conn);
        }
        // Others' requests are read with it only then.
        if between_requests {
            self.spare_parsers.push(parser);
        } else {
            conn.parser = Some(parser);
        }
        at
    }

    /// Fetches what the requests at the front of `data` will touch into the cache; answers how many bytes of requests it has looked at.
    fn look_ahead(&self, conn: &Connection, data: &[u8]) -> usize {
        let scouted = scout(data);
        let word = |span: Span| &data[span.start as usize..span.start as usize + span.len as usize];
        self.shard.prefetch(conn.session.db, scouted.words().map(word));
        scouted.bytes.max(1)
    }

    pub(super) fn limits(&self, conn: &Connection) -> Limits {
        if conn.session.from_primary {
            return PRIMARY_LIMITS;
        }
        let config = &self.shard.config;
        Limits {
            bulk_len_max: config.proto_max_bulk_len,
            query_buffer_max: config.client_query_buffer_limit,
            authenticated: conn.session.authenticated,
        }
    }

    #[inline]
    fn dispatch(&mut self, id: ConnId, conn: &mut Connection, args: Args<'_>, following: &[u8]) -> Verdict {
        let admitted = self.admit(conn, args);
        if conn.session.tracking.is_none() {
            return self.dispatch_admitted(id, conn, admitted, args, following);
        }
        let keeps_caching = match &admitted {
            Ok(command) => command.keeps_caching,
            Err(error) => {
                matches!(error, Error::Arity(_))
                    && crate::catalog::find(args.at(0)).is_some_and(|command| command.keeps_caching)
            }
        };
        let verdict = self.dispatch_admitted(id, conn, admitted, args, following);
        if verdict != Verdict::NotYet && !keeps_caching && conn.session.multi.is_none() {
            conn.end_caching();
        }
        verdict
    }

    #[inline]
    fn dispatch_admitted(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        admitted: Result<&'static Command, Error>,
        args: Args<'_>,
        following: &[u8],
    ) -> Verdict {
        if conn.session.from_primary && !self.shared.registry.slow.is_empty() {
            // What the primary has run is not refused, but waits for the script's end.
            if matches!(conn.flow, Flow::Ready) {
                conn.flow = Flow::Paused;
            }
            return Verdict::NotYet;
        }
        if self.stand_in.is_some()
            && let Ok(command) = admitted
            && let Some(verdict) = self.restrict(conn, command, args)
        {
            return verdict;
        }
        if let Flow::Flight { shard, .. } = conn.flow {
            // What follows replies in flight must be for the same shard, and its reply must come from there too.
            let joins = matches!(admitted, Ok(command) if conn.session.multi.is_none()
                && !self.is_held_back(conn, command)
                && !(self.shard.is_over_limit() && takes_memory(conn, command))
                && matches!(self.target(command, args), Target::One(target) if target == shard));
            let (true, Ok(command)) = (joins, admitted) else {
                return Verdict::NotYet;
            };
            if !matches!(command.exec, Exec::Keys(_) | Exec::Shard { .. }) {
                return Verdict::NotYet;
            }
            self.begin(conn, command, args);
            self.forward(id, conn, shard, command, args);
            return Verdict::Done(0);
        }
        let command = match admitted {
            Ok(command) => command,
            Err(error) => {
                self.refuse(conn, args, &error);
                return Verdict::Done(0);
            }
        };
        if self.is_held_back(conn, command) {
            conn.flow = Flow::Paused;
            return Verdict::NotYet;
        }
        if self.messages_to_self > 0 && matches!(command.exec, Exec::Control(Control::Unsubscribe(_))) {
            // What was published before reaches the client before.
            self.resumable.push_back(id);
            return Verdict::NotYet;
        }
        if !self.shared.registry.slow.is_empty()
            && let Some(error) = self.check_busy(conn, command, args)
        {
            self.refuse(conn, args, &error);
            return Verdict::Done(0);
        }
        self.shard.memory.is_full = false;
        if self.shard.is_over_limit() {
            self.evict_before_command();
            if self.shard.memory.is_full && takes_memory(conn, command) && !conn.session.from_primary {
                self.refuse(conn, args, &Error::OutOfMemory);
                return Verdict::Done(0);
            }
        }
        let mark = conn.reply.len();
        let mut dealt_with = 0;
        if conn.session.multi.is_some() && !runs_in_multi(command) {
            self.note(conn, command);
            self.queue(conn, command, args);
        } else {
            self.begin(conn, command, args);
            dealt_with = self.start(id, conn, command, args, following);
            if matches!(command.exec, Exec::Session(_)) {
                // Shown as it left the connection: SELECT with the database that it selected.
                self.show(conn, command, args);
            }
        }
        if matches!(conn.flow, Flow::Ready) {
            conn.finish_reply(mark);
        }
        Verdict::Done(dealt_with)
    }

    /// The error for a command that needs a shard which a script occupies.
    #[cold]
    fn check_busy(&self, conn: &Connection, command: &Command, args: Args<'_>) -> Option<Error> {
        let concerns = |shard| match (command.exec, &conn.session.multi) {
            // What has been refused already is refused for the same reason.
            (Exec::Control(Control::Exec), Some(multi)) => {
                let concerns = |queued: &Queued| self.concerns(queued.command, queued.args.as_args(), shard);
                multi.refused || multi.queue.iter().any(concerns)
            }
            (Exec::Control(Control::Exec), None) => true,
            _ => self.concerns(command, args, shard),
        };
        self.shared.registry.slow.refusal(concerns)
    }

    /// Whether a command needs a shard to itself, or a key of it.
    fn concerns(&self, command: &Command, args: Args<'_>, shard: ShardId) -> bool {
        if command.flags.has(Flags::ALLOW_BUSY) || matches!(command.exec, Exec::Session(_) | Exec::Library(_)) {
            return false;
        }
        let target = match command.exec {
            Exec::Everywhere { .. } => Target::Whole,
            _ => self.target(command, args),
        };
        match target {
            Target::One(target) => target == shard,
            Target::Many => crate::shard::keys_of(command, args)
                .iter()
                .any(|key| self.router.shard(key) == shard),
            Target::Whole => true,
        }
    }

    #[inline]
    fn note(&mut self, conn: &mut Connection, command: &'static Command) {
        conn.session.commands_total += 1;
        conn.session.last_command = Some(command);
        self.counters.commands += 1;
    }

    #[inline]
    pub(super) fn begin(&mut self, conn: &mut Connection, command: &'static Command, args: Args<'_>) {
        self.note(conn, command);
        // EXEC is shown behind what it runs.
        if !matches!(command.exec, Exec::Session(_) | Exec::Control(Control::Exec)) {
            self.show(conn, command, args);
        }
    }

    /// Shows a command that runs to who monitors, unless it is too dangerous for that, or shows itself.
    #[inline]
    pub(super) fn show(&mut self, conn: &Connection, command: &'static Command, args: Args<'_>) {
        // Scripts are flagged so since Valkey shows them itself, ahead of what they call.
        let skipped = command.flags.has(Flags::SKIP_MONITOR) && !command.runs_scripts();
        let hidden = skipped || command.flags.has(Flags::ADMIN);
        if !self.shard.subscriptions.is_unmonitored() && !hidden {
            self.monitor(conn, command, args);
        }
    }

    /// Starts a command on a connection that waits for nothing; answers how many bytes of the requests that follow it were dealt with too.
    #[inline]
    fn start(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
        following: &[u8],
    ) -> usize {
        match command.exec {
            Exec::Keys(_)
            | Exec::Roaming { .. }
            | Exec::Shard { .. }
            | Exec::Whole { .. }
            | Exec::Script(_)
            | Exec::Library(_) => return self.start_keyed(id, conn, command, args, following),
            Exec::Blocking { timeout, .. } => match timeout(args) {
                Ok(timeout_s) => {
                    conn.deadline_us = deadline_us(self.shard.now.mono_us, timeout_s);
                    return self.start_keyed(id, conn, command, args, &[]);
                }
                Err(error) => conn.reply.error_bytes(&error.line()),
            },
            Exec::Session(run) => {
                let mark = conn.reply.len();
                let ran = run(&mut self.session_context(conn), args);
                crate::shard::execute::report(ran, mark, &mut conn.reply);
                conn.reply.set_resp(conn.session.resp);
            }
            Exec::Everywhere { .. } => self.start_everywhere(id, conn, command, args),
            Exec::Control(control) => self.control(id, conn, control, args),
            Exec::Container => unreachable!("admission answers a container's subcommand"),
        }
        0
    }

    pub(super) fn session_context<'c>(&'c self, conn: &'c mut Connection) -> SessionContext<'c> {
        SessionContext {
            session: &mut conn.session,
            reply: &mut conn.reply,
            config: &self.shard.config,
            now: self.shard.now,
            shards: self.shard.shards,
        }
    }

    #[inline]
    fn start_keyed(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        command: &'static Command,
        args: Args<'_>,
        following: &[u8],
    ) -> usize {
        if !self.roamers.is_empty()
            && matches!(command.exec, Exec::Script(_))
            && let Some(beside) = self.roamers.forecast(args)
        {
            self.start_beside(id, conn, command, args, beside);
            return 0;
        }
        match self.target(command, args) {
            Target::One(shard) if shard == self.shard.id => self.run_here(id, conn, command, args),
            Target::One(shard) => {
                if !following.is_empty()
                    && let Some(dealt_with) = self.start_group(id, conn, shard, (command, args), following)
                {
                    return dealt_with;
                }
                self.forward(id, conn, shard, command, args);
            }
            Target::Many => {
                if !following.is_empty()
                    && let Some(dealt_with) = self.start_series(id, conn, (command, args), following)
                {
                    return dealt_with;
                }
                self.start_transaction(id, conn, command, args);
            }
            Target::Whole => self.start_transaction(id, conn, command, args),
        }
        0
    }

    #[inline]
    fn run_here(&mut self, id: ConnId, conn: &mut Connection, command: &'static Command, args: Args<'_>) {
        let asker = conn.asker(self.shard.id, id);
        match self
            .shard
            .run_here(&asker, command, args, &mut conn.reply, &mut self.out)
        {
            Outcome::Done => {}
            Outcome::Waiting(claim) => self.block_at(id, conn, claim, vec![self.shard.id]),
            Outcome::Parked => conn.flow = Flow::one_at(self.shard.id, true),
            // What follows does not wait for the disk one by one.
            Outcome::Held => conn.flow = Flow::one_at(self.shard.id, conn.session.reply_mode != Default::default()),
            Outcome::Lacks(needs) => {
                conn.deadline_us = None;
                self.start_roaming(id, conn, command, args, *needs);
            }
        }
        self.note_use(conn, self.shard.id, command);
        self.tell_listeners(Some((id, conn)));
    }

    pub(super) fn forward(
        &mut self,
        id: ConnId,
        conn: &mut Connection,
        shard: ShardId,
        command: &'static Command,
        args: Args<'_>,
    ) {
        let asker = conn.asker(self.shard.id, id);
        let lane = self.out.requests(shard);
        let words = lane.words(args);
        lane.messages.push(Message::Run { asker, command, words });
        // Nothing may follow what may wait, or what may have to begin again elsewhere.
        let blocks = matches!(
            command.exec,
            Exec::Blocking { .. } | Exec::Roaming { .. } | Exec::Script(_)
        );
        let before = if let Flow::Flight { outstanding, .. } = conn.flow {
            outstanding
        } else {
            0
        };
        let outstanding = before + 1;
        let sealed = blocks || outstanding >= conn.in_flight_max() || conn.session.reply_mode != Default::default();
        conn.flow = Flow::Flight {
            shard,
            outstanding,
            sealed,
        };
        self.counters.forwarded += 1;
        self.note_use(conn, shard, command);
    }

    #[inline]
    pub(super) fn note_use(&mut self, conn: &mut Connection, shard: ShardId, command: &Command) {
        if self.shard.shards == 1 || !command.has_keys() {
            return;
        }
        let weight = if matches!(command.exec, Exec::Blocking { .. }) {
            BLOCKING_WEIGHT
        } else {
            1
        };
        if let Some(winner) = conn.favourite.note(shard, weight) {
            conn.moves_to = (winner != self.shard.id && self.shard.config.move_connections).then_some(winner);
        }
    }

    /// Where the keys of a request are.
    #[inline]
    pub(super) fn target(&self, command: &Command, args: Args<'_>) -> Target {
        let own = Target::One(self.shard.id);
        if self.shard.shards == 1 {
            return own;
        }
        match command.exec {
            Exec::Shard { shard, .. } => {
                let owner = |key: &[u8]| self.router.shard(key).0;
                shard(args, self.shard.shards, &owner).map_or(own, |shard| Target::One(ShardId(shard)))
            }
            Exec::Whole { .. } => Target::Whole,
            _ if !command.has_keys() => own,
            _ => match command.single_key() {
                Some(at) => args
                    .get(usize::from(at))
                    .map_or(own, |key| Target::One(self.router.shard(key))),
                None => self.target_of_many(command, args),
            },
        }
    }

    fn target_of_many(&self, command: &Command, args: Args<'_>) -> Target {
        // Words that do not fit the specification make the command answer an error, wherever it runs.
        let positions = command.key_positions(args);
        let mut before = self.router.before();
        let mut shards = positions
            .iter()
            .map(|&at| self.router.shard_after(args.at(at), &mut before));
        match shards.next() {
            None => Target::One(self.shard.id),
            Some(first) if shards.all(|shard| shard == first) => Target::One(first),
            Some(_) => Target::Many,
        }
    }

    /// Begins the move that the connection's use has earned, once it waits for nothing and nothing ties it to this shard.
    pub(super) fn start_moving(&mut self, id: ConnId, conn: &mut Connection) {
        let Some(to) = conn.moves_to.filter(|_| matches!(conn.flow, Flow::Ready)) else {
            return;
        };
        let session = &conn.session;
        let tied = session.multi.is_some()
            || !session.watched.is_empty()
            || session.is_subscriber()
            || session.monitor
            || session.has_tracked
            || session.has_subscribed
            || session.closing;
        conn.moves_to = None;
        if !tied && self.shared.directory.begin_move(session.client) {
            conn.flow = Flow::Moving;
            self.events.push_back(super::node::Event::Move(id, to));
        }
    }
}

/// Whether the connection's next request may be looked at.
#[inline]
fn may_start(conn: &Connection) -> bool {
    let flowing = match conn.flow {
        Flow::Ready => true,
        Flow::Flight { sealed, .. } => !sealed,
        _ => false,
    };
    flowing && !conn.session.closing && !conn.has_much_unsent()
}

/// Whether a command, or one that EXEC is to run, may need more memory.
#[cold]
fn takes_memory(conn: &Connection, command: &Command) -> bool {
    let queue = match (&conn.session.multi, command.exec) {
        (Some(multi), Exec::Control(Control::Exec)) => &*multi.queue,
        _ => &[],
    };
    let mut all = std::iter::once(command).chain(queue.iter().map(|queued| queued.command));
    all.any(|command| command.flags.has(Flags::DENYOOM))
}

/// The commands that MULTI does not queue.
fn runs_in_multi(command: &Command) -> bool {
    use crate::command::Control;
    matches!(
        command.exec,
        Exec::Control(
            Control::Exec | Control::Discard | Control::Multi | Control::Watch | Control::Quit | Control::Reset
        )
    )
}

/// When a wait of `timeout_s` seconds that starts at `now_us` ends; `None`: never.
fn deadline_us(now_us: u64, timeout_s: f64) -> Option<u64> {
    (timeout_s > 0.0).then(|| now_us.saturating_add((timeout_s * 1e6).ceil() as u64))
}
