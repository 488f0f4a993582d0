//! Where the configuration comes from: files, standard input, the command line. Owns the syntax; knows no single directive but those
//! that only a file or a command line has (`include`, `rename-command`, ...).

use std::collections::HashSet;
use std::io::{self, Read};
use std::path::Path;

use super::directive::Directive;
use super::{Config, find};
use crate::base::glob;
use crate::protocol::words;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// To serve.
    Run(Box<Config>),
    /// To print the version.
    Version,
    /// To print how it is called.
    Help,
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A line or an option is wrong.
    #[error(
        "*** FATAL CONFIG FILE ERROR (Version {version}) ***\nReading {source_name}, at {unit} {number}\n>>> '{text}'\n{reason}",
        version = env!("CARGO_PKG_VERSION")
    )]
    Line {
        /// `the configuration file '...'` or `the command line`.
        source_name: String,
        /// `line` or `option`.
        unit: &'static str,
        /// Counted from 1.
        number: usize,
        /// The line.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read.
    #[error("Fatal error, can't open config file '{path}': {error}")]
    Open {
        /// Which file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// Files include each other.
    #[error("Fatal error, config file '{0}' is included more than {INCLUDE_DEPTH_MAX} deep")]
    IncludeDepth(String),
}

/// Deepest nesting of `include`.
const INCLUDE_DEPTH_MAX: usize = 16;

/// The configuration that the arguments (without the program's name) ask for: a file first, if any, then options.
pub fn from_arguments(arguments: &[String]) -> Result<Invocation, LoadError> {
    match arguments {
        [only] if matches!(only.as_str(), "-v" | "--version") => return Ok(Invocation::Version),
        [only] if matches!(only.as_str(), "-h" | "--help") => return Ok(Invocation::Help),
        _ => {}
    }
    let mut loader = Loader::default();
    let (file, options) = match arguments {
        [path, rest @ ..] if !path.starts_with('-') => (Some(path), rest),
        _ => (None, arguments),
    };
    if let Some(path) = file {
        loader.file(path, 0)?;
        loader.config.file = Some(absolute(path));
    }
    let (from_stdin, options): (Vec<&String>, Vec<&String>) = options.iter().partition(|option| *option == "-");
    if !from_stdin.is_empty() {
        loader.standard_input()?;
    }
    loader.options(&options)?;
    loader.config.dir = absolute(&loader.config.dir);
    Ok(Invocation::Run(Box::new(loader.config)))
}

fn absolute(path: &str) -> String {
    let path = Path::new(path);
    let absolute = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    absolute.to_string_lossy().into_owned()
}

#[derive(Default)]
struct Loader {
    config: Config,
    /// Directives of several lines of which one was read.
    begun: HashSet<&'static str>,
}

impl Loader {
    fn file(&mut self, path: &str, depth: usize) -> Result<(), LoadError> {
        if depth > INCLUDE_DEPTH_MAX {
            return Err(LoadError::IncludeDepth(path.to_owned()));
        }
        let text = std::fs::read(path).map_err(|error| LoadError::Open {
            path: path.to_owned(),
            error,
        })?;
        self.text(&text, &format!("the configuration file '{path}'"), depth)
    }

    fn standard_input(&mut self) -> Result<(), LoadError> {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).map_err(|error| LoadError::Open {
            path: "-".to_owned(),
            error,
        })?;
        self.text(&text, "standard input", 0)
    }

    fn text(&mut self, text: &[u8], source_name: &str, depth: usize) -> Result<(), LoadError> {
        for (at, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let wrong = |reason: String| LoadError::Line {
                source_name: source_name.to_owned(),
                unit: "line",
                number: at + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                reason,
            };
            let words = split(line).map_err(|reason| wrong(reason.to_owned()))?;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                [] => {}
                [include, pattern] if include.eq_ignore_ascii_case("include") => {
                    for path in matching(pattern) {
                        self.file(&path, depth + 1)?;
                    }
                }
                [name, values @ ..] => self.directive(name, values).map_err(wrong)?,
            }
        }
        Ok(())
    }

    /// `--name value ...`, each option up to the next word that begins with `--`.
    fn options(&mut self, words: &[&String]) -> Result<(), LoadError> {
        for (at, option) in group_options(words).iter().enumerate() {
            let [name, values @ ..] = option.as_slice() else {
                continue;
            };
            let wrong = |reason: String| LoadError::Line {
                source_name: "the command line".to_owned(),
                unit: "option",
                number: at + 1,
                text: values
                    .iter()
                    .fold((*name).to_owned(), |text, value| format!("{text} \"{value}\"")),
                reason,
            };
            match values {
                [pattern] if name.eq_ignore_ascii_case("include") => {
                    for path in matching(pattern) {
                        self.file(&path, 1)?;
                    }
                }
                _ => self.directive(name, values).map_err(wrong)?,
            }
        }
        Ok(())
    }

    fn directive(&mut self, name: &str, values: &[&str]) -> Result<(), String> {
        let Some(directive) = find(name) else {
            return self.not_in_table(name, values);
        };
        if values.is_empty() {
            return Err("wrong number of arguments".to_owned());
        }
        let set = if directive.line_words > 0 {
            self.accumulate(directive, values)
        } else {
            directive.set(&mut self.config, values)
        };
        set.map_err(|error| error.to_string())
    }

    /// The first line of such a directive replaces the default, the others add to it, an empty one begins anew.
    fn accumulate(&mut self, directive: &'static Directive, values: &[&str]) -> Result<(), super::ValueError> {
        directive.kind.parse(values)?;
        let before = directive.text(&self.config);
        let begun = !self.begun.insert(directive.name);
        let mut words: Vec<&str> = Vec::new();
        if begun && values != [""] {
            words.extend(before.split_whitespace());
        }
        words.extend(values);
        directive.set(&mut self.config, &words)
    }

    fn not_in_table(&mut self, name: &str, values: &[&str]) -> Result<(), String> {
        let reason = match (name.to_ascii_lowercase().as_str(), values) {
            ("rename-command", [from, to]) => {
                self.config
                    .renamed_commands
                    .push(((*from).to_owned(), (*to).to_owned()));
                return Ok(());
            }
            ("user", [_, ..]) => "access control lists are not supported: use requirepass",
            ("loadmodule", [_, ..]) => "modules are not supported",
            _ => "Bad directive or wrong number of arguments",
        };
        Err(reason.to_owned())
    }
}

fn group_options<'a>(words: &[&'a String]) -> Vec<Vec<&'a str>> {
    let mut options: Vec<Vec<&str>> = Vec::new();
    for word in words {
        match (word.strip_prefix("--"), options.last_mut()) {
            // A name's first value may look like a name (a password does), but `--save --port 1` empties `save`.
            (Some(_), Some(option)) if option.len() == 1 && option[0] != "save" => option.push(word),
            (Some(name), _) => options.push(name.splitn(2, ' ').collect()),
            (None, Some(option)) => option.push(word),
            (None, None) => options.push(vec![word]),
        }
    }
    for option in &mut options {
        if option.as_slice() == ["save"] {
            option.push("");
        }
    }
    options
}

fn split(line: &[u8]) -> Result<Vec<String>, &'static str> {
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    words::split(line, &mut bytes, &mut spans).map_err(|_| "Unbalanced quotes in configuration line")?;
    let word = |span: &crate::protocol::request::Span| {
        let start = span.start as usize;
        let word = bytes[start..start + span.len as usize].to_vec();
        String::from_utf8(word).map_err(|_| "argument must be UTF-8 text")
    };
    spans.iter().map(word).collect()
}

/// The files that an `include` means, sorted: the path itself, or what matches when its last part is a pattern.
fn matching(pattern: &str) -> Vec<String> {
    let path = Path::new(pattern);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let Some(name) = name.filter(|name| name.contains(['*', '?', '['])) else {
        return vec![pattern.to_owned()];
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let listed = std::fs::read_dir(if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    });
    let mut found: Vec<String> = listed
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| glob::matches(name.as_bytes(), entry.file_name().as_encoded_bytes()))
        .map(|entry| folder.join(entry.file_name()).to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}
