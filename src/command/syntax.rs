//! A command's grammar as a line of text, for HELP subcommands and the documentation. Knows declarations only.

use super::spec::{Arg, ArgKind, Command};
use crate::protocol::reply::Reply;

/// The arguments as documentation shows them: `key [count] [NX | XX] [member ...]`.
pub fn syntax(args: &[Arg]) -> String {
    let shown: Vec<String> = args.iter().map(one).collect();
    shown.join(" ")
}

fn one(arg: &Arg) -> String {
    let value = match arg.kind {
        ArgKind::PureToken => String::new(),
        ArgKind::OneOf(choices) => {
            let shown: Vec<String> = choices.iter().map(one).collect();
            let shown = shown.join(" | ");
            if arg.optional && arg.token.is_none() && !arg.multiple {
                shown
            } else {
                format!("<{shown}>")
            }
        }
        ArgKind::Block(parts) => syntax(parts),
        _ => arg.display.unwrap_or(arg.name).to_owned(),
    };
    let token = arg.token.map(|token| if token.is_empty() { "\"\"" } else { token });
    let once = match token {
        Some(token) if value.is_empty() => token.to_owned(),
        Some(token) => format!("{token} {value}"),
        None => value.clone(),
    };
    let repeated = match (arg.multiple, arg.multiple_token) {
        (false, _) => once,
        (true, true) => format!("{once} [{once} ...]"),
        (true, false) => format!("{once} [{value} ...]"),
    };
    if arg.optional {
        format!("[{repeated}]")
    } else {
        repeated
    }
}

/// Writes the reply of a container's HELP: each subcommand's grammar and summary.
pub fn write_help(container: &str, subcommands: &[Command], reply: &mut Reply) {
    reply.array(1 + subcommands.len() * 2);
    reply.simple(&format!(
        "{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    ));
    for command in subcommands {
        let line = format!("{} {}", command.name, syntax(command.args));
        reply.simple(line.trim_end());
        reply.simple(&format!("    {}", command.summary));
    }
}
