//! Every directive there is, by subject: the one place that names them. Knows how none of them is used.

mod cluster;
mod encoding;
mod memory;
mod network;
mod persistence;
mod process;
mod replication;
mod shards;
mod transport;

use super::directive::Directive;

/// A field of the configuration as a place for values.
macro_rules! field {
    ($field:ident) => {
        $crate::config::directive::Field::Live {
            get: |config| $crate::config::value::Typed::value(&config.$field),
            set: |config, value| {
                if let Some(value) = $crate::config::value::Typed::from_value(value) {
                    config.$field = value;
                }
            },
        }
    };
}
use field;

/// All directives, subject by subject.
pub fn all() -> impl Iterator<Item = &'static Directive> {
    const SUBJECTS: &[&[Directive]] = &[
        cluster::DIRECTIVES,
        encoding::DIRECTIVES,
        memory::DIRECTIVES,
        network::DIRECTIVES,
        persistence::DIRECTIVES,
        process::DIRECTIVES,
        replication::DIRECTIVES,
        shards::DIRECTIVES,
        transport::DIRECTIVES,
    ];
    SUBJECTS.iter().flat_map(|subject| subject.iter())
}

/// The directive that is called `name` or has it as alias, ASCII case ignored; O(directives).
pub fn find(name: &str) -> Option<&'static Directive> {
    all().find(|directive| directive.is_called(name))
}
