//! Tests of COMMAND, and of what must hold for all declarations.

use std::collections::HashSet;

use super::told_subcommands;
use crate::catalog::{all, find, find_sub};
use crate::command::{ArgKind, Exec};
use crate::family::testing::sessions::Sessions;

#[test]
fn declarations_hold_together() {
    let mut names = HashSet::new();
    for command in all() {
        assert!(names.insert(command.name), "{} is declared twice", command.name);
        assert_eq!(
            find(command.name.as_bytes()).map(|found| found.name),
            Some(command.name)
        );
        assert_eq!(command.container, None, "{}", command.name);
        assert_eq!(
            matches!(command.exec, Exec::Container),
            !command.subcommands.is_empty() && command.name != "COMMAND",
            "{} runs or contains",
            command.name
        );
        for subcommand in command.subcommands {
            assert_eq!(subcommand.container, Some(command.name), "{}", subcommand.name);
            assert!(
                !matches!(subcommand.exec, Exec::Container),
                "{}",
                subcommand.full_name()
            );
            let found = find_sub(command, subcommand.name.to_ascii_lowercase().as_bytes());
            assert_eq!(found.map(|found| found.name), Some(subcommand.name));
        }
    }
}

#[test]
fn key_arguments_name_specifications_that_exist() {
    for command in all().flat_map(|command| std::iter::once(command).chain(command.subcommands)) {
        for arg in command.args {
            if let ArgKind::Key(spec) = arg.kind {
                assert!(usize::from(spec) < command.keys.len(), "{}", command.full_name());
            }
        }
    }
}

#[test]
fn info_is_as_valkeys() {
    let get = "*10|$3|get|:2|*2|+readonly|+fast|:1|:1|:1|*3|+@read|+@string|+@fast|*0|*1|*6|$5|flags|*2|+RO|+access|\
               $12|begin_search|*4|$4|type|$5|index|$4|spec|*2|$5|index|:1|$9|find_keys|*4|$4|type|$5|range|$4|spec|*6|\
               $7|lastkey|:0|$7|keystep|:1|$5|limit|:0|*0|";
    let config = "*10|$10|config|get|:-3|*4|+admin|+noscript|+loading|+stale|:0|:0|:0|*3|+@admin|+@slow|+@dangerous|\
                  *0|*0|*0|";
    let mut sessions = Sessions::new(1);
    sessions.check(&[
        ("command info get", &format!("*1|{get}")),
        ("command info config|get nosuch", &format!("*2|{config}$-1|")),
        ("command info nosuch|get get|x", "*2|$-1|$-1|"),
    ]);
    let count = all().count();
    assert_eq!(sessions.run(1, "command count"), format!(":{count}|"));
    assert!(sessions.run(1, "command").starts_with(&format!("*{count}|*10|")));
    assert_eq!(sessions.run(1, "command"), sessions.run(1, "command info"));
}

#[test]
fn legacy_ranges_cover_keys_that_follow_each_other() {
    let mut sessions = Sessions::new(1);
    for (name, want) in [
        ("lmove", "|:1|:2|:1|"),
        ("blpop", "|:1|:-2|:1|"),
        ("lmpop", "|:0|:0|:0|"),
        ("ping", "|:0|:0|:0|"),
    ] {
        let info = sessions.run(1, &format!("command info {name}"));
        assert!(info.contains(want), "{name}: {info}");
    }
}

#[test]
fn docs_tell_the_grammar() {
    let docs = Sessions::new(1).run(1, "command docs echo nosuch client|setinfo");
    let parts = [
        "*4|$4|echo|*10|$7|summary|$21|Answers its argument.|$5|since|$5|1.0.0|$5|group|$10|connection|$10|complexity|$4|O(1)|\
         $9|arguments|*1|*6|$4|name|$7|message|$4|type|$6|string|$12|display_text|$7|message|",
        "$14|client|setinfo|*10|",
        "$9|arguments|*1|*6|$4|name|$4|attr|$4|type|$5|oneof|$9|arguments|*2|*8|$4|name|$7|libname|$4|type|$6|string|\
         $12|display_text|$7|libname|$5|token|$8|LIB-NAME|",
    ];
    for part in parts {
        assert!(docs.contains(part), "{part} in {docs}");
    }
    for container in all().filter(|command| !told_subcommands(command).is_empty()) {
        let docs = Sessions::new(1).run(1, &format!("command docs {}", container.name));
        assert!(docs.contains("$11|subcommands|"), "{}", container.name);
    }
}

#[test]
fn lists_are_filtered() {
    let mut sessions = Sessions::new(1);
    sessions.check(&[
        ("command list filterby pattern Config|G*", "*1|$10|config|get|"),
        ("command list filterby module x", "*0|"),
        ("command list filterby aclcat @list", "*0|"),
        (
            "command list filterby aclcat TRANSACTION",
            "*5|$5|multi|$4|exec|$7|discard|$5|watch|$7|unwatch|",
        ),
        ("command list filterby foo x", "-ERR syntax error|"),
        ("command list filterby pattern", "-ERR syntax error|"),
        ("command list foo", "-ERR syntax error|"),
    ]);
}

#[test]
fn keys_of_a_line_are_found() {
    let wrong = "-ERR Invalid number of arguments specified for command|";
    Sessions::new(1).check(&[
        ("command getkeys get a", "*1|$1|a|"),
        ("command getkeys lmove a b left left", "*2|$1|a|$1|b|"),
        ("command getkeys lmpop 2 a b left", "*2|$1|a|$1|b|"),
        (
            "command getkeys lmpop x a b left",
            "-ERR Invalid arguments specified for command|",
        ),
        (
            "command getkeys lmpop 5 a b left",
            "-ERR Invalid arguments specified for command|",
        ),
        (
            "command getkeys zunionstore z 0 a",
            "-ERR Invalid arguments specified for command|",
        ),
        ("command getkeys eval x 5 a", "*0|"),
        ("command getkeys georadius x 1 abc km storedist g", "*2|$1|x|$1|g|"),
        (
            "command getkeys georadius x 1 2 5 km storedist g store h",
            "*2|$1|x|$1|h|",
        ),
        ("command getkeys get", wrong),
        ("command getkeys get a b", wrong),
        ("command getkeys nosuch a", "-ERR Invalid command specified|"),
        ("command getkeys config nosuch x", "-ERR Invalid command specified|"),
        ("command getkeys ping x", "-ERR The command has no key arguments|"),
        ("command getkeys config get x", "-ERR The command has no key arguments|"),
        (
            "command getkeysandflags lmove a b left left",
            "*2|*2|$1|a|*3|+RW|+access|+delete|*2|$1|b|*2|+RW|+insert|",
        ),
    ]);
}
