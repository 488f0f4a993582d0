//! Tests of the commands on connections: replies, errors and what they leave in the session, as Valkey's.

use crate::base::id::{ClientId, DbIndex};
use crate::command::session::{Multi, ReplyMode};
use crate::command::tracking::{Mode, Tracking};
use crate::family::testing::sessions::Sessions;

#[test]
fn simple_commands_answer() {
    let mut sessions = Sessions::new(1);
    sessions.check(&[
        ("ping", "+PONG|"),
        ("ping 'a b'", "$3|a b|"),
        ("ping a b", "-ERR wrong number of arguments for 'ping' command|"),
        ("echo ''", "$0||"),
        ("select 15", "+OK|"),
        ("select 16", "-ERR DB index is out of range|"),
        ("select -1", "-ERR DB index is out of range|"),
        ("select x", "-ERR value is not an integer or out of range|"),
        (
            "select 99999999999",
            "-ERR value is out of range, value must between -2147483648 and 2147483647|",
        ),
    ]);
    assert_eq!(sessions.client(1).db, DbIndex(15));
    sessions.client(1).channels.insert(b"news"[..].into());
    sessions.check(&[("ping", "*2|$4|pong|$0||"), ("ping x", "*2|$4|pong|$1|x|")]);
}

#[test]
fn hello_changes_the_protocol() {
    let mut sessions = Sessions::new(1);
    let two = "*14|$6|server|$6|valkey|$7|version|$5|9.1.2|$5|proto|:2|$2|id|:1|$4|mode|$10|standalone|$4|role|$6|master|\
               $7|modules|*0|";
    let three = two.replace("*14|", "%7|").replace(":2|", ":3|");
    sessions.check(&[
        ("hello", two),
        ("hello 2", two),
        ("hello 4", "-NOPROTO unsupported protocol version|"),
        ("hello x", "-ERR Protocol version is not an integer or out of range|"),
        ("hello 3 foo", "-ERR Syntax error in HELLO option 'foo'|"),
        ("hello 3 auth a", "-ERR Syntax error in HELLO option 'auth'|"),
        (
            "hello 3 setname 'a b'",
            "-ERR Client names cannot contain spaces, newlines or special characters.|",
        ),
        ("hello 2 setname me", two),
        ("client getname", "$2|me|"),
        ("hello 3 auth default whatever", &three),
        (
            "client trackinginfo",
            "%3|$5|flags|~1|$3|off|$8|redirect|:-1|$8|prefixes|*0|",
        ),
        ("hello 2", two),
    ]);
}

#[test]
fn what_is_tracked_is_told() {
    let mut sessions = Sessions::new(2);
    let only = |option| format!("-ERR CLIENT CACHING {option} mode.|");
    let yes_only = only("YES is only valid when tracking is enabled in OPTIN");
    let no_only = only("NO is only valid when tracking is enabled in OPTOUT");
    let off =
        "-ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled|";
    sessions.check(&[("client caching yes", off), ("client getredir", ":-1|")]);
    sessions.client(1).tracking = Some(Box::new(Tracking {
        mode: Mode::Broadcast,
        redirect: Some(ClientId(7)),
        redirect_is_broken: true,
        skips_own: true,
        prefixes: [Box::from(b"p".as_slice())].into(),
        ..Tracking::default()
    }));
    let info = "*6|$5|flags|*4|$2|on|$5|bcast|$6|noloop|$15|broken_redirect|$8|redirect|:7|$8|prefixes|*1|$1|p|";
    sessions.check(&[("client trackinginfo", info), ("client getredir", ":7|")]);
    let listed = sessions.run(1, "client info");
    assert!(
        listed.contains(" flags=tRB ") && listed.contains(" redir=7 "),
        "{listed}"
    );
    sessions.client(1).tracking = Some(Box::new(Tracking {
        mode: Mode::OptIn,
        ..Tracking::default()
    }));
    let info = "*6|$5|flags|*3|$2|on|$5|optin|$11|caching-yes|$8|redirect|:0|$8|prefixes|*0|";
    sessions.check(&[
        ("client caching no", &no_only),
        ("client caching maybe", "-ERR syntax error|"),
        ("client caching yes", "+OK|"),
        ("client trackinginfo", info),
    ]);
    sessions.client(1).tracking = Some(Box::new(Tracking {
        mode: Mode::OptOut,
        ..Tracking::default()
    }));
    sessions.check(&[("client caching yes", &yes_only), ("client caching no", "+OK|")]);
    assert!(sessions.run(1, "client trackinginfo").contains("$10|caching-no|"));
    assert!(sessions.run(2, "client info").contains(" redir=-1 "));
}

#[test]
fn passwords_are_asked_for() {
    let mut sessions = Sessions::new(1);
    let unset = "-ERR AUTH <password> called without any password configured for the default user. \
                 Are you sure your configuration is correct?|";
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.|";
    sessions.check(&[
        ("auth x", unset),
        ("auth default x", "+OK|"),
        ("auth nobody x", wrong),
        ("auth a b c", "-ERR syntax error|"),
    ]);
    sessions.config.requirepass = "secret".to_owned();
    sessions.client(1).authenticated = false;
    let hello = sessions.run(1, "hello 3");
    assert!(hello.starts_with("-NOAUTH HELLO must be called"), "{hello}");
    for (line, right) in [
        ("auth secre", false),
        ("auth secrets", false),
        ("auth secretsecret", false),
        ("auth ''", false),
        ("hello 2 auth default secret2", false),
        ("auth nobody secret", false),
        ("auth secret", true),
        ("auth default secret", true),
        ("hello 2 auth default secret", true),
    ] {
        sessions.client(1).authenticated = false;
        let reply = sessions.run(1, line);
        assert_eq!(reply == wrong, !right, "{line}: {reply}");
        assert_eq!(sessions.client(1).authenticated, right, "{line}");
    }
}

#[test]
fn clients_tell_about_themselves() {
    let bad = |what: &str| format!("-ERR {what} cannot contain spaces, newlines or special characters.|");
    let mut sessions = Sessions::new(2);
    sessions.check(&[
        ("client id", ":1|"),
        ("client getname", "$-1|"),
        ("client setname a", "+OK|"),
        ("client getname", "$1|a|"),
        ("client setname 'a b'", &bad("Client names")),
        ("client setname \"\\xff\"", &bad("Client names")),
        ("client setname ''", "+OK|"),
        ("client getname", "$-1|"),
        ("client setinfo lib-name foo", "+OK|"),
        ("client setinfo LIB-VER 1.2", "+OK|"),
        ("client setinfo LIB-NAME 'a b'", &bad("LIB-NAME")),
        ("client setinfo x 1", "-ERR Unrecognized option 'x'|"),
        ("client no-evict on", "+OK|"),
        ("client no-evict x", "-ERR syntax error|"),
        ("client no-touch on", "+OK|"),
        ("client capa redirect nonsense", "+OK|"),
        ("client getredir", ":-1|"),
        ("client import-source on", "-ERR Server is not in import mode|"),
        ("client", "-ERR wrong number of arguments for 'client' command|"),
        (
            "client setname",
            "-ERR wrong number of arguments for 'client|setname' command|",
        ),
        ("client foo", "-ERR unknown subcommand 'foo'. Try CLIENT HELP.|"),
    ]);
    let info = sessions.run(1, "client info");
    for field in [
        "id=1 ",
        "addr=127.0.0.1:1001 ",
        "age=100 ",
        "idle=10 ",
        "flags=eT ",
        "capa=r ",
        "multi=-1 ",
        "cmd=client|info ",
        "resp=2 ",
        "lib-name=foo ",
        "lib-ver=1.2 ",
    ] {
        assert!(info.contains(field), "{field} in {info}");
    }
    assert!(sessions.run(1, "client help").starts_with("*41|+CLIENT <subcommand>"));
}

#[test]
fn replies_can_be_turned_off() {
    let mut sessions = Sessions::new(1);
    sessions.check(&[("client reply on", "+OK|"), ("client reply x", "-ERR syntax error|")]);
    for (line, mode) in [
        ("client reply skip", ReplyMode::SkipThis),
        ("client reply off", ReplyMode::Off),
        ("client reply skip", ReplyMode::Off),
    ] {
        assert_eq!(sessions.run(1, line), "");
        assert_eq!(sessions.client(1).reply_mode, mode, "{line}");
    }
}

#[test]
fn lists_are_filtered() {
    let mut sessions = Sessions::new(4);
    sessions.client(2).channels.insert(b"news"[..].into());
    sessions.client(3).name = b"worker"[..].into();
    sessions.client(3).db = DbIndex(3);
    sessions.client(3).multi = Some(Box::new(Multi::default()));
    sessions.client(4).blocked = true;
    sessions.client(4).connected_unix_s += 50;
    for (options, want) in [
        ("", vec![1, 2, 3, 4]),
        ("type normal", vec![1, 3, 4]),
        ("type pubsub", vec![2]),
        ("not-type PUBSUB", vec![1, 3, 4]),
        ("type replica", vec![]),
        ("id 4 2 99", vec![2, 4]),
        ("not-id 1 2", vec![3, 4]),
        ("skipme yes", vec![2, 3, 4]),
        ("maxage 60", vec![1, 2, 3]),
        ("idle 10", vec![1, 2, 3, 4]),
        ("idle 11", vec![]),
        ("flags N", vec![1]),
        ("flags b", vec![4]),
        ("not-flags x", vec![1, 2, 4]),
        ("name worker", vec![3]),
        ("db 3", vec![3]),
        ("not-db 3", vec![1, 2, 4]),
        ("user default addr 127.0.0.1:1002", vec![2]),
        ("ip 127.0.0.1", vec![1, 2, 3, 4]),
        ("ip 127.0.0", vec![]),
        ("laddr 127.0.0.1:1", vec![]),
        ("capa r", vec![]),
        ("not-user default", vec![]),
    ] {
        let listed = sessions.run(1, &format!("client list {options}"));
        let ids: Vec<u64> = listed
            .split("id=")
            .skip(1)
            .filter_map(|line| line.split(' ').next()?.parse().ok())
            .collect();
        assert_eq!(ids, want, "{options}: {listed}");
    }
}

#[test]
fn wrong_filters_are_refused_as_valkey_refuses_them() {
    let mut sessions = Sessions::new(1);
    for (options, want) in [
        ("type foo", "Unknown client type 'foo'"),
        ("type", "syntax error"),
        ("id", "syntax error"),
        ("id x", "syntax error"),
        ("id 1 2 x", "syntax error"),
        ("id 0", "client-id should be greater than 0"),
        ("not-id -1", "client-id should be greater than 0"),
        ("foo bar", "syntax error"),
        ("skipme foo", "syntax error"),
        ("maxage 0", "maxage should be greater than 0"),
        ("maxage x", "maxage is not an integer or out of range"),
        ("idle 0", "idle should be greater than 0"),
        ("flags q", "Unknown flags found in the provided filter: q"),
        ("not-flags q", "Unknown flags found in the NOT-FLAGS filter: q"),
        ("capa q", "Unknown capa found in the provided filter: q"),
        ("db x", "DB is not an integer or out of range"),
        ("db 99", "DB number should be between 0 and 15"),
        ("not-db 99", "NOT-DB number should be between 0 and 15"),
        ("user nobody", "No such user 'nobody'"),
        ("not-user nobody", "No such user 'nobody'"),
    ] {
        let reply = sessions.run(1, &format!("client list {options}"));
        assert_eq!(reply, format!("-ERR {want}|"), "{options}");
    }
}

#[test]
fn operators_kill_release_and_pause() {
    let mut sessions = Sessions::new(3);
    sessions.client(2).blocked = true;
    sessions.check(&[
        ("client kill 127.0.0.1:1003", "+OK|"),
        ("client kill 1.2.3.4:5", "-ERR No such client|"),
        ("client kill addr 1.2.3.4:5", ":0|"),
        ("client kill id 1", ":0|"),
        ("client kill id 1 skipme no", ":1|"),
        ("client kill skipme yes", ":2|"),
        ("client kill id", "-ERR No such client|"),
        ("client kill foo bar", "-ERR syntax error|"),
        ("client unblock 2", ":1|"),
        ("client unblock 2 error", ":1|"),
        ("client unblock 3", ":0|"),
        ("client unblock -1", ":0|"),
        (
            "client unblock 1 foo",
            "-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR|",
        ),
        ("client unblock x", "-ERR value is not an integer or out of range|"),
        ("client pause 10", "+OK|"),
        ("client pause 20 write", "+OK|"),
        ("client pause 10 foo", "-ERR CLIENT PAUSE mode must be WRITE or ALL|"),
        ("client pause x", "-ERR timeout is not an integer or out of range|"),
        ("client pause -1", "-ERR timeout is negative|"),
        ("client pause 9223372036854775807", "-ERR timeout is out of range|"),
        ("client unpause", "+OK|"),
    ]);
    assert_eq!(
        sessions.deeds,
        [
            "kill 3",
            "kill 1",
            "kill 2",
            "kill 3",
            "unblock 2 Timeout",
            "unblock 2 Error",
            "unblock 3 Timeout",
            "pause 10 false",
            "pause 20 true",
            "pause 0 false",
        ]
    );
}
