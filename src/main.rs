//! The `daftar` program.

/// The system's allocator costs an enrolment twice as much.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    daftar::cli::main()
}
