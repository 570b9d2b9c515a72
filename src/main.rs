//! The `daftar` program.

fn main() -> std::process::ExitCode {
    daftar::cli::main()
}
