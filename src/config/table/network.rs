//! Directives of listening, connections and their limits.

use super::field;
use crate::config::choices::output_limits;
use crate::config::directive::{Directive, Field, Why};
use crate::config::value::{Kind, Value};

const SOCKETS: Why = Why::NotYet("socket options");
const INT_MAX: i64 = 2_147_483_647;
const UINT_MAX: i64 = 4_294_967_295;
const SIGNED: u64 = i64::MAX as u64;
/// Classes that are not named keep their limits.
const OUTPUT_LIMITS: Field = Field::Live {
    get: |config| Value::Words(config.client_output_buffer_limit.words()),
    set: |config, value| {
        if let Value::Words(words) = value {
            config.client_output_buffer_limit.merge(&words);
        }
    },
};

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::live(
        "bind",
        Kind::Words(16, "Too many bind addresses specified."),
        field!(bind),
    )
    .at_start(),
    Directive::inert("bind-source-addr", Kind::Text, "", SOCKETS),
    Directive::live("client-output-buffer-limit", Kind::Own(output_limits), OUTPUT_LIMITS).lines_of(4),
    Directive::live(
        "client-query-buffer-limit",
        Kind::Bytes(1_048_576, SIGNED),
        field!(client_query_buffer_limit),
    ),
    Directive::live("maxclients", Kind::Integer(1, UINT_MAX), field!(maxclients)),
    Directive::inert("mptcp", Kind::Bool, "no", SOCKETS).at_start(),
    Directive::live("port", Kind::Integer(0, 65_535), field!(port)).at_start(),
    Directive::live("protected-mode", Kind::Bool, field!(protected_mode)),
    Directive::live(
        "proto-max-bulk-len",
        Kind::Bytes(1_048_576, SIGNED),
        field!(proto_max_bulk_len),
    ),
    Directive::live("requirepass", Kind::Text, field!(requirepass)),
    Directive::inert("socket-mark-id", Kind::Integer(0, UINT_MAX), "0", SOCKETS).at_start(),
    Directive::live("tcp-backlog", Kind::Integer(0, INT_MAX), field!(tcp_backlog)).at_start(),
    Directive::live("tcp-keepalive", Kind::Integer(0, INT_MAX), field!(tcp_keepalive_s)),
    Directive::live("timeout", Kind::Integer(0, INT_MAX), field!(timeout_s)),
    Directive::live("unixsocket", Kind::Text, field!(unixsocket)).at_start(),
    Directive::inert("unixsocketgroup", Kind::Text, "", SOCKETS).at_start(),
    Directive::live("unixsocketperm", Kind::Octal(0o777), field!(unixsocketperm)).at_start(),
];
