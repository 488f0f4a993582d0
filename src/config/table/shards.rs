//! Directives that only this server has.

use super::field;
use crate::config::directive::Directive;
use crate::config::value::Kind;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::live(
        "affinity",
        Kind::Words(64, "Too many affinity rules."),
        field!(affinity),
    )
    .while_empty(),
    Directive::live("metrics-port", Kind::Integer(0, 65_535), field!(metrics_port)).at_start(),
    Directive::live("move-connections", Kind::Bool, field!(move_connections)),
    Directive::live("pin-cores", Kind::Bool, field!(pin_cores)).at_start(),
    Directive::live("shards", Kind::Integer(0, 1_024), field!(shards)).at_start(),
];
