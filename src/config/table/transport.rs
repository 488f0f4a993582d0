//! Directives of TLS and RDMA.

use crate::config::directive::{Directive, Why};
use crate::config::value::Kind;

const TLS: Why = Why::NotYet("TLS");
const RDMA: Why = Why::Moot("there is no RDMA transport");
const INT_MAX: i64 = 2_147_483_647;

/// Sorted by name.
pub const DIRECTIVES: &[Directive] = &[
    Directive::inert("cluster-announce-client-tls-port", Kind::Integer(0, 65_535), "0", TLS),
    Directive::inert("cluster-announce-tls-port", Kind::Integer(0, 65_535), "0", TLS),
    Directive::inert("max-new-tls-connections-per-cycle", Kind::Integer(1, 1_000), "1", TLS),
    Directive::inert("rdma-bind", Kind::Text, "", RDMA),
    Directive::inert("rdma-completion-vector", Kind::Integer(-1, 1_024), "-1", RDMA).at_start(),
    Directive::inert("rdma-port", Kind::Integer(0, 65_535), "0", RDMA),
    Directive::inert("rdma-rx-size", Kind::Integer(65_536, 16_777_216), "1048576", RDMA).at_start(),
    Directive::inert("tls-auth-clients", Kind::Choice(&["no", "yes", "optional"]), "yes", TLS),
    Directive::inert("tls-auth-clients-user", Kind::Choice(&["CN", "URI", "off"]), "off", TLS),
    Directive::inert("tls-auto-reload-interval", Kind::Integer(0, INT_MAX), "0", TLS),
    Directive::inert("tls-ca-cert-dir", Kind::Text, "", TLS),
    Directive::inert("tls-ca-cert-file", Kind::Text, "", TLS),
    Directive::inert("tls-cert-file", Kind::Text, "", TLS),
    Directive::inert("tls-ciphers", Kind::Text, "", TLS),
    Directive::inert("tls-ciphersuites", Kind::Text, "", TLS),
    Directive::inert("tls-client-cert-file", Kind::Text, "", TLS),
    Directive::inert("tls-client-key-file", Kind::Text, "", TLS),
    Directive::inert("tls-client-key-file-pass", Kind::Text, "", TLS),
    Directive::inert("tls-cluster", Kind::Bool, "no", TLS),
    Directive::inert("tls-dh-params-file", Kind::Text, "", TLS),
    Directive::inert("tls-key-file", Kind::Text, "", TLS),
    Directive::inert("tls-key-file-pass", Kind::Text, "", TLS),
    Directive::inert("tls-port", Kind::Integer(0, 65_535), "0", TLS),
    Directive::inert("tls-prefer-server-ciphers", Kind::Bool, "no", TLS),
    Directive::inert("tls-protocols", Kind::Text, "", TLS),
    Directive::inert("tls-replication", Kind::Bool, "no", TLS),
    Directive::inert("tls-session-cache-size", Kind::Integer(0, INT_MAX), "20480", TLS),
    Directive::inert("tls-session-cache-timeout", Kind::Integer(0, INT_MAX), "300", TLS),
    Directive::inert("tls-session-caching", Kind::Bool, "yes", TLS),
];
