//! A bench for tests of commands on sessions and on whole shards: clients of one pretended shard, no transport.
//!
//! Owns the stand-in for what the coordinator does around such commands. Knows no key.

use super::lookup;
use crate::base::id::{ClientId, ShardId};
use crate::base::time::Now;
use crate::command::local::Unblock;
use crate::command::primary::PrimaryLink;
use crate::command::session::SessionContext;
use crate::command::{Args, Exec, Local, Ran, Session, Text};
use crate::config::Config;
use crate::keyspace::Keyspace;
use crate::protocol::reply::Reply;
use crate::protocol::words;

/// Clients 1, 2, ... of one shard, and what commands did to them.
pub struct Sessions {
    /// The configuration of the shard.
    pub config: Config,
    /// What the clocks show.
    pub now: Now,
    /// The clients, in order.
    pub clients: Vec<Session>,
    /// The keys.
    pub keyspace: Keyspace,
    /// Clients that were killed or released, and pauses, in order.
    pub deeds: Vec<String>,
    /// The link to a primary.
    pub primary_link: PrimaryLink,
    caller: ClientId,
}

impl Sessions {
    /// `clients` clients that connected 100 s ago and were silent for 10 s.
    pub fn new(clients: u64) -> Self {
        let now = Now {
            unix_us: 1_750_000_000_000_000,
            mono_us: 500_000_000,
        };
        let session = |id: u64| {
            let before = Now {
                unix_us: now.unix_us - 100_000_000,
                mono_us: now.mono_us - 10_000_000,
            };
            let address = format!("127.0.0.1:{}", 1000 + id);
            Session::new(ClientId(id), address.into(), "127.0.0.1:6379".into(), true, before)
        };
        let config = Config::default();
        Sessions {
            keyspace: Keyspace::new(config.databases),
            config,
            now,
            clients: (1..=clients).map(session).collect(),
            deeds: Vec::new(),
            primary_link: PrimaryLink::default(),
            caller: ClientId(1),
        }
    }

    /// Runs lines of client 1 against the expected replies; line ends are shown as `|`.
    pub fn check(&mut self, script: &[(&str, &str)]) {
        for (line, want) in script {
            assert_eq!(self.run(1, line), *want, "{line}");
        }
    }

    /// Runs a command line (quotes as in an inline request) of a client and answers its reply, line ends shown as `|`.
    pub fn run(&mut self, client: u64, line: &str) -> String {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        words::split(line.as_bytes(), &mut bytes, &mut spans).expect("the quotes of a test's line are balanced");
        self.caller = ClientId(client);
        let mut reply = Reply::new(Vec::new(), self.client(client).resp);
        if let Err(error) = self.dispatch(client, Args::new(&bytes, &spans), &mut reply) {
            reply.error_bytes(&error.line());
        }
        String::from_utf8_lossy(reply.bytes()).replace("\r\n", "|")
    }

    /// A client's state.
    pub fn client(&mut self, client: u64) -> &mut Session {
        let id = ClientId(client);
        let found = self.clients.iter_mut().find(|session| session.client == id);
        found.expect("the test's client is connected")
    }

    fn dispatch(&mut self, client: u64, args: Args<'_>, reply: &mut Reply) -> Ran {
        let command = lookup(args)?;
        self.client(client).last_command = Some(command);
        match command.exec {
            Exec::Session(run) => {
                let (config, now) = (self.config.clone(), self.now);
                run(
                    &mut SessionContext {
                        session: self.client(client),
                        reply,
                        config: &config,
                        now,
                        shards: 1,
                    },
                    args,
                )
            }
            Exec::Everywhere { part, combine, .. } => {
                let part = part(self, args)?;
                combine(&[part], args, reply);
                Ok(())
            }
            _ => unreachable!("{} is not about sessions", command.name),
        }
    }
}

impl Local for Sessions {
    fn shard(&self) -> ShardId {
        ShardId(0)
    }

    fn shards(&self) -> u16 {
        1
    }

    fn now(&self) -> Now {
        self.now
    }

    fn caller(&self) -> ClientId {
        self.caller
    }

    fn each_session(&mut self, visit: &mut dyn FnMut(&mut Session)) {
        self.clients.iter_mut().for_each(visit);
    }

    fn kill(&mut self, client: ClientId) -> bool {
        self.deeds.push(format!("kill {client}"));
        true
    }

    fn unblock(&mut self, client: ClientId, how: Unblock) -> bool {
        self.deeds.push(format!("unblock {client} {how:?}"));
        self.clients
            .iter()
            .any(|session| session.client == client && session.blocked)
    }

    fn pause(&mut self, until_unix_ms: i64, writes_only: bool) {
        let left_ms = until_unix_ms - self.now.unix_ms().0;
        self.deeds.push(format!("pause {} {writes_only}", left_ms.max(0)));
    }

    fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    fn keyspace(&mut self) -> Option<&mut Keyspace> {
        Some(&mut self.keyspace)
    }

    fn set_active_expire(&mut self, on: bool) {
        self.deeds.push(format!("active expire {on}"));
    }

    fn counters(&self, out: &mut Vec<(&'static str, i64)>) {
        out.push(("connected_clients", self.clients.len() as i64));
    }

    fn facts(&self, out: &mut Vec<Text>) {
        out.push(("process_id", "7".to_owned()));
    }

    fn primary_link(&self) -> &PrimaryLink {
        &self.primary_link
    }

    fn purge_memory(&mut self) {
        self.deeds.push("purge memory".to_owned());
    }

    fn reset_counters(&mut self) {
        self.deeds.push("reset counters".to_owned());
    }
}
