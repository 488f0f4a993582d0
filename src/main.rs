//! The server's process: the allocator, and the way into the library.

#[global_allocator]
static ALLOCATOR: corelane::rt::Allocator = corelane::rt::Allocator;

fn main() -> std::process::ExitCode {
    let arguments: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    corelane::server::run(&arguments)
}
