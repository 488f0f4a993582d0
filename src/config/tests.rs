//! Tests of the configuration: the table holds together, values read and print as Valkey's, files and options load.

use std::collections::HashSet;
use std::fs;

use super::rewrite::rewrite;
use super::{
    Changes, ClientsLimit, Config, Field, Invocation, Kind, LoadError, all, find, from_arguments, rewrite_file,
};

fn set(config: &mut Config, name: &str, text: &str) -> Result<String, String> {
    let directive = find(name).expect("the directive is known");
    directive.set_text(config, text).map_err(|error| error.to_string())?;
    Ok(directive.text(config))
}

fn load(arguments: &[&str]) -> Result<Config, LoadError> {
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    match from_arguments(&arguments)? {
        Invocation::Run(config) => Ok(*config),
        other => panic!("asks for {other:?}"),
    }
}

/// A file of its own for one test.
fn file(name: &str, text: &str) -> String {
    let folder = std::env::temp_dir().join(format!("corelane-config-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder of test files can be made");
    let path = folder.join(name);
    fs::write(&path, text).expect("a test file can be written");
    path.to_string_lossy().into_owned()
}

fn get(config: &Config, name: &str) -> String {
    find(name).expect("the directive is known").text(config)
}

#[test]
fn names_are_unique_and_sorted_by_subject() {
    let mut names = HashSet::new();
    for directive in all() {
        for name in [Some(directive.name), directive.alias].into_iter().flatten() {
            assert!(names.insert(name), "{name} is declared twice");
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }
    assert!(names.len() > 230, "all of Valkey's directives are known");
}

#[test]
fn defaults_are_of_their_kind_and_print_as_they_read() {
    for directive in all() {
        let mut config = Config::default();
        let before = directive.text(&config);
        if directive.name == "dir" {
            continue;
        }
        directive
            .set_text(&mut config, &before)
            .unwrap_or_else(|error| panic!("{}: {before:?}: {error}", directive.name));
        assert_eq!(directive.text(&config), before, "{}", directive.name);
    }
}

#[test]
fn fields_hold_every_value_that_their_kind_allows() {
    for directive in all().filter(|directive| matches!(directive.field, Field::Live { .. })) {
        let bounds = match directive.kind {
            Kind::Integer(min, max) => [i128::from(min), i128::from(max)],
            Kind::Bytes(min, max) => [i128::from(min), i128::from(max)],
            _ => continue,
        };
        for bound in bounds {
            let mut config = Config::default();
            let text = set(&mut config, directive.name, &bound.to_string()).expect("a bound is allowed");
            let want = match directive.name {
                "hz" => bound.clamp(1, 500),
                _ => bound,
            };
            assert_eq!(text, want.to_string(), "{}", directive.name);
        }
    }
}

#[test]
fn values_read_and_print_as_valkeys() {
    for (name, text, want) in [
        ("maxmemory", "1k", Ok("1000")),
        ("maxmemory", "1KB", Ok("1024")),
        ("maxmemory", "2gb", Ok("2147483648")),
        ("maxmemory", "10B", Ok("10")),
        ("maxmemory", "", Ok("0")),
        ("maxmemory", "18446744073709551615", Ok("18446744073709551615")),
        ("maxmemory", "-1", Err("argument must be a memory value")),
        ("maxmemory", "1.5kb", Err("argument must be a memory value")),
        (
            "client-query-buffer-limit",
            "1000",
            Err("argument must be between 1048576 and 9223372036854775807 inclusive"),
        ),
        ("maxmemory-clients", "5%", Ok("5%")),
        ("maxmemory-clients", "0%", Ok("0")),
        ("maxmemory-clients", "1kb", Ok("1024")),
        (
            "maxmemory-clients",
            "101%",
            Err("percentage argument must be less or equal to 100"),
        ),
        (
            "maxmemory-clients",
            "x",
            Err("argument must be a memory or percent value"),
        ),
        ("timeout", "01", Err("argument couldn't be parsed into an integer")),
        (
            "timeout",
            "-1",
            Err("argument must be between 0 and 2147483647 inclusive"),
        ),
        ("hz", "1000", Ok("500")),
        ("protected-mode", "NO", Ok("no")),
        ("protected-mode", "maybe", Err("argument must be 'yes' or 'no'")),
        ("unixsocketperm", "755", Ok("755")),
        (
            "unixsocketperm",
            "8",
            Err("argument couldn't be parsed as an octal number"),
        ),
        ("loglevel", "VERBOSE", Ok("verbose")),
        (
            "loglevel",
            "loud",
            Err("argument(s) must be one of the following: debug, verbose, notice, warning, nothing"),
        ),
    ] {
        let got = set(&mut Config::default(), name, text);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{name} {text:?}");
    }
}

#[test]
fn values_of_several_words_read_and_print_as_valkeys() {
    for (name, text, want) in [
        ("shutdown-on-sigterm", "nosave now", Ok("nosave now")),
        ("notify-keyspace-events", "KEA", Ok("AKE")),
        ("notify-keyspace-events", "xKg$Elshzetdmn", Ok("AKEm")),
        ("notify-keyspace-events", "nglK", Ok("glnK")),
        ("notify-keyspace-events", "", Ok("")),
        (
            "notify-keyspace-events",
            "q",
            Err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'."),
        ),
        (
            "client-output-buffer-limit",
            "normal 1k 2 3",
            Ok("normal 1000 2 3 slave 268435456 67108864 60 pubsub 33554432 8388608 60"),
        ),
        (
            "client-output-buffer-limit",
            "normal 1",
            Err("Wrong number of arguments in buffer limit configuration."),
        ),
        (
            "client-output-buffer-limit",
            "other 1 2 3",
            Err("Invalid client class specified in buffer limit configuration."),
        ),
        (
            "client-output-buffer-limit",
            "replica 1 2 x",
            Err("Error in hard, soft or soft_seconds setting in buffer limit configuration."),
        ),
        ("save", "900 1 10 5", Ok("900 1 10 5")),
        ("save", "", Ok("")),
        ("save", "900 1 x", Err("Invalid save parameters")),
        (
            "oom-score-adj-values",
            "1 2 3000",
            Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000."),
        ),
        ("dbfilename", "a/b", Err("dbfilename can't be a path, just a filename")),
        ("dir", "/nope", Err("No such file or directory")),
        ("replicaof", "no one", Ok("")),
        ("slaveof", "there 6379", Ok("there 6379")),
        ("replicaof", "there x", Err("Invalid primary port")),
    ] {
        let got = set(&mut Config::default(), name, text);
        assert_eq!(got.as_deref().map_err(String::as_str), want, "{name} {text:?}");
    }
}

#[test]
fn notified_events_are_told_by_letter() {
    let mut config = Config::default();
    assert!(!config.notify_keyspace_events.takes(0));
    set(&mut config, "notify-keyspace-events", "A").expect("a class");
    assert!(!config.notify_keyspace_events.takes(2), "no channel was asked for");
    set(&mut config, "notify-keyspace-events", "KA").expect("a class and a channel");
    let events = config.notify_keyspace_events;
    assert!(
        events.takes(2)
            && !events.takes(13)
            && events.has('l')
            && events.has('K')
            && !events.has('E')
            && !events.has('m')
    );
}

#[test]
fn files_and_options_load_in_order() {
    let included = file("included.conf", "hz 33\n");
    let path = file(
        "main.conf",
        &format!(
            "# a comment\n  PORT 7000 \n\ninclude {included}\nsave 900 1\nsave 300 10 60 10000\nrequirepass \"a \\\"b\"\n\
             client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit pubsub 4 5 6\nslave-priority 7\n\
             rename-command FLUSHALL \"\"\n"
        ),
    );
    let config = load(&[
        &path,
        "--port",
        "7001",
        "--bind",
        "127.0.0.1",
        "::1",
        "--loglevel",
        "debug",
    ])
    .expect("the file is right");
    assert_eq!(
        (config.port, config.hz, config.requirepass.as_str()),
        (7001, 33, "a \"b")
    );
    assert_eq!(config.bind, ["127.0.0.1", "::1"]);
    assert_eq!(get(&config, "save"), "900 1 300 10 60 10000");
    assert_eq!(get(&config, "replica-priority"), "7");
    let limits = config.client_output_buffer_limit;
    assert_eq!((limits.normal.soft_s, limits.pubsub.hard_bytes), (3, 4));
    assert_eq!(config.renamed_commands, [("FLUSHALL".to_owned(), String::new())]);
    let silent: Vec<&str> = config.without_effect().map(|(name, _)| name).collect();
    assert_eq!(silent, ["save", "replica-priority"]);
    assert!(config.file.is_some_and(|file| file.ends_with("main.conf")));
}

#[test]
fn options_take_values_that_look_like_options_only_where_valkey_does() {
    let config = load(&["--requirepass", "--secret", "--save", "--hz", "20"]).expect("the options are right");
    assert_eq!((config.requirepass.as_str(), config.hz), ("--secret", 20));
    assert_eq!(get(&config, "save"), "");
    assert_eq!(load(&["--port 7005"]).expect("one word is enough").port, 7005);
}

#[test]
fn errors_name_the_place_and_the_reason() {
    let wrong = file("wrong.conf", "port 7000\nhz x\n");
    let outer = file("outer.conf", &format!("include {wrong}\n"));
    let open = file("open.conf", "hz \"10\n");
    for (arguments, place, line, reason) in [
        (
            vec![wrong.as_str()],
            "wrong.conf', at line 2",
            "hz x",
            "argument couldn't be parsed into an integer",
        ),
        (
            vec![outer.as_str()],
            "wrong.conf', at line 2",
            "hz x",
            "argument couldn't be parsed into an integer",
        ),
        (
            vec![open.as_str()],
            "open.conf', at line 1",
            "hz \"10",
            "Unbalanced quotes in configuration line",
        ),
        (
            vec!["--port"],
            "the command line, at option 1",
            "port",
            "wrong number of arguments",
        ),
        (
            vec!["--hz", "10", "20"],
            "the command line, at option 1",
            "hz \"10\" \"20\"",
            "wrong number of arguments",
        ),
        (
            vec!["--hz", "10", "--port=1"],
            "the command line, at option 2",
            "port=1",
            "Bad directive or wrong number of arguments",
        ),
        (
            vec!["-p", "3"],
            "at option 1",
            "-p \"3\"",
            "Bad directive or wrong number of arguments",
        ),
        (
            vec!["--user", "alice", "on"],
            "at option 1",
            "user \"alice\" \"on\"",
            "access control lists are not supported: use requirepass",
        ),
    ] {
        let error = load(&arguments).expect_err("the configuration is wrong").to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert!(lines[0].starts_with("*** FATAL CONFIG FILE ERROR"), "{error}");
        assert!(lines[1].starts_with("Reading ") && lines[1].ends_with(place), "{error}");
        assert_eq!(lines[2..], [format!(">>> '{line}'"), reason.to_owned()]);
    }
    let missing = load(&["/nonexistent/a.conf"])
        .expect_err("there is no such file")
        .to_string();
    assert!(
        missing.starts_with("Fatal error, can't open config file '/nonexistent/a.conf'"),
        "{missing}"
    );
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let path = file("loop.conf", "");
    fs::write(&path, format!("include {path}\n")).expect("a test file can be written");
    let error = load(&[&path]).expect_err("the file never ends");
    assert!(matches!(error, LoadError::IncludeDepth(_)), "{error}");
}

#[test]
fn an_include_takes_patterns() {
    file("part-a.conf", "hz 21\n");
    let part = file("part-b.conf", "timeout 9\n");
    let pattern = part.replace("part-b", "part-*");
    let config = load(&["--include", &pattern]).expect("the parts are right");
    assert_eq!((config.hz, config.timeout_s), (21, 9));
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/corelane.conf");
    let config = load(&[path]).expect("the shipped file is right");
    for directive in all().filter(|directive| !matches!(directive.name, "dir" | "save")) {
        assert_eq!(
            directive.text(&config),
            directive.text(&Config::default()),
            "{}",
            directive.name
        );
    }
}

#[test]
fn a_rewrite_keeps_comments_and_adds_what_differs() {
    let mut config = Config::default();
    set(&mut config, "hz", "20").expect("a number");
    set(&mut config, "requirepass", "a b\"").expect("a text");
    set(&mut config, "save", "900 1 300 10").expect("two points");
    let text = "# mine\nport 6379\nhz 10\nsave 1 1\nsave 2 2\nhz 11\ninclude x.conf\n";
    assert_eq!(
        rewrite(text, &config),
        "# mine\nport 6379\nhz 20\nsave 900 1\nsave 300 10\ninclude x.conf\n\
         # Generated by CONFIG REWRITE\nrequirepass \"a b\\\"\"\n"
    );
    assert_eq!(rewrite(&rewrite(text, &config), &config), rewrite(text, &config));
}

#[test]
fn a_rewritten_file_loads_to_the_same_configuration() {
    let path = file("rewritten.conf", "hz 12\n");
    let mut config = load(&[&path]).expect("the file is right");
    set(&mut config, "timeout", "5").expect("a number");
    set(&mut config, "client-output-buffer-limit", "pubsub 1 2 3").expect("a class");
    set(&mut config, "affinity", "preset:bull *\u{6}\u{16} a\"b:* #c:?:{*}").expect("four rules");
    rewrite_file(&config).expect("the file can be written");
    let again = load(&[&path]).expect("what was written is right");
    for directive in all() {
        assert_eq!(directive.text(&config), directive.text(&again), "{}", directive.name);
    }
    let nowhere = rewrite_file(&Config::default()).expect_err("there is no file");
    assert_eq!(nowhere.to_string(), "The server is running without a config file");
}

#[test]
fn what_valkey_fixes_at_start_is_fixed_here() {
    for name in [
        "databases",
        "unixsocket",
        "tcp-backlog",
        "daemonize",
        "enable-debug-command",
        "shards",
    ] {
        assert_eq!(
            find(name).map(|directive| directive.changes),
            Some(Changes::AtStart),
            "{name}"
        );
    }
    assert_eq!(find("dir").map(|directive| directive.changes), Some(Changes::Protected));
}

#[test]
fn what_clients_may_take_is_a_number_or_a_part_of_all_memory() {
    for (limit, maxmemory, want) in [
        (ClientsLimit::Bytes(0), 1 << 30, None),
        (ClientsLimit::Bytes(1 << 20), 0, Some(1 << 20)),
        (ClientsLimit::Bytes(1), 0, Some(128 << 10)),
        (ClientsLimit::Percent(5), 0, None),
        (ClientsLimit::Percent(5), 100 << 20, Some(5 << 20)),
        (ClientsLimit::Percent(100), u64::MAX, Some(u64::MAX)),
        (ClientsLimit::Percent(1), 10, Some(128 << 10)),
    ] {
        assert_eq!(limit.bytes(maxmemory), want, "{limit:?} of {maxmemory}");
    }
}
